//! The maximum segment size in a SYN, read and made smaller by rules (net/netfilter/xt_TCPMSS.c, nft_exthdr.c, nft_rt.c).

use plumb_model::{IpFamily, Protocol};
use plumb_xtables::targets::TcpmssTarget;

use super::branch::Branch;
use super::eval::{BREAK, Step};
use super::solve::Run;
use crate::packet::tcp_flags;

/// `TCP_MSS_DEFAULT`
const DEFAULT: u16 = 536;

fn headers(family: IpFamily) -> u32 {
    match family {
        IpFamily::V4 => 40,
        IpFamily::V6 => 60,
    }
}

impl Run<'_> {
    /// The smaller of the MTUs towards destination and source.
    fn both_ways(&self, b: &Branch) -> Option<u32> {
        let (p, world) = (&b.state.packet, &b.state.world);
        let towards = |addr, device| self.env.lookups.mtu_towards(self.env.ns, addr, device, world);
        let there = towards(p.dst, self.env.oif)?;
        Some(towards(p.src, None).map_or(there, |back| back.min(there)))
    }

    /// `tcpmss_mangle_packet`: never more than it was.
    pub(super) fn clamp_mss(&self, b: &mut Branch, target: &TcpmssTarget) {
        let mss = match target {
            TcpmssTarget::Set(mss) => Some(*mss),
            TcpmssTarget::ClampToPmtu => self
                .both_ways(b)
                .and_then(|mtu| mtu.checked_sub(headers(b.state.packet.family)))
                .and_then(|mss| u16::try_from(mss).ok())
                .filter(|mss| *mss > 0),
        };
        if let Some(mss) = mss {
            lower(b, mss);
        }
    }

    /// `nft_exthdr_tcp_set_eval`
    pub(super) fn set_mss(&self, b: &mut Branch, sreg: u8) -> Step {
        if b.state.packet.protocol != Protocol::TCP {
            return BREAK;
        }
        let syn = b.state.packet.tcp_flags & tcp_flags::SYN != 0;
        if b.state.packet.sizing.mss.is_none() || !syn {
            return Step::Next;
        }
        match *b.regs.raw(sreg, 2) {
            [high, low] if b.regs.known(sreg, 2) => lower(b, u16::from_be_bytes([high, low])),
            _ => self.pass(b, "a maximum segment size that is not known"),
        }
        Step::Next
    }

    /// `nft_rt_get_eval`, `get_tcpmss`: in the byte order of this machine.
    pub(super) fn rt_mss(&self, b: &mut Branch, dreg: u8) {
        match self.both_ways(b) {
            Some(mtu) => {
                let left = mtu.checked_sub(headers(b.state.packet.family)).filter(|l| *l > 0);
                let mss = left.and_then(|l| u16::try_from(l).ok()).unwrap_or(DEFAULT);
                b.regs.store(dreg, &mss.to_le_bytes());
            }
            None => b.regs.store_unknown(dreg, 2, &"rt mtu".into()),
        }
    }
}

fn lower(b: &mut Branch, mss: u16) {
    let syn = b.state.packet.tcp_flags & tcp_flags::SYN != 0;
    if let Some(old) = b.state.packet.sizing.mss.as_mut().filter(|_| syn)
        && *old > mss
    {
        *old = mss;
        b.headers = None;
    }
}
