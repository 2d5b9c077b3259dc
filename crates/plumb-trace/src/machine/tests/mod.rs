//! Rulesets built from types, run on one packet.

#![allow(clippy::unwrap_used)]

mod bench;
mod connlimit;
mod counting;
mod draws;
mod flow;
mod ipset;
mod modelled;
mod questions;
mod sets;
mod sockets;
mod unknowns;
mod users;
mod values;
mod xtables;

use std::cell::RefCell;
use std::net::IpAddr;

use plumb_model::{IpFamily, Namespace, NamespaceId, Protocol, Read, Tuple};
use plumb_nft::*;

use super::{ChainEnd, Netfilter, Path};
use crate::env::{AddrType, Env, FibQuery, Lookups};
use crate::event::{Event, Stop, Unknown};
use crate::packet::Packet;
use crate::share::Share;
use crate::state::{History, NsIndex, State, World};

pub(super) struct NoLookups;

impl Lookups for NoLookups {
    fn addr_type(&self, _: NsIndex, addr: IpAddr, _: Option<u32>) -> AddrType {
        if addr == IpAddr::from([10, 0, 0, 2]) { AddrType::Local } else { AddrType::Unicast }
    }
    fn fib_device(&self, _: NsIndex, query: &FibQuery) -> Option<u32> {
        query.oif.or(Some(2))
    }
    fn connected(&self, _: NsIndex, _: &Tuple, _: Option<u32>) -> Option<Option<usize>> {
        Some(None)
    }
    fn listeners(&self, _: NsIndex, _: &Tuple, _: Option<u32>) -> Option<smallvec::SmallVec<[usize; 2]>> {
        Some(smallvec::SmallVec::new())
    }
    fn clock(&self) -> Option<crate::env::Clock> {
        Some(crate::env::Clock { seconds: 1_700_000_000, minutes_west: Some(0) })
    }
    fn tuple_holder(&self, _: NsIndex, _: u16, _: &Tuple) -> Option<u32> {
        None
    }
    fn masquerade_source(&self, _: NsIndex, _: u32, _: IpAddr, _: Option<IpAddr>) -> Option<IpAddr> {
        None
    }
    fn redirect_target(&self, _: NsIndex, _: IpFamily, _: u32) -> Option<IpAddr> {
        None
    }
}

/// TCP SYN from 10.0.0.1:40000 to 10.0.0.2:80.
pub(super) fn syn() -> Packet {
    Packet {
        family: IpFamily::V4,
        src: [10, 0, 0, 1].into(),
        dst: [10, 0, 0, 2].into(),
        protocol: Protocol::TCP,
        sport: 40000,
        dport: 80,
        icmp: None,
        tcp_flags: 2,
        tcp_options: None,
        ttl: 64,
        tos: 0,
        len: 60,
        inner: None,
        arp: None,
        nd_target: None,
        eth_src: None,
        eth_dst: None,
        packet_type: crate::packet::PacketType::Host,
        mark: 0,
        priority: 0,
        tracking: crate::packet::Tracking::None,
        zone: None,
        owner: None,
        socket: None,
        sizing: crate::packet::Sizing::default(),
    }
}

pub(super) fn rule(exprs: Vec<Expr>) -> Rule {
    Rule { handle: 0, exprs, userdata: Bytes::default(), compat: None }
}

pub(super) fn chain(name: &str, rules: Vec<Vec<Expr>>) -> Chain {
    let rules = rules.into_iter().map(rule).collect();
    Chain { name: name.into(), handle: 0, base: None, flags: 0, userdata: Bytes::default(), rules }
}

pub(super) fn base(name: &str, policy: Verdict, rules: Vec<Vec<Expr>>) -> Chain {
    let base = BaseChain {
        kind: ChainType::Filter,
        hook: Hook::Input,
        priority: 0,
        policy,
        devices: Vec::new(),
        counters: None,
    };
    Chain { base: Some(base), ..chain(name, rules) }
}

pub(super) fn table(chains: Vec<Chain>, sets: Vec<Set>) -> Table {
    Table {
        family: Family::Ip,
        name: "t".into(),
        handle: 1,
        flags: 0,
        userdata: Bytes::default(),
        chains,
        sets,
        objects: Vec::new(),
        flowtables: Vec::new(),
        unknown_attributes: Vec::new(),
    }
}

pub(super) fn set(name: &str, flags: u32, key_len: u32, elements: Vec<Element>) -> Set {
    Set {
        name: name.into(),
        handle: 0,
        flags,
        key_type: 0,
        key_len,
        data_type: None,
        data_len: None,
        object_type: None,
        policy: None,
        size: None,
        field_lens: Vec::new(),
        timeout_ms: None,
        gc_interval_ms: None,
        userdata: Bytes::default(),
        exprs: Vec::new(),
        elements,
    }
}

pub(super) fn element(key: &[u8]) -> Element {
    Element { key: key.into(), ..Element::default() }
}

pub(super) fn end(key: &[u8]) -> Element {
    Element { flags: Element::INTERVAL_END, ..element(key) }
}

pub(super) fn to(key: &[u8], verdict: Verdict) -> Element {
    Element { data: Some(Data::Verdict(verdict)), ..element(key) }
}

