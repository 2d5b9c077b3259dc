//! From the snapshot's ruleset to the compiled form.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use plumb_model::Namespace;
use plumb_nft::{BitwiseOp, ChainRef, CmpOp, Data, Expr, Family, Hook, Register, Table, Verdict};

use super::ops::{Chain, Device, Op, Rule, Verd};
use super::question::add_questions;
use super::queue::To;
use super::sets::{Item, ItemData, Set};
use super::{BaseChain, Netfilter, Path};
use crate::event::SetRef;
use crate::state::{ChainPlace, NsIndex};

/// Base chains by path and hook.
#[derive(Clone, Debug, Default)]
pub(super) struct Hooks {
    /// `ip`, `ip6`, `arp`, `bridge`, by hook number.
    paths: [[Vec<BaseChain>; 8]; 4],
    devices: HashMap<(u32, u32), Vec<BaseChain>, FixedState>,
}

impl Hooks {
    pub(super) fn get(&self, path: Path, hook: Hook) -> &[BaseChain] {
        let number = hook.number();
        let list = match path {
            Path::Netdev(device) => self.devices.get(&(device, number)),
            path => slot(path).and_then(|p| self.paths.get(p)).and_then(|p| p.get(number as usize)),
        };
        list.map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, path: Path, hook: Hook, chain: &BaseChain) {
        let number = hook.number();
        let list = match path {
            Path::Netdev(device) => Some(self.devices.entry((device, number)).or_default()),
            path => slot(path).and_then(|p| self.paths.get_mut(p)).and_then(|p| p.get_mut(number as usize)),
        };
        let Some(list) = list else { return };
        // nf_hook_entries_grow: before the first that does not have a smaller priority.
        let at = list.iter().position(|c| chain.priority <= c.priority).unwrap_or(list.len());
        list.insert(at, chain.clone());
    }
}

fn slot(path: Path) -> Option<usize> {
    match path {
        Path::Ip => Some(0),
        Path::Ip6 => Some(1),
        Path::Arp => Some(2),
        Path::Bridge => Some(3),
        Path::Netdev(_) => None,
    }
}

/// Offset in the register file; out of it for a register that does not exist, which no load or store reaches.
pub(super) fn at(register: Register) -> u8 {
    register.word().map_or(u8::MAX, |w| (w * 4).min(255) as u8)
}

/// The name, cut and filled to `IFNAMSIZ`.
fn name16(name: &str) -> [u8; 16] {
    let mut out = [0; 16];
    for (to, from) in out.iter_mut().take(15).zip(name.bytes()) {
        *to = from;
    }
    out
}

impl Netfilter {
    /// Compiles the tables of a namespace. `ns` is its index in the snapshot.
    #[must_use]
    pub fn compile(ns: NsIndex, namespace: &Namespace) -> Self {
        let nft_tables = (0..u32::MAX).find(|t| namespace.is_legacy_table(*t)).unwrap_or(0);
        let mut out = Self { ns, nft_tables, ..Self::default() };
        out.devices = namespace
            .links
            .items()
            .iter()
            .map(|l| Device {
                index: l.index,
                name: name16(&l.name),
                hardware: l.hardware_type,
                group: l.group,
                kind: name16(&l.kind),
                loopback: l.is_loopback(),
                master: l.master,
            })
            .collect();
        out.devices.sort_by_key(|d| d.index);
        out.ipsets = super::xt::IpSetIndex::compile(namespace);
        for (number, table) in namespace.rule_tables().enumerate() {
            out.users.add(table);
            out.asks.add(table);
            out.table(number as u32, table);
        }
        out.hashlimits.add(&out.ops);
        out.asks.add_matches(&out.ops);
        out.rank();
        out.hook_all(namespace);
        out
    }

