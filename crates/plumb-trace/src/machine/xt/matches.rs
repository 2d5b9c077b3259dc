//! What each match says of a packet.

use std::net::IpAddr;

use plumb_model::Protocol;
use plumb_xtables::Match;
use plumb_xtables::matches::{Ipv6header, Owner, PortSide, Statistic};

use super::Says;
use crate::machine::branch::Branch;
use crate::machine::ct::Seen;
use crate::machine::draw::Sticky;
use crate::machine::solve::Run;
use crate::machine::split::remember;
use crate::packet::PacketType;
use crate::share::Share;

impl Run<'_> {
    pub(super) fn says(&mut self, b: &mut Branch, at: u32, m: &Match) -> Says {
        let p = &b.state.packet;
        let named = || Says::Unknown(format!("xt match \"{}\"", m.name()));
        // `par->fragoff`
        let of_transport = matches!(
            m,
            Match::Tcp(_)
                | Match::Udp(_)
                | Match::Udplite(_)
                | Match::Multiport(_)
                | Match::Icmp(_)
                | Match::Icmp6(_)
        );
        if of_transport && p.is_later_fragment() {
            return Says::No;
        }
        match m {
            Match::Tcp(t) => {
                let holds = p.protocol == Protocol::TCP
                    && t.sport.holds(|r| r.contains(p.sport))
                    && t.dport.holds(|r| r.contains(p.dport))
                    && t.flags.holds(|f| p.tcp_flags & t.flags_mask == *f);
                match t.option.value {
                    0 => holds.into(),
                    _ if !holds => Says::No,
                    option => self.xt_tcp_option(b, option, t.option.invert),
                }
            }
            Match::Udp(u) | Match::Udplite(u) => {
                let right = matches!(p.protocol, Protocol::UDP | Protocol(136));
                (right && u.sport.holds(|r| r.contains(p.sport)) && u.dport.holds(|r| r.contains(p.dport)))
                    .into()
            }
            Match::Multiport(m) => {
                let any = |ports: &Vec<plumb_xtables::PortRange>| {
                    let within = |port| ports.iter().any(|r| r.contains(port));
                    match m.side {
                        PortSide::Source => within(p.sport),
                        PortSide::Destination => within(p.dport),
                        PortSide::Either => within(p.sport) || within(p.dport),
                    }
                };
                m.ports.holds(any).into()
            }
            Match::Icmp(m) => match (p.protocol, p.icmp) {
                (Protocol::ICMP, Some(i)) => m.matches(i.kind, i.code).into(),
                (Protocol::ICMP, None) => named(),
                _ => Says::No,
            },
            Match::Icmp6(m) => match (p.protocol, p.icmp) {
                (Protocol::ICMPV6, Some(i)) => m.matches(i.kind, i.code).into(),
                (Protocol::ICMPV6, None) => named(),
                _ => Says::No,
            },
            Match::Conntrack(m) => self.conntrack(b, m),
            Match::State(m) => m.states.intersects(self.state_bit(b)).into(),
            Match::Mark(m) => m.0.holds(|m| p.mark & m.mask == m.value).into(),
            Match::Connmark(m) => match self.seen(b) {
                Seen::Entry(_, c, _) => m.0.holds(|m| c.mark & m.mask == m.value).into(),
                Seen::Template => m.0.holds(|m| m.value == 0).into(),
                _ => Says::No,
            },
            Match::Comment(_) | Match::Nfacct(_) => Says::Yes,
            Match::Addrtype(m) => self.addrtype(b, m).into(),
            Match::Iprange(m) => {
                let within = |a: IpAddr| move |r: &(IpAddr, IpAddr)| r.0 <= a && a <= r.1;
                let holds = m.source.is_none_or(|r| r.holds(within(p.src)))
                    && m.dest.is_none_or(|r| r.holds(within(p.dst)));
                holds.into()
            }
            Match::Mac(m) => self.mac(b, m),
            Match::Physdev(m) => self.physdev(m).into(),
            Match::Limit(m) => self.xt_limit(b, at, m),
            Match::Hashlimit(m) => self.hashlimit(b, m),
            Match::Statistic(m) => self.statistic(b, at, m),
            Match::Connlimit(m) => self.connlimit(b, at, m),
            Match::Quota(m) => self.xt_quota(b, at, m),
            Match::Recent(m) => self.recent(b, m),
            Match::Set(m) => self.ipset(b, m),
            Match::Length(m) => m.0.holds(|r| r.contains(p.len)).into(),
            Match::Pkttype(m) => {
                let kind = match p.packet_type {
                    PacketType::Host => 0,
                    PacketType::Broadcast => 1,
                    PacketType::Multicast => 2,
                    PacketType::OtherHost => 3,
                    PacketType::Loopback if p.dst.is_multicast() => 2,
                    PacketType::Loopback => 1,
                };
                m.0.holds(|k| *k == kind).into()
            }
            Match::Dscp(m) => m.0.holds(|d| p.tos >> 2 == *d).into(),
            Match::Tos(m) => m.value.holds(|v| p.tos & m.mask.unwrap_or(0xff) == *v).into(),
            Match::Ecn(m) => {
                let tcp = p.protocol == Protocol::TCP;
                let holds = m.ip_ect.is_none_or(|e| e.holds(|e| p.tos & 3 == *e))
                    && m.tcp_ece.is_none_or(|e| tcp && e.holds(|()| p.tcp_flags & 0x40 != 0))
                    && m.tcp_cwr.is_none_or(|e| tcp && e.holds(|()| p.tcp_flags & 0x80 != 0));
                holds.into()
            }
            Match::Ttl(m) => m.compare.holds(p.ttl, m.value).into(),
            Match::Hl(m) => m.compare.holds(p.ttl, m.value).into(),
            Match::Tcpmss(m) => self.xt_tcpmss(b, m),
            Match::String(m) => self.xt_string(b, m),
            Match::U32(m) => self.xt_u32(b, m),
            Match::Bpf(m) => self.xt_bpf(b, m),
            Match::Time(m) => self.xt_time(b, m),
            Match::Connbytes(m) => self.connbytes(b, m),
            // Of the sender's socket, which no other packet has (`cgroup_mt_v0`).
            Match::Cgroup(_) if p.owner.is_none() => Says::No,
            Match::Owner(m) => owner(b, m),
            Match::Socket(m) => self.xt_socket(b, m),
            Match::Rpfilter(m) => self.rpfilter(b, m).into(),
            Match::Devgroup(m) => self.devgroup(m).into(),
            Match::Helper(m) => self.helper(b, m),
            Match::Connlabel(m) => {
                let (byte, bit) = (usize::from(m.bit.value / 8), 1_u8 << (m.bit.value % 8));
                let Seen::Entry(entry, ..) = self.seen(b) else { return m.bit.invert.into() };
                let Some(labels) = b.state.world.conntrack.get_mut(entry).map(|c| &mut c.labels) else {
                    return m.bit.invert.into();
                };
                let Some(slot) = labels.get_mut(byte) else { return m.bit.invert.into() };
                let set = *slot & bit != 0 || m.set;
                if m.set {
                    *slot |= bit;
                }
                (set != m.bit.invert).into()
            }
            Match::Sctp(m) => {
                let holds = p.protocol == Protocol::SCTP
                    && m.sport.is_none_or(|c| c.holds(|r| r.contains(p.sport)))
                    && m.dport.is_none_or(|c| c.holds(|r| r.contains(p.dport)));
                if holds && m.chunks.is_some() { named() } else { holds.into() }
            }
            // The walk's packets have no IPv6 extension headers, unless the header is their protocol; nor have they a header of
            // another protocol, which the kernel requires of rules with these matches (`xt_check_match`).
            Match::Frag(_) if p.sizing.fragment.is_some() => named(),
            Match::Frag(_) | Match::Dst(_) | Match::Hbh(_) | Match::Rt(_) => Says::No,
            Match::Ah(_) | Match::Ah6(_) if p.protocol != Protocol(51) => Says::No,
            Match::Esp(_) if p.protocol != Protocol(50) => Says::No,
            Match::Ipcomp(_) if p.protocol != Protocol(108) => Says::No,
            Match::Dccp(_) if p.protocol != Protocol(33) => Says::No,
            Match::Mh(_) if p.protocol != Protocol(135) => Says::No,
            Match::Ipv6header(m) => ipv6header(m).into(),
            Match::Eui64(_) => eui64(b).into(),
            // No packet of the walk was or will be transformed by IPsec (`policy_mt`).
            Match::Policy(m) => m.none.into(),
            Match::Cluster(m) => self.cluster(b, m),
            Match::Unknown(u) => {
                Says::Unknown(format!("xt match \"{}\" revision {} ({})", u.name, u.revision, u.reason))
            }
            _ => named(),
        }
    }

    /// `statistic_mt`
    fn statistic(&mut self, b: &mut Branch, at: u32, m: &Statistic) -> Says {
        match m {
            Statistic::Random { probability } => {
                let share = Share::new(u128::from(probability.value), u128::from(Statistic::SCALE));
                Says::Chance(if probability.invert { Share::ONE - share } else { share })
            }
            Statistic::Nth { every_less_one, .. } => {
                let every = u64::from(every_less_one.value);
                let start = self.nf.rules.get(b.rule as usize).map_or(0, |r| r.start);
                let sticky = Sticky { rule: self.rule_of(b), slot: at.wrapping_sub(start) };
                let phases = &b.state.world.phases;
                let last = phases
                    .iter()
                    .find(|(r, s, _)| *r == sticky.rule && *s == sticky.slot)
                    .map(|(_, _, v)| *v);
                match last {
                    Some(last) => {
                        let next = if last >= every { 0 } else { last + 1 };
                        remember(b, sticky, next);
                        ((next == 0) != every_less_one.invert).into()
                    }
                    None if every == 0 => (!every_less_one.invert).into(),
                    None => Says::Phase { count: every + 1, sticky, invert: every_less_one.invert },
                }
            }
        }
    }
}

