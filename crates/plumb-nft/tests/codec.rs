//! What is encoded decodes to itself; what is no message is an error, never a panic.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{NAMES, messages, ruleset};
use plumb_nft::*;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

fn name() -> impl Strategy<Value = String> {
    "[a-z_][a-z0-9_./-]{0,20}"
}

fn bytes(range: std::ops::Range<usize>) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), range).prop_map(Bytes)
}

fn register() -> impl Strategy<Value = Register> {
    prop_oneof![1u32..=4, 8u32..=23].prop_map(Register)
}

fn verdict() -> impl Strategy<Value = Verdict> {
    let chain = prop_oneof![name().prop_map(ChainRef::Name), any::<u32>().prop_map(ChainRef::Id)];
    prop_oneof![
        Just(Verdict::Accept),
        Just(Verdict::Drop),
        Just(Verdict::Continue),
        Just(Verdict::Break),
        Just(Verdict::Return),
        (0u32..0x7fff).prop_map(|n| Verdict::Queue(n << 16 | 3)),
        chain.clone().prop_map(Verdict::Jump),
        chain.prop_map(Verdict::Goto),
        Just(Verdict::Unknown(2)),
    ]
}

fn data() -> impl Strategy<Value = Data> {
    prop_oneof![bytes(1..65).prop_map(Data::Value), verdict().prop_map(Data::Verdict)]
}

fn limit() -> impl Strategy<Value = Limit> {
    (any::<u64>(), any::<u64>(), any::<u32>(), any::<bool>(), any::<bool>())
        .prop_map(|(rate, unit, burst, bytes, over)| Limit { rate, unit, burst, bytes, over })
}

fn family() -> impl Strategy<Value = Family> {
    any::<u8>().prop_map(Family::from_number)
}

fn direction() -> impl Strategy<Value = Option<CtDirection>> {
    of(prop_oneof![Just(CtDirection::Original), Just(CtDirection::Reply)])
}

fn bitwise() -> impl Strategy<Value = BitwiseOp> {
    let operand = prop_oneof![register().prop_map(Operand::Register), bytes(1..17).prop_map(Operand::Value)];
    prop_oneof![
        (bytes(1..17), bytes(1..17)).prop_map(|(mask, xor)| BitwiseOp::Bool { mask, xor }),
        any::<u32>().prop_map(BitwiseOp::Lshift),
        any::<u32>().prop_map(BitwiseOp::Rshift),
        operand.clone().prop_map(BitwiseOp::And),
        operand.clone().prop_map(BitwiseOp::Or),
        operand.prop_map(BitwiseOp::Xor),
    ]
}

fn range() -> impl Strategy<Value = NatRange> {
    (of(register()), of(register()), of(register()), of(register()), any::<u32>()).prop_map(
        |(addr_min, addr_max, port_min, port_max, flags)| NatRange {
            addr_min,
            addr_max,
            port_min,
            port_max,
            flags,
        },
    )
}

