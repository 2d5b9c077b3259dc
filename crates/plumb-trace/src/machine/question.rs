//! What a rule asks first of header bytes. Most rules on a packet's way end with the answer "no" to one of these, and
//! that answer needs no register.

use plumb_nft::{CmpOp, MetaKey, PayloadBase};

use super::branch::Branch;
use super::ops::Op;

/// Of what a question asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Network,
    Transport,
    /// `meta l4proto`
    Protocol,
}

/// An (in)equality of up to four bytes: `(word & mask == value) != neq`, with the word as it lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    subject: Subject,
    offset: u8,
    /// Bytes that are loaded.
    len: u8,
    neq: bool,
    mask: u32,
    value: u32,
}

/// The first `len` bytes of a word.
fn mask_of(len: usize) -> u32 {
    (1_u64 << (8 * len.min(4))).wrapping_sub(1) as u32
}

impl Question {
    /// `None` where the comparison looks at more than was loaded.
    fn new(subject: Subject, offset: u32, len: u8, neq: bool, mask: u32, value: u32) -> Option<Self> {
        let offset = u8::try_from(offset).ok()?;
        let loaded = mask & !mask_of(usize::from(len)) == 0;
        loaded.then_some(Self { subject, offset, len, neq, mask, value })
    }

    /// Whether the answer is surely "no", so that the rule has no effect.
    #[inline]
    pub(super) fn refuses(&self, b: &mut Branch) -> bool {
        let word = match self.subject {
            Subject::Protocol => {
                let p = &b.state.packet;
                p.arp.is_none().then_some((u32::from(p.protocol.0), 0))
            }
            Subject::Network => b.headers().network.word(self.offset.into(), self.len.into()),
            Subject::Transport => b.headers().transport.word(self.offset.into(), self.len.into()),
        };
        word.is_some_and(|(word, unknown)| {
            unknown & self.mask == 0 && (word & self.mask == self.value) == self.neq
        })
    }
}

/// Adds the questions that a rule of these operations begins with. All of them must be answered with "yes" for the rule
/// to go on, so one surely answered with "no" settles it, also where an earlier answer is not known: loading and
/// comparing has no effect of its own.
pub(super) fn add_questions(mut ops: &[Op], out: &mut Vec<Question>) {
    loop {
        let (asked, rest) = match ops {
            [Op::Meta { key: MetaKey::L4proto, dreg }, Op::Cmp4 { sreg, neq, mask, value }, rest @ ..]
                if dreg == sreg =>
            {
                (Question::new(Subject::Protocol, 0, 4, *neq, *mask, *value), rest)
            }
            [Op::Payload { dreg, base, offset, len }, Op::Cmp4 { sreg, neq, mask, value }, rest @ ..]
                if dreg == sreg && *len <= 4 =>
            {
                let question =
                    subject(*base).and_then(|s| Question::new(s, *offset, *len, *neq, *mask, *value));
                (question, rest)
            }
            [
                Op::Payload { dreg: loaded, base, offset, len },
                Op::Mask4 { sreg: from, dreg, mask: kept, xor },
                Op::Cmp4 { sreg, neq, mask, value },
                rest @ ..,
            ] if loaded == from && dreg == sreg && *len <= 4 => {
                // ((w & kept) ^ xor) & mask == value
                let (mask, value) = (kept & mask, value ^ (xor & mask));
                let question =
                    subject(*base).and_then(|s| Question::new(s, *offset, *len, *neq, mask, value));
                (question, rest)
            }
            [Op::Payload { dreg, base, offset, len }, Op::Cmp { sreg, op: CmpOp::Eq, data }, rest @ ..]
                if dreg == sreg && usize::from(*len) == data.len() =>
            {
                let Some(subject) = subject(*base) else { return };
                for (chunk, at) in data.chunks(4).zip((*offset..).step_by(4)) {
                    let mut value = [0; 4];
                    value.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
                    let mask = mask_of(chunk.len());
                    let value = u32::from_le_bytes(value);
                    out.extend(Question::new(subject, at, chunk.len() as u8, false, mask, value));
                }
                ops = rest;
                continue;
            }
            _ => return,
        };
        let Some(question) = asked else { return };
        out.push(question);
        ops = rest;
    }
}

fn subject(base: PayloadBase) -> Option<Subject> {
    match base {
        PayloadBase::Network => Some(Subject::Network),
        PayloadBase::Transport => Some(Subject::Transport),
        _ => None,
    }
}
