//! `MASQUERADE`, `SNAT`, `DNAT`, `REDIRECT`, `NETMAP` (`nf_nat.h`).
//!
//! The same range of addresses and ports comes in three layouts: `nf_nat_ipv4_multi_range_compat` (IPv4, oldest
//! revisions), `nf_nat_range` and `nf_nat_range2` (with a base port).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError, BlobWriter};
use crate::extension::Extension;
use crate::text::{Options, address};
use crate::types::{PortRange, SetNames, XtFamily};

/// Where to a NAT target translates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NatRange {
    /// First and last address; `None`: the target's own choice.
    pub addrs: Option<(IpAddr, IpAddr)>,
    /// First and last port; `None`: kept where possible.
    pub ports: Option<PortRange>,
    /// Ports are shifted: this one becomes the first of `ports`, and so on.
    pub base_port: Option<u16>,
    /// Ports are chosen at random (`NF_NAT_RANGE_PROTO_RANDOM`).
    pub random: bool,
    /// Ports are chosen at random, each time anew (`NF_NAT_RANGE_PROTO_RANDOM_FULLY`).
    pub random_fully: bool,
    /// A client keeps the address that it once got.
    pub persistent: bool,
    /// The host part of the address is kept (`NF_NAT_RANGE_NETMAP`).
    pub netmap: bool,
}

const MAP_IPS: u32 = 1;
const PORTS: u32 = 1 << 1;
const RANDOM: u32 = 1 << 2;
const PERSISTENT: u32 = 1 << 3;
const RANDOM_FULLY: u32 = 1 << 4;
const OFFSET: u32 = 1 << 5;
const NETMAP: u32 = 1 << 6;

/// The layouts of `nf_nat.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Multi4,
    Range,
    Range2,
}

impl NatRange {
    fn decode(layout: Layout, family: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if layout == Layout::Multi4 {
            let size = b.u32()?;
            if size != 1 {
                return Err(BlobError::Value { field: "rangesize", value: size.into() });
            }
        }
        let flags = b.u32()?;
        let addrs = if layout == Layout::Multi4 {
            (b.ipv4()?, b.ipv4()?)
        } else {
            (b.inet(family)?, b.inet(family)?)
        };
        let ports = PortRange { min: b.be16()?, max: b.be16()? };
        let base = if layout == Layout::Range2 { b.be16()? } else { 0 };
        if flags & !0x7f != 0 {
            return Err(BlobError::Value { field: "flags", value: flags.into() });
        }
        let has = |bit: u32| flags & bit != 0;
        Ok(Self {
            addrs: has(MAP_IPS).then_some(addrs),
            ports: has(PORTS).then_some(ports),
            base_port: has(OFFSET).then_some(base),
            random: has(RANDOM),
            random_fully: has(RANDOM_FULLY),
            persistent: has(PERSISTENT),
            netmap: has(NETMAP),
        })
    }

    fn encode(&self, layout: Layout, family: XtFamily) -> Result<Vec<u8>, String> {
        let bit = |on: bool, bit: u32| if on { bit } else { 0 };
        let flags = bit(self.addrs.is_some(), MAP_IPS)
            | bit(self.ports.is_some(), PORTS)
            | bit(self.random, RANDOM)
            | bit(self.persistent, PERSISTENT)
            | bit(self.random_fully, RANDOM_FULLY)
            | bit(self.base_port.is_some(), OFFSET)
            | bit(self.netmap, NETMAP);
        let (first, last) = self.addrs.unwrap_or((family.unspecified(), family.unspecified()));
        let ports = self.ports.unwrap_or(PortRange { min: 0, max: 0 });
        let wrong = [first, last].into_iter().find(|a| a.is_ipv4() != (family == XtFamily::Ip));
        if let Some(a) = wrong {
            return Err(format!("{a} is an address of the other family"));
        }
        if layout != Layout::Range2 && self.base_port.is_some() {
            return Err("a base port came with revision 2 of SNAT and DNAT".to_owned());
        }
        let w = BlobWriter::default();
        match (layout, first, last) {
            (Layout::Multi4, IpAddr::V4(first), IpAddr::V4(last)) => {
                let w = w.u32(1).u32(flags).raw(&first.octets()).raw(&last.octets());
                Ok(w.be16(ports.min).be16(ports.max).finish(20))
            }
            _ => {
                let w = w.u32(flags).inet(first).inet(last).be16(ports.min).be16(ports.max);
                let w = if layout == Layout::Range2 { w.be16(self.base_port.unwrap_or(0)) } else { w };
                Ok(w.finish(40))
            }
        }
    }

