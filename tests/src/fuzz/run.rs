//! Running a case: load, read back, send, walk, compare.

use std::time::{Duration, Instant};

use plumb_model::{Read, Snapshot};
use plumb_nft::Ruleset;
use plumb_trace::Network as Walked;
use plumb_trace::state::World;

use super::case::{Case, Place, Transport};
use super::drive::{Accepted, Client, LEGACY, counts, rise};
use super::network::Network;
use super::observe::{COUNTED, Counts, Observation, differences};
use super::predict::{Prediction, predict};
use crate::error::Result;

/// A case that takes less has none of the kernel's timers in it.
const TIMERS: Duration = Duration::from_millis(700);
/// What `connlimit` counted and is gone is taken off its list once a tick (`nf_conncount_add`): two ticks where they are
/// longest.
const JIFFIES: Duration = Duration::from_millis(20);
/// How often a case that took longer is run again at most.
const MOST_TRIES: usize = 6;

/// How a case came out.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Walk and kernel agree on this many packets.
    Agrees(usize),
    /// nft, iptables or ipset does not take it: this is what it says.
    Refused(String),
    /// The walk named something that it does not know; packets before that agree.
    Unknown(String),
    /// They disagree.
    Disagrees(Box<Disagreement>),
}

/// Where walk and kernel part.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// Index of the flow in the case.
    pub flow: usize,
    /// Which of its packets.
    pub packet: usize,
    /// What the kernel did.
    pub kernel: Observation,
    /// What the nearest of the walk's branches says.
    pub walk: Option<Observation>,
    /// What is different, for the nearest of the walk's branches.
    pub differences: Vec<String>,
    /// The walk's own words about that branch.
    pub story: String,
}

/// How rulesets are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// By the tools: nft, iptables, ipset.
    Tools,
    /// By the tools, and what nftables holds then read back, flushed, and loaded again by Plumb's encoder; both readings must be the same.
    Encoded,
}

impl Load {
    /// How the rules of a seed are loaded.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        if seed.is_multiple_of(4) { Self::Encoded } else { Self::Tools }
    }
}

impl Network {
    /// Runs a case on a network without rules, and leaves it without.
    pub fn run(&mut self, case: &Case, load: Load) -> Result<Outcome> {
        let places = case.places();
        let (mut clients, mut accepted) = (Vec::new(), Accepted::new());
        let mut snapshot = std::mem::replace(&mut self.base, nothing());
        let outcome = self.run_loaded(case, load, &mut snapshot, &mut clients, &mut accepted);
        for place in &places {
            snapshot.namespaces[self.at[place.index()]].nft = Read::Got(Ruleset::default());
        }
        self.base = snapshot;
        self.clear(&places)?;
        for (place, x) in &case.xtables {
            self.clear_legacy(*place, x)?;
        }
        for place in places.iter().filter(|_| !case.xtables.is_empty()) {
            let legacy = self.legacy(*place)?;
            let namespace = &mut self.base.namespaces[self.at[place.index()]];
            namespace.legacy = Read::Got(legacy);
            namespace.ipsets = Read::Got(Vec::new());
        }
        drop((clients, accepted));
        self.drain();
        outcome
    }

    /// Runs it again, with time for everything that the kernel does later to be done: what differs now is no accident.
    /// A run that took so long that the kernel's timers came into it (a SYN-ACK is sent again after a second) proves
    /// nothing on a busy machine, and is made again.
    pub fn run_slowly(&mut self, case: &Case, load: Load) -> Result<Outcome> {
        let tcp = case.flows.iter().any(|f| f.transport == Transport::Tcp);
        let mut tries = 0;
        loop {
            // Half-open connections of the same ports go after a second.
            std::thread::sleep(Duration::from_millis(if tcp { 1200 } else { 100 }));
            self.drain();
            let began = Instant::now();
            let outcome = self.run(case, load)?;
            tries += 1;
            if !matches!(outcome, Outcome::Disagrees(_)) || began.elapsed() < TIMERS {
                return Ok(outcome);
            }
            if tries == MOST_TRIES {
                return Ok(Outcome::Unknown(
                    "what the kernel's timers did while the machine was busy".to_owned(),
                ));
            }
        }
    }

