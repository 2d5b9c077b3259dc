//! `hashlimit`: tables of buckets, one for each address or port.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::FixedState;
use plumb_nft::Bytes;
use plumb_xtables::Match;
use plumb_xtables::matches::Hashlimit;

use super::branch::Branch;
use super::counting::{SECOND, tokens};
use super::ops::Op;
use super::solve::Run;
use super::xt::Says;
use crate::meter::Meter;
use crate::packet::Packet;

/// The options that the rules of a namespace give for each table of buckets, by the table's name and the length of its
/// family's addresses.
///
/// The kernel makes a table of buckets with the options of the rule that names it first; of the rules that come later it
/// takes only in which direction they match (`htable_find_get`). Which one came first nothing shows that can be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables(HashMap<(Box<str>, u8), Vec<Hashlimit>, FixedState>);

impl Tables {
    pub(super) fn add(&mut self, ops: &[Op]) {
        for op in ops {
            let Op::Match(m) = op else { continue };
            for m in m.readings() {
                let Match::Hashlimit(m) = m else { continue };
                let options = self.0.entry((m.name.as_str().into(), m.address_bits)).or_default();
                if !options.iter().any(|o| same_buckets(o, m)) {
                    options.push(m.clone());
                }
            }
        }
    }

    fn of(&self, m: &Hashlimit) -> &[Hashlimit] {
        self.0.get(&(m.name.as_str().into(), m.address_bits)).map_or(&[], Vec::as_slice)
    }
}

/// Whether two rules ask for the same buckets.
fn same_buckets(a: &Hashlimit, b: &Hashlimit) -> bool {
    let rate = |m: &Hashlimit| u128::from(m.avg) * SECOND / u128::from(m.scale.max(1));
    let of = |m: &Hashlimit| (m.mode, m.src_mask, m.dst_mask, m.bytes, m.rate_match, m.burst);
    of(a) == of(b) && rate(a) == rate(b)
}

impl Run<'_> {
    /// `hashlimit_mt_common`. The buckets are kept for each of the options that they may have.
    pub(super) fn hashlimit(&self, b: &mut Branch, m: &Hashlimit) -> Says {
        let mut answers = [false; 2];
        for (number, options) in self.nf.hashlimits.of(m).iter().enumerate() {
            let within = self.takes(b, options, number as u32);
            answers[usize::from(within)] = true;
        }
        match answers {
            [true, true] => Says::Unknown(format!(
                "which rule's options the buckets of {:?} have (xt match \"hashlimit\"): the first that named them",
                m.name
            )),
            [_, within] => (within != m.above).into(),
        }
    }

    /// Whether the packet is within the rate, were these the options of the table. Limits in bytes and
    /// `--hashlimit-rate-match` take an attempt's few small packets as within the rate.
    fn takes(&self, b: &mut Branch, options: &Hashlimit, number: u32) -> bool {
        if options.bytes || options.rate_match {
            return true;
        }
        let cost = u128::from(options.avg) * SECOND / u128::from(options.scale.max(1));
        let key = key(options, &b.state.packet);
        let meter = Meter::Bucket(self.nf.ns, options.name.as_str().into(), number, key);
        b.state.world.meters.take(meter, tokens(cost), tokens(cost * u128::from(options.burst.max(1))))
    }
}

/// `hashlimit_init_dst`
fn key(m: &Hashlimit, p: &Packet) -> Bytes {
    let mut key = vec![m.address_bits];
    for (on, addr, len) in [(m.mode.src_ip, p.src, m.src_mask), (m.mode.dst_ip, p.dst, m.dst_mask)] {
        if on {
            key.extend(super::load::octets(prefix(addr, len)).iter().copied());
        }
    }
    for (on, port) in [(m.mode.src_port, p.sport), (m.mode.dst_port, p.dport)] {
        if on {
            key.extend(port.to_be_bytes());
        }
    }
    key.into()
}

fn prefix(addr: IpAddr, len: u8) -> IpAddr {
    let ones = |bits: u32| u128::MAX.checked_shl(bits.saturating_sub(u32::from(len))).unwrap_or(0);
    match addr {
        IpAddr::V4(a) => IpAddr::V4(a & std::net::Ipv4Addr::from(ones(32) as u32)),
        IpAddr::V6(a) => IpAddr::V6(a & std::net::Ipv6Addr::from(ones(128))),
    }
}
