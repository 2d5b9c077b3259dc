//! Rules: what each register holds is followed from expression to expression, so that a value is replaced by what it is
//! compared with.

use std::collections::HashMap;

use plumb_nft::{
    BitwiseOp, CmpOp, Data, Expr, Family, FibResult, NatRange, Operand, Register, RtKey, Rule, Set,
};

use super::Redactor;
use super::headers::{conntrack, meta, payload};
use super::names::Kind as Name;
use super::nft::{key_tags, type_tags};
use super::values::{Part, Tag, octets, to_address, whole};
use crate::IpFamily;

/// Bytes of the register file: 20 words.
const FILE: usize = 80;

/// What rules told about the keys of sets.
#[derive(Debug, Default)]
pub(super) struct Learnt(HashMap<String, Vec<Tag>>);

impl Learnt {
    pub(super) fn keys(&self, set: &str) -> Option<&[Tag]> {
        self.0.get(set).map(Vec::as_slice)
    }
}

struct Registers {
    tags: [Tag; FILE],
    /// Which expression loaded a constant to this byte.
    constant: [Option<usize>; FILE],
    family: Option<IpFamily>,
}

fn span(register: Register) -> Option<usize> {
    Some(register.word()? * 4)
}

impl Registers {
    fn get(&self, register: Register, len: usize) -> Vec<Tag> {
        let from = span(register).unwrap_or(FILE);
        self.tags.iter().skip(from).take(len).copied().collect()
    }

    fn put(&mut self, register: Register, tags: &[Tag], constant: Option<usize>) {
        let Some(from) = span(register) else { return };
        for (i, tag) in tags.iter().enumerate() {
            if let (Some(t), Some(c)) = (self.tags.get_mut(from + i), self.constant.get_mut(from + i)) {
                (*t, *c) = (*tag, constant);
            }
        }
    }

    fn constant(&self, register: Register) -> Option<usize> {
        span(register).and_then(|from| self.constant.get(from).copied().flatten())
    }
}

impl Redactor {
    pub(super) fn rule(
        &mut self,
        family: Family,
        sets: &[Set],
        rule: &mut Rule,
        learnt: &mut Learnt,
        place: &str,
    ) {
        let Rule { handle: _, exprs, userdata, compat: _ } = rule;
        self.comment(userdata, 0);
        self.follow(family, sets, exprs, learnt, place);
    }

    /// Expressions of sets and elements: counters and the like.
    pub(super) fn exprs(&mut self, family: Family, sets: &[Set], exprs: &mut [Expr], place: &str) {
        self.follow(family, sets, exprs, &mut Learnt::default(), place);
    }