fn loads() -> BoxedStrategy<Expr> {
    let n = any::<u32>;
    prop_oneof![
        (register(), data()).prop_map(|(dreg, data)| Expr::Immediate { dreg, data }),
        (register(), n(), bytes(1..65)).prop_map(|(sreg, op, data)| Expr::Cmp {
            sreg,
            op: CmpOp::from_number(op),
            data
        }),
        (register(), n(), bytes(1..17), bytes(1..17)).prop_map(|(sreg, op, from, to)| Expr::Range {
            sreg,
            op: CmpOp::from_number(op),
            from,
            to
        }),
        (name(), of(n()), register(), of(register()), any::<bool>()).prop_map(
            |(set, set_id, sreg, dreg, inverted)| Expr::Lookup { set, set_id, sreg, dreg, inverted }
        ),
        (register(), n(), n(), n()).prop_map(|(dreg, base, offset, len)| Expr::Payload {
            dreg,
            base: PayloadBase::from_number(base),
            offset,
            len
        }),
        (register(), n(), n(), n(), n(), n(), n()).prop_map(|(sreg, base, offset, len, t, o, f)| {
            Expr::PayloadWrite {
                sreg,
                base: PayloadBase::from_number(base),
                offset,
                len,
                csum_type: t,
                csum_offset: o,
                csum_flags: f,
            }
        }),
        (0u32..40, register()).prop_map(|(k, dreg)| Expr::Meta { key: MetaKey::from_number(k), dreg }),
        (0u32..40, register()).prop_map(|(k, sreg)| Expr::MetaSet { key: MetaKey::from_number(k), sreg }),
        (0u32..30, register(), direction()).prop_map(|(k, dreg, direction)| Expr::Ct {
            key: CtKey::from_number(k),
            dreg,
            direction
        }),
        (0u32..30, register(), direction()).prop_map(|(k, sreg, direction)| Expr::CtSet {
            key: CtKey::from_number(k),
            sreg,
            direction
        }),
        (register(), register(), n(), bitwise()).prop_map(|(sreg, dreg, len, op)| Expr::Bitwise {
            sreg,
            dreg,
            len,
            op
        }),
        (register(), register(), any::<bool>(), n(), n())
            .prop_map(|(sreg, dreg, hton, len, size)| Expr::Byteorder { sreg, dreg, hton, len, size }),
        (register(), n(), any::<bool>(), n()).prop_map(|(dreg, modulus, random, offset)| Expr::Numgen {
            dreg,
            modulus,
            random,
            offset
        }),
        (register(), register(), n(), n(), of(n()), n()).prop_map(
            |(sreg, dreg, len, modulus, seed, offset)| {
                Expr::Jhash { sreg, dreg, len, modulus, seed, offset }
            }
        ),
        (register(), n(), n()).prop_map(|(dreg, modulus, offset)| Expr::Symhash { dreg, modulus, offset }),
        (register(), n(), n()).prop_map(|(dreg, r, flags)| Expr::Fib {
            dreg,
            result: FibResult::from_number(r),
            flags
        }),
        (n(), register(), of(n())).prop_map(|(k, dreg, level)| Expr::Socket {
            key: SocketKey::from_number(k),
            dreg,
            level
        }),
        (register(), any::<u8>(), n(), n(), n(), n()).prop_map(|(dreg, kind, offset, len, flags, op)| {
            Expr::Exthdr { dreg, kind, offset, len, flags, op }
        }),
        (register(), any::<u8>(), n(), n(), n(), n()).prop_map(|(sreg, kind, offset, len, flags, op)| {
            Expr::ExthdrWrite { sreg, kind, offset, len, flags, op }
        }),
        (any::<u8>(), n()).prop_map(|(kind, op)| Expr::ExthdrReset { kind, op }),
        (n(), register()).prop_map(|(k, dreg)| Expr::Rt { key: RtKey::from_number(k), dreg }),
        (register(), any::<u8>(), n()).prop_map(|(dreg, ttl, flags)| Expr::Osf { dreg, ttl, flags }),
        (n(), register(), any::<u8>(), n()).prop_map(|(key, dreg, direction, spnum)| Expr::Xfrm {
            key,
            dreg,
            direction,
            spnum
        }),
    ]
    .boxed()
}

