//! An attempt: the packet, its retransmissions, and the outcome that the client sees.

use plumb_model::{Protocol, SocketState};
use smallvec::{SmallVec, smallvec};

use super::exchange::{Exchange, Reaction};
use super::{Errno, Flow, Origin, Transport};
use crate::network::Settings;
use crate::share::Share;
use crate::state::World;
use crate::walk::Walker;

/// What the client sees of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It cannot be told.
    Unknown,
    /// Attempts end differently.
    Intermittent,
    /// ECONNREFUSED.
    Refused,
    /// No route, or a host that does not answer.
    Unreachable,
    /// ECONNRESET, after the handshake.
    Reset,
    /// Any other errno.
    LocalError,
    /// Nothing within the waiting time.
    TimesOut,
    /// The reply is there.
    Connects,
}

impl Outcome {
    /// As reports spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Intermittent => "intermittent",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Reset => "reset",
            Self::LocalError => "local_error",
            Self::TimesOut => "times_out",
            Self::Connects => "connects",
        }
    }

    /// What an errno amounts to.
    #[must_use]
    pub fn of(errno: Errno) -> Self {
        match errno {
            Errno::Econnrefused => Self::Refused,
            Errno::Ehostunreach | Errno::Enetunreach | Errno::Ehostdown | Errno::Enonet => Self::Unreachable,
            Errno::Etimedout => Self::TimesOut,
            Errno::Econnreset => Self::Reset,
            _ => Self::LocalError,
        }
    }
}

/// Where a failing attempt fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Before `connect` returned.
    Connect,
    /// After.
    Data,
}

impl Stage {
    /// As reports spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Data => "data",
        }
    }
}

/// A way that an attempt can go.
#[derive(Clone, Debug)]
pub struct AttemptBranch {
    /// Share of the attempts.
    pub share: Share,
    /// How it ends for the client.
    pub outcome: Outcome,
    /// The error that the client gets.
    pub errno: Option<Errno>,
    /// Where it fails.
    pub stage: Option<Stage>,
    /// Seconds until it ended.
    pub seconds: f64,
    /// The packets that got no answer before, oldest first, then the last one.
    pub packets: Vec<Exchange>,
    /// The packets of a payload after the handshake: those that were lost, those that got through.
    pub payload: Vec<Exchange>,
    /// Seconds that retransmissions of the payload took.
    pub payload_seconds: f64,
    /// The failure is bad luck with a draw that is made for each packet: another retransmission might have got through.
    pub exhausted: bool,
}

impl AttemptBranch {
    /// The last packet that was sent, with what came back for it.
    #[must_use]
    pub fn last(&self) -> Option<&Exchange> {
        self.payload.last().or(self.packets.last())
    }

    /// Whether retransmissions made it late, by a second or more.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.packets.len() > 1 || self.payload_seconds >= 1.0
    }
}

/// An attempt in all its branches.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The branches; their shares add up to one.
    pub branches: Vec<AttemptBranch>,
    /// What the client sees, taken together.
    pub outcome: Outcome,
    /// Where failing branches fail; `None` where they differ or none fails.
    pub stage: Option<Stage>,
    /// The error of the failing branches; `None` where they differ or none fails.
    pub errno: Option<Errno>,
    /// Share that connects.
    pub success: Share,
    /// Port that the client sent from.
    pub source_port: u16,
}

/// Patience of a TCP client, for the handshake and then for its payload, seconds.
pub(super) const TCP_PATIENCE: f64 = 10.0;
/// Patience for a UDP or ICMP answer, seconds.
const DATAGRAM_PATIENCE: f64 = 2.0;
/// How long a neighbour is asked for before that is an error, seconds (3 probes, 1 s apart).
const NEIGHBOUR_PATIENCE: f64 = 3.0;

/// Walks a flow's attempts from the state the snapshot holds.
#[must_use]
pub fn attempt(walker: &Walker, flow: &Flow) -> Attempt {
    if flow.connections > 1 {
        return super::attempts::attempts(walker, flow);
    }
    match port(walker, flow, 0) {
        Ok(sport) => summarize(tries(walker, flow, sport, World::default(), Share::ONE), sport),
        Err((range, used)) => summarize(vec![without_port(flow, range, used)], 0),
    }
}

/// The port of the client's attempt with this number; an error where a TCP client gets none.
pub(super) fn port(walker: &Walker, flow: &Flow, number: usize) -> Result<u16, (String, usize)> {
    let inside = matches!(flow.origin, Origin::Process { .. });
    match flow.source_port.map_or_else(|| free_port(walker, flow, number), Ok) {
        Err(none) if inside && flow.transport == Transport::Tcp => Err(none),
        port => Ok(port.unwrap_or(0)),
    }
}

