//! Source ranges as disjoint intervals.

use std::net::IpAddr;

use plumb_api::address::{Cidr, next};

/// The ranges as disjoint intervals (first and last address), in order; contained and adjacent ones become one. All are of one
/// family. The kernel's interval sets take no overlapping elements.
#[must_use]
pub fn merged(ranges: &[Cidr]) -> Vec<(IpAddr, IpAddr)> {
    let mut sorted: Vec<_> = ranges.iter().map(|r| (r.address(), r.last())).collect();
    sorted.sort_unstable();
    let mut out: Vec<(IpAddr, IpAddr)> = Vec::with_capacity(sorted.len());
    for (first, last) in sorted {
        match out.last_mut() {
            Some((_, end)) if next(*end).is_none_or(|after| first <= after) => *end = last.max(*end),
            _ => out.push((first, last)),
        }
    }
    out
}