    fn follow(&mut self, family: Family, sets: &[Set], exprs: &mut [Expr], learnt: &mut Learnt, place: &str) {
        let known = match family {
            Family::Ip => Some(IpFamily::V4),
            Family::Ip6 => Some(IpFamily::V6),
            _ => None,
        };
        let mut registers = Registers { tags: [Tag::PLAIN; FILE], constant: [None; FILE], family: known };
        // What constants are is told by what uses them later.
        let mut constants: Vec<(usize, Vec<Tag>)> = Vec::new();
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for i in 0..exprs.len() {
            let Some(expr) = exprs.get_mut(i) else { continue };
            match expr {
                Expr::Immediate { dreg, data: Data::Value(bytes) } => {
                    registers.put(*dreg, &vec![Tag::PLAIN; bytes.len().next_multiple_of(4)], Some(i));
                }
                Expr::Immediate { data: Data::Verdict(verdict), .. } => self.verdict(verdict),
                Expr::Cmp { sreg, op, data } => {
                    let tags = registers.get(*sreg, data.len());
                    note_family(&mut registers, &tags, *op, data);
                    self.compare(*op, &mut data.0, &tags, place);
                }
                Expr::Range { sreg, from, to, .. } => {
                    let tags = registers.get(*sreg, from.len());
                    match tags.first().map(|t| t.part) {
                        Some(part @ Part::Address(f)) if part.width() == Some(from.len()) => {
                            let (a, b) = self.range(to_address(f, from), to_address(f, to));
                            (from.0, to.0) = (octets(a), octets(b));
                        }
                        _ => {
                            self.value(&mut from.0, &tags, place);
                            self.value(&mut to.0, &tags, place);
                        }
                    }
                }
                Expr::Lookup { set, sreg, dreg, .. } => {
                    if let Some(known) = sets.iter().find(|s| s.name == *set) {
                        let tags = registers.get(*sreg, known.key_len as usize);
                        if key_tags(known).is_none() {
                            learnt.0.entry(set.clone()).or_insert(tags);
                        }
                        if let (Some(dreg), Some(t)) = (dreg, known.data_type) {
                            let tags = type_tags(t, known.data_len.unwrap_or(0) as usize);
                            registers.put(*dreg, &tags, None);
                        }
                    }
                    *set = self.names.name(Name::Set, set);
                }
                Expr::ObjrefMap { set, .. } => *set = self.names.name(Name::Set, set),
                Expr::Payload { dreg, base, offset, len } => {
                    let tags = payload(family, registers.family, *base, *offset, *len);
                    registers.put(*dreg, &tags, None);
                }
                Expr::PayloadWrite { sreg, base, offset, len, .. } => {
                    let tags = payload(family, registers.family, *base, *offset, *len);
                    constants.extend(registers.constant(*sreg).map(|c| (c, tags)));
                }
                Expr::Meta { key, dreg } => registers.put(*dreg, &meta(*key), None),
                Expr::Ct { key, dreg, .. } => {
                    let tags = conntrack(*key, registers.family);
                    registers.put(*dreg, &tags, None);
                }
                Expr::Bitwise { sreg, dreg, len, op } => {
                    let tags = registers.get(*sreg, *len as usize);
                    let tags = self.bitwise(&tags, op, place);
                    registers.put(*dreg, &tags, None);
                }
                Expr::Byteorder { sreg, dreg, len, .. } => {
                    let tags = registers.get(*sreg, *len as usize);
                    let tags = derived(&tags);
                    registers.put(*dreg, &tags, None);
                }
                Expr::Jhash { sreg, dreg, len, .. } => {
                    let tags = registers.get(*sreg, *len as usize);
                    if tags.iter().any(|t| t.part != Part::Plain) {
                        self.warn(format!(
                            "{place}: a hash of addresses chooses otherwise among the replacements"
                        ));
                    }
                    registers.put(*dreg, &[Tag::PLAIN; 4], None);
                }
                Expr::Symhash { dreg, .. } => {
                    self.warn(format!(
                        "{place}: a hash of addresses chooses otherwise among the replacements"
                    ));
                    registers.put(*dreg, &[Tag::PLAIN; 4], None);
                }
                Expr::Fib { dreg, result, .. } => {
                    let part = if *result == FibResult::Oifname { Part::Device } else { Part::Plain };
                    registers.put(*dreg, &whole(part, 16), None);
                }
                Expr::Rt { key, dreg } => {
                    let tags = match key {
                        RtKey::Nexthop4 => whole(Part::Address(IpFamily::V4), 4),
                        RtKey::Nexthop6 => whole(Part::Address(IpFamily::V6), 16),
                        _ => vec![Tag::PLAIN; 4],
                    };
                    registers.put(*dreg, &tags, None);
                }
                Expr::Xfrm { key, dreg, .. } => {
                    // NFT_XFRM_KEY_*: 1, 2 IPv4 addresses, 3, 4 IPv6 ones.
                    let tags = match key {
                        1 | 2 => whole(Part::Address(IpFamily::V4), 4),
                        3 | 4 => whole(Part::Address(IpFamily::V6), 16),
                        _ => vec![Tag::PLAIN; 4],
                    };
                    registers.put(*dreg, &tags, None);
                }
                Expr::Numgen { dreg, .. } | Expr::Socket { dreg, .. } | Expr::Osf { dreg, .. } => {
                    registers.put(*dreg, &[Tag::PLAIN; 16], None);
                }
                Expr::Exthdr { dreg, len, .. } => {
                    // An option's or extension header's bytes: a routing header holds addresses.
                    let part = if *len >= 4 { Part::Unknown } else { Part::Plain };
                    registers.put(*dreg, &whole(part, (*len as usize).next_multiple_of(4)), None);
                }
                Expr::Snat { range, .. } | Expr::Dnat { range, .. } => {
                    nat(&registers, range, &mut constants, &mut ranges);
                }
                Expr::Tproxy { addr: Some(r), .. }
                | Expr::Dup { addr: Some(r), .. }
                | Expr::Fwd { addr: Some(r), .. } => {
                    constants.extend(registers.constant(*r).map(|c| (c, Vec::new())));
                }
                Expr::Dynset { set, sreg_key, sreg_data, exprs, .. } => {
                    if let Some(known) = sets.iter().find(|s| s.name == *set) {
                        let keys = key_tags(known).unwrap_or_default();
                        constants.extend(registers.constant(*sreg_key).map(|c| (c, keys)));
                        if let (Some(data), Some(t)) = (sreg_data, known.data_type) {
                            let tags = type_tags(t, known.data_len.unwrap_or(0) as usize);
                            constants.extend(registers.constant(*data).map(|c| (c, tags)));
                        }
                        if key_tags(known).is_none() {
                            let tags = registers.get(*sreg_key, known.key_len as usize);
                            learnt.0.entry(set.clone()).or_insert(tags);
                        }
                    }
                    *set = self.names.name(Name::Set, set);
                    self.exprs(family, sets, exprs, place);
                }
                Expr::Objref { name, .. } => *name = self.names.name(Name::Object, name),
                Expr::FlowOffload { flowtable } => *flowtable = self.names.name(Name::Flowtable, flowtable),
                Expr::Log { prefix: Some(prefix), .. } if !prefix.is_empty() => "redacted".clone_into(prefix),
                Expr::Match { name, revision, info } => {
                    let family = registers.family;
                    self.xt_match(family, name, *revision, &mut info.0, place);
                }
                Expr::Target { name, revision, info } => {
                    let family = registers.family;
                    self.xt_target(family, name, *revision, &mut info.0, place);
                }
                Expr::Unknown { name, data } => {
                    if !data.is_empty() {
                        self.warn(format!("{place}: `{name}` is not decoded, its contents were taken out"));
                    }
                    data.0.clear();
                }
                // These hold no addresses and no names.
                _ => {}
            }
        }
        self.constants(exprs, &constants, &ranges, place);
    }

