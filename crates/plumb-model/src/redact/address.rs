//! Replacements of addresses that keep prefixes: two addresses share as many leading bits afterwards as before.
//!
//! Each bit is flipped or not by a keyed hash of the bits before it. Seen as a binary tree over the bits, every node
//! swaps its halves or does not. Swapping does not keep order, so a range that is no prefix would fall apart. Hence the
//! *pins*: nodes that do not swap. A first pass over the snapshot pins the nodes on which the bounds of such a range
//! lie, which keeps the range whole (and tells those few bits of its bounds). Special networks are pinned, too, so that
//! loopback stays loopback and multicast multicast, and no other address becomes one.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::hash::{Key, keyed};
use crate::{IpFamily, Mac, Prefix};

/// Networks that map to themselves as a whole: no other address becomes one of them. Behind those marked, the bits
/// are replaced.
const FIXED: &[(&str, bool)] = &[
    // (network, whether the addresses in it are replaced)
    ("0.0.0.0/8", false),
    ("127.0.0.0/8", false),
    ("169.254.0.0/16", true),
    ("224.0.0.0/4", false),
    ("240.0.0.0/4", false),
    ("::/96", false),
    ("::ffff:0:0/96", true),
    ("64:ff9b::/96", true),
    ("2001::/32", true),
    ("2002::/16", true),
    ("2000::/3", true),
    ("fc00::/7", true),
    ("fe80::/64", true),
    ("fec0::/10", true),
    ("ff00::/8", false),
];

/// Networks in which an IPv4 address stands at the end of an IPv6 one.
const EMBEDDED: [&str; 2] = ["::ffff:0:0/96", "64:ff9b::/96"];

/// `ff02::1:ff00:0/104`: solicited-node groups, which hold the last 24 bits of an address (RFC 4291).
const SOLICITED: u128 = 0xff02_0000_0000_0000_0000_0001_ff00_0000;

#[derive(Clone, Debug)]
pub(super) struct Addresses {
    key: Key,
    /// (family, bits from the left, those bits, the rest zero)
    pins: HashSet<(IpFamily, u8, u128)>,
    fixed: Vec<Prefix>,
    embedded: Vec<Prefix>,
    /// Last 24 bits of IPv6 addresses → of their replacements.
    tails: HashMap<u32, u32>,
}

/// The bits of an address, at the left of the 128.
fn left(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(a) => u128::from(a.to_bits()) << 96,
        IpAddr::V6(a) => a.to_bits(),
    }
}

fn right(family: IpFamily, bits: u128) -> IpAddr {
    match family {
        IpFamily::V4 => Ipv4Addr::from_bits((bits >> 96) as u32).into(),
        IpFamily::V6 => Ipv6Addr::from_bits(bits).into(),
    }
}

fn mask(len: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(len.min(128))).unwrap_or(0)
}

impl Addresses {
    pub(super) fn new(key: Key) -> Self {
        let parse = |text: &&str| text.parse::<Prefix>().ok();
        let mut new = Self {
            key,
            pins: HashSet::new(),
            fixed: FIXED.iter().filter(|(_, inner)| !inner).filter_map(|(text, _)| parse(text)).collect(),
            embedded: EMBEDDED.iter().filter_map(parse).collect(),
            tails: HashMap::new(),
        };
        for network in FIXED.iter().filter_map(|(text, _)| parse(text)) {
            new.pin_path(network.addr, 0, network.len);
        }
        new
    }

    /// The nodes on the way to an address, from this depth to that, do not swap.
    fn pin_path(&mut self, to: IpAddr, from: u8, until: u8) {
        let (family, bits) = (IpFamily::of(to), left(to));
        for depth in from..until.min(family.bits()) {
            self.pins.insert((family, depth, bits & mask(depth)));
        }
    }