    fn run_loaded(
        &mut self,
        case: &Case,
        load: Load,
        snapshot: &mut Snapshot,
        clients: &mut Vec<Client>,
        accepted: &mut Accepted,
    ) -> Result<Outcome> {
        if let Err(said) = self.load(case)? {
            return Ok(Outcome::Refused(said));
        }
        for place in case.places() {
            let mut read = self.ruleset(place)?;
            if load == Load::Encoded {
                self.load_encoded(place, &read)?;
                let again = self.ruleset(place)?;
                if let Some(difference) = unlike(&read, &again) {
                    return Ok(Outcome::Disagrees(Box::new(encoder_disagrees(difference))));
                }
                read = again;
            }
            let others = match case.xtables.iter().any(|(p, _)| *p == place) {
                true => Some((self.legacy(place)?, self.ipsets(place)?)),
                false => None,
            };
            let namespace = &mut snapshot.namespaces[self.at[place.index()]];
            namespace.nft = Read::Got(read);
            if let Some((legacy, ipsets)) = others {
                (namespace.legacy, namespace.ipsets) = (Read::Got(legacy), Read::Got(ipsets));
            }
        }
        let net = Walked::compile(snapshot);
        let mut worlds = vec![World::default()];
        // Something unknown that an earlier packet met: what counts may stand elsewhere since.
        let mut met: Option<String> = None;
        let zones = case.sets_zones();
        let mut packets = 0;
        let places = case.places();
        let mut before = self.counters(&places)?;
        for (index, flow) in case.flows.iter().enumerate() {
            let client = Client::open(self, flow)?;
            for packet in 0..flow.packets.max(1) {
                let predictions: Vec<_> =
                    worlds.iter().flat_map(|w| predict(&net, self.at, flow, w, zones)).collect();
                let (seen, arrival) = client.send(self, flow, accepted)?;
                let after = self.counters(&places)?;
                let kernel = Observation { seen, arrival, counts: rise(&before, &after) };
                before = after;
                let mut nearest: Option<(Vec<String>, &Prediction)> = None;
                let mut next: Vec<World> = Vec::new();
                for p in &predictions {
                    let found = differences(&p.observation, &kernel, p.leeway);
                    if found.is_empty() {
                        met = met.or_else(|| p.unknown.clone().or_else(|| p.passing.clone()));
                        if !next.contains(&p.world) {
                            next.push(p.world.clone());
                        }
                    } else if nearest.as_ref().is_none_or(|(n, _)| found.len() < n.len()) {
                        nearest = Some((found, p));
                    }
                }
                if next.is_empty() {
                    clients.push(client);
                    if let Some(what) = predictions.iter().find_map(|p| p.unknown.clone()) {
                        return Ok(Outcome::Unknown(what));
                    }
                    let counting = worlds.iter().any(|w| w.meters != Default::default());
                    if let Some(what) = met.filter(|_| counting) {
                        return Ok(Outcome::Unknown(format!("what counted behind {what}")));
                    }
                    if predictions.iter().any(|p| p.leeway.port_drawn) {
                        return Ok(Outcome::Unknown("the port that a source translation draws".to_owned()));
                    }
                    let only_counts = |d: &[String]| d.iter().all(|d| d.starts_with(COUNTED));
                    if nearest.as_ref().is_some_and(|(d, _)| only_counts(d))
                        && let Some(what) = predictions.iter().find_map(|p| p.passing.clone())
                    {
                        return Ok(Outcome::Unknown(format!("a counter behind {what}")));
                    }
                    let walk = nearest.as_ref().map(|(_, p)| p.observation.clone());
                    let (differences, story) = nearest.map_or_else(
                        || (vec!["the walk has no end at all".into()], String::new()),
                        |(d, p)| (d, p.story.clone()),
                    );
                    let d = Disagreement { flow: index, packet, kernel, walk, differences, story };
                    return Ok(Outcome::Disagrees(Box::new(d)));
                }
                next.truncate(16);
                worlds = next;
                packets += 1;
                if case.counts_connections() {
                    std::thread::sleep(JIFFIES);
                }
            }
            clients.push(client);
        }
        Ok(Outcome::Agrees(packets))
    }

