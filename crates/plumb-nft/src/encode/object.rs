//! Named stateful objects and flowtables.

use super::{EncodeError, devices, expr, finish, handle, start, userdata};
use crate::nlattr::{NESTED, Writer};
use crate::types::*;
use crate::uapi as u;

/// A named object.
pub fn object(key: &TableKey, object: &Object) -> Result<Vec<u8>, EncodeError> {
    let mut w = start(key.family);
    w.text(u::obj::TABLE, &key.name);
    w.text(u::obj::NAME, &object.name);
    w.be32(u::obj::TYPE, object.kind.number());
    match &object.data {
        ObjectData::Unknown(bytes) => w.put(u::obj::DATA | NESTED, bytes),
        data => w.nest(u::obj::DATA, |w| state(w, data)),
    }
    handle(&mut w, u::obj::HANDLE, object.handle);
    userdata(&mut w, u::obj::USERDATA, &object.userdata);
    finish(w, || format!("object {}", object.name))
}

fn state(w: &mut Writer, data: &ObjectData) {
    match data {
        ObjectData::Counter { packets, bytes } => expr::counter(w, *packets, *bytes),
        ObjectData::Quota { bytes, consumed, flags } => expr::quota(w, *bytes, *consumed, *flags),
        ObjectData::Limit(limit) => expr::limit(w, limit),
        ObjectData::Connlimit { count, flags } => expr::connlimit(w, *count, *flags),
        ObjectData::CtHelper { name, l3proto, l4proto } => {
            w.text(u::ct_helper::NAME, name);
            w.be16(u::ct_helper::L3PROTO, *l3proto);
            w.u8(u::ct_helper::L4PROTO, *l4proto);
        }
        ObjectData::CtTimeout { l3proto, l4proto, data } => {
            w.be16(u::ct_timeout::L3PROTO, *l3proto);
            w.u8(u::ct_timeout::L4PROTO, *l4proto);
            w.put(u::ct_timeout::DATA | NESTED, data);
        }
        ObjectData::CtExpect { l3proto, l4proto, dport, timeout_ms, size } => {
            w.be16(u::ct_expect::L3PROTO, *l3proto);
            w.u8(u::ct_expect::L4PROTO, *l4proto);
            w.be16(u::ct_expect::DPORT, *dport);
            w.put(u::ct_expect::TIMEOUT, &timeout_ms.to_ne_bytes());
            w.u8(u::ct_expect::SIZE, *size);
        }
        ObjectData::Secmark { context } => w.text(u::secmark::CTX, context),
        ObjectData::Synproxy { mss, wscale, flags } => {
            w.be16(u::synproxy::MSS, *mss);
            w.u8(u::synproxy::WSCALE, *wscale);
            w.be32(u::synproxy::FLAGS, *flags);
        }
        ObjectData::Unknown(_) => {}
    }
}

/// A flowtable.
pub fn flowtable(key: &TableKey, table: &Flowtable) -> Result<Vec<u8>, EncodeError> {
    let mut w = start(key.family);
    w.text(u::flowtable::TABLE, &key.name);
    w.text(u::flowtable::NAME, &table.name);
    handle(&mut w, u::flowtable::HANDLE, table.handle);
    if table.flags != 0 {
        w.be32(u::flowtable::FLAGS, table.flags);
    }
    w.nest(u::flowtable::HOOK, |w| {
        // Flowtables hook at ingress only.
        w.be32(u::flowtable_hook::NUM, 0);
        w.be32(u::flowtable_hook::PRIORITY, table.priority.cast_unsigned());
        devices(w, u::flowtable_hook::DEVS, &table.devices);
    });
    finish(w, || format!("flowtable {}", table.name))
}