    fn flips(&self, family: IpFamily, depth: u8, bits: u128) -> bool {
        if self.pins.contains(&(family, depth, bits)) {
            return false;
        }
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bits.to_be_bytes();
        let data = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, depth, family.bits()];
        keyed(&self.key, &data) & 1 == 1
    }

    /// The replacement of the first `len` bits of an address, the rest zero.
    fn bits(&self, addr: IpAddr, len: u8) -> u128 {
        let (family, bits) = (IpFamily::of(addr), left(addr));
        let len = len.min(family.bits());
        let within = |p: &&Prefix| p.contains(addr) && p.len <= len;
        if self.fixed.iter().any(|p| within(&p)) {
            return self.fixed_bits(addr) & mask(len);
        }
        if let IpAddr::V6(v6) = addr
            && let Some(network) = self.embedded.iter().find(within)
        {
            let inner = IpAddr::V4(Ipv4Addr::from_bits(v6.to_bits() as u32));
            return left(network.addr) | (self.bits(inner, len - network.len) >> 96);
        }
        (0..len).fold(0, |out, depth| {
            let bit = bits & (1 << (127 - depth));
            let swapped = if self.flips(family, depth, bits & mask(depth)) { 1 << (127 - depth) } else { 0 };
            out | (bit ^ swapped)
        })
    }

    fn fixed_bits(&self, addr: IpAddr) -> u128 {
        let bits = left(addr);
        match addr {
            IpAddr::V6(_) if bits & mask(104) == SOLICITED => {
                SOLICITED | u128::from(self.tail(bits as u32 & 0xff_ffff))
            }
            _ => bits,
        }
    }

    fn tail(&self, tail: u32) -> u32 {
        let drawn = || keyed(&self.key, &tail.to_be_bytes()) as u32 & 0xff_ffff;
        self.tails.get(&tail).copied().unwrap_or_else(drawn)
    }

    /// Makes the last bits of an address known, so that its solicited-node group follows it.
    pub(super) fn know(&mut self, addr: IpAddr) {
        if let IpAddr::V6(v6) = addr {
            let new = self.bits(addr, 128) as u32 & 0xff_ffff;
            self.tails.insert(v6.to_bits() as u32 & 0xff_ffff, new);
        }
    }

    pub(super) fn host(&self, addr: IpAddr) -> IpAddr {
        right(IpFamily::of(addr), self.bits(addr, IpFamily::of(addr).bits()))
    }

    /// The first `len` bits of an address, the rest as zeros.
    pub(super) fn network(&self, addr: IpAddr, len: u8) -> IpAddr {
        right(IpFamily::of(addr), self.bits(addr, len))
    }

    /// A network keeps its host bits as an address of its own: zero stays zero.
    pub(super) fn prefix(&self, prefix: Prefix) -> Prefix {
        let addr = if prefix.masked() == prefix && prefix.len < prefix.family().bits() {
            self.network(prefix.addr, prefix.len)
        } else {
            self.host(prefix.addr)
        };
        Prefix { addr, len: prefix.len }
    }

    /// The bits that the bounds of a range share, and how many leading bits of each matter: behind them the range
    /// covers everything. For a network all three are its length.
    fn bounds(first: IpAddr, last: IpAddr) -> (u8, u8, u8) {
        let width = u32::from(IpFamily::of(first).bits());
        let common = (left(first) ^ left(last)).leading_zeros().min(width);
        let zeros = (left(first) >> (128 - width)).trailing_zeros().min(width);
        let ones = (left(last) >> (128 - width)).trailing_ones().min(width);
        let (a, b) = (width - zeros, width - ones);
        // The halves of the node where the bounds part must not swap, unless both are covered whole.
        let (a, b) =
            if a.max(b) <= common { (common, common) } else { (a.max(common + 1), b.max(common + 1)) };
        (common as u8, a as u8, b as u8)
    }

    /// First pass: pins what keeps a range whole. Nothing for a network.
    pub(super) fn pin_range(&mut self, first: IpAddr, last: IpAddr) {
        if IpFamily::of(first) != IpFamily::of(last) || first > last {
            return;
        }
        let (common, a, b) = Self::bounds(first, last);
        self.pin_path(first, common, a);
        self.pin_path(last, common, b);
    }

    /// First pass: the last address of an IPv4 network stays its last, by which the kernel knows it for the broadcast
    /// address (`fib_add_ifaddr`). That tells of the network's hosts how many ones their own bits begin with.
    pub(super) fn pin_last(&mut self, network: Prefix) {
        if let IpAddr::V4(addr) = network.addr
            && network.len < 31
        {
            let last = Ipv4Addr::from_bits(addr.to_bits() | (u32::MAX >> network.len));
            self.pin_path(last.into(), network.len, 32);
        }
    }

    /// First pass: pins the whole way to an address, for a comparison by order with it.
    pub(super) fn pin_order(&mut self, with: IpAddr) {
        self.pin_path(with, 0, IpFamily::of(with).bits());
    }

    /// The range that takes the place of a range whose pins are set.
    pub(super) fn range(&self, first: IpAddr, last: IpAddr) -> (IpAddr, IpAddr) {
        let family = IpFamily::of(first);
        if family != IpFamily::of(last) || first > last {
            return (self.host(first), self.host(last));
        }
        let (_, a, b) = Self::bounds(first, last);
        let width = mask(family.bits());
        let from = self.bits(first, a);
        let to = self.bits(last, b) | (!mask(b) & width);
        (right(family, from), right(family, to))
    }

    pub(super) fn mac(&self, mac: Mac) -> Mac {
        let Mac([a, b, c, d, e, f]) = mac;
        if mac == Mac::default() || mac == Mac::BROADCAST {
            return mac;
        }
        match (a, b, c) {
            // Groups of IPv6 (RFC 2464), of which only solicited-node ones tell of an address.
            (0x33, 0x33, 0xff) => {
                let [_, d, e, f] = self.tail(u32::from_be_bytes([0, d, e, f])).to_be_bytes();
                Mac([0x33, 0x33, 0xff, d, e, f])
            }
            (0x33, 0x33, _) | (0x01, 0x00, 0x5e) | (0x01, 0x80, 0xc2) => mac,
            _ => {
                let [_, _, g, h, i, j, k, l] = keyed(&self.key, &[a, b, c, d, e, f, b'm']).to_be_bytes();
                // The group and local bits stay.
                Mac([(g & !3) | (a & 3), h, i, j, k, l])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn addresses(key: u8) -> Addresses {
        Addresses::new([key; 16])
    }

    fn shared(a: IpAddr, b: IpAddr) -> u32 {
        (left(a) ^ left(b)).leading_zeros()
    }

    fn v4() -> impl Strategy<Value = IpAddr> {
        any::<u32>().prop_map(|b| Ipv4Addr::from_bits(b).into())
    }

    fn v6() -> impl Strategy<Value = IpAddr> {
        // Near enough to each other to share bits.
        (any::<u128>(), 0_u32..128)
            .prop_map(|(b, s)| Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) ^ (b >> s)).into())
    }

    fn any_pair() -> impl Strategy<Value = (IpAddr, IpAddr)> {
        prop_oneof![
            (v4(), v4()),
            (v6(), v6()),
            (v4(), 0_u32..32).prop_map(|(a, s)| {
                let IpAddr::V4(x) = a else { return (a, a) };
                (a, Ipv4Addr::from_bits(x.to_bits() ^ (1 << s)).into())
            })
        ]
    }

    proptest! {
        #[test]
        fn leading_bits_are_shared_as_before((a, b) in any_pair(), key: u8) {
            let map = addresses(key);
            prop_assert_eq!(shared(map.host(a), map.host(b)), shared(a, b));
        }

        #[test]
        fn what_lies_in_a_network_lies_in_its_replacement((a, b) in any_pair(), len in 0_u8..=128, key: u8) {
            let map = addresses(key);
            let network = Prefix::new(a, len).masked();
            prop_assert_eq!(map.prefix(network).contains(map.host(b)), network.contains(b));
            prop_assert_eq!(map.prefix(network).masked(), map.prefix(network));
        }

        #[test]
        fn what_lies_in_a_range_lies_in_its_replacement((a, b) in any_pair(), (c, _) in any_pair(), d: u8, key: u8) {
            let mut map = addresses(key);
            let (first, last) = if a <= b { (a, b) } else { (b, a) };
            map.pin_range(first, last);
            let (from, to) = map.range(first, last);
            prop_assert!(from <= to);
            let near = right(IpFamily::of(a), left(first) ^ (u128::from(d) << (128 - u32::from(IpFamily::of(a).bits()))));
            for probe in [a, b, c, near] {
                if IpFamily::of(probe) == IpFamily::of(a) {
                    let new = map.host(probe);
                    prop_assert_eq!(from <= new && new <= to, first <= probe && probe <= last);
                }
            }
        }

        #[test]
        fn classes_stay((a, _) in any_pair(), key: u8) {
            let b = addresses(key).host(a);
            match (a, b) {
                (IpAddr::V4(a), IpAddr::V4(b)) => {
                    prop_assert_eq!(
                        (a.is_loopback(), a.is_multicast(), a.is_link_local(), a.is_broadcast(), a.octets()[0] == 0, a.octets()[0] >= 240),
                        (b.is_loopback(), b.is_multicast(), b.is_link_local(), b.is_broadcast(), b.octets()[0] == 0, b.octets()[0] >= 240)
                    );
                }
                (IpAddr::V6(a), IpAddr::V6(b)) => {
                    prop_assert_eq!(
                        (a.is_loopback(), a.is_multicast(), a.is_unicast_link_local(), a.is_unique_local()),
                        (b.is_loopback(), b.is_multicast(), b.is_unicast_link_local(), b.is_unique_local())
                    );
                }
                _ => prop_assert!(false),
            }
        }
    }

    #[test]
    fn the_last_address_of_a_network_stays_the_last() {
        for key in 0..20 {
            let mut map = addresses(key);
            map.pin_last("10.20.1.1/25".parse().unwrap());
            let IpAddr::V4(last) = map.host("10.20.1.127".parse().unwrap()) else { unreachable!() };
            assert_eq!(last.octets()[3] & 0x7f, 0x7f, "key {key}: {last}");
        }
    }

    #[test]
    fn well_known_addresses_are_as_they_were() {
        let map = addresses(7);
        for text in ["0.0.0.0", "127.0.0.53", "255.255.255.255", "224.0.0.1", "::", "::1", "ff02::1"] {
            let a: IpAddr = text.parse().unwrap();
            assert_eq!(map.host(a), a);
        }
        let inner: IpAddr = "10.1.2.3".parse().unwrap();
        let IpAddr::V4(new) = map.host(inner) else { unreachable!() };
        assert_eq!(map.host("::ffff:10.1.2.3".parse().unwrap()), IpAddr::V6(new.to_ipv6_mapped()));
        assert!(
            Mac::BROADCAST == map.mac(Mac::BROADCAST)
                && map.mac(Mac([2, 0, 0, 0, 0, 1])) != Mac([2, 0, 0, 0, 0, 1])
        );
    }

    #[test]
    fn solicited_node_groups_follow_their_address() {
        let mut map = addresses(3);
        let a: IpAddr = "fd00::12:3456".parse().unwrap();
        map.know(a);
        let group = map.host("ff02::1:ff12:3456".parse().unwrap());
        let low = |a: IpAddr| left(a) as u32 & 0xff_ffff;
        assert_eq!((low(group), left(group) & mask(104)), (low(map.host(a)), SOLICITED));
        assert_eq!(map.mac("33:33:ff:12:34:56".parse().unwrap()).0[3..], low(group).to_be_bytes()[1..]);
    }
}
