//! Addresses, ports and marks that rules and flows share, so that they meet.

use super::super::rng::Rng;

/// Addresses of the network.
pub(super) fn addresses(v4: bool) -> &'static [&'static str] {
    if v4 {
        &[
            "10.77.2.2",
            "10.77.2.2",
            "10.77.2.3",
            "10.77.1.2",
            "10.77.1.1",
            "10.77.2.1",
            "10.77.9.9",
            "10.77.9.10",
        ]
    } else {
        &[
            "fd77:2::2",
            "fd77:2::2",
            "fd77:2::3",
            "fd77:1::2",
            "fd77:1::1",
            "fd77:2::1",
            "fd77:9::9",
            "fd77:9::a",
        ]
    }
}

/// Prefixes that hold some of them.
pub(super) fn prefixes(v4: bool) -> &'static [&'static str] {
    if v4 {
        &["10.77.2.0/24", "10.77.1.0/24", "10.77.0.0/16", "10.77.2.2/31", "10.77.8.0/22", "10.0.0.0/8"]
    } else {
        &["fd77:2::/64", "fd77:1::/64", "fd77::/16", "fd77:2::2/127", "fd77:8::/29", "fc00::/7"]
    }
}

/// Ranges that are no prefixes.
pub(super) fn ranges(v4: bool) -> &'static [&'static str] {
    if v4 {
        &["10.77.2.2-10.77.2.3", "10.77.1.1-10.77.2.2", "10.77.2.3-10.77.9.9", "10.77.1.2-10.77.1.200"]
    } else {
        &["fd77:2::2-fd77:2::3", "fd77:1::1-fd77:2::2", "fd77:2::3-fd77:9::9", "fd77:1::2-fd77:1::200"]
    }
}

/// Ports that are dialled.
pub(super) const PORTS: &[u16] = &[53, 80, 1000, 3000, 4000, 7000, 8080, 81];
/// Ranges of ports.
pub(super) const PORT_RANGES: &[&str] =
    &["50-90", "1000-3999", "0-1023", "1024-65535", "20000-40000", "7000-8080"];
/// Marks.
pub(super) const MARKS: &[u32] = &[0x1, 0x2, 0x3, 0x10, 0x40, 0x4000, 0x8000, 0xff, 0xdead_beef];

pub(super) fn address(rng: &mut Rng, v4: bool) -> &'static str {
    rng.word(addresses(v4))
}

/// One that exists.
pub(super) fn server(rng: &mut Rng, v4: bool) -> &'static str {
    let of: &[&str] = if v4 {
        &["10.77.2.2", "10.77.2.2", "10.77.2.3", "10.77.2.1", "10.77.1.2"]
    } else {
        &["fd77:2::2", "fd77:2::2", "fd77:2::3", "fd77:2::1", "fd77:1::2"]
    };
    rng.word(of)
}

pub(super) fn port(rng: &mut Rng) -> u16 {
    *rng.pick(PORTS)
}

pub(super) fn mark(rng: &mut Rng) -> u32 {
    *rng.pick(MARKS)
}