pub(super) fn value(key: &[u8], data: &[u8]) -> Element {
    Element { data: Some(Data::Value(data.into())), ..element(key) }
}

pub(super) const R1: Register = Register(1);
pub(super) const R2: Register = Register(2);

pub(super) fn verdict(v: Verdict) -> Expr {
    Expr::Immediate { dreg: Register::VERDICT, data: Data::Verdict(v) }
}

pub(super) fn jump(chain: &str) -> Expr {
    verdict(Verdict::Jump(ChainRef::Name(chain.into())))
}

pub(super) fn goto(chain: &str) -> Expr {
    verdict(Verdict::Goto(ChainRef::Name(chain.into())))
}

pub(super) fn imm(dreg: Register, data: &[u8]) -> Expr {
    Expr::Immediate { dreg, data: Data::Value(data.into()) }
}

pub(super) fn cmp(op: CmpOp, data: &[u8]) -> Expr {
    Expr::Cmp { sreg: R1, op, data: data.into() }
}

pub(super) fn payload(dreg: Register, base: PayloadBase, offset: u32, len: u32) -> Expr {
    Expr::Payload { dreg, base, offset, len }
}

pub(super) fn daddr(dreg: Register) -> Expr {
    payload(dreg, PayloadBase::Network, 16, 4)
}

pub(super) fn dport(dreg: Register) -> Expr {
    payload(dreg, PayloadBase::Transport, 2, 2)
}

pub(super) fn lookup(set: &str, dreg: Option<Register>) -> Expr {
    Expr::Lookup { set: set.into(), set_id: None, sreg: R1, dreg, inverted: false }
}

pub(super) fn mark(value: u32) -> Vec<Expr> {
    vec![imm(R1, &value.to_le_bytes()), Expr::MetaSet { key: MetaKey::Mark, sreg: R1 }]
}

pub(super) fn random(modulus: u32) -> Expr {
    Expr::Numgen { dreg: R1, modulus, random: true, offset: 0 }
}

/// Ends of a packet that meets a table's base chain.
pub(super) struct Outcome {
    pub(super) ends: Vec<(State, ChainEnd)>,
    pub(super) unknowns: Vec<Unknown>,
}

impl Outcome {
    pub(super) fn accepted(&self) -> Share {
        self.ends.iter().filter(|(_, e)| *e == ChainEnd::Accept).map(|(s, _)| s.share).sum()
    }

    pub(super) fn accepts(&self) -> bool {
        self.accepted().is_one()
    }

    pub(super) fn dropped(&self) -> Share {
        let drops = self.ends.iter().filter(|(_, e)| matches!(e, ChainEnd::Stop(Stop::Dropped { .. })));
        drops.map(|(s, _)| s.share).sum()
    }

    pub(super) fn rules(&self) -> Vec<(u32, u32)> {
        let events = self.ends[0].0.history.events();
        events
            .iter()
            .filter_map(|e| if let Event::Rule { rule } = e { Some((rule.chain, rule.rule)) } else { None })
            .collect()
    }

    /// Share of each mark.
    pub(super) fn marks(&self) -> Vec<(u32, Share)> {
        let mut out: Vec<(u32, Share)> = self.ends.iter().map(|(s, _)| (s.packet.mark, s.share)).collect();
        out.sort_unstable();
        out
    }
}

pub(super) fn namespace(tables: Vec<Table>) -> Namespace {
    let mut ns = Namespace::empty(NamespaceId(1), "test");
    ns.nft = Read::Got(Ruleset { generation: 1, tables });
    ns.links = Read::Got(vec![
        plumb_model::Link { index: 1, name: "lo".into(), flags: 8, hardware_type: 772, ..Default::default() },
        plumb_model::Link { index: 2, name: "eth0".into(), hardware_type: 1, ..Default::default() },
    ]);
    ns
}

pub(super) fn run_state(tables: Vec<Table>, state: State) -> Outcome {
    run_in(&namespace(tables), state)
}

pub(super) fn run_in(ns: &Namespace, state: State) -> Outcome {
    run_with(ns, &NoLookups, state)
}

pub(super) fn run_with(ns: &Namespace, lookups: &dyn Lookups, state: State) -> Outcome {
    let nf = Netfilter::compile(0, ns);
    let unknowns = RefCell::default();
    let env = Env {
        ns: 0,
        namespace: ns,
        family: state.packet.family,
        hook: Hook::Input,
        iif: Some(2),
        oif: None,
        next_hop: None,
        physin: None,
        physout: None,
        lookups,
        record: true,
        unknowns: &unknowns,
    };
    let chain = nf.base_chains(Path::of(state.packet.family), Hook::Input).first().unwrap().clone();
    let ends: Vec<_> = nf.run(&env, &chain, state).into_vec();
    let total: Share = ends.iter().map(|(s, _)| s.share).sum();
    assert_eq!(total, Share::ONE, "no mass is lost");
    Outcome { ends, unknowns: unknowns.into_inner() }
}

pub(super) fn state(packet: Packet) -> State {
    State {
        share: Share::ONE,
        packet,
        world: World::default(),
        history: History::default(),
        rerouted: Default::default(),
    }
}

pub(super) fn run(chains: Vec<Chain>, sets: Vec<Set>) -> Outcome {
    run_state(vec![table(chains, sets)], state(syn()))
}
