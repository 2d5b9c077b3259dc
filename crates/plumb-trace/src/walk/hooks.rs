//! A netfilter hook: rules, tracker and NAT in the kernel's order.

use std::net::IpAddr;

use plumb_model::{IpFamily, LegacyTable, Namespace, Read};
use plumb_nft::{ChainType, Hook};
use smallvec::SmallVec;

use super::mtu::put_together;
use super::order::{self, Unordered};
use super::{At, Walker};
use crate::conntrack::{clashes, confirm, nat, track};
use crate::env::Env;
use crate::event::{Event, NatKind, Stop, Unknown};
use crate::machine::{BaseChain, ChainEnd, Netfilter, Path};
use crate::packet::{Packet, Tracking};
use crate::state::{Rerouted, State};

const HOOKS: [Hook; 5] = [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting];
/// `NF_IP_PRI_CONNTRACK`
const PRIORITY_TRACK: i64 = -200;
/// `NF_IP_PRI_CONNTRACK_DEFRAG`
const PRIORITY_DEFRAG: i64 = -400;
/// `NF_IP_PRI_NAT_DST`
const PRIORITY_DNAT: i64 = -100;
/// `NF_IP_PRI_NAT_SRC`
const PRIORITY_SNAT: i64 = 100;

/// What runs on a hook, in order.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A base chain that is no nat chain.
    Chain(BaseChain),
    /// Fragments are put together for the tracker.
    Defragment,
    /// The tracker's look-up.
    Track,
    /// The nat chains of this hook, and translation.
    Nat(NatKind, Vec<BaseChain>),
    /// A table of iptables-legacy whose entries could not be read to rules: its name, and why.
    Legacy(String, String),
    /// Something that could decide and is not known: rules that could not be read, IPVS, BPF programs.
    Unknown(String),
    /// The tracker's confirmation.
    Confirm,
    /// Chains of which nobody knows the order.
    Unordered(Box<Unordered>),
}

/// The order of things on each hook, for both families.
#[derive(Clone, Debug, Default)]
pub(crate) struct HookPlan {
    steps: [[Vec<Step>; 5]; 2],
    tracked: [bool; 2],
}

fn index(hook: Hook) -> Option<usize> {
    HOOKS.iter().position(|h| *h == hook)
}

impl HookPlan {
    pub(crate) fn compile(n: &Namespace, netfilter: &Netfilter, tracked: [bool; 2]) -> Self {
        let mut plan = Self { tracked, ..Self::default() };
        for (f, family) in [IpFamily::V4, IpFamily::V6].into_iter().enumerate() {
            let path = match family {
                IpFamily::V4 => Path::Ip,
                IpFamily::V6 => Path::Ip6,
            };
            let unread: Vec<_> =
                n.legacy.items().iter().filter(|t| t.family == family && is_unread(t)).collect();
            // The first nat chain of a family registers the tracker's nat hooks, all four of them (`nf_nat_register_fn`).
            let nat_since = HOOKS
                .iter()
                .flat_map(|h| netfilter.base_chains(path, *h))
                .filter(|c| c.kind == ChainType::Nat)
                .map(|c| (c.place.table, c.place.chain))
                .min();
            let nat_used = nat_since.is_some();
            for (h, hook) in HOOKS.into_iter().enumerate() {
                let chains = netfilter.base_chains(path, hook);
                // Of the same priority, what was hooked later runs first (`nf_hook_entries_grow`): the tracker is
                // hooked when the first rule that uses it is made, chains when their transaction ends.
                let mut steps: Vec<(i64, u8, Step)> = Vec::new();
                for c in chains.iter().filter(|c| c.kind != ChainType::Nat) {
                    let priority = i64::from(c.priority);
                    let before_nat = nat_since.is_none_or(|nat| (c.place.table, c.place.chain) > nat);
                    let at_nat = matches!(priority, PRIORITY_DNAT | PRIORITY_SNAT);
                    let order = if at_nat && !before_nat { 3 } else { 0 };
                    steps.push((priority, order, Step::Chain(c.clone())));
                }
                for what in unknown_at(n, hook) {
                    steps.push((i64::MIN, 0, Step::Unknown(what)));
                }
                for t in &unread {
                    if t.valid_hooks & (1 << hook.number()) != 0 {
                        steps.push((legacy_priority(&t.name, hook), 3, unread_step(t)));
                    }
                }
                if tracked[f] && hook == Hook::Prerouting {
                    steps.push((PRIORITY_DEFRAG, 1, Step::Defragment));
                }
                if tracked[f] {
                    match hook {
                        Hook::Prerouting | Hook::Output => steps.push((PRIORITY_TRACK, 1, Step::Track)),
                        Hook::Input | Hook::Postrouting => steps.push((i64::MAX, 4, Step::Confirm)),
                        _ => {}
                    }
                }
                if nat_used && hook != Hook::Forward {
                    let nat: Vec<_> = chains.iter().filter(|c| c.kind == ChainType::Nat).cloned().collect();
                    let (priority, kind) = match hook {
                        Hook::Prerouting | Hook::Output => (PRIORITY_DNAT, NatKind::Destination),
                        _ => (PRIORITY_SNAT, NatKind::Source),
                    };
                    if tracked[f] || !nat.is_empty() {
                        steps.push((priority, 2, Step::Nat(kind, nat)));
                    }
                }
                steps.sort_by_key(|(priority, order, _)| (*priority, *order));
                plan.steps[f][h] = order::group(n, steps);
            }
        }
        plan
    }
}

