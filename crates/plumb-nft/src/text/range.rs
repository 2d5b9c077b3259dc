//! Masks, prefixes and ranges.

use super::ast::{lowest_one, lowest_zero};

/// Length of the prefix that a mask of `len` bits stands for; `None` when its ones are not all at the front.
pub(super) fn mask_to_prefix(mask: u128, len: u32) -> Option<u32> {
    let Some(low) = lowest_one(mask) else { return Some(0) };
    let high = lowest_zero(mask, low + 1);
    (high >= len).then_some(high.min(len) - low)
}

/// Length of the prefix that covers exactly `low..=high`; `None` when none does.
pub(super) fn range_to_prefix(low: u128, high: u128, len: u32) -> Option<u32> {
    let size = high.checked_sub(low)?;
    // `size` is one less than the number of values, which may not fit.
    let bits = size.trailing_ones();
    let full = if bits >= 128 { size == u128::MAX } else { size == (1 << bits) - 1 };
    let aligned = if bits >= 128 { low == 0 } else { low & ((1u128 << bits) - 1) == 0 };
    (full && aligned && bits <= len).then(|| len - bits)
}
