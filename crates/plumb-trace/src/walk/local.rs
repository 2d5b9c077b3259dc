//! Delivery on this machine: who takes the packet.

use plumb_model::Protocol;

use super::{At, End, Goal, Walker};
use crate::event::{Discard, Event, Stop};
use crate::network::family_index;
use crate::packet::{PacketSocket, tcp_flags};
use crate::share::Share;
use crate::state::State;

impl Walker<'_, '_> {
    pub(super) fn deliver(&self, at: At, mut s: State, goal: &Goal, ends: &mut Vec<End>) {
        let ns = at.ns;
        match goal {
            Goal::Client { ns: client, expected } => {
                let tuple = s.packet.tuple();
                let stop = if ns == *client && tuple == *expected {
                    self.note(&mut s, || Event::Local { ns, socket: None });
                    Stop::Delivered { ns, socket: None }
                } else {
                    Stop::NotExpected { ns, tuple, expected: *expected }
                };
                ends.push(End { state: s, stop });
            }
            Goal::Error { ns: told, sent } => {
                let stop = if ns == *told && s.packet.inner.as_ref() == Some(sent) {
                    Stop::Delivered { ns, socket: None }
                } else {
                    Stop::NotExpected { ns, tuple: s.packet.tuple(), expected: *sent }
                };
                ends.push(End { state: s, stop });
            }
            Goal::Server => self.serve(at, s, ends),
        }
    }

    /// A request: a listener, the echo responder, or nobody.
    fn serve(&self, at: At, mut s: State, ends: &mut Vec<End>) {
        let ns = at.ns;
        let tuple = s.packet.tuple();
        if s.packet.protocol == Protocol::icmp(s.packet.family) {
            let f = family_index(s.packet.family);
            if self.net.ns[ns].settings.echo_ignore_all[f] {
                let name = ["net.ipv4.icmp_echo_ignore_all", "net.ipv6.icmp.echo_ignore_all"][f].to_owned();
                let stop = Stop::Sysctl {
                    ns,
                    name,
                    value: "1".to_owned(),
                    right: "0".to_owned(),
                    because: Discard::EchoIgnored,
                };
                return ends.push(End { state: s, stop });
            }
            self.note(&mut s, || Event::Local { ns, socket: None });
            return ends.push(End { state: s, stop: Stop::Delivered { ns, socket: None } });
        }
        if self.net.namespace(ns).sockets.value().is_none() {
            let what = "the sockets could not be read".to_owned();
            return ends.push(End { state: s, stop: Stop::Unmodelled { ns, what } });
        }
        // A rule may have handed it to a socket (`inet_steal_sock`).
        let found = match s.packet.socket {
            Some(PacketSocket::Of(socket)) => smallvec::smallvec![socket as usize],
            _ => self.net.listeners_for(ns, &tuple, at.iif),
        };
        if found.is_empty() {
            let near = self.net.sockets_near(ns, &tuple);
            return ends.push(End { state: s, stop: Stop::NoListener { ns, tuple, near } });
        }
        let drawn = s.world.members.iter().find(|(n, t, k)| (*n, *t) == (ns, tuple) && found.contains(k));
        let found = match drawn {
            Some((.., socket)) => smallvec::smallvec![*socket],
            None => found,
        };
        let share = Share::new(1, found.len() as u128);
        for &socket in &found {
            let mut s = s.clone();
            if found.len() > 1 {
                s.share = s.share * share;
                s.world.members.push((ns, tuple, socket));
                self.note(&mut s, || Event::Draw { rule: None, share, per_packet: false });
            }
            self.note(&mut s, || Event::Local { ns, socket: Some(socket) });
            let opens = s.packet.tcp_flags & tcp_flags::SYN != 0;
            let stop = if self.net.is_full(ns, socket, opens) {
                Stop::QueueFull { ns, socket }
            } else if tuple.protocol == Protocol::UDP && self.net.is_stopped(ns, socket) {
                Stop::ServerStopped { ns, socket }
            } else {
                Stop::Delivered { ns, socket: Some(socket) }
            };
            ends.push(End { state: s, stop });
        }
    }
}
