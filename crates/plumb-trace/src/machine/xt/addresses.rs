//! Matches on addresses, devices and routes: `addrtype`, `rpfilter`, `physdev`, `devgroup`, `mac`.

use std::net::IpAddr;

use plumb_model::IpFamily;
use plumb_xtables::matches::{AddrTypes, Addrtype, Devgroup, Mac, Physdev, Rpfilter};
use plumb_xtables::{IfaceName, Inv};

use super::Says;
use crate::env::{AddrType, FibQuery};
use crate::machine::branch::Branch;
use crate::machine::solve::Run;
use crate::packet::PacketType;

/// `RTN_*` bits that the IPv6 form looks up.
const UNSPEC: u16 = 1;
const UNICAST: u16 = 1 << 1;
const LOCAL: u16 = 1 << 2;
const ANYCAST: u16 = 1 << 4;
const MULTICAST: u16 = 1 << 5;
const UNREACHABLE: u16 = 1 << 7;

impl Run<'_> {
    /// `addrtype_mt_v1`
    pub(super) fn addrtype(&self, b: &Branch, m: &Addrtype) -> bool {
        let device = if m.limit_iface_in {
            self.env.iif
        } else if m.limit_iface_out {
            self.env.oif
        } else {
            None
        };
        let p = &b.state.packet;
        let asks = |kinds: &Inv<AddrTypes>, addr: IpAddr| {
            kinds.value.0 == 0 || kinds.holds(|k| self.is_of(*k, addr, device))
        };
        asks(&m.source, p.src) && asks(&m.dest, p.dst)
    }

    fn is_of(&self, kinds: AddrTypes, addr: IpAddr, device: Option<u32>) -> bool {
        let kind = || self.env.lookups.addr_type(self.env.ns, addr, device);
        if self.env.family == IpFamily::V4 {
            return kinds.contains(kind().number());
        }
        // match_type6: every kind that is asked for must hold, of those that are looked up one.
        let asked = |bits: u16| kinds.0 & bits != 0;
        if asked(MULTICAST) && !addr.is_multicast() {
            return false;
        }
        if asked(UNICAST) && (addr.is_multicast() || addr.is_unspecified()) {
            return false;
        }
        if asked(UNSPEC) && !addr.is_unspecified() {
            return false;
        }
        if !asked(LOCAL | ANYCAST | UNREACHABLE) {
            return true;
        }
        match kind() {
            AddrType::Local => asked(LOCAL),
            AddrType::Anycast => asked(ANYCAST),
            // match_lookup_rt6: without a way, or where the route says so.
            _ => {
                let query = FibQuery { dst: addr, src: None, mark: 0, iif: None, oif: device, tos: 0 };
                asked(UNREACHABLE) && self.env.lookups.reject_type(self.env.ns, &query).is_some()
            }
        }
    }

    /// `rpfilter_mt`
    pub(super) fn rpfilter(&self, b: &Branch, m: &Rpfilter) -> bool {
        let p = &b.state.packet;
        let looped =
            p.packet_type == PacketType::Loopback || self.device(self.env.iif).is_some_and(|d| d.loopback);
        if looped {
            return !m.invert;
        }
        if let (IpAddr::V4(src), IpAddr::V4(dst)) = (p.src, p.dst)
            && dst.is_multicast()
            && src.is_unspecified()
        {
            return dst.octets().starts_with(&[224, 0, 0]) != m.invert;
        }
        let kind = self.env.lookups.addr_type(self.env.ns, p.src, None);
        if matches!(kind, AddrType::Local | AddrType::Anycast) {
            return m.accept_local != m.invert;
        }
        let pseudo = p.dst.is_multicast()
            || p.dst.is_unspecified()
            || matches!(p.dst, IpAddr::V4(d) if d.is_broadcast());
        let found = self.env.lookups.fib_device(
            self.env.ns,
            &FibQuery {
                dst: p.src,
                src: (!pseudo).then_some(p.dst),
                mark: if m.valid_mark { p.mark } else { 0 },
                iif: None,
                oif: if m.loose { None } else { self.env.iif },
                tos: p.tos & 0xfc,
            },
        );
        found.is_some() != m.invert
    }

    /// `physdev_mt`
    pub(super) fn physdev(&self, m: &Physdev) -> bool {
        let inverted = |c: &Option<Inv<()>>| c.as_ref().is_none_or(|c| c.invert);
        let dev_inverted = |c: &Option<Inv<IfaceName>>| c.as_ref().is_none_or(|c| c.invert);
        let (input, output) = (self.env.physin, self.env.physout);
        if input.is_none() && output.is_none() {
            return inverted(&m.is_bridged)
                && inverted(&m.is_in)
                && inverted(&m.is_out)
                && dev_inverted(&m.in_dev)
                && dev_inverted(&m.out_dev);
        }
        let is = |c: &Option<Inv<()>>, there: bool| c.as_ref().is_none_or(|c| there != c.invert);
        let named = |c: &Inv<IfaceName>, device: Option<u32>| {
            let name = device.map(|d| self.env.namespace.link_name(d)).unwrap_or_default();
            c.holds(|n| n.matches(&name))
        };
        is(&m.is_bridged, output.is_some())
            && is(&m.is_in, input.is_some())
            && is(&m.is_out, output.is_some())
            && m.in_dev.as_ref().is_none_or(|c| input.is_none() || named(c, input))
            && m.out_dev.as_ref().is_none_or(|c| output.is_some() && named(c, output))
    }

    /// `devgroup_mt`
    pub(super) fn devgroup(&self, m: &Devgroup) -> bool {
        let group = |device| self.device(device).map_or(0, |d| d.group);
        let asks = |c: &Option<Inv<plumb_xtables::Masked>>, device| {
            c.as_ref().is_none_or(|c| c.holds(|m| (m.value ^ group(device)) & m.mask == 0))
        };
        asks(&m.src, self.env.iif) && asks(&m.dst, self.env.oif)
    }

    /// `mac_mt`: Ethernet devices only.
    pub(super) fn mac(&self, b: &Branch, m: &Mac) -> Says {
        if self.device(self.env.iif).is_none_or(|d| d.hardware != 1) {
            return Says::No;
        }
        match b.state.packet.eth_src {
            Some(mac) => m.source.holds(|s| *s == mac.0).into(),
            None => Says::No,
        }
    }
}
