//! Attempts one straight after the other, each in the world as those before left it.

use super::attempt::{milliseconds, port, summarize, tries, unsent, without_port};
use super::{Attempt, AttemptBranch, Exchange, Flow, Outcome, Reaction};
use crate::event::{Event, Stop};
use crate::network::Network;
use crate::share::Share;
use crate::state::{RuleRef, World};
use crate::walk::Walker;

/// Worlds that are told apart after an attempt. They differ by what draws used up of what counts.
const MOST_WORLDS: usize = 1024;

/// Walks them all. Each has the same part of the whole: what is said of shares is said of the attempts.
pub(super) fn attempts(walker: &Walker, flow: &Flow) -> Attempt {
    let each = Share::new(1, flow.connections.into());
    let mut open = vec![(Share::ONE, World::default())];
    let mut branches: Vec<AttemptBranch> = Vec::new();
    let mut first_port = None;
    for number in 0..flow.connections {
        let sport = match port(walker, flow, number as usize) {
            Ok(sport) => sport,
            Err((range, used)) => {
                add(&mut branches, without_port(flow, range, used), each);
                continue;
            }
        };
        first_port.get_or_insert(sport);
        if open.len() > MOST_WORLDS {
            let what = format!("more than {MOST_WORLDS} ways in which {number} attempts can have gone");
            let stop = Stop::Unmodelled { ns: flow.origin.ns(), what };
            let left = Share::new((flow.connections - number).into(), flow.connections.into());
            add(&mut branches, unsent(flow, stop, Reaction::Unknown), left);
            break;
        }
        let mut next: Vec<(Share, World)> = Vec::new();
        for (share, world) in open {
            let begun = world.meters.clock;
            for branch in tries(walker, flow, sport, world, share) {
                if let Some(after) = after(walker.net, &branch, begun) {
                    match next.iter_mut().find(|(_, w)| *w == after) {
                        Some(n) => n.0 = n.0 + branch.share,
                        None => next.push((branch.share, after)),
                    }
                }
                add(&mut branches, branch, each);
            }
        }
        open = next;
    }
    summarize(branches, first_port.unwrap_or(0))
}

/// The world that an attempt leaves to the next one.
fn after(net: &Network, branch: &AttemptBranch, begun: u64) -> Option<World> {
    let mut world = branch.last()?.world.clone();
    let made = world.conntrack.clone();
    // A connection that was refused is closed (`nf_conn_closed`); one that got no answer stays in the table.
    let stays = branch.outcome != Outcome::Refused;
    world.meters.attempt_over(|t| stays && made.0.iter().any(|c| c.confirmed && c.has(t)));
    world.meters.clock = begun + milliseconds(branch.seconds);
    // The next attempt has a port of its own and meets none of this one's connections.
    world.conntrack.0.retain(|c| c.entry.is_some());
    world.source = None;
    world.unknowns.clear();
    // A hash over addresses alone (policy 0) chooses the same next hop again.
    let by_addresses = |ns: usize, v4: bool| {
        let name = if v4 { "ipv4" } else { "ipv6" };
        net.namespace(ns).sysctls.number(&format!("net.{name}.fib_multipath_hash_policy")).unwrap_or(0) == 0
    };
    world.paths.retain(|(ns, _, dst, _)| by_addresses(*ns, dst.is_ipv4()));
    Some(world)
}

/// Adds a branch, or its share to one that went the same way.
fn add(branches: &mut Vec<AttemptBranch>, mut branch: AttemptBranch, each: Share) {
    branch.share = branch.share * each;
    match branches.iter_mut().find(|b| alike(b, &branch)) {
        Some(b) => b.share = b.share + branch.share,
        None => branches.push(branch),
    }
}

fn alike(a: &AttemptBranch, b: &AttemptBranch) -> bool {
    let plain = |b: &AttemptBranch| (b.outcome, b.errno, b.stage, b.exhausted, milliseconds(b.seconds));
    plain(a) == plain(b)
        && a.packets.len() == b.packets.len()
        && a.payload.len() == b.payload.len()
        && a.packets.iter().zip(&b.packets).all(|(a, b)| same_way(a, b))
        && a.payload.iter().zip(&b.payload).all(|(a, b)| same_way(a, b))
}

/// Whether two packets passed the same rules, there and back, and ended alike.
fn same_way(a: &Exchange, b: &Exchange) -> bool {
    let ends = |e: &Exchange| {
        let back = e.response.as_ref().map(|r| (r.kind, std::mem::discriminant(&r.end.stop)));
        (e.reaction, std::mem::discriminant(&e.request.stop), back)
    };
    let delivered = |e: &Exchange| match e.request.stop {
        Stop::Delivered { ns, socket } => Some((ns, socket)),
        _ => None,
    };
    ends(a) == ends(b) && delivered(a) == delivered(b) && rules(a) == rules(b)
}

fn rules(e: &Exchange) -> Vec<RuleRef> {
    let there = e.request.state.history.events().into_iter();
    let back = e.response.iter().flat_map(|r| r.end.state.history.events());
    let rule = |event: &Event| match event {
        Event::Rule { rule } => Some(*rule),
        _ => None,
    };
    there.chain(back).filter_map(rule).collect()
}