    /// `10.0.0.1-10.0.0.3:80-90/1000`
    fn destination(&self) -> String {
        let addrs = self
            .addrs
            .map(|(a, b)| if a == b { address(a) } else { format!("{}-{}", address(a), address(b)) });
        let v6 = self.addrs.is_some_and(|(a, _)| a.is_ipv6());
        let Some(ports) = self.ports else { return addrs.unwrap_or_default() };
        let base = self.base_port.map_or_else(String::new, |b| format!("/{b}"));
        let addrs = addrs.map_or_else(String::new, |a| if v6 { format!("[{a}]") } else { a });
        format!("{addrs}:{}{base}", ports.text('-'))
    }

    fn flags(&self, o: &mut Options) {
        o.flag(self.random, "--random").flag(self.random_fully, "--random-fully");
        o.flag(self.persistent, "--persistent");
    }

    fn mapped_text(&self, name: &str) -> String {
        let mut o = Options::new();
        let to = self.destination();
        o.opt(name, (!to.is_empty()).then_some(to));
        self.flags(&mut o);
        o.build()
    }

    fn ports_text(&self) -> String {
        let mut o = Options::new();
        o.opt("--to-ports", self.ports.map(|p| p.text('-')));
        self.flags(&mut o);
        o.build()
    }
}

/// Targets of revision 0 that have the oldest layout in IPv4 and `nf_nat_range` in IPv6.
fn by_family(revision: u32, family: XtFamily) -> Option<Layout> {
    match (revision, family) {
        (0, XtFamily::Ip) => Some(Layout::Multi4),
        (0, XtFamily::Ip6) => Some(Layout::Range),
        _ => None,
    }
}

/// `SNAT` and `DNAT`: revision 0 is IPv4 alone.
fn by_revision(revision: u32, family: XtFamily) -> Option<Layout> {
    match (revision, family) {
        (0, XtFamily::Ip) => Some(Layout::Multi4),
        (1, _) => Some(Layout::Range),
        (2, _) => Some(Layout::Range2),
        _ => None,
    }
}

macro_rules! nat_targets {
    ($($(#[$meta:meta])* $name:ident, $layout:ident, $text:expr;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub struct $name(pub NatRange);

        impl Extension for $name {
            fn decode(revision: u32, family: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
                let layout = $layout(revision, family).ok_or(BlobError::Revision(revision))?;
                NatRange::decode(layout, family, b).map(Self)
            }

            fn options(&self, _: &dyn SetNames) -> String {
                let text: fn(&NatRange) -> String = $text;
                text(&self.0)
            }

            fn encode(&self, revision: u32, family: XtFamily) -> Result<Option<Vec<u8>>, String> {
                $layout(revision, family).map(|l| self.0.encode(l, family)).transpose()
            }
        }
    )*};
}

nat_targets! {
    /// `MASQUERADE`: only ports and flags of the range are used.
    Masquerade, by_family, NatRange::ports_text;
    /// `REDIRECT`: only ports and flags of the range are used.
    Redirect, by_family, NatRange::ports_text;
    /// `SNAT`.
    Snat, by_revision, |r| r.mapped_text("--to-source");
    /// `DNAT`.
    Dnat, by_revision, |r| r.mapped_text("--to-destination");
    /// `NETMAP`: the range is the network from its first to its last address.
    Netmap, by_family, netmap_text;
}

/// The bits in which first and last address differ are those that the packet keeps.
fn netmap_text(r: &NatRange) -> String {
    let Some((first, last)) = r.addrs else { return String::new() };
    let mask = match (first, last) {
        (IpAddr::V4(a), IpAddr::V4(b)) => IpAddr::V4((!(u32::from(a) ^ u32::from(b))).into()),
        (IpAddr::V6(a), IpAddr::V6(b)) => IpAddr::V6((!(u128::from(a) ^ u128::from(b))).into()),
        _ => return String::new(),
    };
    format!("--to {}", crate::text::network(&crate::types::AddrMask { addr: first, mask }))
}