    /// Replaces constants by what they were found to be.
    fn constants(
        &mut self,
        exprs: &mut [Expr],
        found: &[(usize, Vec<Tag>)],
        ranges: &[(usize, usize)],
        place: &str,
    ) {
        for (first, last) in ranges {
            let (Some(a), Some(b)) = (constant(exprs, *first), constant(exprs, *last)) else { continue };
            let Some(f) = family_of(a.len()) else { continue };
            let (a, b) = self.range(to_address(f, &a), to_address(f, &b));
            set_constant(exprs, *first, octets(a));
            set_constant(exprs, *last, octets(b));
        }
        let mut done: Vec<usize> = ranges.iter().flat_map(|(a, b)| [*a, *b]).collect();
        for (i, tags) in found {
            if done.contains(i) {
                continue;
            }
            done.push(*i);
            let Some(mut bytes) = constant(exprs, *i) else { continue };
            // Without tags: an address, whose family its length tells.
            let tags = match family_of(bytes.len()) {
                Some(f) if tags.is_empty() => whole(Part::Address(f), bytes.len()),
                _ => tags.clone(),
            };
            self.value(&mut bytes, &tags, place);
            set_constant(exprs, *i, bytes);
        }
    }

    fn compare(&mut self, op: CmpOp, data: &mut Vec<u8>, tags: &[Tag], place: &str) {
        let first = tags.first().copied().unwrap_or(Tag::PLAIN);
        match (first.part, op) {
            (Part::Device, CmpOp::Eq | CmpOp::Neq) if first.index == 0 => {
                *data = self.device_compare(data).unwrap_or_default();
            }
            (Part::Address(family), CmpOp::Lt | CmpOp::Lte | CmpOp::Gt | CmpOp::Gte) => {
                let with = to_address(family, data);
                if self.first_pass {
                    self.addresses.pin_order(with);
                }
                let new = octets(self.addresses.host(with));
                data.iter_mut().zip(new).for_each(|(d, n)| *d = n);
            }
            _ => self.value(data, tags, place),
        }
    }

