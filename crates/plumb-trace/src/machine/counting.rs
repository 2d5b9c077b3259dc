//! What counts and remembers: limits, quotas, `recent`. The first packet of a walk finds them unspent, as far
//! as the kernel does not show what they stand at; what the walk's packets use up is carried along.

use std::net::IpAddr;

use plumb_model::Read;
use plumb_nft::Limit;
use plumb_xtables::matches::{self, Recent, RecentAction};

use super::branch::Branch;
use super::eval::{Step, when};
use super::solve::Run;
use super::xt::Says;
use crate::meter::{Listed, Meter, Reading};

pub(super) const SECOND: u128 = 1_000_000_000;
/// `NFT_LIMIT_PKT_BURST_DEFAULT`
const PACKETS_AT_ONCE: u32 = 5;
/// Stamps that are kept of an address; the kernel keeps at least as many as any rule counts (`XT_RECENT_MAX_NSTAMPS`).
const MOST_STAMPS: usize = 256;

impl Run<'_> {
    /// The counter of an expression: of the object or element that it stands in, else of its place in the rule.
    pub(super) fn meter(&self, b: &Branch, at: u32) -> Meter {
        match &self.owner {
            Some(owner) => owner.clone(),
            None => Meter::Rule { rule: self.rule_of(b), slot: self.slot(b, at), network: None },
        }
    }

    /// `nft_limit_eval`, `nft_limit_init`
    pub(super) fn limit(&self, b: &mut Branch, at: u32, l: &Limit) -> Step {
        let rate = u128::from(l.rate.max(1));
        let unit = u128::from(l.unit) * SECOND;
        let len = u128::from(b.state.packet.len);
        let (cost, full) = if l.bytes {
            (unit * len / rate, unit * (rate + u128::from(l.burst)) / rate)
        } else {
            let burst = if l.burst == 0 { PACKETS_AT_ONCE } else { l.burst };
            (unit / rate, unit / rate * u128::from(burst))
        };
        let meter = self.meter(b, at);
        when(b.state.world.meters.take(meter, tokens(cost), tokens(full)) != l.over)
    }

    /// `nft_quota_do_eval`: what is over the quota is counted too.
    pub(super) fn quota(&self, b: &mut Branch, at: u32, bytes: u64, consumed: u64, flags: u32) -> Step {
        let meter = self.meter(b, at);
        let used = self.used(b, &meter).saturating_add(b.state.packet.len.into());
        b.state.world.meters.set(meter, Reading::Bytes(used));
        when((consumed.saturating_add(used) > bytes) == (flags & 1 != 0))
    }

    fn used(&self, b: &Branch, meter: &Meter) -> u64 {
        match b.state.world.meters.get(meter) {
            Some(Reading::Bytes(used)) => *used,
            _ => 0,
        }
    }

    /// `limit_mt`
    pub(super) fn xt_limit(&self, b: &mut Branch, at: u32, l: &matches::Limit) -> Says {
        let cost = u128::from(l.period) * SECOND / 10_000;
        let meter = self.meter(b, at);
        b.state.world.meters.take(meter, tokens(cost), tokens(cost * u128::from(l.burst))).into()
    }

    /// `quota_mt`: a packet that does not fit takes what is left.
    pub(super) fn xt_quota(&self, b: &mut Branch, at: u32, q: &matches::Quota) -> Says {
        let meter = self.meter(b, at);
        let (used, len) = (self.used(b, &meter), u64::from(b.state.packet.len));
        let bytes = q.bytes.value;
        let fits = bytes.saturating_sub(used) >= len;
        b.state.world.meters.set(meter, Reading::Bytes(if fits { used + len } else { bytes }));
        (fits != q.bytes.invert).into()
    }

    /// `recent_mt`
    pub(super) fn recent(&self, b: &mut Branch, m: &Recent) -> Says {
        let p = &b.state.packet;
        let addr = masked(if m.dest { p.dst } else { p.src }, m.mask);
        // The time to live as it was before forwarding took one off.
        let ttl = p.ttl.saturating_add(u8::from(self.env.oif.is_some() && p.owner.is_none()));
        let now = i64::try_from(b.state.world.meters.clock).unwrap_or(i64::MAX);
        let ns = self.nf.ns;
        let meters = &b.state.world.meters;
        let here = meters.listed.iter().find(|l| l.ns == ns && *l.list == *m.name && l.addr == addr);
        let unsure =
            || Says::Unknown(format!("whether {addr} is on the list {} (xt match \"recent\")", m.name));
        let entry = match here {
            Some(listed) => Some(listed.clone()),
            None => match self.listed(m, addr) {
                Ok(entry) => entry,
                // What is put on the list matches whatever is there.
                Err(_) if m.action.value == RecentAction::Set => return (!m.action.invert).into(),
                Err(()) => return unsure(),
            },
        };
        let entry = entry.filter(|e| !e.stamps.is_empty() && (!m.ttl || e.ttl == ttl));
        let Some(mut entry) = entry else {
            if m.action.value != RecentAction::Set {
                return m.action.invert.into();
            }
            let list = m.name.as_str().into();
            self.list(b, Listed { ns, list, addr, ttl, stamps: vec![now] });
            return (!m.action.invert).into();
        };
        let says = match m.action.value {
            RecentAction::Set => !m.action.invert,
            RecentAction::Remove => {
                entry.stamps.clear();
                self.list(b, entry);
                return (!m.action.invert).into();
            }
            RecentAction::Check | RecentAction::Update => {
                let since = now.saturating_sub(i64::from(m.seconds) * 1000);
                let hits = entry.stamps.iter().filter(|s| m.seconds == 0 || **s >= since).count();
                let enough = hits >= m.hit_count.max(1) as usize;
                // Noted, so that a later packet is walked again: stamps grow old.
                self.list(b, entry.clone());
                enough != m.action.invert
            }
        };
        if m.action.value == RecentAction::Set || (m.action.value == RecentAction::Update && says) {
            entry.stamps.push(now);
            let over = entry.stamps.len().saturating_sub(MOST_STAMPS);
            entry.stamps.drain(..over);
            entry.ttl = ttl;
            self.list(b, entry);
        }
        says.into()
    }

    /// The entry that the snapshot has; an error where it cannot be told.
    fn listed(&self, m: &Recent, addr: IpAddr) -> Result<Option<Listed>, ()> {
        let (Read::Got(lists) | Read::Torn { value: lists, .. }) = &self.env.namespace.recent else {
            return Err(());
        };
        let list = lists.iter().find(|l| l.name == m.name);
        let Some(entry) = list.and_then(|l| l.entries.iter().find(|e| e.addr == addr)) else {
            return Ok(None);
        };
        let stamps = match &entry.ages_ms {
            Some(ages) => {
                let mut stamps: Vec<i64> =
                    ages.iter().map(|age| -i64::try_from(*age).unwrap_or(i64::MAX)).collect();
                stamps.sort_unstable();
                stamps
            }
            // Without their times only their number is known.
            None if m.seconds == 0 => vec![i64::MIN / 2; entry.hits as usize],
            None => return Err(()),
        };
        let list = m.name.as_str().into();
        Ok(Some(Listed { ns: self.nf.ns, list, addr, ttl: entry.ttl, stamps }))
    }

    fn list(&self, b: &mut Branch, entry: Listed) {
        let all = &mut b.state.world.meters.listed;
        let same = |l: &&mut Listed| l.ns == entry.ns && l.list == entry.list && l.addr == entry.addr;
        match all.iter_mut().find(same) {
            Some(l) => *l = entry,
            None => all.push(entry),
        }
    }
}

pub(super) fn tokens(n: u128) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// `nf_inet_addr_mask`
pub(super) fn masked(addr: IpAddr, mask: Option<IpAddr>) -> IpAddr {
    match (addr, mask) {
        (IpAddr::V4(a), Some(IpAddr::V4(m))) => IpAddr::V4(a & m),
        (IpAddr::V6(a), Some(IpAddr::V6(m))) => IpAddr::V6(a & m),
        _ => addr,
    }
}
