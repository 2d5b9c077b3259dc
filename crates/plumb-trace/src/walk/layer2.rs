//! Rules below IP: the families netdev, bridge and arp.

use plumb_nft::{ChainType, Hook};

use super::Walker;
use super::carry::Arrivals;
use super::hooks::{Passed, merge};
use crate::env::Env;
use crate::event::{Stop, Unknown};
use crate::machine::{ChainEnd, Path};
use crate::state::{NsIndex, State};

/// Devices that a frame came in by and leaves by, as its rules see them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) iif: Option<u32>,
    pub(super) oif: Option<u32>,
}

impl Walker<'_, '_> {
    /// Runs the chains of a path; branches that end there go to `out`.
    pub(super) fn layer2(
        &self,
        ns: NsIndex,
        path: Path,
        hook: Hook,
        ends: Ends,
        mut s: State,
        out: &mut Arrivals,
    ) -> Passed {
        let legacy = match (path, hook) {
            (Path::Bridge, Hook::Prerouting) => Some("ebtables"),
            (Path::Arp, Hook::Input) => Some("arptables"),
            _ => None,
        };
        let engines = self.net.namespace(ns).other_engines.iter();
        for engine in engines.filter(|e| legacy.is_some_and(|l| e.starts_with(l))) {
            self.assume(&mut s, Unknown { ns, rule: None, device: ends.iif, what: engine.clone() });
        }
        let netfilter = &self.net.ns[ns].netfilter;
        let chains = netfilter.base_chains(path, hook);
        let mut states: Passed = smallvec::smallvec![s];
        if chains.is_empty() {
            return states;
        }
        for chain in chains.iter().filter(|c| c.kind == ChainType::Filter) {
            let mut next = Passed::new();
            for state in states {
                let env = Env {
                    ns,
                    namespace: self.net.namespace(ns),
                    family: state.packet.family,
                    hook,
                    iif: ends.iif,
                    oif: ends.oif,
                    next_hop: None,
                    physin: None,
                    physout: None,
                    lookups: self.net,
                    record: self.record,
                    unknowns: &self.unknowns,
                };
                for (state, end) in netfilter.run(&env, chain, state) {
                    match end {
                        ChainEnd::Accept => next.push(state),
                        ChainEnd::Stop(stop) => out.push((state, Err(stop))),
                    }
                }
            }
            merge(&mut next);
            states = next;
        }
        states
    }

    /// The arp family's chains for a message of this machine; of several branches the first stands for all.
    pub(super) fn arp_hook(&self, ns: NsIndex, hook: Hook, ends: Ends, s: State) -> Result<State, Stop> {
        let mut out = Arrivals::new();
        let passed = self.layer2(ns, Path::Arp, hook, ends, s, &mut out);
        match (passed.into_iter().next(), out.into_iter().next()) {
            (Some(s), _) => Ok(s),
            (None, Some((_, Err(stop)))) => Err(stop),
            (None, _) => Err(Stop::Unmodelled { ns, what: "an arp hook without a verdict".to_owned() }),
        }
    }
}