/// An attempt in a world as earlier ones left it: the packet, and its retransmissions.
pub(super) fn tries(
    walker: &Walker,
    flow: &Flow,
    sport: u16,
    start: World,
    share: Share,
) -> Vec<AttemptBranch> {
    let times = match flow.transport {
        Transport::Tcp => syn_times(&walker.net.ns[flow.origin.ns()].settings),
        _ => smallvec![0.0],
    };
    let patience = if flow.transport == Transport::Tcp { TCP_PATIENCE } else { DATAGRAM_PATIENCE };
    let begun = start.meters.clock;
    let mut branches = Vec::new();
    let mut open: Vec<(Share, World, Vec<Exchange>)> = vec![(share, start, Vec::new())];
    for (i, at) in times.iter().enumerate() {
        let last = i + 1 == times.len();
        let mut next: Vec<(Share, World, Vec<Exchange>)> = Vec::new();
        for (share, mut world, packets) in open {
            if i > 0 {
                world.meters.clock = begun + milliseconds(*at);
            }
            let results = walker.exchange(flow, sport, &world, share);
            let could_pass = results.iter().any(|e| e.reaction == Reaction::Reply);
            for e in results {
                let mut packets = packets.clone();
                let (share, reaction, after) = (e.share, e.reaction, e.world.clone());
                // What counts changes with time alone.
                let same_again = after == world && !could_pass && after.meters.is_empty();
                packets.push(e);
                if reaction == Reaction::Silence && !last && !same_again {
                    match next.iter_mut().find(|(_, w, _)| *w == after) {
                        // The history of the larger part stands for both.
                        Some(n) => n.0 = n.0 + share,
                        None => next.push((share, after, packets)),
                    }
                    continue;
                }
                branches.push(ended(flow, share, reaction, *at, patience, packets, could_pass));
            }
        }
        open = next;
        if open.is_empty() {
            break;
        }
    }
    match flow.bytes {
        Some(bytes) if flow.transport == Transport::Tcp => {
            branches.into_iter().flat_map(|b| super::payload::carried(walker, flow, bytes, b)).collect()
        }
        _ => branches,
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of one attempt")]
pub(super) fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}

fn ended(
    flow: &Flow,
    share: Share,
    reaction: Reaction,
    at: f64,
    patience: f64,
    packets: Vec<Exchange>,
    could_pass: bool,
) -> AttemptBranch {
    let slow = |p: &Exchange| matches!(p.request.stop, crate::event::Stop::NeighbourFailed { .. });
    let waited = at + if packets.last().is_some_and(slow) { NEIGHBOUR_PATIENCE } else { 0.0 };
    let left = packets.last().is_some_and(|p| left_the_sender(flow, p));
    let failing_stage = match flow.transport {
        Transport::Tcp => Stage::Connect,
        _ if left => Stage::Data,
        _ => Stage::Connect,
    };
    let (outcome, errno) = match reaction {
        Reaction::Reply => (Outcome::Connects, None),
        Reaction::Error(e) if waited <= patience => (Outcome::of(e), Some(e)),
        Reaction::Unknown => (Outcome::Unknown, None),
        Reaction::Error(_) | Reaction::Silence => (Outcome::TimesOut, Some(Errno::Etimedout)),
    };
    let stage = (outcome != Outcome::Connects).then_some(failing_stage);
    let seconds = if outcome == Outcome::TimesOut { patience } else { waited };
    let exhausted = outcome == Outcome::TimesOut && could_pass;
    AttemptBranch {
        share,
        outcome,
        errno,
        stage,
        seconds,
        packets,
        payload: Vec::new(),
        payload_seconds: 0.0,
        exhausted,
    }
}

/// Whether the datagram got out of the sender's kernel.
fn left_the_sender(flow: &Flow, e: &Exchange) -> bool {
    use crate::event::Stop;
    match (&flow.origin, &e.request.stop) {
        (Origin::Outside { .. }, _) => true,
        (_, Stop::NoRoute { local: true, .. } | Stop::RouteDiscards { local: true, .. })
        | (_, Stop::PolicyRule { local: true, .. } | Stop::NoSource { .. }) => false,
        _ => !matches!(e.reaction, Reaction::Error(Errno::Eperm)),
    }
}

/// Draws that are made for each packet: up to this share of failing attempts is no fault of the flow.
const LUCK: (u128, u128) = (1, 100);

pub(super) fn summarize(branches: Vec<AttemptBranch>, source_port: u16) -> Attempt {
    let sum =
        |f: &dyn Fn(&AttemptBranch) -> bool| branches.iter().filter(|b| f(b)).map(|b| b.share).sum::<Share>();
    let success = sum(&|b| b.outcome == Outcome::Connects);
    let failing: Vec<&AttemptBranch> = branches.iter().filter(|b| b.outcome != Outcome::Connects).collect();
    let unlucky = sum(&|b| b.outcome != Outcome::Connects && b.exhausted);
    let only_luck = failing.iter().all(|b| b.exhausted) && unlucky <= Share::new(LUCK.0, LUCK.1);
    let same = |pick: &dyn Fn(&AttemptBranch) -> Option<u32>| {
        let mut values = failing.iter().map(|b| pick(b));
        let first = values.next().flatten();
        values.all(|v| v == first).then_some(first).flatten()
    };
    let outcome = if failing.iter().any(|b| b.outcome == Outcome::Unknown) {
        Outcome::Unknown
    } else if failing.is_empty() || (only_luck && !success.is_zero()) {
        Outcome::Connects
    } else if success.is_zero() && failing.iter().all(|b| b.outcome == failing[0].outcome) {
        failing[0].outcome
    } else {
        Outcome::Intermittent
    };
    let connects = outcome == Outcome::Connects;
    let errno = same(&|b| b.errno.map(|e| e as u32))
        .and_then(|_| failing.first().and_then(|b| b.errno))
        .filter(|_| !connects);
    let stage = same(&|b| b.stage.map(|s| s as u32))
        .and_then(|_| failing.first().and_then(|b| b.stage))
        .filter(|_| !connects);
    let success = match outcome {
        Outcome::Connects => Share::ONE,
        Outcome::Intermittent => success,
        _ => Share::ZERO,
    };
    Attempt { outcome, stage, errno, success, branches, source_port }
}

/// When SYNs are sent within the client's patience (`tcp_syn_linear_timeouts`, kernel 6.5; doubling after that).
fn syn_times(s: &Settings) -> SmallVec<[f64; 16]> {
    let (mut at, mut rto, mut timeouts) = (0.0, 1.0, 0);
    let mut times = smallvec![0.0];
    for _ in 0..s.syn_retries.clamp(0, 127) {
        at += rto;
        timeouts += 1;
        if at >= TCP_PATIENCE {
            break;
        }
        times.push(at);
        if timeouts > s.syn_linear_timeouts {
            rto *= 2.0;
        }
    }
    times
}

/// The port that a client gets (`__inet_hash_connect`, `udp_lib_get_port`): one of the namespace's range that no socket
/// is bound to and, for TCP, that no connection from the same address to the same destination has.
fn free_port(walker: &Walker, flow: &Flow, number: usize) -> Result<u16, (String, usize)> {
    let n = walker.net.namespace(flow.origin.ns());
    let range = n.sysctls.text("net.ipv4.ip_local_port_range").unwrap_or("32768\t60999");
    let mut bounds = range.split_whitespace().filter_map(|w| w.parse::<u16>().ok());
    let (first, last) = (bounds.next().unwrap_or(32768), bounds.next().unwrap_or(60999));
    let tcp = flow.transport == Transport::Tcp;
    let protocol = if tcp { Protocol::TCP } else { Protocol::UDP };
    let source = walker.source_of(flow);
    let taken: std::collections::BTreeSet<u16> = n
        .sockets
        .items()
        .iter()
        .filter(|s| s.protocol == protocol && (first..=last).contains(&s.sport))
        .filter(|s| {
            let same_flow = s.dst == flow.dst && s.dport == flow.port && source.is_none_or(|a| a == s.src);
            !tcp || s.state == SocketState::Listen || same_flow
        })
        .map(|s| s.sport)
        .collect();
    // `inet_is_local_reserved_port`
    let reserved = reserved_ports(n.sysctls.text("net.ipv4.ip_local_reserved_ports").unwrap_or_default());
    let is_reserved = |port: u16| reserved.iter().any(|ports| ports.contains(&port));
    // Somewhere in the middle, so that nothing hangs on the edges of the range.
    let start = first.saturating_add((last.saturating_sub(first)) / 2);
    (start..=last)
        .chain(first..start)
        .filter(|p| !taken.contains(p) && !is_reserved(*p))
        .nth(number)
        .ok_or_else(|| (format!("{first} {last}"), taken.len()))
}

/// Ports that the kernel gives to nobody who does not ask for them: `8080,30000-32767`.
fn reserved_ports(text: &str) -> Vec<std::ops::RangeInclusive<u16>> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
    };
    text.split(',').filter_map(range).collect()
}

