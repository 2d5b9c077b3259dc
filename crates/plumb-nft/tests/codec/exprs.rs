//! Any expression.

use plumb_nft::*;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

pub(crate) fn name() -> impl Strategy<Value = String> {
    "[a-z_][a-z0-9_./-]{0,20}"
}

pub(crate) fn bytes(range: std::ops::Range<usize>) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), range).prop_map(Bytes)
}

pub(crate) fn register() -> impl Strategy<Value = Register> {
    prop_oneof![1u32..=4, 8u32..=23].prop_map(Register)
}

pub(crate) fn verdict() -> impl Strategy<Value = Verdict> {
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

pub(crate) fn data() -> impl Strategy<Value = Data> {
    prop_oneof![bytes(1..65).prop_map(Data::Value), verdict().prop_map(Data::Verdict)]
}

pub(crate) fn limit() -> impl Strategy<Value = Limit> {
    (any::<u64>(), any::<u64>(), any::<u32>(), any::<bool>(), any::<bool>())
        .prop_map(|(rate, unit, burst, bytes, over)| Limit { rate, unit, burst, bytes, over })
}

pub(crate) fn family() -> impl Strategy<Value = Family> {
    any::<u8>().prop_map(Family::from_number)
}

pub(crate) fn direction() -> impl Strategy<Value = Option<CtDirection>> {
    of(prop_oneof![Just(CtDirection::Original), Just(CtDirection::Reply)])
}

pub(crate) fn bitwise() -> impl Strategy<Value = BitwiseOp> {
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

pub(crate) fn range() -> impl Strategy<Value = NatRange> {
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

pub(crate) fn loads() -> BoxedStrategy<Expr> {
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

pub(crate) fn statements() -> BoxedStrategy<Expr> {
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

pub(crate) fn expr() -> impl Strategy<Value = Expr> {
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