    fn bitwise(&mut self, tags: &[Tag], op: &BitwiseOp, place: &str) -> Vec<Tag> {
        match op {
            BitwiseOp::Bool { mask, xor } if xor.iter().all(|b| *b == 0) => {
                let masks = mask.iter().copied().chain(std::iter::repeat(0));
                tags.iter().zip(masks).map(|(t, m)| Tag { mask: t.mask & m, ..*t }).collect()
            }
            BitwiseOp::And(Operand::Value(mask)) => {
                let masks = mask.iter().copied().chain(std::iter::repeat(0));
                tags.iter().zip(masks).map(|(t, m)| Tag { mask: t.mask & m, ..*t }).collect()
            }
            _ => {
                let out = derived(tags);
                if out.iter().any(|t| t.part == Part::Derived) {
                    self.warn(format!(
                        "{place}: what is computed from an address is not the same for its replacement"
                    ));
                }
                out
            }
        }
    }
}

fn derived(tags: &[Tag]) -> Vec<Tag> {
    let keep = |part| matches!(part, Part::Plain | Part::Nfproto | Part::EtherType);
    tags.iter().map(|t| if keep(t.part) { *t } else { Tag { part: Part::Derived, ..*t } }).collect()
}

fn family_of(len: usize) -> Option<IpFamily> {
    match len {
        4 => Some(IpFamily::V4),
        16 => Some(IpFamily::V6),
        _ => None,
    }
}

fn constant(exprs: &[Expr], i: usize) -> Option<Vec<u8>> {
    match exprs.get(i) {
        Some(Expr::Immediate { data: Data::Value(bytes), .. }) => Some(bytes.0.clone()),
        _ => None,
    }
}

fn set_constant(exprs: &mut [Expr], i: usize, new: Vec<u8>) {
    if let Some(Expr::Immediate { data: Data::Value(bytes), .. }) = exprs.get_mut(i) {
        bytes.0 = new;
    }
}

fn nat(
    registers: &Registers,
    range: &NatRange,
    constants: &mut Vec<(usize, Vec<Tag>)>,
    ranges: &mut Vec<(usize, usize)>,
) {
    let of = |r: Option<Register>| r.and_then(|r| registers.constant(r));
    match (of(range.addr_min), of(range.addr_max)) {
        (Some(a), Some(b)) if a != b => ranges.push((a, b)),
        (Some(a), _) => constants.push((a, Vec::new())),
        _ => {}
    }
}

/// A comparison with the layer 3 protocol tells what the network header is from there on.
fn note_family(registers: &mut Registers, tags: &[Tag], op: CmpOp, data: &[u8]) {
    if op != CmpOp::Eq {
        return;
    }
    let family = match (tags.first().map(|t| t.part), data) {
        (Some(Part::Nfproto), [2, ..]) | (Some(Part::EtherType), [0x08, 0x00]) => Some(IpFamily::V4),
        (Some(Part::Nfproto), [10, ..]) | (Some(Part::EtherType), [0x86, 0xdd]) => Some(IpFamily::V6),
        _ => return,
    };
    registers.family = registers.family.or(family);
}