fn statements() -> BoxedStrategy<Expr> {
    let n = any::<u32>;
    prop_oneof![
        (any::<u64>(), any::<u64>()).prop_map(|(packets, bytes)| Expr::Counter { packets, bytes }),
        limit().prop_map(Expr::Limit),
        (any::<u64>(), any::<u64>(), n()).prop_map(|(bytes, consumed, flags)| Expr::Quota {
            bytes,
            consumed,
            flags
        }),
        (n(), n()).prop_map(|(count, flags)| Expr::Connlimit { count, flags }),
        (any::<bool>(), any::<u64>()).prop_map(|(set, msecs)| Expr::Last { set, msecs }),
        (family(), range()).prop_map(|(family, range)| Expr::Snat { family, range }),
        (family(), range()).prop_map(|(family, range)| Expr::Dnat { family, range }),
        (n(), of(register()), of(register())).prop_map(|(flags, port_min, port_max)| Expr::Masq {
            flags,
            port_min,
            port_max
        }),
        (n(), of(register()), of(register())).prop_map(|(flags, port_min, port_max)| Expr::Redir {
            flags,
            port_min,
            port_max
        }),
        (0u32..5, any::<u8>()).prop_map(|(k, code)| Expr::Reject { kind: RejectType::from_number(k), code }),
        (of(name()), of(any::<u16>()), of(n()), of(any::<u16>()), of(n()), of(n())).prop_map(
            |(prefix, group, snaplen, qthreshold, level, flags)| Expr::Log {
                prefix,
                group,
                snaplen,
                qthreshold,
                level,
                flags
            }
        ),
        Just(Expr::Notrack),
        (n(), name()).prop_map(|(k, name)| Expr::Objref { kind: ObjectType::from_number(k), name }),
        (name(), of(n()), register()).prop_map(|(set, set_id, sreg)| Expr::ObjrefMap { set, set_id, sreg }),
        (of(any::<u16>()), of(any::<u16>()), any::<u16>(), of(register()))
            .prop_map(|(num, total, flags, sreg)| Expr::Queue { num, total, flags: flags.into(), sreg }),
        (family(), of(register()), of(register())).prop_map(|(family, addr, port)| Expr::Tproxy {
            family,
            addr,
            port
        }),
        (of(register()), of(register())).prop_map(|(addr, dev)| Expr::Dup { addr, dev }),
        (of(register()), of(register()), of(family())).prop_map(|(dev, addr, family)| Expr::Fwd {
            dev,
            addr,
            family
        }),
        name().prop_map(|flowtable| Expr::FlowOffload { flowtable }),
        (any::<u16>(), any::<u8>(), n()).prop_map(|(mss, wscale, flags)| Expr::Synproxy {
            mss,
            wscale,
            flags
        }),
        (name(), n(), bytes(0..80)).prop_map(|(name, revision, info)| Expr::Match { name, revision, info }),
        (name(), n(), bytes(0..80)).prop_map(|(name, revision, info)| Expr::Target { name, revision, info }),
        bytes(0..40).prop_map(|data| Expr::Unknown { name: "brandnew".to_owned(), data }),
    ]
    .boxed()
}

fn expr() -> impl Strategy<Value = Expr> {
    let flat = prop_oneof![loads(), statements()].boxed();
    let dynset = (
        name(),
        of(any::<u32>()),
        0u32..3,
        register(),
        of(register()),
        of(1u64..),
        vec(statements(), 0..3),
        any::<u32>(),
    )
        .prop_map(|(set, set_id, op, sreg_key, sreg_data, timeout, exprs, flags)| Expr::Dynset {
            set,
            set_id,
            op,
            sreg_key,
            sreg_data,
            timeout,
            exprs,
            flags,
        });
    prop_oneof![8 => flat, 1 => dynset]
}

fn rule() -> impl Strategy<Value = Rule> {
    (any::<u64>(), vec(expr(), 0..8), bytes(0..30), of((any::<u32>(), any::<u32>())))
        .prop_map(|(handle, exprs, userdata, compat)| Rule { handle, exprs, userdata, compat })
}

fn key() -> impl Strategy<Value = TableKey> {
    (family(), name()).prop_map(|(family, name)| TableKey { family, name })
}

