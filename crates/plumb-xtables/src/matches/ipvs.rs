//! `ipvs` (`xt_ipvs.h`): what the IP virtual server knows of the packet's connection.

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError};
use crate::extension::Extension;
use crate::text::{Options, network_or_address};
use crate::types::{AddrMask, Inv, SetNames, XtFamily};

/// How a packet is forwarded to its real server (`IP_VS_CONN_F_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IpvsMethod {
    /// Masquerading.
    Masq,
    /// Tunnelling.
    Ipip,
    /// Direct routing.
    Gate,
}

/// `struct xt_ipvs_mtinfo`. Every condition implies that the packet belongs to a virtual service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ipvs {
    /// The packet belongs to a virtual service; written only where nothing else is asked.
    pub is_ipvs: Option<Inv<()>>,
    /// Protocol of the service.
    pub proto: Option<Inv<u8>>,
    /// Address of the service.
    pub addr: Option<Inv<AddrMask>>,
    /// Port of the service.
    pub port: Option<Inv<u16>>,
    /// Direction of the packet: `Some(true)` from the real server.
    pub reply_direction: Option<bool>,
    /// Forwarding method.
    pub method: Option<Inv<IpvsMethod>>,
    /// Port of the controlling connection.
    pub control_port: Option<Inv<u16>>,
}

impl Extension for Ipvs {
    fn decode(revision: u32, family: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let addr = AddrMask { addr: b.inet(family)?, mask: b.inet(family)? };
        let (port, proto, method, control_port) = (b.be16()?, b.u8()?, b.u8()?, b.be16()?);
        let (inv, asked) = (b.u8()?, b.u8()?);
        if asked & 0x80 != 0 {
            return Err(BlobError::Value { field: "bitmask", value: asked.into() });
        }
        let has = |bit: u8| asked & bit != 0;
        let not = |bit: u8| inv & bit != 0;
        let method = match (has(0x20), method) {
            (false, _) => None,
            (true, 0) => Some(IpvsMethod::Masq),
            (true, 2) => Some(IpvsMethod::Ipip),
            (true, 3) => Some(IpvsMethod::Gate),
            (true, v) => return Err(BlobError::Value { field: "fwd_method", value: v.into() }),
        };
        Ok(Self {
            is_ipvs: has(1).then_some(Inv::new((), not(1))),
            proto: has(2).then_some(Inv::new(proto, not(2))),
            addr: has(4).then_some(Inv::new(addr, not(4))),
            port: has(8).then_some(Inv::new(port, not(8))),
            reply_direction: has(0x10).then_some(not(0x10)),
            method: method.map(|m| Inv::new(m, not(0x20))),
            control_port: has(0x40).then_some(Inv::new(control_port, not(0x40))),
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        let alone = self.proto.is_none()
            && self.addr.is_none()
            && self.port.is_none()
            && self.reply_direction.is_none()
            && self.method.is_none()
            && self.control_port.is_none();
        if let Some(is) = self.is_ipvs.filter(|_| alone) {
            o.push(format!("{}--ipvs", is.bang()));
        }
        o.inv("--proto", self.proto.as_ref(), u8::to_string);
        o.inv("--vaddr", self.addr.as_ref(), network_or_address);
        o.inv("--vport", self.port.as_ref(), u16::to_string);
        o.opt("--vdir", self.reply_direction.map(|reply| if reply { "REPLY" } else { "ORIGINAL" }));
        o.inv("--vmethod", self.method.as_ref(), |m| {
            let word = match m {
                IpvsMethod::Masq => "MASQ",
                IpvsMethod::Ipip => "IPIP",
                IpvsMethod::Gate => "GATE",
            };
            word.to_owned()
        });
        o.inv("--vportctl", self.control_port.as_ref(), u16::to_string).build()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::{Match, NoSetNames, XtFamily};

    #[test]
    fn address_port_and_method() {
        let mut blob = vec![0u8; 40];
        blob[..4].copy_from_slice(&[10, 0, 0, 1]);
        blob[16..20].copy_from_slice(&[255; 4]);
        blob[32..40].copy_from_slice(&[0, 80, 6, 0, 0, 0, 0x08, 0x2d]);
        let m = Match::decode("ipvs", 0, XtFamily::Ip, &blob);
        assert_eq!(m.options(&NoSetNames), "--vaddr 10.0.0.1 ! --vport 80 --vmethod MASQ");
    }
}