/// What stands at a hook and is not known: nothing that could not be read counts as empty.
fn unknown_at(n: &Namespace, hook: Hook) -> Vec<String> {
    let mut out = Vec::new();
    if let Read::Denied { capability } = &n.nft {
        out.push(format!("rules of nftables that could not be read ({capability} is missing)"));
    }
    if let Read::Denied { capability } = &n.legacy {
        out.push(format!("rules of iptables-legacy that could not be read ({capability} is missing)"));
    }
    let decides = |engine: &&String| match hook {
        Hook::Input | Hook::Output if engine.starts_with("IPVS") => true,
        Hook::Prerouting | Hook::Output => engine.contains("BPF program"),
        _ => false,
    };
    out.extend(n.other_engines.iter().filter(decides).cloned());
    out
}

/// Whether a table of iptables-legacy may decide something, and its rules are not known: they could not be read, or
/// were taken out of the snapshot.
fn is_unread(t: &LegacyTable) -> bool {
    t.table.is_none() && !t.only_accepts
}

fn unread_step(t: &LegacyTable) -> Step {
    let why = t.problem.as_deref().unwrap_or("the snapshot does not hold its rules");
    Step::Legacy(t.name.clone(), why.to_owned())
}

/// Priorities of iptables-legacy's tables (include/uapi/linux/netfilter_ipv4.h).
fn legacy_priority(table: &str, hook: Hook) -> i64 {
    match (table, hook) {
        ("raw", _) => -300,
        ("mangle", _) => -150,
        ("nat", Hook::Prerouting | Hook::Output) => PRIORITY_DNAT,
        ("nat", _) => PRIORITY_SNAT,
        ("security", _) => 50,
        _ => 0,
    }
}

/// Branches that go on after a hook.
pub(crate) type Passed = SmallVec<[State; 1]>;

impl Walker<'_, '_> {
    /// Runs a hook. Branches that end there go to `ends`.
    pub(crate) fn hook(
        &self,
        at: At,
        hook: Hook,
        oif: Option<u32>,
        next_hop: Option<IpAddr>,
        physout: Option<u32>,
        s: State,
        ends: &mut Vec<(State, Stop)>,
    ) -> Passed {
        let f = crate::network::family_index(s.packet.family);
        let ns = &self.net.ns[at.ns];
        let steps = index(hook).map_or(&[][..], |h| &ns.hooks.steps[f][h]);
        if steps.is_empty() {
            return smallvec::smallvec![s];
        }
        let env = Env {
            ns: at.ns,
            namespace: self.net.namespace(at.ns),
            family: s.packet.family,
            hook,
            iif: at.iif,
            oif,
            next_hop,
            physin: at.physin,
            physout,
            lookups: self.net,
            record: self.record,
            unknowns: &self.unknowns,
        };
        let mut states: Passed = smallvec::smallvec![s];
        for step in steps {
            let mut next = Passed::new();
            for state in states {
                let env = match &state.rerouted {
                    Rerouted::To(way) if hook == Hook::Output => Env { next_hop: Some(way.next_hop), ..env },
                    _ => env,
                };
                self.step(at, &env, &ns.netfilter, step, state, ns.hooks.tracked[f], &mut next, ends);
            }
            merge(&mut next);
            states = next;
            if states.is_empty() {
                break;
            }
        }
        states
    }

