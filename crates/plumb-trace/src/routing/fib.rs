//! Policy rules and longest-prefix match (net/core/fib_rules.c, net/ipv4/fib_trie.c, net/ipv6/ip6_fib.c).

use std::net::IpAddr;

use plumb_model::{IpFamily, Namespace, NextHop, PolicyAction, PolicyRule, Protocol, Route, RouteKind};
use smallvec::SmallVec;

use crate::network::{FastMap, family_index};
use crate::share::Share;

/// Tables and policy rules of a namespace, both families.
pub(crate) struct Fib {
    tables: [FastMap<u32, Table>; 2],
    rules: [Vec<usize>; 2],
    custom_rules: [bool; 2],
    default_rules: [bool; 2],
    known: [bool; 2],
}

/// Routes of one table by prefix length, longest first.
#[derive(Default)]
struct Table {
    lengths: Vec<(u8, FastMap<u128, Vec<usize>>)>,
}

/// What is asked of the routes.
#[derive(Clone, Debug)]
pub(crate) struct RouteQuery<'a> {
    pub(crate) dst: IpAddr,
    pub(crate) src: Option<IpAddr>,
    /// Name of the device it came in by; `lo` for a packet of this machine.
    pub(crate) iif: &'a str,
    /// Device that the result must have.
    pub(crate) oif: Option<u32>,
    pub(crate) mark: u32,
    pub(crate) tos: u8,
    pub(crate) uid: u32,
    pub(crate) protocol: Option<Protocol>,
    pub(crate) sport: u16,
    pub(crate) dport: u16,
    /// Routes by devices without carrier do not count (`ignore_routes_with_linkdown`, per device).
    pub(crate) skip_linkdown: bool,
}

/// Indices of next hops, each with its share.
pub(crate) type Hops = SmallVec<[(usize, Share); 1]>;

/// A route that was found, and the next hops between which the kernel chooses.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) route: usize,
    pub(crate) hops: Hops,
    pub(crate) rule: Option<usize>,
    pub(crate) rule_pref: u32,
}

/// Why no route was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LookupFailure {
    /// None matches; the table that was looked up last.
    NoRoute { table: u32 },
    /// A policy rule says so: index of the rule.
    Rule { rule: usize },
    /// The routes could not be read.
    NotRead,
}

fn key(addr: IpAddr, len: u8) -> u128 {
    let (bits, width) = match addr {
        IpAddr::V4(a) => (u128::from(a.to_bits()), 32),
        IpAddr::V6(a) => (a.to_bits(), 128),
    };
    bits.checked_shr(width - u32::from(len).min(width)).unwrap_or(0)
}

impl Fib {
    pub(crate) fn compile(n: &Namespace) -> Self {
        let mut tables: [FastMap<u32, Table>; 2] = Default::default();
        let routes = n.routes.items();
        for (i, r) in routes.iter().enumerate() {
            tables[family_index(r.family)].entry(r.table).or_default().insert(i, r);
        }
        for t in tables.iter_mut().flat_map(FastMap::values_mut) {
            t.sort(routes);
        }
        let mut rules: [Vec<usize>; 2] = Default::default();
        for (i, r) in n.rules.items().iter().enumerate() {
            rules[family_index(r.family)].push(i);
        }
        for list in &mut rules {
            list.sort_by_key(|&i| n.rules.items()[i].priority);
        }
        let known = n.routes.value().is_some();
        Self {
            tables,
            default_rules: [rules[0].is_empty(), rules[1].is_empty()],
            custom_rules: [0, 1].map(|f: usize| rules[f].iter().any(|&i| is_custom(&n.rules.items()[i]))),
            rules,
            known: [known, known],
        }
    }

    /// Whether there are policy rules beside the kernel's own.
    pub(crate) fn has_custom_rules(&self, family: IpFamily) -> bool {
        self.custom_rules[family_index(family)]
    }

    /// Asks the policy rules in order, and the tables they lead to.
    pub(crate) fn lookup(&self, n: &Namespace, q: &RouteQuery) -> Result<Found, LookupFailure> {
        let f = family_index(IpFamily::of(q.dst));
        if !self.known[f] {
            return Err(LookupFailure::NotRead);
        }
        let mut last_table = Route::TABLE_MAIN;
        if self.default_rules[f] {
            // The rules could not be read (or none is there): the kernel's three.
            for (pref, table) in [(0, 255), (32766, 254), (32767, 253)] {
                if table != Route::TABLE_DEFAULT {
                    last_table = table;
                }
                if let Some((route, hops)) = self.table_lookup(n, f, table, q, None) {
                    return Ok(Found { route, hops, rule: None, rule_pref: pref });
                }
            }
            return Err(LookupFailure::NoRoute { table: last_table });
        }
        let rules = n.rules.items();
        let mut from = 0;
        for &i in &self.rules[f] {
            let Some(rule) = rules.get(i) else { continue };
            if rule.priority < from || !matches(rule, q, n) {
                continue;
            }
            match rule.action {
                PolicyAction::ToTable(table) => {
                    if table != Route::TABLE_LOCAL && table != Route::TABLE_DEFAULT {
                        last_table = table;
                    }
                    if let Some((route, hops)) = self.table_lookup(n, f, table, q, Some(rule)) {
                        return Ok(Found { route, hops, rule: Some(i), rule_pref: rule.priority });
                    }
                }
                PolicyAction::Goto(target) => from = target,
                PolicyAction::Nop | PolicyAction::Unknown(_) => {}
                _ => return Err(LookupFailure::Rule { rule: i }),
            }
        }
        Err(LookupFailure::NoRoute { table: last_table })
    }