    fn table(&mut self, number: u32, table: &Table) {
        let first_chain = self.chains.len() as u32;
        let chains: HashMap<&str, u32, FixedState> =
            table.chains.iter().zip(first_chain..).map(|(c, i)| (c.name.as_str(), i)).collect();
        let first_set = self.sets.len() as u32;
        let sets: HashMap<&str, u32, FixedState> =
            table.sets.iter().zip(first_set..).map(|(s, i)| (s.name.as_str(), i)).collect();
        let mut scope = Scope { family: table.family, chains, sets };
        for (i, set) in table.sets.iter().enumerate() {
            let place = SetRef { ns: self.ns, table: number, set: i as u32 };
            let compiled = Set::compile(place, set, |index, element| Item {
                element: index,
                data: element.data.as_ref().map(|d| match d {
                    Data::Value(v) => {
                        let mut v = v.to_vec();
                        v.resize(set.data_len.unwrap_or(0).min(64) as usize, 0);
                        ItemData::Value(v.into())
                    }
                    Data::Verdict(v) => ItemData::Verdict(scope.verdict(v)),
                }),
                object: element
                    .object
                    .as_deref()
                    .and_then(|name| table.object(set.object_type?, name))
                    .map(|o| Box::new((o.name.as_str().into(), o.data.clone()))),
                exprs: element.exprs.iter().filter(|e| !is_passive(e)).cloned().collect(),
            });
            self.sets.push(compiled);
        }
        for (i, chain) in table.chains.iter().enumerate() {
            let start = self.rules.len() as u32;
            for rule in &chain.rules {
                let first = self.ops.len() as u32;
                for expr in &rule.exprs {
                    let op = scope.op(expr, table);
                    self.ops.push(op);
                }
                let effect = rule.exprs.iter().any(is_statement);
                let asked = self.questions.len() as u32;
                add_questions(self.ops.get(first as usize..).unwrap_or(&[]), &mut self.questions);
                let questions = (asked, self.questions.len() as u32);
                self.rules.push(Rule { start: first, end: self.ops.len() as u32, questions, effect });
            }
            self.chains.push(Chain {
                place: ChainPlace { ns: self.ns, table: number, chain: i as u32 },
                start,
                end: self.rules.len() as u32,
                rank: 0,
                name: format!("{} {} {}", table.family.word().unwrap_or("?"), table.name, chain.name),
            });
        }
    }

    /// Orders chains so that each comes before those that it calls: depth first, last one finished first.
    fn rank(&mut self) {
        let count = self.chains.len();
        let calls: Vec<Vec<u32>> = self.chains.iter().map(|c| self.calls(c)).collect();
        let mut seen = vec![false; count];
        let mut rank = count as u32;
        for root in 0..count {
            let mut stack = vec![(root as u32, 0_usize)];
            if std::mem::replace(&mut seen[root], true) {
                continue;
            }
            while let Some((chain, next)) = stack.last_mut() {
                let to = calls.get(*chain as usize).and_then(|c| c.get(*next)).copied();
                *next += 1;
                match to {
                    Some(to) => {
                        if let Some(s) = seen.get_mut(to as usize)
                            && !std::mem::replace(s, true)
                        {
                            stack.push((to, 0));
                        }
                    }
                    None => {
                        rank -= 1;
                        if let Some(c) = self.chains.get_mut(*chain as usize) {
                            c.rank = rank;
                        }
                        stack.pop();
                    }
                }
            }
        }
    }

    fn calls(&self, chain: &Chain) -> Vec<u32> {
        let mut out = Vec::new();
        let mut verdict = |v: &Verd| {
            if let Verd::Jump(c) | Verd::Goto(c) = v {
                out.push(*c);
            }
        };
        let rules = self.rules.get(chain.start as usize..chain.end as usize).unwrap_or(&[]);
        for op in rules.iter().flat_map(|r| self.ops.get(r.start as usize..r.end as usize).unwrap_or(&[])) {
            match op {
                Op::Verdict(v) => verdict(v),
                Op::Lookup { set, dreg: Some(_), .. } => {
                    for item in self.sets.get(*set as usize).map_or(&[][..], |s| &s.items) {
                        if let Some(ItemData::Verdict(v)) = &item.data {
                            verdict(v);
                        }
                    }
                }
                _ => {}
            }
        }
        out
    }

