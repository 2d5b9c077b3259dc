//! A payload whose first bytes tell the server how much it is to receive, and then to send.

use crate::scenario::Bytes;

/// How it begins.
const MAGIC: [u8; 4] = *b"\0PLB";
/// Bytes of its header.
pub const HEADER: usize = 12;

/// A payload of `bytes.up` bytes.
pub(super) fn up(bytes: Bytes) -> Vec<u8> {
    let mut payload = Vec::from(MAGIC);
    payload.extend(bytes.up.to_be_bytes());
    payload.extend(bytes.down.to_be_bytes());
    payload.resize(bytes.up as usize, b'u');
    payload
}

/// What a payload asks for; `None`: it is none.
pub(super) fn asked(payload: &[u8]) -> Option<Bytes> {
    let header = payload.get(..HEADER)?;
    let number = |at: usize| Some(u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?));
    header.starts_with(&MAGIC).then_some(Bytes { up: number(4)?, down: number(8)? })
}

/// The answer: of this size, and beginning with the server's id where there is room for it.
pub(super) fn down(size: u32, id: &str) -> Vec<u8> {
    let mut answer = format!("{id}\n").into_bytes();
    answer.resize(size as usize, b' ');
    answer
}
