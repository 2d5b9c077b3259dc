//! The walks: how each pair ends, in short.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use plumb_trace::event::Stop;
use plumb_trace::session::{Attempt, AttemptBranch, Outcome, attempt};
use plumb_trace::{Network, Walker};

use super::frontends;
use super::pairs::Asked;
use crate::check::policies::Expected;
use crate::diagnose::{Failure, FailureKey, failure_key, failure_key_among, is_open};
use crate::finding::Packet;

/// How a pair ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    /// Share that connects.
    pub(crate) success: f64,
    /// What tells this failure from others: who stopped which packet; `None` where it connects at once.
    pub(crate) key: Option<String>,
    /// Which packet that is.
    pub(crate) packet: Option<Packet>,
    /// A rule stopped the request.
    pub(crate) barred: bool,
    /// Something unknown let it through, or it is not known whether it should connect.
    pub(crate) open: bool,
    /// It connects, and a policy forbids it; some of it, where it leads to several endpoints.
    pub(crate) leaks: bool,
    /// The address that the server sees, where the request arrived from another than the client's own.
    pub(crate) seen_as: Option<IpAddr>,
    /// The address that the request bore where it ended, however it did, where that is another than the client's own.
    pub(crate) bears: Option<IpAddr>,
    /// A rule of netfilter ends all that fails.
    pub(crate) by_rule: bool,
}

impl Answer {
    /// It cannot be told.
    pub(crate) fn is_unknown(&self) -> bool {
        self.open || self.outcome == Outcome::Unknown
    }

    /// It fails, or connects late, and that is known.
    pub(crate) fn needs_cause(&self) -> bool {
        self.key.is_some() && !self.is_unknown()
    }
}

/// Walks so many at a time before it tells how far it is.
const BATCH: usize = 64;

/// The answers, in the order of what was asked; on as many threads as there are processors.
pub(crate) fn answers(net: &Network, asked: &Asked, progress: &(dyn Fn(usize, usize) + Sync)) -> Vec<Answer> {
    let asks: Vec<usize> = (0..asked.asks.len()).collect();
    some(net, asked, &asks, progress)
}

/// The answers to some of what was asked, by index.
pub(crate) fn some(
    net: &Network,
    asked: &Asked,
    which: &[usize],
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Vec<Answer> {
    let threads =
        thread::available_parallelism().map_or(1, usize::from).min(which.len().div_ceil(BATCH)).max(1);
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        let mut own = Vec::new();
        loop {
            let batch = next.fetch_add(1, Ordering::Relaxed);
            let Some(here) = which.chunks(BATCH).nth(batch) else { break own };
            let answers: Vec<Answer> = here.iter().map(|&i| answer(net, asked, i)).collect();
            let so_far = done.fetch_add(here.len(), Ordering::Relaxed) + here.len();
            progress(so_far, which.len());
            own.push((batch, answers));
        }
    };
    let mut batches = thread::scope(|scope| {
        let others: Vec<_> =
            (1..threads).filter_map(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let mut all = work();
        for other in others {
            match other.join() {
                Ok(more) => all.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    batches.sort_by_key(|(batch, _)| *batch);
    batches.into_iter().flat_map(|(_, answers)| answers).collect()
}

fn answer(net: &Network, asked: &Asked, i: usize) -> Answer {
    let led = asked.asks[i].led.is_some_and(|led| !led.served);
    let walker = Walker::new(net, led);
    let flow = asked.flow(&asked.asks[i]);
    let a = attempt(&walker, &flow);
    let Held { mut key, open, leaks } = held(net, &a, asked.expected(i));
    // A cure may be that nothing leads it elsewhere any more: then nobody has a reason to ask for it.
    if led && !frontends::is_led(net, &a) {
        key = None;
    }
    if asked.plain && key.is_some() {
        let told = || attempt(&Walker::new(net, true), &flow);
        let home = frontends::leads_home(net, flow.origin.ns(), &if led { a.clone() } else { told() });
        key = key.filter(|_| !home);
    }
    let own = || {
        let source = a.branches.iter().find_map(|b| b.packets.first()?.world.source)?;
        let seen = server_sees(&a)?;
        (seen != source).then_some(seen)
    };
    let packet = key.as_ref().map(|k| k.packet);
    let barred = key.as_ref().is_some_and(|k| k.barred);
    Answer {
        outcome: a.outcome,
        success: a.success.as_f64(),
        key: key.map(|k| k.key),
        packet,
        barred,
        open,
        leaks,
        seen_as: if a.outcome == Outcome::Connects { own() } else { None },
        bears: bears(&a),
        by_rule: by_rule(&a),
    }
}

/// The source address of the request where it ended, where nothing else than translation can have made it so.
fn bears(a: &Attempt) -> Option<IpAddr> {
    a.branches.iter().find_map(|b| {
        let own = b.packets.first()?.world.source?;
        let last = b.packets.last()?.request.state.packet.src;
        (last != own).then_some(last)
    })
}

fn by_rule(a: &Attempt) -> bool {
    let mut failing = a.branches.iter().filter(|b| b.outcome != Outcome::Connects).peekable();
    let stops = |b: &AttemptBranch| {
        Failure::of_branch(b).is_some_and(|f| matches!(f.stop, Stop::Dropped { .. } | Stop::Rejected { .. }))
    };
    failing.peek().is_some() && failing.all(stops)
}

/// An attempt held against what should come of it.
struct Held {
    key: Option<FailureKey>,
    open: bool,
    leaks: bool,
}

fn held(net: &Network, a: &Attempt, expected: &Expected) -> Held {
    let open = is_open(a);
    let connects = |b: &AttemptBranch| b.outcome == Outcome::Connects;
    match expected {
        Expected::Connects => Held { key: failure_key(net, a), open, leaks: false },
        Expected::Forbidden(_) => Held { key: None, open, leaks: !open && a.branches.iter().any(connects) },
        Expected::Undefined => Held { key: None, open, leaks: false },
        // What connects is as it should be, or not enforced: the policy is told as not known in any case.
        Expected::Unknown(_) => {
            Held { key: None, open: open || !a.branches.iter().all(connects), leaks: false }
        }
        Expected::Each(each) => {
            // What is led nowhere should have been led to an endpoint.
            let of = |b: &AttemptBranch| {
                let packet = &b.packets.last()?.request.state.packet;
                each.get(&(packet.dst, packet.dport))
            };
            let should = |b: &AttemptBranch| matches!(of(b), None | Some(Expected::Connects));
            let key = failure_key_among(net, a, should);
            let may = |b: &AttemptBranch| matches!(of(b), Some(Expected::Unknown(_)));
            let doubtful = key.is_none() && a.branches.iter().any(|b| may(b) && !connects(b));
            let forbidden = |b: &AttemptBranch| matches!(of(b), Some(Expected::Forbidden(_)));
            let leaks = !open && a.branches.iter().any(|b| forbidden(b) && connects(b));
            Held { key, open: open || doubtful, leaks }
        }
    }
}

/// The source address of the request where it reached the server.
fn server_sees(a: &Attempt) -> Option<IpAddr> {
    let b = a.branches.iter().find(|b| b.outcome == Outcome::Connects)?;
    Some(b.packets.last()?.request.state.packet.src)
}