fn chain() -> impl Strategy<Value = (TableKey, Chain)> {
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

fn element() -> impl Strategy<Value = Element> {
    (
        (bytes(0..65), of(bytes(1..65)), any::<u32>(), of(data()), of(name())),
        (of(any::<u64>()), of(any::<u64>()), bytes(0..30), vec(statements(), 0..3)),
    )
        .prop_map(|((key, key_end, flags, data, object), (timeout_ms, expires_ms, userdata, exprs))| {
            Element { key, key_end, flags, data, object, timeout_ms, expires_ms, userdata, exprs }
        })
}

fn set() -> impl Strategy<Value = Set> {
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

fn object() -> impl Strategy<Value = Object> {
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rule_returns(key in key(), chain in name(), rule in rule()) {
        let part = decode::rule(&encode::rule(&key, &chain, &rule, None).unwrap()).unwrap();
        prop_assert_eq!(part.table, key);
        prop_assert_eq!(part.value.chain, chain);
        prop_assert_eq!(part.value.rule, rule);
        prop_assert!(part.unknown.is_empty());
    }

    #[test]
    fn a_chain_returns((key, chain) in chain()) {
        let part = decode::chain(&encode::chain(&key, &chain).unwrap()).unwrap();
        prop_assert_eq!((part.table, part.value), (key, chain));
    }

    #[test]
    fn a_set_returns(key in key(), set in set(), id in of(any::<u32>())) {
        let part = decode::set(&encode::set(&key, &set, id).unwrap()).unwrap();
        prop_assert_eq!((part.table, part.value), (key, set));
    }

    #[test]
    fn elements_return(key in key(), set in name(), all in vec(element(), 0..20)) {
        let mut back = Vec::new();
        for message in encode::elements(&key, &set, &all).unwrap() {
            let part = decode::elements(&message).unwrap();
            prop_assert_eq!(&part.value.set, &set);
            back.extend(part.value.elements);
        }
        prop_assert_eq!(back, all);
    }

    #[test]
    fn an_object_returns(key in key(), object in object()) {
        let part = decode::object(&encode::object(&key, &object).unwrap()).unwrap();
        prop_assert_eq!((part.table, part.value), (key, object));
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in vec(any::<u8>(), 0..300)) {
        all(&bytes);
    }

    #[test]
    fn no_damage_makes_a_decoder_panic(
        pick in any::<prop::sample::Index>(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let all_messages = messages("statements");
        let (_, mut bytes) = pick.get(&all_messages).clone();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        all(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        all(&bytes);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn no_damaged_ruleset_makes_the_printer_panic(
        name in prop::sample::select(NAMES.as_slice()),
        damage in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..60),
    ) {
        let mut all = messages(name);
        for (message, at, byte) in damage {
            let message = message.index(all.len());
            let bytes = &mut all[message].1;
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut assembler = Assembler::new();
        for (kind, bytes) in all {
            let _ = assembler.push(kind, &bytes);
        }
        let _ = text::ruleset(&assembler.finish().ruleset, &text::Options::default());
    }

    #[test]
    fn no_rule_makes_the_printer_panic(exprs in vec(expr(), 0..12), set in set(), elements in vec(element(), 0..6)) {
        let mut table = table();
        let mut set = set;
        for expr in &exprs {
            if let Expr::Lookup { set: name, .. } | Expr::Dynset { set: name, .. } = expr {
                set.name.clone_from(name);
            }
        }
        set.elements = elements;
        table.sets.push(set);
        let rule = Rule { handle: 1, exprs, userdata: Bytes::default(), compat: None };
        for family in [Family::Inet, Family::Ip, Family::Ip6, Family::Arp, Family::Bridge, Family::Netdev] {
            table.family = family;
            let _ = text::rule(&table, &rule);
            let _ = text::table(&table, &text::Options::default());
        }
    }
}

fn table() -> Table {
    Table {
        family: Family::Inet,
        name: "t".to_owned(),
        handle: 0,
        flags: 0,
        userdata: Bytes::default(),
        chains: Vec::new(),
        sets: Vec::new(),
        objects: Vec::new(),
        flowtables: Vec::new(),
        unknown_attributes: Vec::new(),
    }
}

fn all(bytes: &[u8]) {
    let _ = decode::table(bytes);
    let _ = decode::chain(bytes);
    let _ = decode::set(bytes);
    let _ = decode::elements(bytes);
    let _ = decode::rule(bytes);
    let _ = decode::object(bytes);
    let _ = decode::flowtable(bytes);
    let _ = decode::generation(bytes);
}

/// What the kernel sent, encoded by us and decoded again, is what it was.
#[test]
#[cfg(target_endian = "little")]
fn recorded_rulesets_return() {
    for name in NAMES {
        for table in ruleset(name).tables {
            let key = TableKey { family: table.family, name: table.name.clone() };
            for chain in &table.chains {
                let bare = Chain { rules: Vec::new(), ..chain.clone() };
                assert_eq!(decode::chain(&encode::chain(&key, &bare).unwrap()).unwrap().value, bare);
                for rule in &chain.rules {
                    let bytes = encode::rule(&key, &chain.name, rule, None).unwrap();
                    assert_eq!(decode::rule(&bytes).unwrap().value.rule, *rule);
                }
            }
            for set in &table.sets {
                let bare = Set { elements: Vec::new(), ..set.clone() };
                assert_eq!(decode::set(&encode::set(&key, &bare, Some(1)).unwrap()).unwrap().value, bare);
                let messages = encode::elements(&key, &set.name, &set.elements).unwrap();
                let back: Vec<Element> =
                    messages.iter().flat_map(|m| decode::elements(m).unwrap().value.elements).collect();
                assert_eq!(back, set.elements);
            }
            for object in &table.objects {
                assert_eq!(decode::object(&encode::object(&key, object).unwrap()).unwrap().value, *object);
            }
        }
    }
}

#[test]
fn many_elements_are_split() {
    let key = TableKey { family: Family::Inet, name: "t".to_owned() };
    let all: Vec<Element> = (0..20_000u32)
        .map(|n| Element { key: Bytes(n.to_be_bytes().to_vec()), ..Element::default() })
        .collect();
    let messages = encode::elements(&key, "s", &all).unwrap();
    assert!(messages.len() > 1 && messages.iter().all(|m| m.len() < 65_536));
    let back: Vec<Element> =
        messages.iter().flat_map(|m| decode::elements(m).unwrap().value.elements).collect();
    assert_eq!(back, all);
}

#[test]
fn a_flowtable_returns() {
    let key = TableKey { family: Family::Inet, name: "t".to_owned() };
    let flowtable = Flowtable {
        name: "ft".to_owned(),
        handle: 7,
        priority: -5,
        devices: vec!["eth0".to_owned(), "wg*".to_owned()],
        flags: 2,
    };
    let part = decode::flowtable(&encode::flowtable(&key, &flowtable).unwrap()).unwrap();
    assert_eq!((part.table, part.value), (key, flowtable));
}

#[test]
fn attributes_of_a_newer_kernel_are_kept() {
    let mut bytes = vec![1, 0, 0, 0];
    let mut w = nlattr::Writer::new();
    w.text(uapi::table::NAME, "t");
    w.be32(200, 5);
    bytes.extend(w.into_bytes());
    let table = decode::table(&bytes).unwrap();
    let kept = UnknownAttribute { of: "table t".to_owned(), number: 200, data: Bytes(vec![0, 0, 0, 5]) };
    assert_eq!(table.unknown_attributes, [kept]);
}

#[test]
fn the_protocol_of_a_rule_with_extensions() {
    let reg = Register(1);
    let rule = |op, target: bool| {
        let mut exprs = vec![
            Expr::Meta { key: MetaKey::L4proto, dreg: reg },
            Expr::Cmp { sreg: reg, op, data: Bytes(vec![6]) },
        ];
        if target {
            exprs.push(Expr::Target { name: "REDIRECT".to_owned(), revision: 0, info: Bytes::default() });
        }
        Rule { handle: 0, exprs, userdata: Bytes::default(), compat: None }
    };
    assert_eq!(compat_of(Family::Ip, &rule(CmpOp::Eq, true)), Some((6, 0)));
    assert_eq!(compat_of(Family::Ip, &rule(CmpOp::Neq, true)), Some((6, 2)));
    assert_eq!(compat_of(Family::Ip, &rule(CmpOp::Eq, false)), None);
}