/// An attempt for which there is no port.
pub(super) fn without_port(flow: &Flow, range: String, used: usize) -> AttemptBranch {
    let ns = flow.origin.ns();
    let reaction = Reaction::Error(Errno::Eaddrnotavail);
    let mut branch = unsent(flow, crate::event::Stop::PortsUsedUp { ns, range, used }, reaction);
    branch.outcome = Outcome::LocalError;
    branch.errno = Some(Errno::Eaddrnotavail);
    branch
}

/// An attempt that ends before a packet is made; how it ends is open.
pub(super) fn unsent(flow: &Flow, stop: crate::event::Stop, reaction: Reaction) -> AttemptBranch {
    let dst = flow.dst;
    let packet = super::answer::blank(plumb_model::IpFamily::of(dst).unspecified(), dst, Protocol::TCP, 64);
    let state = crate::state::State::new(packet);
    let request = crate::walk::End { state, stop };
    let exchange = Exchange {
        part: super::Part::Opening,
        share: Share::ONE,
        reaction,
        request,
        response: None,
        world: World::default(),
    };
    AttemptBranch {
        share: Share::ONE,
        outcome: Outcome::Unknown,
        errno: None,
        stage: Some(Stage::Connect),
        seconds: 0.0,
        packets: vec![exchange],
        payload: Vec::new(),
        payload_seconds: 0.0,
        exhausted: false,
    }
}
