//! A rule between the kernel's registers and nft's words: trees of typed expressions.

use super::proto::{Desc, Field};
use super::types::{Order, Ty};
use crate::types::{
    Chain, CtDirection, CtKey, Expr, FibResult, MetaKey, ObjectType, RtKey, Set, SocketKey, Verdict,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
    /// No symbol: any of the flags is set.
    Implicit,
    /// None of the flags is set.
    Not,
    And,
    Or,
    Xor,
    Lshift,
    Rshift,
    /// An operator that this version does not know.
    Unknown,
}

impl Op {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "==",
            Self::Neq => "!=",
            Self::Lt => "<",
            Self::Lte => "<=",
            Self::Gt => ">",
            Self::Gte => ">=",
            Self::Implicit => "",
            Self::Not => "!",
            Self::And => "&",
            Self::Or => "|",
            Self::Xor => "^",
            Self::Lshift => "<<",
            Self::Rshift => ">>",
            Self::Unknown => "?",
        }
    }

    /// The smaller binds tighter; 0 for what is no binary operation on numbers.
    pub(super) fn precedence(self) -> u8 {
        match self {
            Self::Lshift | Self::Rshift => 1,
            Self::And => 2,
            Self::Xor => 3,
            Self::Or => 4,
            _ => 0,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Kind<'a> {
    /// A constant of up to 128 bits, first byte most significant.
    Value(u128),
    /// A longer constant.
    Blob(Vec<u8>),
    Payload {
        base: usize,
        /// Bits.
        offset: u32,
        known: Option<(&'static Desc, &'static Field)>,
    },
    Exthdr {
        op: u32,
        kind: u8,
        offset: u32,
        present: bool,
    },
    Meta(MetaKey),
    Ct(CtKey, Option<CtDirection>),
    Rt(RtKey),
    Socket(SocketKey, Option<u32>),
    Osf {
        ttl: u8,
        flags: u32,
    },
    Xfrm {
        key: u32,
        direction: u8,
        spnum: u32,
    },
    Fib {
        result: FibResult,
        flags: u32,
    },
    Numgen {
        random: bool,
        modulus: u32,
        offset: u32,
    },
    Symhash {
        modulus: u32,
        offset: u32,
    },
    Jhash {
        of: Box<Node<'a>>,
        modulus: u32,
        seed: Option<u32>,
        offset: u32,
    },
    Prefix(Box<Node<'a>>, u32),
    Range(Box<Node<'a>>, Box<Node<'a>>),
    Concat(Vec<Node<'a>>),
    Binop(Op, Box<Node<'a>>, Box<Node<'a>>),
    /// Byte order swapped; not written.
    Swap(Box<Node<'a>>),
    Map(Box<Node<'a>>, Box<Node<'a>>),
    SetRef {
        set: &'a Set,
        /// Bits that the keys of an anonymous set are to be shifted right, and their width and type then.
        shift: u32,
        narrowed: Option<(u32, Ty)>,
    },
    List(Vec<Node<'a>>),
    Relation(Op, Box<Node<'a>>, Box<Node<'a>>),
    /// `left value / mask`.
    Flags {
        op: Op,
        of: Box<Node<'a>>,
        value: Box<Node<'a>>,
        mask: Box<Node<'a>>,
    },
    /// A key of a dynamic set, with a time-out in milliseconds.
    Timed(Box<Node<'a>>, u64),
    /// Text as it is: what has no place in nft's language.
    Text(String),
}

/// An expression with its type.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) ty: Ty,
    pub(super) order: Order,
    /// Bits.
    pub(super) len: u32,
}

/// More parts than any rule of the kernel's 128 expressions has, unless it is made to grow without bounds.
const MAX_WEIGHT: usize = 2000;

impl<'a> Node<'a> {
    /// Number of parts, counted no further than needed.
    fn weight(&self) -> usize {
        let of = |all: &[&Node<'_>]| all.iter().map(|n| n.weight()).sum::<usize>();
        1 + match &self.kind {
            Kind::Jhash { of: inner, .. }
            | Kind::Prefix(inner, _)
            | Kind::Swap(inner)
            | Kind::Timed(inner, _) => inner.weight(),
            Kind::Range(a, b) | Kind::Binop(_, a, b) | Kind::Map(a, b) | Kind::Relation(_, a, b) => {
                of(&[a, b])
            }
            Kind::Concat(all) | Kind::List(all) => all.iter().map(Node::weight).sum(),
            Kind::Flags { of: inner, value, mask, .. } => of(&[inner, value, mask]),
            _ => 0,
        }
    }

    /// Itself, or a note in its place when it is out of all proportion (registers that feed each other).
    pub(super) fn bounded(self) -> Self {
        if self.weight() > MAX_WEIGHT { Self::text("(an expression too long to write)") } else { self }
    }

    pub(super) fn new(kind: Kind<'a>, ty: Ty, order: Order, len: u32) -> Self {
        Self { kind, ty, order, len }
    }

    /// A constant as the kernel gives it.
    pub(super) fn value(bytes: &[u8]) -> Self {
        let len = u32::try_from(bytes.len() * 8).unwrap_or(u32::MAX);
        let kind = if bytes.len() <= 16 {
            Kind::Value(bytes.iter().fold(0, |v, b| v << 8 | u128::from(*b)))
        } else {
            Kind::Blob(bytes.to_vec())
        };
        Self::new(kind, Ty::Integer, Order::Big, len)
    }

    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::new(Kind::Text(text.into()), Ty::Hex, Order::Big, 0)
    }

    /// Sets type and byte order; values inside ranges and prefixes follow.
    pub(super) fn set_type(&mut self, ty: Ty, order: Order) {
        match &mut self.kind {
            Kind::Payload { .. }
            | Kind::Concat(_)
            | Kind::Meta(_)
            | Kind::Ct(..)
            | Kind::SetRef { .. }
            | Kind::Map(..) => return,
            Kind::Prefix(inner, _) => inner.set_type(ty, order),
            Kind::Range(a, b) => {
                a.set_type(ty, order);
                b.set_type(ty, order);
            }
            Kind::List(all) => all.iter_mut().for_each(|n| n.set_type(ty, order)),
            _ => {}
        }
        self.ty = ty;
        self.order = order;
    }

    pub(super) fn number(&self) -> Option<u128> {
        match self.kind {
            Kind::Value(v) => Some(v),
            _ => None,
        }
    }
}

/// `v << n`, 0 when all bits are shifted out.
pub(super) fn shl(v: u128, n: u32) -> u128 {
    v.checked_shl(n).unwrap_or(0)
}

/// `v >> n`, 0 when all bits are shifted out.
pub(super) fn shr(v: u128, n: u32) -> u128 {
    v.checked_shr(n).unwrap_or(0)
}

/// All ones below bit `len`.
pub(super) fn ones(len: u32) -> u128 {
    if len >= 128 { u128::MAX } else { (1 << len) - 1 }
}

/// The bytes of a value of `len` bits the other way round.
pub(super) fn swap(v: u128, len: u32) -> u128 {
    match len {
        0 => v,
        1..=128 => v.swap_bytes() >> (128 - len.div_ceil(8) * 8),
        _ => v,
    }
}

/// Number of zero bits below the lowest one; `None` for zero.
pub(super) fn lowest_one(v: u128) -> Option<u32> {
    (v != 0).then(|| v.trailing_zeros())
}

/// First zero bit at or above `from`.
pub(super) fn lowest_zero(v: u128, from: u32) -> u32 {
    if from >= 128 { 128 } else { from + (v >> from).trailing_ones() }
}

/// A statement.
#[derive(Debug)]
pub(super) enum Stmt<'a> {
    /// A match, a map to a verdict.
    Expr(Node<'a>),
    Verdict(&'a Verdict),
    /// Jump or goto into a chain without a name of its own.
    Inline(bool, &'a Chain),
    /// Counter, limit, log …: what needs no registers.
    Plain(&'a Expr),
    Payload(Node<'a>, Node<'a>),
    MetaSet(MetaKey, Node<'a>),
    CtSet(CtKey, Option<CtDirection>, Node<'a>),
    ExthdrSet(Node<'a>, Node<'a>),
    Reset(Node<'a>),
    Reject(Reject),
    Nat(Nat<'a>),
    Tproxy {
        family: Option<&'static str>,
        addr: Option<Node<'a>>,
        port: Option<Node<'a>>,
    },
    Set {
        op: u32,
        set: &'a Set,
        key: Node<'a>,
        data: Option<Node<'a>>,
        exprs: &'a [Expr],
    },
    Meter {
        set: &'a Set,
        key: Node<'a>,
        exprs: &'a [Expr],
    },
    Dup(Option<Node<'a>>, Option<Node<'a>>),
    Fwd {
        family: Option<&'static str>,
        dev: Option<Node<'a>>,
        addr: Option<Node<'a>>,
    },
    Object(ObjectType, Node<'a>),
    Queue {
        flags: u32,
        to: Option<Node<'a>>,
    },
    Text(String),
}

#[derive(Debug)]
pub(super) struct Reject {
    pub(super) kind: crate::types::RejectType,
    pub(super) code: u8,
    /// `Some(true)`: IPv4, `Some(false)`: IPv6.
    pub(super) ipv4: Option<bool>,
    /// The answer is written even when it is the usual one.
    pub(super) verbose: bool,
    pub(super) ty: Ty,
}

#[derive(Debug)]
pub(super) struct Nat<'a> {
    pub(super) word: &'static str,
    pub(super) family: Option<&'static str>,
    pub(super) prefix: bool,
    pub(super) addr: Option<Node<'a>>,
    pub(super) port: Option<Node<'a>>,
    pub(super) flags: u32,
}
