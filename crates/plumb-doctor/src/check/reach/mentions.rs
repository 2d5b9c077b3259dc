//! Where a network tells addresses apart: the numbers that its routes, rules and sets hold.
//!
//! Two pods that lie between the same numbers everywhere, and that are mentioned by their own addresses in the same ways,
//! are the same to the network. What is collected here errs on the side of too many differences: each of them only costs
//! a walk.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use plumb_model::{Namespace, Prefix, Snapshot};
use plumb_nft::{BitwiseOp, Data, Expr, Operand};

/// An address as a number, families apart.
pub(super) fn number(address: IpAddr) -> (bool, u128) {
    match address {
        IpAddr::V4(a) => (false, u128::from(u32::from(a))),
        IpAddr::V6(a) => (true, u128::from(a)),
    }
}

/// Everything that tells addresses apart.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    /// Members' own addresses.
    members: HashMap<(bool, u128), usize>,
    /// Where ranges begin, or end by one: sorted, families apart.
    bounds: [BTreeSet<u128>; 2],
    /// Ways in which a member is mentioned by its own address, by member.
    own: HashMap<usize, Vec<u64>>,
    /// Names of devices that rules hold: whole ones and beginnings.
    devices: BTreeSet<Vec<u8>>,
    /// Rules hold something that no bound can stand for (a mask with holes): nothing is shared.
    pub(super) opaque: bool,
}

/// Bytes of an address in a register or key.
const LENGTHS: [usize; 2] = [4, 16];

impl Mentions {
    /// Collects them. `members` are addresses of those that may share walks, by whose they are.
    pub(super) fn of(snapshot: &Snapshot, members: HashMap<IpAddr, usize>) -> Self {
        let members = members.into_iter().map(|(a, m)| (number(a), m)).collect();
        let mut all = Self { members, ..Self::default() };
        for (ns, n) in snapshot.namespaces.iter().enumerate() {
            all.namespace(ns, n);
        }
        all.own.values_mut().for_each(|ways| ways.sort_unstable());
        all
    }

    /// What tells an address from others: the range of bounds that it lies in.
    pub(super) fn rank(&self, address: IpAddr) -> Option<u128> {
        let (v6, value) = number(address);
        self.bounds[usize::from(v6)].range(..=value).next_back().copied()
    }

    /// The ways in which a member's own addresses are mentioned.
    pub(super) fn ways(&self, member: usize) -> &[u64] {
        self.own.get(&member).map_or(&[], Vec::as_slice)
    }