    /// Loads all of a case; what the tool that refused says.
    fn load(&mut self, case: &Case) -> Result<std::result::Result<(), String>> {
        for (place, ruleset) in &case.rulesets {
            if let Err(said) = self.load_text(*place, &ruleset.to_string())? {
                return Ok(Err(said));
            }
        }
        for place in case.places() {
            let sets = case.ipsets(place);
            let filled = std::mem::replace(&mut self.filled[place.index()], !sets.is_empty());
            if (filled || !sets.is_empty())
                && let Err(said) = self.load_ipsets(place, &sets)?
            {
                return Ok(Err(said));
            }
        }
        // Of equal priority, what comes later runs first: iptables-legacy.
        for legacy in [false, true] {
            for (place, x) in case.xtables.iter().filter(|(_, x)| x.legacy == legacy) {
                if let Err(said) = self.load_xtables(*place, x)? {
                    return Ok(Err(said));
                }
            }
        }
        Ok(Ok(()))
    }

    fn counters(&mut self, places: &[Place]) -> Result<Counts> {
        let mut all = Counts::new();
        for place in places {
            let ruleset = self.ruleset(*place)?;
            all.append(&mut counts(*place, &ruleset.tables, ""));
            let legacy: Vec<_> = self.legacy(*place)?.into_iter().filter_map(|t| t.table).collect();
            all.append(&mut counts(*place, &legacy, LEGACY));
        }
        Ok(all)
    }
}

fn nothing() -> Snapshot {
    Snapshot {
        version: Snapshot::VERSION,
        taken_at: 0,
        host: plumb_model::Host::default(),
        namespaces: Vec::new(),
        gaps: Vec::new(),
        redacted: false,
    }
}

fn encoder_disagrees(difference: String) -> Disagreement {
    use super::observe::Seen;
    Disagreement {
        flow: 0,
        packet: 0,
        kernel: Observation { seen: Seen::Nothing, arrival: None, counts: Counts::new() },
        walk: None,
        differences: vec![format!("encoded and read back, the ruleset is another: {difference}")],
        story: String::new(),
    }
}

/// What is different in two readings of what should be the same ruleset, handles and the generation aside.
fn unlike(a: &Ruleset, b: &Ruleset) -> Option<String> {
    let plain = |r: &Ruleset| {
        let mut r = r.clone();
        r.generation = 0;
        for t in &mut r.tables {
            t.handle = 0;
            t.sets.iter_mut().for_each(|s| {
                s.handle = 0;
                // Hashes are dumped in an order that differs from one set to the next.
                s.elements.sort_by(|a, b| (&a.key, a.flags).cmp(&(&b.key, b.flags)));
            });
            for c in &mut t.chains {
                c.handle = 0;
                c.rules.iter_mut().for_each(|r| r.handle = 0);
            }
        }
        r
    };
    let (a, b) = (plain(a), plain(b));
    if a == b {
        return None;
    }
    let at = a.tables.iter().zip(&b.tables).find(|(x, y)| x != y);
    Some(at.map_or_else(
        || format!("{} tables and {}", a.tables.len(), b.tables.len()),
        |(x, y)| {
            let set = x.sets.iter().zip(&y.sets).find(|(s, t)| s != t);
            let rule = x.chains.iter().zip(&y.chains).find(|(c, d)| c != d);
            match (set, rule) {
                (Some((s, t)), _) => format!("{s:?} and {t:?}"),
                (None, Some((c, d))) => {
                    let rule = c.rules.iter().zip(&d.rules).find(|(r, q)| r != q);
                    rule.map_or_else(|| format!("{c:?} and {d:?}"), |(r, q)| format!("{r:?} and {q:?}"))
                }
                _ => format!("table {}", x.name),
            }
        },
    ))
}
