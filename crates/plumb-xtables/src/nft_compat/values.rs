//! What comparisons hold: names, addresses, ports, numbers.

use std::net::IpAddr;

use plumb_nft::{CmpOp, Expr};

use crate::types::{AddrMask, IfaceName, Inv, PortRange, XtFamily};

/// Outcome of a comparison with a port: which ports pass.
pub(super) type Ports = Inv<PortRange>;

/// Whether nothing is asked of the port yet.
pub(super) fn free(ports: &Ports) -> bool {
    *ports == Inv::new(PortRange::ALL, false)
}

/// A name to compare with. `! -i +`, which never holds, is written as a comparison with a name that cannot be.
pub(super) fn iface(data: &[u8], invert: bool) -> Inv<IfaceName> {
    let name = IfaceName::from_compared(data);
    if name.name == "INVAL/D" && !invert {
        return Inv::new(IfaceName { name: String::new(), prefix: true }, true);
    }
    Inv::new(name, invert)
}

/// Address and mask. Prefixes of whole bytes are compared without a mask, by loading no more than these bytes.
pub(super) fn address(family: XtFamily, len: u32, mask: Option<Vec<u8>>, data: &[u8]) -> Option<AddrMask> {
    let len = usize::try_from(len).ok()?;
    let mask = mask.unwrap_or_else(|| vec![0xff; len]);
    let (data, mask) = (data.get(..len)?, mask.get(..len)?);
    let whole = |part: &[u8]| {
        let mut bytes = [0u8; 16];
        bytes.get_mut(..len)?.copy_from_slice(part);
        let [a, b, c, d, ..] = bytes;
        Some(match family {
            XtFamily::Ip => IpAddr::from([a, b, c, d]),
            XtFamily::Ip6 => IpAddr::from(bytes),
        })
    };
    Some(AddrMask { addr: whole(data)?, mask: whole(mask)? })
}

pub(super) fn port_range(op: CmpOp, port: u16) -> Result<Ports, String> {
    let range = |min, max| Inv::new(PortRange { min, max }, false);
    match op {
        CmpOp::Eq => Ok(range(port, port)),
        CmpOp::Neq => Ok(Inv::new(PortRange { min: port, max: port }, true)),
        CmpOp::Lte => Ok(range(0, port)),
        CmpOp::Gte => Ok(range(port, u16::MAX)),
        // `! --dport :5` is written as `> 5`, which iptables reads as `--dport 6:65535`.
        CmpOp::Gt if port < u16::MAX => Ok(range(port + 1, u16::MAX)),
        CmpOp::Lt if port > 0 => Ok(range(0, port - 1)),
        other => Err(format!("comparison {other:?} of a port")),
    }
}

pub(super) fn be16(data: &[u8]) -> Result<u16, String> {
    match data {
        [a, b, ..] => Ok(u16::from_be_bytes([*a, *b])),
        _ => Err("a port of less than two bytes".to_owned()),
    }
}

/// A number as it lies in a register of a little-endian machine.
pub(super) fn le32(data: &[u8]) -> Result<u32, String> {
    match data {
        [a, b, c, d, ..] => Ok(u32::from_le_bytes([*a, *b, *c, *d])),
        _ => Err("a mark of less than four bytes".to_owned()),
    }
}

/// The expression's own name, for messages.
pub(super) fn name(expr: &Expr) -> String {
    if let Expr::Unknown { name, .. } = expr {
        return format!("{name} (not decoded)");
    }
    let debug = format!("{expr:?}");
    let end = debug.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(debug.len());
    debug.get(..end).unwrap_or_default().to_lowercase()
}
