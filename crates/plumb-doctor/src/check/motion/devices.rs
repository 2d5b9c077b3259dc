//! Counters of devices and their queues.

use super::Moved;
use crate::check::told::{Observation, Seen};
use crate::place;

/// L13, K08: a device counts damaged frames (the catalogue's threshold: more than one in a million), or frames that its
/// ring or the driver's queue had no room for.
pub(super) fn errors(m: &Moved<'_>) -> Vec<Observation> {
    const ONE_IN: u64 = 1_000_000;
    let mut found = Vec::new();
    for l in m.after.links.items() {
        let Some(before) = m.before.link(l.index).filter(|b| b.name == l.name).map(|b| &b.stats) else {
            continue;
        };
        let packets = l.stats.rx_packets.saturating_sub(before.rx_packets);
        let damaged = l.stats.rx_crc_errors.saturating_sub(before.rx_crc_errors)
            + l.stats.rx_frame_errors.saturating_sub(before.rx_frame_errors);
        let missed = l.stats.rx_missed_errors.saturating_sub(before.rx_missed_errors)
            + l.stats.rx_fifo_errors.saturating_sub(before.rx_fifo_errors);
        let command = m.after.command(&format!("ip -s -s link show {}", l.name));
        let seen = |what, count: u64| {
            Seen::new(what, count, 0, command.clone())
                .unit("frames")
                .rose(i64::try_from(count).unwrap_or(i64::MAX))
        };
        if damaged * ONE_IN > packets.max(1) {
            let at = place::device(m.net, m.ns, l.index, "rx_errors", &damaged.to_string());
            found.push(
                Observation::new("frames-damaged", at)
                    .with("device", &l.name)
                    .seen(seen("rx-damaged", damaged)),
            );
        }
        if missed > 0 {
            let at = place::device(m.net, m.ns, l.index, "rx_missed", &missed.to_string());
            found.push(
                Observation::new("ring-overflows", at)
                    .with("device", &l.name)
                    .seen(seen("rx-missed", missed)),
            );
        }
    }
    found
}

/// K09: a queueing discipline drops: more is sent than its rate or length lets pass.
pub(super) fn queues(m: &Moved<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for q in m.after.qdiscs.items() {
        let same = |b: &&plumb_model::Qdisc| (b.index, b.handle, b.parent) == (q.index, q.handle, q.parent);
        let Some(before) = m.before.qdiscs.items().iter().find(same) else { continue };
        let dropped = q.drops.wrapping_sub(before.drops);
        if dropped == 0 || q.drops < before.drops {
            continue;
        }
        let device = m.after.link_name(q.index);
        let command = m.after.command(&format!("tc -s qdisc show dev {device}"));
        found.push(
            Observation::new(
                "queue-drops",
                place::traffic_control(m.net, m.ns, q.index, &q.kind, "root", None),
            )
            .with("device", device)
            .with("qdisc", &q.kind)
            .with("count", dropped.to_string())
            .seen(Seen::new("qdisc-drops", q.drops, 0, command).unit("packets").rose(i64::from(dropped))),
        );
    }
    found
}

/// L02: a device loses and finds its carrier again and again (two changes are one restart).
pub(super) fn flapping(m: &Moved<'_>) -> Vec<Observation> {
    const MORE_THAN_A_RESTART: u32 = 2;
    let mut found = Vec::new();
    for l in m.after.links.items() {
        let before = m.before.link(l.index).filter(|b| b.name == l.name).and_then(|b| b.carrier_changes);
        let (Some(before), Some(now)) = (before, l.carrier_changes) else { continue };
        let changes = now.saturating_sub(before);
        if changes > MORE_THAN_A_RESTART {
            let at = place::device(m.net, m.ns, l.index, "carrier", "flaps");
            let command = m.after.command(&format!("cat /sys/class/net/{}/carrier_changes", l.name));
            found.push(
                Observation::new("carrier-flaps", at)
                    .with("device", &l.name)
                    .with("count", changes.to_string())
                    .seen(
                        Seen::new("carrier-changes", now, before, command)
                            .unit("times")
                            .rose(i64::from(changes)),
                    ),
            );
        }
    }
    found
}
