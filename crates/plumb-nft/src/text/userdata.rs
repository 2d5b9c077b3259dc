//! What `nft` keeps for itself in tables, chains, rules, sets and elements: type, length, value.

/// Walks the entries of user data.
pub(super) fn entries(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (&[kind, len], rest) = bytes.split_first_chunk::<2>()?;
        let value = rest.get(..usize::from(len))?;
        bytes = rest.get(usize::from(len)..)?;
        Some((kind, value))
    })
}

/// The entry of this type.
pub(super) fn entry(bytes: &[u8], kind: u8) -> Option<&[u8]> {
    entries(bytes).find(|(k, _)| *k == kind).map(|(_, value)| value)
}

/// A number in the machine's byte order.
pub(super) fn number(bytes: &[u8], kind: u8) -> Option<u32> {
    entry(bytes, kind).and_then(|v| v.try_into().ok()).map(u32::from_ne_bytes)
}

/// A NUL-ended text.
pub(super) fn text(bytes: &[u8], kind: u8) -> Option<String> {
    entry(bytes, kind).map(crate::nlattr::text)
}

/// Comment of a table, chain, rule, element or object.
pub(super) const COMMENT: u8 = 0;

/// Entries of a set's user data (libnftnl's udata.h).
pub(super) mod set {
    pub(in super::super) const KEY_ORDER: u8 = 0;
    pub(in super::super) const DATA_ORDER: u8 = 1;
    pub(in super::super) const MERGE: u8 = 2;
    pub(in super::super) const KEY_TYPEOF: u8 = 3;
    pub(in super::super) const DATA_TYPEOF: u8 = 4;
    pub(in super::super) const DATA_INTERVAL: u8 = 6;
    pub(in super::super) const COMMENT: u8 = 7;
}