    fn hook_all(&mut self, namespace: &Namespace) {
        let mut chain_number = 0_u32;
        for table in namespace.rule_tables() {
            // Chains are dumped in the order in which they were made; so they were hooked.
            for chain in &table.chains {
                let index = chain_number;
                chain_number += 1;
                let (Some(base), Some(compiled)) = (&chain.base, self.chains.get(index as usize)) else {
                    continue;
                };
                if table.is_dormant() {
                    continue;
                }
                let built = BaseChain {
                    place: compiled.place,
                    family: table.family,
                    kind: base.kind,
                    priority: base.priority,
                    policy_accept: base.policy != Verdict::Drop,
                    chain: index,
                };
                let on_device = matches!(base.hook, Hook::Ingress | Hook::Egress);
                match table.family {
                    Family::Netdev | Family::Inet if table.family == Family::Netdev || on_device => {
                        for link in namespace.links.items() {
                            if base.devices.iter().any(|d| device_matches(d, &link.name)) {
                                self.hooks.add(Path::Netdev(link.index), base.hook, &built);
                            }
                        }
                    }
                    Family::Ip => self.hooks.add(Path::Ip, base.hook, &built),
                    Family::Ip6 => self.hooks.add(Path::Ip6, base.hook, &built),
                    Family::Inet => {
                        self.hooks.add(Path::Ip, base.hook, &built);
                        self.hooks.add(Path::Ip6, base.hook, &built);
                    }
                    Family::Arp => self.hooks.add(Path::Arp, base.hook, &built),
                    Family::Bridge => self.hooks.add(Path::Bridge, base.hook, &built),
                    _ => {}
                }
            }
        }
    }
}

/// A device by name, or by the beginning of its name with `*`.
fn device_matches(wanted: &str, name: &str) -> bool {
    wanted.strip_suffix('*').map_or(wanted == name, |prefix| name.starts_with(prefix))
}

/// Expressions of elements that have no bearing on the packet.
fn is_passive(expr: &Expr) -> bool {
    matches!(expr, Expr::Counter { .. } | Expr::Last { .. })
}

/// Expressions that do something, rather than ask.
fn is_statement(expr: &Expr) -> bool {
    !matches!(
        expr,
        Expr::Cmp { .. }
            | Expr::Range { .. }
            | Expr::Lookup { .. }
            | Expr::Payload { .. }
            | Expr::Meta { .. }
            | Expr::Ct { .. }
            | Expr::Bitwise { .. }
            | Expr::Byteorder { .. }
            | Expr::Immediate { data: Data::Value(_), .. }
            | Expr::Match { .. }
            | Expr::Fib { .. }
            | Expr::Rt { .. }
            | Expr::Socket { .. }
            | Expr::Exthdr { .. }
            | Expr::Osf { .. }
            | Expr::Xfrm { .. }
            | Expr::Numgen { .. }
            | Expr::Jhash { .. }
            | Expr::Symhash { .. }
            | Expr::Limit(_)
            | Expr::Quota { .. }
            | Expr::Connlimit { .. }
    )
}

/// Names of a table.
struct Scope<'a> {
    family: Family,
    chains: HashMap<&'a str, u32, FixedState>,
    sets: HashMap<&'a str, u32, FixedState>,
}

