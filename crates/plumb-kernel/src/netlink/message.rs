//! The frame of netlink messages (`struct nlmsghdr`, include/uapi/linux/netlink.h).

use plumb_nft::DecodeError;
use plumb_nft::nlattr::Attrs;

/// `NLM_F_REQUEST`
pub(crate) const REQUEST: u16 = 0x1;
/// `NLM_F_ACK`
pub(crate) const ACK: u16 = 0x4;
/// `NLM_F_DUMP_INTR`
const DUMP_INTR: u16 = 0x10;
/// `NLM_F_CAPPED`: the error does not repeat the request.
const CAPPED: u16 = 0x100;
/// `NLM_F_ACK_TLVS`: the error carries attributes.
const ACK_TLVS: u16 = 0x200;
/// `NLM_F_DUMP`
pub(crate) const DUMP: u16 = 0x300;
/// `NLM_F_REPLACE`
pub(crate) const REPLACE: u16 = 0x100;
/// `NLM_F_EXCL`
pub(crate) const EXCL: u16 = 0x200;
/// `NLM_F_CREATE`
pub(crate) const CREATE: u16 = 0x400;

/// `NLM_F_APPEND`
pub(crate) const APPEND: u16 = 0x800;

const NOOP: u16 = 1;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const HEADER: usize = 16;

/// One message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
    /// What follows the header.
    pub(crate) payload: &'a [u8],
}

/// What the kernel adds to an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extended {
    pub(crate) message: Option<String>,
    pub(crate) offset: Option<u32>,
}

/// What a message means to the request that it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Data,
    Noop,
    /// End of a dump, with an error where it failed.
    Done {
        errno: i32,
        extended: Extended,
    },
    /// Acknowledgement (0) or error.
    Error {
        errno: i32,
        extended: Extended,
    },
}

impl Message<'_> {
    pub(crate) fn is_interrupted(&self) -> bool {
        self.flags & DUMP_INTR != 0
    }

    pub(crate) fn reply(&self) -> Reply {
        let errno = || {
            let number = self.payload.first_chunk().map_or(0, |b| i32::from_ne_bytes(*b));
            // `unsigned_abs` of i32::MIN does not fit; no such error exists.
            number.checked_abs().unwrap_or(libc::EPROTO)
        };
        match self.kind {
            NOOP => Reply::Noop,
            DONE => Reply::Done { errno: errno(), extended: self.extended(4) },
            ERROR => {
                // The request's header follows, and without NLM_F_CAPPED the request.
                let copied = self.payload.get(4..8).and_then(|b| b.try_into().ok()).map(u32::from_ne_bytes);
                let copied = copied.map_or(HEADER, |n| n as usize);
                let kept = if self.flags & CAPPED != 0 { HEADER } else { copied };
                let at = kept.checked_next_multiple_of(4).and_then(|n| n.checked_add(4));
                Reply::Error { errno: errno(), extended: self.extended(at.unwrap_or(usize::MAX)) }
            }
            _ => Reply::Data,
        }
    }

    fn extended(&self, at: usize) -> Extended {
        let mut extended = Extended::default();
        if self.flags & ACK_TLVS == 0 {
            return extended;
        }
        for attr in Attrs::new(self.payload.get(at..).unwrap_or_default(), "extended error").flatten() {
            match attr.number {
                1 => extended.message = Some(attr.text()),
                2 => extended.offset = attr.data.try_into().ok().map(u32::from_ne_bytes),
                _ => {}
            }
        }
        extended
    }
}

/// Walks the messages of a datagram. Never panics; ends after the first error.
#[derive(Clone, Debug)]
pub(crate) struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let left = self.rest.len();
        let Some((&[l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, ..], _)) =
            self.rest.split_first_chunk::<HEADER>()
        else {
            self.rest = &[];
            return Some(Err(DecodeError::Short { what: "netlink message", need: HEADER, left }));
        };
        let length = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
        let Some(payload) = self.rest.get(HEADER..length) else {
            self.rest = &[];
            return Some(Err(DecodeError::Short { what: "netlink message", need: length.max(HEADER), left }));
        };
        self.rest = self.rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Ok(Message {
            kind: u16::from_ne_bytes([k0, k1]),
            flags: u16::from_ne_bytes([f0, f1]),
            sequence: u32::from_ne_bytes([s0, s1, s2, s3]),
            payload,
        }))
    }
}

/// A message with its header.
pub(crate) fn encode(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = HEADER + payload.len();
    let mut bytes = Vec::with_capacity(length.next_multiple_of(4));
    bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&flags.to_ne_bytes());
    bytes.extend_from_slice(&sequence.to_ne_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes.resize(length.next_multiple_of(4), 0);
    bytes
}
