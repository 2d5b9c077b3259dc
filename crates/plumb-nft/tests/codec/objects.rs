//! Any rule, chain, set, element and object.

use plumb_nft::*;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use crate::exprs::*;

pub(crate) fn rule() -> impl Strategy<Value = Rule> {
    (any::<u64>(), vec(expr(), 0..8), bytes(0..30), of((any::<u32>(), any::<u32>())))
        .prop_map(|(handle, exprs, userdata, compat)| Rule { handle, exprs, userdata, compat })
}

pub(crate) fn key() -> impl Strategy<Value = TableKey> {
    (family(), name()).prop_map(|(family, name)| TableKey { family, name })
}

pub(crate) fn chain() -> impl Strategy<Value = (TableKey, Chain)> {
    let base = (
        0u8..3,
        0u32..6,
        any::<i32>(),
        any::<bool>(),
        vec("[a-z0-9]{1,12}[*]?", 0..3),
        of((any::<u64>(), any::<u64>())),
    );
    (key(), name(), any::<u64>(), of(base), any::<u32>(), bytes(0..30)).prop_map(
        |(key, name, handle, base, flags, userdata)| {
            let base = base.map(|(kind, hook, priority, accept, devices, counters)| BaseChain {
                kind: ChainType::from_number(kind),
                hook: decode::hook_of(key.family, hook),
                priority,
                policy: if accept { Verdict::Accept } else { Verdict::Drop },
                devices,
                counters,
            });
            (key, Chain { name, handle, base, flags, userdata, rules: Vec::new() })
        },
    )
}

pub(crate) fn element() -> impl Strategy<Value = Element> {
    (
        (bytes(0..65), of(bytes(1..65)), any::<u32>(), of(data()), of(name())),
        (of(any::<u64>()), of(any::<u64>()), bytes(0..30), vec(statements(), 0..3)),
    )
        .prop_map(|((key, key_end, flags, data, object), (timeout_ms, expires_ms, userdata, exprs))| {
            Element { key, key_end, flags, data, object, timeout_ms, expires_ms, userdata, exprs }
        })
}

pub(crate) fn set() -> impl Strategy<Value = Set> {
    let n = any::<u32>;
    (
        (name(), any::<u64>(), n(), n(), n(), of(n()), of(n())),
        (
            of(n()),
            of(n()),
            of(n()),
            vec(n(), 0..4),
            of(any::<u64>()),
            of(n()),
            bytes(0..60),
            vec(statements(), 0..3),
        ),
    )
        .prop_map(|((name, handle, flags, key_type, key_len, data_type, data_len), rest)| {
            let (object, policy, size, field_lens, timeout_ms, gc_interval_ms, userdata, exprs) = rest;
            Set {
                name,
                handle,
                flags,
                key_type,
                key_len,
                data_type,
                data_len,
                object_type: object.map(ObjectType::from_number),
                policy,
                size,
                field_lens,
                timeout_ms,
                gc_interval_ms,
                userdata,
                exprs,
                elements: Vec::new(),
            }
        })
}

pub(crate) fn object() -> impl Strategy<Value = Object> {
    let n = any::<u32>;
    let data = prop_oneof![
        (any::<u64>(), any::<u64>())
            .prop_map(|(packets, bytes)| (ObjectType::Counter, ObjectData::Counter { packets, bytes })),
        (any::<u64>(), any::<u64>(), n()).prop_map(|(bytes, consumed, flags)| {
            (ObjectType::Quota, ObjectData::Quota { bytes, consumed, flags })
        }),
        limit().prop_map(|l| (ObjectType::Limit, ObjectData::Limit(l))),
        (n(), n()).prop_map(|(count, flags)| (ObjectType::Connlimit, ObjectData::Connlimit { count, flags })),
        (name(), any::<u16>(), any::<u8>()).prop_map(|(name, l3proto, l4proto)| {
            (ObjectType::CtHelper, ObjectData::CtHelper { name, l3proto, l4proto })
        }),
        (any::<u16>(), any::<u8>(), bytes(0..40)).prop_map(|(l3proto, l4proto, data)| {
            (ObjectType::CtTimeout, ObjectData::CtTimeout { l3proto, l4proto, data })
        }),
        (any::<u16>(), any::<u8>(), any::<u16>(), n(), any::<u8>()).prop_map(
            |(l3proto, l4proto, dport, timeout_ms, size)| {
                (ObjectType::CtExpect, ObjectData::CtExpect { l3proto, l4proto, dport, timeout_ms, size })
            }
        ),
        name().prop_map(|context| (ObjectType::Secmark, ObjectData::Secmark { context })),
        (any::<u16>(), any::<u8>(), n()).prop_map(|(mss, wscale, flags)| {
            (ObjectType::Synproxy, ObjectData::Synproxy { mss, wscale, flags })
        }),
        bytes(0..40).prop_map(|b| (ObjectType::Tunnel, ObjectData::Unknown(b))),
    ];
    (name(), any::<u64>(), data, bytes(0..30)).prop_map(|(name, handle, (kind, data), userdata)| Object {
        name,
        handle,
        kind,
        data,
        userdata,
    })
}
