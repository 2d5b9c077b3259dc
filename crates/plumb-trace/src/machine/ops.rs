//! The compiled form: operations over byte offsets of the register file.

use plumb_nft::{CmpOp, CtDirection, CtKey, Expr, MetaKey, ObjectData, PayloadBase};

use crate::state::ChainPlace;

/// A verdict with its chain resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Verd {
    Accept,
    Drop,
    /// To a program.
    Queue(super::queue::To),
    Continue,
    Break,
    Return,
    Jump(u32),
    Goto(u32),
    /// A code or a chain that is not known.
    Broken,
}

#[derive(Clone, Debug)]
pub(super) struct Chain {
    pub place: ChainPlace,
    /// First rule and the one after the last, in all rules.
    pub start: u32,
    pub end: u32,
    /// A chain comes before those that it goes to.
    pub rank: u32,
    /// Name for unknowns and the ends of damaged rulesets.
    pub name: String,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub start: u32,
    pub end: u32,
    /// What it asks first: the first and the one after the last of all questions.
    pub questions: (u32, u32),
    /// Whether reaching the end of the rule does something (a counter, a mark), so that it is worth telling.
    pub effect: bool,
}

/// What rules ask of a device.
#[derive(Clone, Debug)]
pub(super) struct Device {
    pub index: u32,
    pub name: [u8; 16],
    pub hardware: u16,
    pub group: u32,
    pub kind: [u8; 16],
    pub loopback: bool,
    pub master: Option<u32>,
}

/// An operation. Registers are offsets in bytes.
#[derive(Clone, Debug)]
pub(super) enum Op {
    /// Nothing: counters and whatever else has no bearing on packets.
    Nop,
    /// Counts; it is told where the walk records.
    Counter,
    Verdict(Verd),
    Immediate {
        dreg: u8,
        data: Box<[u8]>,
    },
    /// Up to four bytes, (in)equality: the usual comparison.
    Cmp4 {
        sreg: u8,
        neq: bool,
        mask: u32,
        value: u32,
    },
    Cmp {
        sreg: u8,
        op: CmpOp,
        data: Box<[u8]>,
    },
    Range {
        sreg: u8,
        neq: bool,
        from: Box<[u8]>,
        to: Box<[u8]>,
    },
    Lookup {
        set: u32,
        sreg: u8,
        dreg: Option<u8>,
        inverted: bool,
    },
    Payload {
        dreg: u8,
        base: PayloadBase,
        offset: u32,
        len: u8,
    },
    Meta {
        key: MetaKey,
        dreg: u8,
    },
    Ct {
        key: CtKey,
        dreg: u8,
        direction: Option<CtDirection>,
    },
    /// `(s & mask) ^ xor` on one word.
    Mask4 {
        sreg: u8,
        dreg: u8,
        mask: u32,
        xor: u32,
    },
    /// Whatever is seldom: carried out from the expression itself.
    Rare(Box<Expr>),
    Dynset {
        set: u32,
        expr: Box<Expr>,
    },
    Object(Box<(Box<str>, ObjectData)>),
    ObjectMap {
        set: u32,
        sreg: u8,
    },
    /// A set that the ruleset does not hold, an expression that is not decoded.
    Unknown(Box<str>),
    Match(Box<super::xt::XtMatch>),
    Target(Box<super::xt::XtTarget>),
}
