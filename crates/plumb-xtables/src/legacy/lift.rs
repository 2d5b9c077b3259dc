//! Conditions on the header (`ip_packet_match`, `ip6_packet_match`) as the comparisons that iptables-nft writes.

use std::net::IpAddr;

use plumb_nft::{BitwiseOp, CmpOp, Expr, MetaKey, PayloadBase, Register};

use super::entry::{Header, INV_DSTIP, INV_FRAG, INV_PROTO, INV_SRCIP, INV_VIA_IN, INV_VIA_OUT};
use crate::blob::BlobError;
use crate::types::XtFamily;

/// The register that iptables-nft uses.
const REGISTER: Register = Register(1);
/// What iptables-nft compares with for `! -i +`, which never holds.
const NO_DEVICE: &[u8] = b"INVAL/D\0";

pub(super) fn header(h: &Header<'_>, out: &mut Vec<Expr>) -> Result<(), BlobError> {
    let inverted = |bit: u8| h.inverted & bit != 0;
    let (source, destination) = match h.family {
        XtFamily::Ip => (12, 16),
        XtFamily::Ip6 => (8, 24),
    };
    address(h.src, source, inverted(INV_SRCIP), out);
    address(h.dst, destination, inverted(INV_DSTIP), out);
    device(h.iniface, MetaKey::Iifname, inverted(INV_VIA_IN), "iniface_mask", out)?;
    device(h.outiface, MetaKey::Oifname, inverted(INV_VIA_OUT), "outiface_mask", out)?;
    if let Some(proto) = h.proto {
        out.push(Expr::Meta { key: MetaKey::L4proto, dreg: REGISTER });
        out.push(compare(inverted(INV_PROTO), vec![proto]));
    }
    if h.fragment {
        load(6, 2, out);
        mask(vec![0x1f, 0xff], out);
        // What differs from offset 0 is a further fragment.
        out.push(compare(!inverted(INV_FRAG), vec![0, 0]));
    }
    Ok(())
}

fn compare(differs: bool, data: Vec<u8>) -> Expr {
    let op = if differs { CmpOp::Neq } else { CmpOp::Eq };
    Expr::Cmp { sreg: REGISTER, op, data: data.into() }
}

fn load(offset: u32, len: u32, out: &mut Vec<Expr>) {
    out.push(Expr::Payload { dreg: REGISTER, base: PayloadBase::Network, offset, len });
}

fn mask(mask: Vec<u8>, out: &mut Vec<Expr>) {
    let (len, xor) = (mask.len() as u32, vec![0; mask.len()]);
    let op = BitwiseOp::Bool { mask: mask.into(), xor: xor.into() };
    out.push(Expr::Bitwise { sreg: REGISTER, dreg: REGISTER, len, op });
}

fn octets(a: IpAddr) -> Vec<u8> {
    match a {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}

fn address((addr, bits): (IpAddr, IpAddr), offset: u32, invert: bool, out: &mut Vec<Expr>) {
    if addr.is_unspecified() && bits.is_unspecified() && !invert {
        return;
    }
    let (addr, bits) = (octets(addr), octets(bits));
    load(offset, addr.len() as u32, out);
    if bits.iter().any(|b| *b != 0xff) {
        mask(bits, out);
    }
    out.push(compare(invert, addr));
}

fn device(
    (name, bits): (&[u8], &[u8]),
    key: MetaKey,
    invert: bool,
    field: &'static str,
    out: &mut Vec<Expr>,
) -> Result<(), BlobError> {
    let len = bits.iter().position(|b| *b != 0xff).unwrap_or(bits.len());
    let odd = bits.get(len..).unwrap_or_default().iter().find(|b| **b != 0);
    if let Some(odd) = odd {
        return Err(BlobError::Value { field, value: (*odd).into() });
    }
    let data = match (len, invert) {
        (0, false) => return Ok(()),
        (0, true) => {
            out.push(Expr::Meta { key, dreg: REGISTER });
            out.push(compare(false, NO_DEVICE.to_vec()));
            return Ok(());
        }
        _ => name.get(..len).unwrap_or_default().to_vec(),
    };
    out.push(Expr::Meta { key, dreg: REGISTER });
    out.push(compare(invert, data));
    Ok(())
}
