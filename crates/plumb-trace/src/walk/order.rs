//! Chains of nftables and of iptables-legacy on one hook with one priority. The one that was hooked later runs first
//! (`nf_hook_entries_grow`): iptables-legacy hooks a table when it is first used, nftables a chain when its transaction ends.
//! Only a dump of the hooks (`NFNL_SUBSYS_HOOK`, Linux 5.14) would tell which that was, and few kernels offer it; so both orders
//! are run, and where they differ that is named.

use plumb_model::Namespace;
use plumb_nft::ChainType;

use super::At;
use super::Walker;
use super::hooks::{Passed, Step, merge};
use crate::env::Env;
use crate::event::{Stop, Unknown};
use crate::machine::{BaseChain, Netfilter};
use crate::share::Share;
use crate::state::State;

/// Steps whose order is not known.
#[derive(Clone, Debug)]
pub(super) struct Unordered {
    /// As if iptables-legacy had come later.
    legacy_first: Vec<Step>,
    /// The other way round.
    nft_first: Vec<Step>,
    /// Names of the tables.
    what: String,
}

/// Puts steps together that stand at one priority and are of both engines.
pub(super) fn group(n: &Namespace, steps: Vec<(i64, u8, Step)>) -> Vec<Step> {
    let mut out: Vec<Step> = Vec::with_capacity(steps.len());
    let mut rest = steps.into_iter().peekable();
    while let Some((priority, _, step)) = rest.next() {
        match step {
            Step::Chain(first) => {
                let mut chains = vec![first];
                while let Some((_, _, Step::Chain(next))) =
                    rest.next_if(|(p, _, s)| *p == priority && matches!(s, Step::Chain(_)))
                {
                    chains.push(next);
                }
                match split(n, &chains) {
                    Some((legacy, nft)) => {
                        let steps = |a: &[BaseChain], b: &[BaseChain]| {
                            a.iter().chain(b).cloned().map(Step::Chain).collect::<Vec<_>>()
                        };
                        out.push(Step::Unordered(Box::new(Unordered {
                            legacy_first: steps(&legacy, &nft),
                            nft_first: steps(&nft, &legacy),
                            what: told(n, &legacy, &nft),
                        })));
                    }
                    None => out.extend(chains.into_iter().map(Step::Chain)),
                }
            }
            Step::Nat(kind, chains) => match split(n, &chains) {
                Some((legacy, nft)) => {
                    let step = |a: &[BaseChain], b: &[BaseChain]| {
                        vec![Step::Nat(kind, a.iter().chain(b).cloned().collect())]
                    };
                    out.push(Step::Unordered(Box::new(Unordered {
                        legacy_first: step(&legacy, &nft),
                        nft_first: step(&nft, &legacy),
                        what: told(n, &legacy, &nft),
                    })));
                }
                None => out.push(Step::Nat(kind, chains)),
            },
            other => out.push(other),
        }
    }
    out
}

/// Chains of both engines with one priority; `None` where there are not both.
fn split(n: &Namespace, chains: &[BaseChain]) -> Option<(Vec<BaseChain>, Vec<BaseChain>)> {
    let (legacy, nft): (Vec<_>, Vec<_>) =
        chains.iter().cloned().partition(|c| n.is_legacy_table(c.place.table));
    // nat chains of other priorities than the tracker's are in order among themselves.
    let one_priority =
        |c: &BaseChain| c.kind != ChainType::Nat || nft.iter().any(|o| o.priority == c.priority);
    (!legacy.is_empty() && !nft.is_empty() && legacy.iter().any(one_priority)).then_some((legacy, nft))
}

fn told(n: &Namespace, legacy: &[BaseChain], nft: &[BaseChain]) -> String {
    let name = |c: &BaseChain| n.rule_table(c.place.table).map_or_else(String::new, |t| t.name.clone());
    let names = |chains: &[BaseChain]| chains.iter().map(name).collect::<Vec<_>>().join(", ");
    let priority = nft.first().map_or(0, |c| c.priority);
    format!(
        "which comes first at priority {priority}: table {} of iptables-legacy or table {} of nftables",
        names(legacy),
        names(nft)
    )
}

type Ends = Vec<(State, Stop)>;

impl Walker<'_, '_> {
    /// Runs both orders. Where they end alike nothing is said of it; else the one goes on that lets more pass.
    #[allow(clippy::too_many_arguments, reason = "one step of one hook needs all of it")]
    pub(super) fn unordered(
        &self,
        at: At,
        env: &Env,
        netfilter: &Netfilter,
        steps: &Unordered,
        s: State,
        tracked: bool,
        next: &mut Passed,
        ends: &mut Ends,
    ) {
        let run = |steps: &[Step], s: State| {
            let (mut states, mut stopped): (Passed, Ends) = (smallvec::smallvec![s], Vec::new());
            for step in steps {
                let mut after = Passed::new();
                for state in states {
                    self.step(at, env, netfilter, step, state, tracked, &mut after, &mut stopped);
                }
                merge(&mut after);
                states = after;
            }
            (states, stopped)
        };
        let assumed = run(&steps.legacy_first, s.clone());
        let other = run(&steps.nft_first, s);
        if alike(&assumed, &other) {
            next.extend(assumed.0);
            ends.extend(assumed.1);
            return;
        }
        let mass = |p: &Passed| p.iter().map(|s| s.share).sum::<Share>();
        let (mut passed, mut stopped) = if mass(&other.0) > mass(&assumed.0) { other } else { assumed };
        let what = &steps.what;
        for state in passed.iter_mut().chain(stopped.iter_mut().map(|(s, _)| s)) {
            self.assume(state, Unknown { ns: env.ns, rule: None, device: None, what: what.clone() });
        }
        next.extend(passed);
        ends.extend(stopped);
    }
}

/// Whether the same mass passes in the same states and ends in the same way, whichever rule dropped it.
fn alike(a: &(Passed, Ends), b: &(Passed, Ends)) -> bool {
    let passed = |list: &Passed, like: &State| -> Share {
        list.iter().filter(|s| s.same(like)).map(|s| s.share).sum()
    };
    let ended = |list: &Ends, like: &Stop| -> Share {
        let same = |stop: &Stop| match (stop, like) {
            (Stop::Dropped { queue: None, .. }, Stop::Dropped { queue: None, .. }) => true,
            (a, b) => a == b,
        };
        list.iter().filter(|(_, stop)| same(stop)).map(|(s, _)| s.share).sum()
    };
    a.0.iter().chain(&b.0).all(|s| passed(&a.0, s) == passed(&b.0, s))
        && a.1.iter().chain(&b.1).all(|(_, stop)| ended(&a.1, stop) == ended(&b.1, stop))
}