/// `ipv6header_mt6`, for a packet whose only header is that of its protocol (`MASK_PROTO`).
fn ipv6header(m: &Ipv6header) -> bool {
    const PROTO: u8 = 1;
    let (wanted, inverted) = (m.headers.value, m.headers.invert);
    if m.soft {
        let flags = if inverted { wanted } else { 0 };
        return (PROTO ^ wanted ^ flags) & wanted == 0;
    }
    (wanted == PROTO) != inverted
}

/// `eui64_mt6`: the lower half of the source is made from the sender's hardware address.
fn eui64(b: &Branch) -> bool {
    let p = &b.state.packet;
    let (IpAddr::V6(src), Some(mac)) = (p.src, p.eth_src) else { return false };
    let [a, b, c, d, e, f] = mac.0;
    src.octets()[8..] == [a ^ 2, b, c, 0xff, 0xfe, d, e, f]
}

/// `owner_mt`
fn owner(b: &Branch, m: &Owner) -> Says {
    let Some(owner) = b.state.packet.owner else {
        // Without a socket whatever is asked for must be inverted.
        let inverted = m.socket_exists.is_none_or(|c| c.invert)
            && m.uid.is_none_or(|c| c.invert)
            && m.gid.is_none_or(|c| c.invert);
        return inverted.into();
    };
    if owner.kernel {
        let exists = m.socket_exists.is_none_or(|c| !c.invert);
        return (exists && m.uid.is_none_or(|c| c.invert) && m.gid.is_none_or(|c| c.invert)).into();
    }
    if m.socket_exists.is_some_and(|c| c.invert) || !m.uid.is_none_or(|c| c.holds(|r| r.contains(owner.uid)))
    {
        return Says::No;
    }
    match m.gid {
        None => Says::Yes,
        Some(c) if m.suppl_groups && !c.value.contains(owner.gid) => {
            Says::Unknown("supplementary groups of the sender".to_owned())
        }
        Some(c) => c.holds(|r| r.contains(owner.gid)).into(),
    }
}
