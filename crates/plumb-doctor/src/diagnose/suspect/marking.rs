//! What a rule does with marks, and which it asks for.

use plumb_nft::{BitwiseOp, CmpOp, CtKey, Data, Expr, MetaKey, Register};
use plumb_xtables::targets::ConnmarkAction;
use plumb_xtables::{Match, Target, XtFamily};

/// What a rule does with marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marking {
    /// Gives the packet a mark: value and bits.
    Packet(u32, u32),
    /// Gives the connection a mark.
    Connection,
    /// Keeps the packet's mark in the connection.
    Save,
    /// Gives the packet the connection's mark.
    Restore,
}

/// What a rule does with marks, if anything.
pub(super) fn marking(exprs: &[Expr]) -> Option<Marking> {
    exprs.iter().enumerate().find_map(|(i, e)| match e {
        Expr::MetaSet { key: MetaKey::Mark, sreg } => match loaded(&exprs[..i], *sreg)? {
            Loaded::Value(v) => Some(Marking::Packet(v, u32::MAX)),
            Loaded::ConnectionMark => Some(Marking::Restore),
            Loaded::PacketMark => None,
        },
        Expr::CtSet { key: CtKey::Mark, sreg, .. } => match loaded(&exprs[..i], *sreg)? {
            Loaded::PacketMark => Some(Marking::Save),
            _ => Some(Marking::Connection),
        },
        Expr::Target { name, revision, info } => match Target::decode(name, *revision, XtFamily::Ip, info) {
            Target::Mark(m) => Some(Marking::Packet(m.0.value, m.0.mask)),
            Target::Connmark(c) => Some(match c.action {
                ConnmarkAction::Set => Marking::Connection,
                ConnmarkAction::Save => Marking::Save,
                ConnmarkAction::Restore => Marking::Restore,
            }),
            _ => None,
        },
        _ => None,
    })
}

enum Loaded {
    Value(u32),
    PacketMark,
    ConnectionMark,
}

/// What a register holds, as far as it is a number, or one of the marks (with some of its bits).
fn loaded(before: &[Expr], reg: Register) -> Option<Loaded> {
    before.iter().enumerate().rev().find_map(|(i, e)| match e {
        Expr::Immediate { dreg, data: Data::Value(v) } if *dreg == reg => {
            Some(Loaded::Value(u32::from_ne_bytes(v.get(..4)?.try_into().ok()?)))
        }
        Expr::Meta { key: MetaKey::Mark, dreg } if *dreg == reg => Some(Loaded::PacketMark),
        Expr::Ct { key: CtKey::Mark, dreg, .. } if *dreg == reg => Some(Loaded::ConnectionMark),
        Expr::Bitwise { sreg, dreg, .. } if *dreg == reg => loaded(&before[..i], *sreg),
        _ => None,
    })
}

/// The mark that a rule asks for, where it asks for one.
pub(super) fn asks_for(exprs: &[Expr]) -> Option<(u32, u32)> {
    let number = |b: &[u8]| Some(u32::from_ne_bytes(b.get(..4)?.try_into().ok()?));
    exprs.iter().enumerate().find_map(|(i, e)| match e {
        Expr::Cmp { sreg, op: CmpOp::Eq, data } => {
            let Loaded::PacketMark = loaded(&exprs[..i], *sreg)? else { return None };
            let bits = match exprs[..i].last() {
                Some(Expr::Bitwise { op: BitwiseOp::Bool { mask, .. }, .. }) => number(mask)?,
                _ => u32::MAX,
            };
            Some((number(data)?, bits))
        }
        Expr::Match { name, revision, info } => match Match::decode(name, *revision, XtFamily::Ip, info) {
            Match::Mark(m) if !m.0.invert => Some((m.0.value.value, m.0.value.mask)),
            _ => None,
        },
        _ => None,
    })
}
