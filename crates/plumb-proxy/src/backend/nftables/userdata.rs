//! What `nft` keeps for itself in sets and elements, so that it prints them as they were meant: type, length, value
//! (libnftnl's `udata.h`, `nft`'s `set_make_key`).

use plumb_api::address::IpFamily;
use plumb_nft::Bytes;

use super::build::Field;

/// Longest comment that `nft` takes (`NFTNL_UDATA_COMMENT_MAXLEN`), its NUL included.
const COMMENT_MAX: usize = 128;

const COMMENT: u8 = 0;
const KEY_ORDER: u8 = 0;
const DATA_ORDER: u8 = 1;
const KEY_TYPEOF: u8 = 3;
const DATA_TYPEOF: u8 = 4;
const DATA_INTERVAL: u8 = 6;

/// Numbers of `nft`'s expression types.
const EXPR_VERDICT: u32 = 1;
const EXPR_PAYLOAD: u32 = 7;
const EXPR_META: u32 = 9;
const EXPR_CONCAT: u32 = 13;
const EXPR_NUMGEN: u32 = 23;

/// Numbers of `nft`'s header descriptions, and of the fields in them.
const DESC_TH: u32 = 11;
const DESC_IP: u32 = 12;
const DESC_IP6: u32 = 13;

fn put(out: &mut Vec<u8>, kind: u8, value: &[u8]) {
    out.push(kind);
    out.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(value);
}

fn number(out: &mut Vec<u8>, kind: u8, value: u32) {
    put(out, kind, &value.to_ne_bytes());
}

/// A comment, cut to what `nft` takes.
pub(super) fn comment(text: &str) -> Vec<u8> {
    let mut end = text.len().min(COMMENT_MAX - 1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut value = text.as_bytes().get(..end).unwrap_or_default().to_vec();
    value.push(0);
    let mut out = Vec::with_capacity(value.len() + 2);
    put(&mut out, COMMENT, &value);
    out
}

/// The comment of an element.
pub(super) fn comment_of(bytes: &[u8]) -> Option<&str> {
    let mut rest = bytes;
    while let [kind, len, after @ ..] = rest {
        let (value, next) = after.split_at_checked(usize::from(*len))?;
        if *kind == COMMENT {
            return std::str::from_utf8(value.strip_suffix(&[0]).unwrap_or(value)).ok();
        }
        rest = next;
    }
    None
}

fn expression(kind: u32, body: &[(u8, u32)]) -> Vec<u8> {
    let mut inner = Vec::new();
    for (k, v) in body {
        number(&mut inner, *k, *v);
    }
    let mut out = Vec::new();
    number(&mut out, 0, kind);
    put(&mut out, 1, &inner);
    out
}

fn field(family: IpFamily, field: Field) -> Vec<u8> {
    let (ip, saddr, daddr) = match family {
        IpFamily::V4 => (DESC_IP, 11, 12),
        IpFamily::V6 => (DESC_IP6, 8, 9),
    };
    match field {
        Field::Saddr => expression(EXPR_PAYLOAD, &[(0, ip), (1, saddr)]),
        Field::Daddr => expression(EXPR_PAYLOAD, &[(0, ip), (1, daddr)]),
        // NFT_META_L4PROTO
        Field::L4proto => expression(EXPR_META, &[(0, 16)]),
        Field::Dport => expression(EXPR_PAYLOAD, &[(0, DESC_TH), (1, 2)]),
        // Any modulus is like any other for the type of a slot.
        Field::Slot(_) => expression(EXPR_NUMGEN, &[(0, 1), (1, 2), (2, 0)]),
    }
}

fn concatenation(family: IpFamily, fields: &[Field]) -> Vec<u8> {
    if let [only] = fields {
        return field(family, *only);
    }
    let mut inner = Vec::new();
    for (i, f) in (0u8..).zip(fields) {
        put(&mut inner, i, &field(family, *f));
    }
    let mut out = Vec::new();
    number(&mut out, 0, EXPR_CONCAT);
    put(&mut out, 1, &inner);
    out
}

/// Byte order of a key: host order, network order, none (a concatenation).
fn order(fields: &[Field]) -> u32 {
    match fields {
        [Field::Slot(_) | Field::L4proto] => 1,
        [_] => 2,
        _ => 0,
    }
}

/// What the elements of a set lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leads {
    Nowhere,
    ToEndpoint,
    ToChain,
}

/// `typeof FIELDS [: DATA]`
pub(super) fn set(family: IpFamily, key: &[Field], leads: Leads) -> Bytes {
    let mut out = Vec::new();
    number(&mut out, KEY_ORDER, order(key));
    if leads != Leads::Nowhere {
        number(&mut out, DATA_ORDER, 0);
    }
    put(&mut out, KEY_TYPEOF, &concatenation(family, key));
    match leads {
        Leads::Nowhere => {}
        Leads::ToEndpoint => {
            put(&mut out, DATA_TYPEOF, &concatenation(family, &[Field::Daddr, Field::Dport]))
        }
        Leads::ToChain => put(&mut out, DATA_TYPEOF, &expression(EXPR_VERDICT, &[])),
    }
    if leads != Leads::Nowhere {
        number(&mut out, DATA_INTERVAL, 0);
    }
    Bytes(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from `nft` 1.0.6.
    #[test]
    fn a_map_is_described_as_nft_does() {
        let key = [Field::Daddr, Field::L4proto, Field::Dport, Field::Slot(2)];
        let endpoints = "000400000000010400000000036000040d00000001580014000407000000010c00040c00000001040c000000010e000409000000\
            01060004100000000214000407000000010c00040b000000010402000000031a0004170000000112000401000000010402000000020400000000043400\
            040d000000012c0014000407000000010c00040c00000001040c0000000114000407000000010c00040b000000010402000000060400000000";
        let endpoints: String = endpoints.split_whitespace().collect();
        assert_eq!(set(IpFamily::V4, &key, Leads::ToEndpoint).to_string(), endpoints);
        let verdicts = "000400000000010400000000034400040d000000013c0014000407000000010c00040c00000001040c000000010e00040900000001\
            060004100000000214000407000000010c00040b00000001040200000004080004010000000100060400000000";
        let verdicts: String = verdicts.split_whitespace().collect();
        assert_eq!(set(IpFamily::V4, &key[..3], Leads::ToChain).to_string(), verdicts);
    }

    #[test]
    fn a_comment_is_cut_at_a_character() {
        let long = "ü".repeat(100);
        let cut = comment(&long);
        assert_eq!(cut.len(), 2 + 126 + 1);
        assert_eq!(cut.last(), Some(&0));
        assert_eq!(comment_of(&cut), Some(&*"ü".repeat(63)));
        assert_eq!(comment_of(&cut[..9]), None);
    }
}