    fn table_lookup(
        &self,
        n: &Namespace,
        family: usize,
        table: u32,
        q: &RouteQuery,
        rule: Option<&PolicyRule>,
    ) -> Option<(usize, Hops)> {
        let table = self.tables[family].get(&table)?;
        let routes = n.routes.items();
        for (len, map) in &table.lengths {
            for &i in map.get(&key(q.dst, *len)).map_or(&[][..], Vec::as_slice) {
                let Some(r) = routes.get(i) else { continue };
                if r.tos != 0 && r.tos != q.tos & 0xfc {
                    continue;
                }
                if let (Some(s), Some(src)) = (&r.src, q.src)
                    && s.len > 0
                    && !s.contains(src)
                {
                    continue;
                }
                if r.kind == RouteKind::Throw {
                    return None;
                }
                let hops = match r.kind {
                    RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit => SmallVec::new(),
                    _ => {
                        let hops = usable_hops(r, q);
                        if hops.is_empty() {
                            continue;
                        }
                        hops
                    }
                };
                // fib4_rule_suppress, fib6_rule_suppress: the result does not count, the next rule is asked.
                if let Some(rule) = rule {
                    if rule.suppress_prefixlen.is_some_and(|s| s != u32::MAX && u32::from(*len) <= s) {
                        return None;
                    }
                    let group = |hop: usize| {
                        r.next_hops.get(hop).and_then(|h| h.oif).and_then(|o| n.link(o)).map(|l| l.group)
                    };
                    if let Some(g) = rule.suppress_ifgroup
                        && g != u32::MAX
                        && hops.first().and_then(|(h, _)| group(*h)) == Some(g)
                    {
                        return None;
                    }
                }
                return Some((i, hops));
            }
        }
        None
    }
}

/// Whether a rule is none of the kernel's own three.
fn is_custom(r: &PolicyRule) -> bool {
    !matches!(
        (r.priority, r.action),
        (0, PolicyAction::ToTable(255))
            | (32766, PolicyAction::ToTable(254))
            | (32767, PolicyAction::ToTable(253))
    ) || r.src.is_some()
        || r.dst.is_some()
        || r.fwmark.is_some()
        || r.iifname.is_some()
}

/// The next hops that a packet may take, each with its share.
fn usable_hops(r: &Route, q: &RouteQuery) -> Hops {
    let usable = |h: &NextHop| {
        h.flags & NextHop::DEAD == 0
            && !(q.skip_linkdown && h.flags & NextHop::LINKDOWN != 0)
            && q.oif.is_none_or(|oif| h.oif == Some(oif))
    };
    let weight = |h: &NextHop| u128::from(h.weight.max(1));
    let total: u128 = r.next_hops.iter().filter(|h| usable(h)).map(weight).sum();
    r.next_hops
        .iter()
        .enumerate()
        .filter(|(_, h)| usable(h))
        .map(|(i, h)| (i, Share::new(weight(h), total)))
        .collect()
}

impl Table {
    fn insert(&mut self, index: usize, r: &Route) {
        let at = match self.lengths.binary_search_by(|(l, _)| r.dst.len.cmp(l)) {
            Ok(at) => at,
            Err(at) => {
                self.lengths.insert(at, (r.dst.len, FastMap::default()));
                at
            }
        };
        self.lengths[at].1.entry(key(r.dst.addr, r.dst.len)).or_default().push(index);
    }

    /// The kernel's order within a prefix: more specific service and source first, then the smaller metric, then
    /// router preference (IPv6).
    fn sort(&mut self, routes: &[Route]) {
        for list in self.lengths.iter_mut().flat_map(|(_, m)| m.values_mut()) {
            list.sort_by_key(|&i| {
                let r = &routes[i];
                let pref = match r.pref {
                    1 => 0,
                    3 => 2,
                    _ => 1,
                };
                (u8::MAX - r.tos, r.src.map_or(255, |s| 128 - s.len), r.priority, pref)
            });
        }
    }
}

/// Whether a rule's selectors hold (`fib_rule_match`, `fib4_rule_match`, `fib6_rule_match`).
fn matches(rule: &PolicyRule, q: &RouteQuery, n: &Namespace) -> bool {
    let hit = rule.iifname.as_deref().is_none_or(|i| i == q.iif)
        && rule.oifname.as_deref().is_none_or(|o| q.oif.and_then(|i| n.link(i)).is_some_and(|l| l.name == o))
        && rule.fwmark.is_none_or(|(mark, mask)| (mark ^ q.mark) & mask == 0)
        && !rule.l3mdev
        && rule.uid_range.is_none_or(|(a, b)| (a..=b).contains(&q.uid))
        && rule.src.is_none_or(|p| p.len == 0 || p.contains(q.src.unwrap_or(p.family().unspecified())))
        && rule.dst.is_none_or(|p| p.contains(q.dst))
        && (rule.tos == 0 || rule.tos == q.tos & 0xfc)
        && rule.ip_proto.is_none_or(|p| q.protocol.is_some_and(|x| x.0 == p))
        && rule.sport.is_none_or(|r| r.contains(q.sport))
        && rule.dport.is_none_or(|r| r.contains(q.dport));
    hit != rule.invert
}
