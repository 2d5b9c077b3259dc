//! Named stateful objects and flowtables.

use super::fields::Fields;
use super::{Part, devices, expr, header, unknown};
use crate::nlattr::DecodeError;
use crate::types::*;
use crate::uapi as u;

/// `NFT_MSG_NEWOBJ`.
pub fn object(payload: &[u8]) -> Result<Part<Object>, DecodeError> {
    let (family, _, rest) = header(payload, "object")?;
    let f = Fields::read(rest, "object", u::obj::USERDATA)?;
    let table = TableKey { family, name: f.need_text(u::obj::TABLE, "NFTA_OBJ_TABLE")? };
    let name = f.need_text(u::obj::NAME, "NFTA_OBJ_NAME")?;
    let kind = ObjectType::from_number(f.need_be32(u::obj::TYPE, "NFTA_OBJ_TYPE")?);
    let bytes = f.get(u::obj::DATA).map_or(&[][..], |a| a.data);
    let data = match state(kind, bytes) {
        Ok(Some(data)) => data,
        Ok(None) | Err(_) => ObjectData::Unknown(bytes.into()),
    };
    let unknown = unknown(&f, || format!("object {} {name}", table.name));
    let handle = f.be64(u::obj::HANDLE)?.unwrap_or(0);
    let userdata = f.bytes(u::obj::USERDATA).unwrap_or_default();
    Ok(Part { table, value: Object { name, handle, kind, data, userdata }, unknown })
}

/// `None`: a kind or an attribute that this version does not know.
fn state(kind: ObjectType, bytes: &[u8]) -> Result<Option<ObjectData>, DecodeError> {
    let max = match kind {
        ObjectType::Counter => u::counter::PAD,
        ObjectType::Quota => u::quota::CONSUMED,
        ObjectType::Limit => u::limit::PAD,
        ObjectType::Connlimit => u::connlimit::FLAGS,
        ObjectType::CtHelper => u::ct_helper::L4PROTO,
        ObjectType::CtTimeout => u::ct_timeout::DATA,
        ObjectType::CtExpect => u::ct_expect::SIZE,
        ObjectType::Secmark => u::secmark::CTX,
        ObjectType::Synproxy => u::synproxy::FLAGS,
        _ => return Ok(None),
    };
    let f = Fields::read(bytes, "object", max)?;
    if !f.strange.is_empty() {
        return Ok(None);
    }
    Ok(Some(match kind {
        ObjectType::Counter => {
            let (packets, bytes) = expr::counter(&f)?;
            ObjectData::Counter { packets, bytes }
        }
        ObjectType::Quota => {
            let (bytes, consumed, flags) = expr::quota(&f)?;
            ObjectData::Quota { bytes, consumed, flags }
        }
        ObjectType::Limit => return Ok(expr::limit(&f)?.map(ObjectData::Limit)),
        ObjectType::Connlimit => {
            let (count, flags) = expr::connlimit(&f)?;
            ObjectData::Connlimit { count, flags }
        }
        ObjectType::CtHelper => ObjectData::CtHelper {
            name: f.need_text(u::ct_helper::NAME, "NFTA_CT_HELPER_NAME")?,
            l3proto: f.be16(u::ct_helper::L3PROTO)?.unwrap_or(0),
            l4proto: f.u8(u::ct_helper::L4PROTO)?.unwrap_or(0),
        },
        ObjectType::CtTimeout => ObjectData::CtTimeout {
            l3proto: f.be16(u::ct_timeout::L3PROTO)?.unwrap_or(0),
            l4proto: f.u8(u::ct_timeout::L4PROTO)?.unwrap_or(0),
            data: f.bytes(u::ct_timeout::DATA).unwrap_or_default(),
        },
        ObjectType::CtExpect => ObjectData::CtExpect {
            l3proto: f.be16(u::ct_expect::L3PROTO)?.unwrap_or(0),
            l4proto: f.u8(u::ct_expect::L4PROTO)?.unwrap_or(0),
            dport: f.be16(u::ct_expect::DPORT)?.unwrap_or(0),
            // The one number of nf_tables that is sent in the machine's own order.
            timeout_ms: f.be32(u::ct_expect::TIMEOUT)?.map_or(0, |n| u32::from_ne_bytes(n.to_be_bytes())),
            size: f.u8(u::ct_expect::SIZE)?.unwrap_or(0),
        },
        ObjectType::Secmark => {
            ObjectData::Secmark { context: f.need_text(u::secmark::CTX, "NFTA_SECMARK_CTX")? }
        }
        ObjectType::Synproxy => ObjectData::Synproxy {
            mss: f.be16(u::synproxy::MSS)?.unwrap_or(0),
            wscale: f.u8(u::synproxy::WSCALE)?.unwrap_or(0),
            flags: f.be32(u::synproxy::FLAGS)?.unwrap_or(0),
        },
        _ => return Ok(None),
    }))
}

/// `NFT_MSG_NEWFLOWTABLE`.
pub fn flowtable(payload: &[u8]) -> Result<Part<Flowtable>, DecodeError> {
    let (family, _, rest) = header(payload, "flowtable")?;
    let f = Fields::read(rest, "flowtable", u::flowtable::FLAGS)?;
    let table = TableKey { family, name: f.need_text(u::flowtable::TABLE, "NFTA_FLOWTABLE_TABLE")? };
    let name = f.need_text(u::flowtable::NAME, "NFTA_FLOWTABLE_NAME")?;
    let mut lost = unknown(&f, || format!("flowtable {} {name}", table.name));
    let (mut priority, mut devs) = (0, Vec::new());
    if let Some(hook) = f.get(u::flowtable::HOOK) {
        let h = Fields::read(hook.data, "hook", u::flowtable_hook::DEVS)?;
        lost.extend(unknown(&h, || format!("hook of flowtable {} {name}", table.name)));
        priority = h.be32(u::flowtable_hook::PRIORITY)?.unwrap_or(0).cast_signed();
        devs = devices(&h, u::flowtable_hook::DEVS)?;
    }
    let handle = f.be64(u::flowtable::HANDLE)?.unwrap_or(0);
    let flags = f.be32(u::flowtable::FLAGS)?.unwrap_or(0);
    Ok(Part { table, value: Flowtable { name, handle, priority, devices: devs, flags }, unknown: lost })
}
