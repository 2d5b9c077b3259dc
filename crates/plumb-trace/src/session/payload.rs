//! The payload of a TCP connection after its handshake: segments of full size, path MTU discovery, black holes and what
//! heals them (net/ipv4/tcp_output.c, tcp_timer.c, tcp_ipv4.c; RFC 1191, RFC 8201, RFC 4821).

use super::answer::error_for;
use super::attempt::{TCP_PATIENCE, milliseconds};
use super::connection::Connection;
use super::exchange::is_open;
use super::{
    AttemptBranch, Bytes, Errno, Exchange, Flow, Origin, Outcome, Part, Reaction, Response, ResponseKind,
    Stage,
};
use crate::event::Stop;
use crate::network::inverse;
use crate::share::Share;
use crate::state::World;
use crate::walk::{End, Goal, Walker};

/// When a segment without an answer is sent again, seconds after the first time (`TCP_RTO_MIN`, doubled each time).
const RETRANSMISSIONS: [f64; 6] = [0.0, 0.2, 0.6, 1.4, 3.0, 6.2];
/// Segments that are sent before an answer is needed (`TCP_INIT_CWND`).
const FIRST_WINDOW: u32 = 10;
/// Seconds until a sender that probes for the MTU takes a path for a black hole: the first retransmission timer at which
/// `tcp_retries1` (3) have gone by; sooner where a tail loss probe came first.
const HEALED_AFTER: f64 = 6.6;
/// Errors that tell of ever smaller MTUs, at most.
const MOST_LESSONS: usize = 16;

/// What became of one direction's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Through,
    Silence,
    Reset,
    Unknown,
}

/// A branch of it.
#[derive(Clone)]
struct Passage {
    share: Share,
    world: World,
    fate: Fate,
    exchanges: Vec<Exchange>,
    seconds: f64,
    could_pass: bool,
}

/// Branches of an attempt once its payload was sent; those without a connection stay as they are.
pub(super) fn carried(
    walker: &Walker,
    flow: &Flow,
    bytes: Bytes,
    branch: AttemptBranch,
) -> Vec<AttemptBranch> {
    let connected = branch.outcome == Outcome::Connects;
    let connection =
        branch.packets.last().filter(|_| connected).and_then(|e| Connection::of(walker, flow, bytes, e));
    let (Some(c), Some(last)) = (connection, branch.packets.last()) else { return vec![branch] };
    let begun = last.world.meters.clock;
    let mut open = vec![Passage {
        share: branch.share,
        world: last.world.clone(),
        fate: Fate::Through,
        exchanges: Vec::new(),
        seconds: 0.0,
        could_pass: false,
    }];
    for direction in [Part::Up, Part::Down] {
        if c.payload(direction) == 0 {
            continue;
        }
        let (through, ended): (Vec<_>, Vec<_>) = open.into_iter().partition(|p| p.fate == Fate::Through);
        open = ended;
        if let (Part::Down, Some(socket)) = (direction, c.stopped) {
            open.extend(through.into_iter().map(|before| c.unanswered(last, before, socket)));
            continue;
        }
        open.extend(through.into_iter().flat_map(|before| c.pass(direction, before, begun)));
    }
    open.into_iter().map(|p| ended(&branch, p)).collect()
}

/// The attempt's branch, once the payload has come to this.
fn ended(before: &AttemptBranch, p: Passage) -> AttemptBranch {
    let late = p.seconds > TCP_PATIENCE;
    let (outcome, errno) = match p.fate {
        Fate::Through if !late => (Outcome::Connects, None),
        Fate::Reset if !late => (Outcome::Reset, Some(Errno::Econnreset)),
        Fate::Unknown => (Outcome::Unknown, None),
        _ => (Outcome::TimesOut, Some(Errno::Etimedout)),
    };
    let took = if outcome == Outcome::TimesOut { TCP_PATIENCE } else { p.seconds };
    AttemptBranch {
        share: p.share,
        outcome,
        errno,
        stage: (outcome != Outcome::Connects).then_some(Stage::Data),
        seconds: before.seconds + took,
        packets: before.packets.clone(),
        payload: p.exchanges,
        payload_seconds: p.seconds,
        exhausted: outcome == Outcome::TimesOut && p.could_pass,
    }
}

