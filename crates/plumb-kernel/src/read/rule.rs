//! Policy rules (RTM_GETRULE; include/uapi/linux/fib_rules.h).

use plumb_model::{IpFamily, PolicyAction, PolicyRule, PortRange, Prefix, Read};
use plumb_nft::nlattr::{Attr, Attrs};
use plumb_nft::{Bytes, DecodeError};

use super::wire::Fields;
use crate::error::{KernelError, Result};
use crate::netlink::{Native, Socket};

pub(crate) const RTM_NEWRULE: u16 = 32;
pub(crate) const RTM_DELRULE: u16 = 33;
const RTM_GETRULE: u16 = 34;
const WHAT: &str = "policy rule";

pub(super) fn read(socket: &mut Socket) -> Result<Read<Vec<PolicyRule>>> {
    let v4 = family(socket, IpFamily::V4);
    let v6 = family(socket, IpFamily::V6);
    Ok(super::join(without_support(v4)?, without_support(v6)?))
}

/// A kernel without policy routing, or without IPv6, has no rules.
fn without_support(read: Result<Read<Vec<PolicyRule>>>) -> Result<Read<Vec<PolicyRule>>> {
    match read {
        Err(KernelError::Refused { errno: libc::EAFNOSUPPORT | libc::EOPNOTSUPP, .. }) => {
            Ok(Read::Got(Vec::new()))
        }
        other => other,
    }
}

fn family(socket: &mut Socket, family: IpFamily) -> Result<Read<Vec<PolicyRule>>> {
    let mut request = [0; 12];
    request[0] = super::family_number(family);
    socket.dump_list("read the policy rules", RTM_GETRULE, &request, |m| match m.kind {
        RTM_NEWRULE => Ok(parse(m.payload)?.filter(|r| r.family == family)),
        _ => Ok(None),
    })
}

/// `None` for families that are neither IPv4 nor IPv6.
pub(super) fn parse(payload: &[u8]) -> std::result::Result<Option<PolicyRule>, DecodeError> {
    const INVERT: u32 = 2;
    let mut fields = Fields::new(payload, WHAT);
    let (family, dst_len, src_len, tos, table) =
        (fields.u8()?, fields.u8()?, fields.u8()?, fields.u8()?, fields.u8()?);
    fields.skip(2)?;
    let action = fields.u8()?;
    let flags = fields.ne32()?;
    let Some(family) = super::family_of(family) else { return Ok(None) };
    let mut rule = PolicyRule {
        family,
        priority: 0,
        action: PolicyAction::Unknown(action),
        invert: flags & INVERT != 0,
        src: None,
        dst: None,
        iifname: None,
        oifname: None,
        fwmark: None,
        tos,
        uid_range: None,
        ip_proto: None,
        sport: None,
        dport: None,
        suppress_prefixlen: None,
        suppress_ifgroup: None,
        l3mdev: false,
        protocol: 0,
        unknown_attributes: Vec::new(),
    };
    let (mut table, mut goto, mut mark, mut mask) = (u32::from(table), 0, None, None);
    for attr in Attrs::new(fields.rest(), WHAT) {
        let attr = attr?;
        match attr.number {
            1 => rule.dst = Some(Prefix::new(attr.ip(WHAT)?, dst_len)),
            2 => rule.src = Some(Prefix::new(attr.ip(WHAT)?, src_len)),
            3 => rule.iifname = Some(attr.text()),
            4 => goto = attr.ne32(WHAT)?,
            6 => rule.priority = attr.ne32(WHAT)?,
            10 => mark = Some(attr.ne32(WHAT)?),
            13 => rule.suppress_ifgroup = Some(attr.ne32(WHAT)?).filter(|g| *g != u32::MAX),
            14 => rule.suppress_prefixlen = Some(attr.ne32(WHAT)?).filter(|l| *l != u32::MAX),
            15 => table = attr.ne32(WHAT)?,
            16 => mask = Some(attr.ne32(WHAT)?),
            17 => rule.oifname = Some(attr.text()),
            18 => {}
            19 => rule.l3mdev = attr.u8(WHAT)? != 0,
            20 => {
                let mut range = Fields::new(attr.data, WHAT);
                rule.uid_range = Some((range.ne32()?, range.ne32()?));
            }
            21 => rule.protocol = attr.u8(WHAT)?,
            22 => rule.ip_proto = Some(attr.u8(WHAT)?),
            23 => rule.sport = Some(ports(&attr)?),
            24 => rule.dport = Some(ports(&attr)?),
            // A mask that lets every bit of a port count.
            28 | 29 if attr.data == [0xff, 0xff] => {}
            number => rule.unknown_attributes.push((number, Bytes::from(attr.data))),
        }
    }
    if mark.is_some() || mask.is_some() {
        rule.fwmark = Some((mark.unwrap_or(0), mask.unwrap_or(u32::MAX)));
    }
    rule.action = match action {
        1 => PolicyAction::ToTable(table),
        2 => PolicyAction::Goto(goto),
        3 => PolicyAction::Nop,
        6 => PolicyAction::Blackhole,
        7 => PolicyAction::Unreachable,
        8 => PolicyAction::Prohibit,
        other => PolicyAction::Unknown(other),
    };
    Ok(Some(rule))
}

fn ports(attr: &Attr<'_>) -> std::result::Result<PortRange, DecodeError> {
    let mut range = Fields::new(attr.data, WHAT);
    Ok(PortRange { first: range.ne16()?, last: range.ne16()? })
}
