//! Values and verdicts.

use crate::nlattr::Writer;
use crate::types::{ChainRef, Data, Verdict};
use crate::uapi as u;

/// A value as attribute `number`.
pub(super) fn value(w: &mut Writer, number: u16, bytes: &[u8]) {
    w.nest(number, |w| w.put(u::data::VALUE, bytes));
}

/// A value or verdict as attribute `number`.
pub(super) fn data(w: &mut Writer, number: u16, data: &Data) {
    match data {
        Data::Value(bytes) => value(w, number, bytes),
        Data::Verdict(verdict) => w.nest(number, |w| {
            w.nest(u::data::VERDICT, |w| {
                w.be32(u::verdict::CODE, code(verdict).cast_unsigned());
                match verdict {
                    Verdict::Jump(ChainRef::Name(name)) | Verdict::Goto(ChainRef::Name(name)) => {
                        w.text(u::verdict::CHAIN, name);
                    }
                    Verdict::Jump(ChainRef::Id(id)) | Verdict::Goto(ChainRef::Id(id)) => {
                        w.be32(u::verdict::CHAIN_ID, *id);
                    }
                    _ => {}
                }
            });
        }),
    }
}

/// The verdict to go to a chain as attribute `number`.
pub(super) fn goto(w: &mut Writer, number: u16, chain: &str) {
    w.nest(number, |w| {
        w.nest(u::data::VERDICT, |w| {
            w.be32(u::verdict::CODE, (-4i32).cast_unsigned());
            w.text(u::verdict::CHAIN, chain);
        });
    });
}

/// The kernel's number for a verdict.
pub(super) fn code(verdict: &Verdict) -> i32 {
    match verdict {
        Verdict::Drop => 0,
        Verdict::Accept => 1,
        Verdict::Continue => -1,
        Verdict::Break => -2,
        Verdict::Jump(_) => -3,
        Verdict::Goto(_) => -4,
        Verdict::Return => -5,
        Verdict::Queue(n) => n.cast_signed(),
        Verdict::Unknown(n) => *n,
    }
}