    /// Names and beginnings of names in rules that fit a device.
    pub(super) fn names_of<'a>(&'a self, device: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.devices.iter().map(Vec::as_slice).filter(move |name| device.as_bytes().starts_with(name))
    }

    fn prefix(&mut self, context: impl Hash, prefix: Prefix) {
        let (v6, first) = number(prefix.masked().addr);
        if prefix.is_host() && self.mention(context, v6, first) {
            return;
        }
        let host_bits = u32::from(prefix.family().bits() - prefix.len);
        let size = 1_u128.checked_shl(host_bits).unwrap_or(0);
        self.bound(v6, first);
        if let Some(after) = first.checked_add(size).filter(|_| size > 0) {
            self.bound(v6, after);
        }
    }

    fn bound(&mut self, v6: bool, value: u128) {
        self.bounds[usize::from(v6)].insert(value);
    }

    /// Notes that a member is mentioned by its own address; `false` where the address is no member's.
    fn mention(&mut self, context: impl Hash, v6: bool, value: u128) -> bool {
        let Some(&member) = self.members.get(&(v6, value)) else { return false };
        let mut hasher = DefaultHasher::new();
        context.hash(&mut hasher);
        self.own.entry(member).or_default().push(hasher.finish());
        true
    }

    fn namespace(&mut self, ns: usize, n: &Namespace) {
        // A member's own namespace is compared as a whole.
        let is_members =
            n.addresses.items().iter().any(|a| self.members.contains_key(&number(a.prefix.addr)));
        if is_members {
            return self.rules(ns, n);
        }
        for r in n.routes.items() {
            let hops: Vec<_> = r.next_hops.iter().map(|h| (h.gateway, h.weight, h.flags)).collect();
            // The device of a host route is the member's own: what it is like is part of the member's likeness.
            let device = if r.dst.is_host() {
                None
            } else {
                Some(r.next_hops.iter().map(|h| h.oif).collect::<Vec<_>>())
            };
            self.prefix(("route", ns, r.table, r.kind, hops, r.priority, r.prefsrc, device), r.dst);
            if let Some(src) = r.src {
                self.prefix(("route from", ns, r.table, r.kind), src);
            }
        }
        for (i, r) in n.rules.items().iter().enumerate() {
            for prefix in r.src.into_iter().chain(r.dst) {
                self.prefix(("policy rule", ns, i), prefix);
            }
            for name in r.iifname.iter().chain(&r.oifname) {
                self.devices.insert(name.as_bytes().to_vec());
            }
        }
        self.rules(ns, n);
    }

    fn rules(&mut self, ns: usize, n: &Namespace) {
        for (t, table) in n.rule_tables().enumerate() {
            for (c, chain) in table.chains.iter().enumerate() {
                for (r, rule) in chain.rules.iter().enumerate() {
                    self.rule((ns, t, c, r), &rule.exprs);
                }
            }
            for (s, set) in table.sets.iter().enumerate() {
                for element in &set.elements {
                    self.key((ns, t, s), element);
                }
            }
        }
        // Elements of ipsets hold addresses and networks in many forms: with any of them nobody is taken for another.
        self.opaque |= n.ipsets.items().iter().any(|set| !set.elements.is_empty());
        // Entries of iptables-legacy that could not be decoded are bytes: addresses and masks lie in them one after the other.
        for table in n.legacy.items().iter().filter(|t| !t.only_accepts) {
            self.bytes(("legacy", ns, &table.name), &table.entries);
        }
    }

    /// A rule: its constants are bounds, and mentions where they are a member's.
    fn rule(&mut self, at: (usize, usize, usize, usize), exprs: &[Expr]) {
        let mut constants: Vec<&[u8]> = Vec::new();
        let mut masks: Vec<&[u8]> = Vec::new();
        for e in exprs {
            match e {
                Expr::Cmp { data, .. } => constants.push(data),
                Expr::Range { from, to, .. } => constants.extend([&**from, &**to]),
                Expr::Immediate { data: Data::Value(bytes), .. } => constants.push(bytes),
                Expr::Bitwise { op: BitwiseOp::Bool { mask, xor }, .. } => {
                    masks.push(mask);
                    constants.push(xor);
                }
                Expr::Bitwise { op: BitwiseOp::And(Operand::Value(mask)), .. } => masks.push(mask),
                // Of these any bit of an address may count.
                Expr::Match { name, .. } if matches!(name.as_str(), "bpf" | "cluster" | "string" | "u32") => {
                    self.opaque = true;
                }
                Expr::Match { info, .. } | Expr::Target { info, .. } => self.bytes((at, "xt"), info),
                _ => {}
            }
        }
        for bytes in constants {
            self.devices.insert(bytes.split(|b| *b == 0).next().unwrap_or_default().to_vec());
            self.constant(at, bytes, &masks);
        }
    }

    fn constant(&mut self, at: (usize, usize, usize, usize), bytes: &[u8], masks: &[&[u8]]) {
        for (v6, width) in [(false, 4), (true, 16)] {
            if bytes.len() > width || bytes.is_empty() {
                continue;
            }
            let mut whole = [0; 16];
            whole[16 - width..][..bytes.len()].copy_from_slice(bytes);
            let value = u128::from_be_bytes(whole);
            let missing = (width - bytes.len()) * 8;
            if missing == 0 && masks.is_empty() && self.mention((at, "constant"), v6, value) {
                continue;
            }
            self.bound(v6, value);
            if let Some(after) = value.checked_add(1 << missing) {
                self.bound(v6, after);
            }
            for mask in masks.iter().filter(|m| m.len() == bytes.len() && bytes.len() == width) {
                let mut whole = [0; 16];
                whole[16 - width..].copy_from_slice(mask);
                let mask = u128::from_be_bytes(whole);
                let holes = if v6 { !mask } else { u128::from(!(mask as u32)) };
                if holes & holes.wrapping_add(1) == 0 {
                    if let Some(after) = (value | holes).checked_add(1) {
                        self.bound(v6, after);
                    }
                } else {
                    self.opaque = true;
                }
            }
        }
    }

    /// A key of a set: an address in it is a mention by what stands beside it, or a bound.
    fn key(&mut self, at: (usize, usize, usize), element: &plumb_nft::Element) {
        let key = &*element.key;
        let data = format!("{:?}", element.data);
        let whole = (&element.key_end, element.flags, &element.object);
        for (v6, width) in [(false, LENGTHS[0]), (true, LENGTHS[1])] {
            for offset in (0..=key.len().saturating_sub(width)).step_by(4) {
                let Some(window) = key.get(offset..offset + width) else { continue };
                let mut bytes = [0; 16];
                bytes[16 - width..].copy_from_slice(window);
                let value = u128::from_be_bytes(bytes);
                if element.flags == 0 && element.key_end.is_none() && self.members.contains_key(&(v6, value))
                {
                    // The same address again in the key (a pod that reaches itself) is the member's own, too.
                    let rest: Vec<&[u8]> =
                        key.chunks(4).filter(|c| !window.chunks(4).any(|w| w == *c)).collect();
                    self.mention((at, offset, rest, &data, format!("{whole:?}")), v6, value);
                    continue;
                }
                self.bound(v6, value);
                if let Some(after) = value.checked_add(1) {
                    self.bound(v6, after);
                }
            }
        }
        if let Some(end) = &element.key_end {
            self.bytes((at, "end"), end);
        }
    }

    /// Bytes of something that is not taken apart: every aligned number in them may be an address.
    fn bytes(&mut self, context: impl Hash + Copy, bytes: &[u8]) {
        for (v6, width) in [(false, LENGTHS[0]), (true, LENGTHS[1])] {
            for (i, window) in bytes.windows(width).enumerate().step_by(4) {
                let mut whole = [0; 16];
                whole[16 - width..].copy_from_slice(window);
                let value = u128::from_be_bytes(whole);
                if !self.mention((context, i), v6, value) {
                    self.bound(v6, value);
                    if let Some(after) = value.checked_add(1) {
                        self.bound(v6, after);
                    }
                }
            }
        }
    }
}
