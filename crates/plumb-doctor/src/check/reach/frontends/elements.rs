//! The elements of sets and maps, as ranges of keys.

use plumb_nft::{Data, Element, Set};

/// First and last key of each element, with what it holds. The catch-all takes any key.
pub(super) fn elements(set: &Set) -> Vec<(Vec<u8>, Vec<u8>, Option<&Data>)> {
    let len = set.key_len as usize;
    let sized = |key: &[u8]| {
        let mut key = key.to_vec();
        key.resize(len, 0);
        key
    };
    let mut all: Vec<&Element> = set.elements.iter().filter(|e| !e.is_catchall()).collect();
    let mut out: Vec<(Vec<u8>, Vec<u8>, Option<&Data>)> = Vec::with_capacity(all.len());
    let intervals = set.has(Set::INTERVAL) && set.field_lens.len() < 2;
    if intervals {
        // Of an end and a start with the same key the end comes first: what begins there is another range.
        all.sort_by(|a, b| a.key.cmp(&b.key).then(b.is_interval_end().cmp(&a.is_interval_end())));
    }
    for (i, e) in all.iter().enumerate().filter(|(_, e)| !e.is_interval_end()) {
        let from = sized(&e.key);
        let to = match (&e.key_end, intervals) {
            (Some(end), _) => sized(end),
            (None, true) => all.get(i + 1).map_or_else(|| vec![0xff; len], |next| before(&sized(&next.key))),
            (None, false) => from.clone(),
        };
        out.push((from, to, e.data.as_ref()));
    }
    let catchall = set.elements.iter().filter(|e| e.is_catchall());
    out.extend(catchall.map(|e| (vec![0; len], vec![0xff; len], e.data.as_ref())));
    out
}

/// The key before a key.
fn before(key: &[u8]) -> Vec<u8> {
    let mut out = key.to_vec();
    for byte in out.iter_mut().rev() {
        let (less, borrow) = byte.overflowing_sub(1);
        *byte = less;
        if !borrow {
            break;
        }
    }
    out
}