impl Scope<'_> {
    fn verdict(&self, v: &Verdict) -> Verd {
        let chain = |r: &ChainRef| match r {
            ChainRef::Name(name) => self.chains.get(name.as_str()).copied(),
            ChainRef::Id(_) => None,
        };
        match v {
            Verdict::Accept => Verd::Accept,
            Verdict::Drop => Verd::Drop,
            Verdict::Queue(code) => Verd::Queue(To::of_verdict(*code)),
            Verdict::Continue => Verd::Continue,
            Verdict::Break => Verd::Break,
            Verdict::Return => Verd::Return,
            Verdict::Jump(r) => chain(r).map_or(Verd::Broken, Verd::Jump),
            Verdict::Goto(r) => chain(r).map_or(Verd::Broken, Verd::Goto),
            _ => Verd::Broken,
        }
    }

    fn op(&mut self, expr: &Expr, table: &Table) -> Op {
        match expr {
            Expr::Counter { .. } => Op::Counter,
            Expr::Last { .. } | Expr::Log { .. } | Expr::FlowOffload { .. } => Op::Nop,
            Expr::Immediate { data: Data::Verdict(v), .. } => Op::Verdict(self.verdict(v)),
            Expr::Immediate { dreg, data: Data::Value(v) } => {
                Op::Immediate { dreg: at(*dreg), data: v.0.clone().into() }
            }
            Expr::Cmp { sreg, op, data } => compare(at(*sreg), *op, data),
            Expr::Range { sreg, op, from, to } => Op::Range {
                sreg: at(*sreg),
                neq: *op == CmpOp::Neq,
                from: from.0.clone().into(),
                to: to.0.clone().into(),
            },
            Expr::Lookup { set, sreg, dreg, inverted, .. } => match self.sets.get(set.as_str()) {
                Some(index) => {
                    Op::Lookup { set: *index, sreg: at(*sreg), dreg: dreg.map(at), inverted: *inverted }
                }
                None => Op::Unknown(format!("set {set}, which the snapshot does not hold").into()),
            },
            Expr::Payload { dreg, base, offset, len } if *len <= 80 => {
                Op::Payload { dreg: at(*dreg), base: *base, offset: *offset, len: *len as u8 }
            }
            Expr::Meta { key, dreg } => Op::Meta { key: *key, dreg: at(*dreg) },
            Expr::Ct { key, dreg, direction } => Op::Ct { key: *key, dreg: at(*dreg), direction: *direction },
            Expr::Bitwise { sreg, dreg, len: 4, op: BitwiseOp::Bool { mask, xor } } => {
                match (<[u8; 4]>::try_from(&**mask), <[u8; 4]>::try_from(&**xor)) {
                    (Ok(m), Ok(x)) => Op::Mask4 {
                        sreg: at(*sreg),
                        dreg: at(*dreg),
                        mask: u32::from_le_bytes(m),
                        xor: u32::from_le_bytes(x),
                    },
                    _ => Op::Rare(Box::new(expr.clone())),
                }
            }
            Expr::Match { name, revision, info } => {
                Op::Match(Box::new(super::xt::XtMatch::decode(self.family, name, *revision, info)))
            }
            Expr::Target { name, revision, info } => {
                Op::Target(Box::new(super::xt::XtTarget::decode(self.family, name, *revision, info)))
            }
            Expr::Unknown { name, .. } => Op::Unknown(format!("expression \"{name}\"").into()),
            Expr::Dynset { set, .. } => match self.sets.get(set.as_str()) {
                Some(index) => Op::Dynset { set: *index, expr: Box::new(expr.clone()) },
                None => Op::Unknown(format!("set {set}, which the snapshot does not hold").into()),
            },
            Expr::ObjrefMap { set, sreg, .. } => match self.sets.get(set.as_str()) {
                Some(index) => Op::ObjectMap { set: *index, sreg: at(*sreg) },
                None => Op::Unknown(format!("set {set}, which the snapshot does not hold").into()),
            },
            Expr::Objref { kind, name } => match table.object(*kind, name) {
                Some(object) => Op::Object(Box::new((name.as_str().into(), object.data.clone()))),
                None => Op::Unknown(format!("object {name}, which the snapshot does not hold").into()),
            },
            other => Op::Rare(Box::new(other.clone())),
        }
    }
}

fn compare(sreg: u8, op: CmpOp, data: &[u8]) -> Op {
    let fast = matches!(op, CmpOp::Eq | CmpOp::Neq) && (1..=4).contains(&data.len());
    if !fast {
        return Op::Cmp { sreg, op, data: data.into() };
    }
    let (mut value, mut mask) = ([0; 4], [0; 4]);
    for ((v, m), b) in value.iter_mut().zip(mask.iter_mut()).zip(data) {
        (*v, *m) = (*b, 0xff);
    }
    Op::Cmp4 { sreg, neq: op == CmpOp::Neq, mask: u32::from_le_bytes(mask), value: u32::from_le_bytes(value) }
}