impl Connection<'_, '_, '_> {
    /// What a client sees of a server whose process is stopped: what it sends is acknowledged by the kernel alone.
    fn unanswered(&self, handshake: &Exchange, before: Passage, socket: usize) -> Passage {
        let (share, world) = (before.share, before.world.clone());
        let state = before.exchanges.last().unwrap_or(handshake).request.state.clone();
        let end = End { state, stop: Stop::ServerStopped { ns: self.server, socket } };
        let mut exchanges = before.exchanges;
        exchanges.push(exchange(Part::Up, Reaction::Silence, share, &world, end, None));
        Passage { share, world, fate: Fate::Silence, exchanges, seconds: before.seconds, could_pass: false }
    }

    /// Sends a direction's payload, again and again where it gets lost.
    fn pass(&self, direction: Part, before: Passage, begun: u64) -> Vec<Passage> {
        let mut done: Vec<Passage> = Vec::new();
        let mut open = vec![(before.share, before.world.clone(), before.exchanges.clone())];
        for (i, at) in RETRANSMISSIONS.iter().enumerate() {
            let last = i + 1 == RETRANSMISSIONS.len() || before.seconds + at > TCP_PATIENCE;
            let mut next: Vec<(Share, World, Vec<Exchange>)> = Vec::new();
            for (share, mut world, exchanges) in open {
                if i > 0 {
                    world.meters.clock = begun + milliseconds(before.seconds + at);
                }
                let results = self.segment(direction, None, &world, share, 0);
                let could_pass = results.iter().any(|r| r.fate == Fate::Through);
                for mut r in results {
                    r.exchanges.splice(0..0, exchanges.iter().cloned());
                    let same_again = r.world == world && !could_pass && world.meters.is_empty();
                    if r.fate == Fate::Silence && !last && !same_again {
                        match next.iter_mut().find(|(_, w, _)| *w == r.world) {
                            Some(n) => n.0 = n.0 + r.share,
                            None => next.push((r.share, r.world, r.exchanges)),
                        }
                        continue;
                    }
                    r.seconds = before.seconds + at;
                    r.could_pass = could_pass;
                    done.push(r);
                }
            }
            open = next;
            if open.is_empty() {
                break;
            }
        }
        done.into_iter().flat_map(|p| self.healed(direction, &before, p)).collect()
    }

    /// A sender that probes for the MTU tries smaller segments after a while (`tcp_mtu_probing`). It does not where its
    /// own device dropped them: then it does not count them as sent.
    fn healed(&self, direction: Part, before: &Passage, p: Passage) -> Vec<Passage> {
        let lost_for_size = match p.exchanges.last().map(|e| &e.request.stop) {
            Some(Stop::TooBig { .. }) => true,
            Some(Stop::FrameTooBig { at_sender, .. }) => !at_sender,
            _ => false,
        };
        let ns = self.sender(direction);
        let unknown_sender = direction == Part::Up && matches!(self.flow.origin, Origin::Outside { .. });
        if p.fate != Fate::Silence
            || !lost_for_size
            || unknown_sender
            || self.sysctl(ns, "tcp_mtu_probing", 0) == 0
        {
            return vec![p];
        }
        let probed = self.segment(direction, Some(self.probed(ns)), &p.world, p.share, 0);
        // Too large still: the next step comes after the client has given up.
        if !probed.iter().any(|r| r.fate == Fate::Through) {
            return vec![p];
        }
        let twice = before.seconds >= 1.0;
        probed
            .into_iter()
            .map(|mut r| {
                r.exchanges.splice(0..0, p.exchanges.iter().cloned());
                r.seconds = before.seconds + HEALED_AFTER;
                if twice {
                    // Each takes between 3 and 7 s: both together may be within the client's patience.
                    r.fate = Fate::Unknown;
                }
                r
            })
            .collect()
    }

    /// Sends a direction's first full segment; where somebody says that it is too large, a smaller one.
    fn segment(
        &self,
        direction: Part,
        most: Option<u16>,
        world: &World,
        share: Share,
        lessons: usize,
    ) -> Vec<Passage> {
        let packet = self.packet(direction, most);
        let ends = self.walk(direction, packet, world, share);
        ends.into_iter().flat_map(|end| self.react(direction, most, end, lessons)).collect()
    }

    fn react(&self, direction: Part, most: Option<u16>, end: End, lessons: usize) -> Vec<Passage> {
        let (share, world) = (end.state.share, end.state.world.clone());
        let alone = |fate| vec![passage(direction, fate, share, &world, end.clone(), None)];
        if self.arrived(direction, &end.stop) {
            return self.acknowledge(direction, end);
        }
        if is_open(&end.stop) {
            return alone(Fate::Unknown);
        }
        let Some(reply) = error_for(self.walker.net, &end.stop, &end.state.packet) else {
            return alone(Fate::Silence);
        };
        let kind = match reply.packet.icmp {
            Some(i) => ResponseKind::IcmpError { kind: i.kind, code: i.code },
            None => ResponseKind::Reset,
        };
        let from = reply.ns;
        let back = if direction == Part::Up { Part::Down } else { Part::Up };
        let sender = self.sender(direction);
        let sent = if direction == Part::Up { self.sent } else { inverse(&self.served) };
        let goal = match kind {
            ResponseKind::IcmpError { .. } => Goal::Error { ns: sender, sent },
            _ => Goal::Client { ns: sender, expected: inverse(&sent) },
        };
        let ends = self.send(from, reply.packet, &goal, &world, share);
        let mut out = Vec::new();
        for answer in ends {
            let there = match direction {
                Part::Opening | Part::Up => self.arrived(back, &answer.stop),
                Part::Down => matches!(answer.stop, Stop::Delivered { .. }),
            };
            let (share, mut world) = (answer.state.share, answer.state.world.clone());
            let open = is_open(&answer.stop) && !there;
            let response = Some(Response { kind, from, end: answer });
            let mtu = match end.stop {
                Stop::TooBig { mtu, .. } if there => Some(mtu),
                _ => None,
            };
            let learnt = mtu.and_then(|mtu| self.learn(direction, mtu, most, &end, &mut world));
            match learnt {
                Some(most) if lessons < MOST_LESSONS => {
                    let first = exchange(direction, Reaction::Silence, share, &world, end.clone(), response);
                    for mut p in self.segment(direction, most, &world, share, lessons + 1) {
                        p.exchanges.insert(0, first.clone());
                        out.push(p);
                    }
                }
                _ => {
                    // A connection that stands takes errors of ICMP for a hint; a RST to the server ends in silence here.
                    let fate = match (kind, direction) {
                        _ if open => Fate::Unknown,
                        (ResponseKind::Reset, Part::Up) if there => Fate::Reset,
                        _ => Fate::Silence,
                    };
                    out.push(passage(direction, fate, share, &world, end.clone(), response));
                }
            }
        }
        out
    }

    /// The sender takes over an MTU that it was told of; what its packets are limited to from then on beside that.
    #[allow(clippy::option_option, reason = "no lesson, or one that leaves no limit of its own")]
    fn learn(
        &self,
        direction: Part,
        told: u32,
        most: Option<u16>,
        lost: &End,
        world: &mut World,
    ) -> Option<Option<u16>> {
        let (walker, ns) = (self.walker, self.sender(direction));
        if let (Part::Up, Origin::Outside { .. }) = (direction, self.flow.origin) {
            let smaller = u16::try_from(told).ok().filter(|t| most.is_none_or(|m| *t < m));
            return smaller.map(Some);
        }
        let mut packet = self.bare(direction);
        packet.len = lost.state.packet.len;
        let ways = walker.net.route_output(ns, &packet, None).ok()?;
        let kept = walker.chosen_way(&lost.state, ns, &ways);
        let way =
            ways.iter().find(|w| kept.is_none_or(|k| k == (w.route.route, w.route.hop))).or(ways.first())?;
        walker.net.learn_mtu(ns, way, packet.dst, told, world).then_some(most)
    }

    /// The payload is there. Its acknowledgement is needed where more is to come than the first window, and by a client
    /// that gets nothing else back.
    fn acknowledge(&self, direction: Part, data: End) -> Vec<Passage> {
        let (share, world) = (data.state.share, data.state.world.clone());
        let size = u32::from(data.state.packet.len.saturating_sub(self.bare(direction).len)).max(1);
        let beyond_window = self.payload(direction) > size.saturating_mul(FIRST_WINDOW);
        let needed = beyond_window || (direction == Part::Up && self.bytes.down == 0);
        if !needed {
            return vec![passage(direction, Fate::Through, share, &world, data, None)];
        }
        let back = if direction == Part::Up { Part::Down } else { Part::Up };
        let from = self.sender(back);
        self.walk(back, self.bare(back), &world, share)
            .into_iter()
            .map(|end| {
                let fate = match &end.stop {
                    stop if self.arrived(back, stop) => Fate::Through,
                    stop if is_open(stop) => Fate::Unknown,
                    _ => Fate::Silence,
                };
                let (share, world) = (end.state.share, end.state.world.clone());
                let response = Response { kind: ResponseKind::Reply, from, end };
                passage(direction, fate, share, &world, data.clone(), Some(response))
            })
            .collect()
    }
}

fn exchange(
    part: Part,
    reaction: Reaction,
    share: Share,
    world: &World,
    request: End,
    response: Option<Response>,
) -> Exchange {
    let mut world = world.clone();
    if world.conntrack.has_passing() {
        world.conntrack.forget_passing();
    }
    Exchange { part, share, reaction, request, response, world }
}

fn passage(
    part: Part,
    fate: Fate,
    share: Share,
    world: &World,
    request: End,
    response: Option<Response>,
) -> Passage {
    let reaction = match fate {
        Fate::Through => Reaction::Reply,
        Fate::Silence => Reaction::Silence,
        Fate::Reset => Reaction::Error(Errno::Econnreset),
        Fate::Unknown => Reaction::Unknown,
    };
    let exchange = exchange(part, reaction, share, world, request, response);
    let world = exchange.world.clone();
    Passage { share, world, fate, exchanges: vec![exchange], seconds: 0.0, could_pass: false }
}