    #[allow(clippy::too_many_arguments, reason = "one step of one hook needs all of it")]
    pub(super) fn step(
        &self,
        at: At,
        env: &Env,
        netfilter: &Netfilter,
        step: &Step,
        mut s: State,
        tracked: bool,
        next: &mut Passed,
        ends: &mut Vec<(State, Stop)>,
    ) {
        match step {
            Step::Chain(chain) => {
                let before = routing_key(&s.packet);
                let reroutes = chain.kind == ChainType::Route && env.hook == Hook::Output;
                for (state, end) in netfilter.run(env, chain, s) {
                    match end {
                        ChainEnd::Accept if reroutes && before != routing_key(&state.packet) => {
                            self.route_again(at, env.oif, state, next, ends);
                        }
                        ChainEnd::Accept => next.push(state),
                        ChainEnd::Stop(stop) => ends.push((state, stop)),
                    }
                }
            }
            Step::Defragment => {
                let left_alone = s.packet.tracking == Tracking::Untracked;
                if s.packet.sizing.fragment.is_some() && at.physin.is_some() && !left_alone {
                    let what = "fragments that br_netfilter puts together on a bridge".to_owned();
                    return ends.push((s, Stop::Unmodelled { ns: env.ns, what }));
                }
                if left_alone || put_together(&mut s.packet) {
                    next.push(s);
                } else {
                    ends.push((s, Stop::FragmentWaits { ns: env.ns }));
                }
            }
            Step::Track => match track(self.net, env.ns, &mut s, self.record) {
                Ok(()) => next.push(s),
                Err(stop) => ends.push((s, stop)),
            },
            Step::Confirm => {
                if clashes(self.net, env.ns, &s) {
                    let what = "a connection with the addresses of one in another zone, which the tracker does not insert";
                    return ends.push((s, Stop::Unmodelled { ns: env.ns, what: what.to_owned() }));
                }
                confirm(&mut s);
                next.push(s);
            }
            Step::Legacy(table, why) => {
                let family = env.family.nft_name();
                let what = format!("table {table} of iptables-legacy ({family}): {why}");
                self.assume(&mut s, Unknown { ns: env.ns, rule: None, device: None, what });
                next.push(s);
            }
            Step::Unknown(what) => {
                self.assume(&mut s, Unknown { ns: env.ns, rule: None, device: None, what: what.clone() });
                next.push(s);
            }
            Step::Unordered(steps) => {
                self.unordered(at, env, netfilter, steps, s, tracked, next, ends);
            }
            Step::Nat(kind, chains) => self.nat(at, env, netfilter, *kind, chains, s, tracked, next, ends),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one step of one hook needs all of it")]
    fn nat(
        &self,
        at: At,
        env: &Env,
        netfilter: &Netfilter,
        kind: NatKind,
        chains: &[BaseChain],
        mut s: State,
        tracked: bool,
        next: &mut Passed,
        ends: &mut Vec<(State, Stop)>,
    ) {
        if !matches!(s.packet.tracking, Tracking::Entry { .. }) {
            if !chains.is_empty() {
                self.note(&mut s, || Event::NatPassedOver { ns: env.ns, hook: env.hook, inactive: !tracked });
            }
            next.push(s);
            return;
        }
        let mut open: Passed = smallvec::smallvec![s];
        let mut done = Passed::new();
        let settled = |s: &State| is_error_of_connection(s) || nat::is_initialized(s, kind);
        for chain in chains {
            let mut after = Passed::new();
            for state in open {
                if settled(&state) {
                    done.push(state);
                    continue;
                }
                for (state, end) in netfilter.run(env, chain, state) {
                    match end {
                        ChainEnd::Accept => after.push(state),
                        ChainEnd::Stop(stop) => ends.push((state, stop)),
                    }
                }
            }
            open = after;
        }
        done.extend(open);
        for mut state in done {
            if !settled(&state)
                && let Err(stop) = nat::null_binding(env, &mut state, kind)
            {
                ends.push((state, stop));
                continue;
            }
            nat::apply(env.ns, &mut state, kind, self.record);
            if env.hook == Hook::Output && nat::redirects(&state) {
                self.route_again(at, env.oif, state, next, ends);
            } else {
                next.push(state);
            }
        }
    }
}

fn is_error_of_connection(s: &State) -> bool {
    matches!(s.packet.tracking, Tracking::Entry { info, .. } if info.state == crate::packet::CtState::Related)
        && s.packet.is_icmp_error()
}

/// Adds up branches that go on alike.
pub(crate) fn merge(states: &mut Passed) {
    let mut i = 0;
    while i < states.len() {
        let mut j = i + 1;
        while j < states.len() {
            if states[i].same(&states[j]) {
                let other = states.remove(j);
                states[i].share = states[i].share + other.share;
            } else {
                j += 1;
            }
        }
        i += 1;
    }
}

/// What makes a chain of type route look up the route again (`nf_route_table_hook4`, `nf_route_table_hook6`).
fn routing_key(p: &Packet) -> (IpAddr, IpAddr, u32, u8, u8) {
    let hop_limit = if p.family == IpFamily::V6 { p.ttl } else { 0 };
    (p.dst, p.src, p.mark, p.tos, hop_limit)
}
