//! Packets that are too large for a link, and errors that should have told their sender.

use plumb_model::{Action, Change};
use plumb_nft::{
    BaseChain, BitwiseOp, Bytes, Chain, ChainType, CmpOp, Expr, Family, Hook, MetaKey, PayloadBase, Register,
    RtKey, Rule, Table, Verdict,
};
use plumb_trace::event::{Event, Stop};
use plumb_trace::state::NsIndex;

use super::{Case, Suspect, stopped};
use crate::finding::{Finding, Shown, ShownWhat, Unit};
use crate::place;
use crate::report::Layer;

/// Suspects for a payload that does not get through. Where its sender was to be told of a smaller MTU and was not, it is
/// what kept that error from it; the device whose MTU is smaller is where it can be mended, too.
pub(super) fn of_payload(case: &Case) -> Vec<Suspect> {
    let failure = case.failure;
    let mut out = stopped(case, failure.stop, failure.packet);
    let Some(Stop::TooBig { ns, device, mtu }) = failure.too_big else { return out };
    let mut others = raised(case, *ns, *device);
    others.extend(clamped(case, *ns));
    for suspect in &mut out {
        suspect.alternatives.extend(others.iter().cloned());
        suspect.shown.extend(shown(case, *ns, *device, *mtu));
    }
    out.push(too_big(case, *ns, *device, *mtu));
    out
}

/// Length of the packet that was too large.
fn length(case: &Case) -> u32 {
    match case.failure.too_big {
        Some(_) => case.failure.request.packet.len.into(),
        None => case.failure.state.packet.len.into(),
    }
}

/// The MTU at the far end, and how long the packets are that should pass.
fn shown(case: &Case, ns: NsIndex, device: u32, mtu: u32) -> Vec<Shown> {
    let (name, length) = (case.net.device_name(ns, device), length(case));
    let bytes = |what, seen: u32, right: serde_json::Value, with: String| Shown {
        unit: Some(Unit::Bytes),
        ..Shown::new(what, seen, right, with)
    };
    let link = case.command(ns, &format!("ip link show dev {name}"));
    let mut out = vec![bytes(ShownWhat::Mtu, mtu, length.into(), link)];
    let sender = case.failure.request_events.iter().find_map(|e| match e {
        Event::Leaves { ns, device } => Some((*ns, *device)),
        _ => None,
    });
    if let Some((from, by)) = sender {
        let own = case.command(from, &format!("ip link show dev {}", case.net.device_name(from, by)));
        out.push(bytes(ShownWhat::PacketLength, length, mtu.into(), own));
    }
    out
}

/// The MTU that a device should have: that of the device by which the packet came, else what the packet needs.
fn wanted(case: &Case, ns: NsIndex) -> u32 {
    let length = length(case);
    let from = case.failure.request_events.iter().rev().find_map(|e| match e {
        Event::Enters { ns: n, device } if *n == ns => case.net.namespace(ns).link(*device).map(|l| l.mtu),
        _ => None,
    });
    from.filter(|mtu| *mtu >= length).unwrap_or(length.max(1500))
}

fn set(case: &Case, ns: NsIndex, device: &str, mtu: u32) -> Change {
    case.change(ns, Action::SetMtu { device: device.to_owned(), mtu })
}

/// The other end of a veth pair.
fn peer(case: &Case, ns: NsIndex, device: u32) -> Option<(NsIndex, String, u32)> {
    let peer = case.net.namespace(ns).link(device)?.peer?;
    let other = case.net.index_of(peer.namespace)?;
    let link = case.net.namespace(other).link(peer.index)?;
    Some((other, link.name.clone(), link.mtu))
}

/// Ways to raise a device's MTU: alone, and with the other end of its link.
fn raised(case: &Case, ns: NsIndex, device: u32) -> Vec<Vec<Change>> {
    let (name, mtu) = (case.net.device_name(ns, device), wanted(case, ns));
    let mut out = vec![vec![set(case, ns, &name, mtu)]];
    if let Some((other, far, has)) = peer(case, ns, device)
        && has < mtu
    {
        out.push(vec![set(case, ns, &name, mtu), set(case, other, &far, mtu)]);
    }
    out
}

/// Segments that are agreed to be small enough for the narrow link: a rule of the router before it, which needs no errors
/// to get anywhere. `None` where it does not route what it should clamp, or has such a table already.
fn clamped(case: &Case, ns: NsIndex) -> Option<Vec<Change>> {
    const NAME: &str = "clamp-mss";
    const SYN: u8 = 2;
    let rulesets = &case.net.namespace(ns).nft;
    let forwards =
        case.failure.request_events.iter().any(|e| matches!(e, Event::Enters { ns: n, .. } if *n == ns));
    if !forwards || rulesets.value()?.table(Family::Inet, NAME).is_some() {
        return None;
    }
    let register = Register(1);
    let exprs = vec![
        Expr::Meta { key: MetaKey::L4proto, dreg: register },
        Expr::Cmp { sreg: register, op: CmpOp::Eq, data: Bytes::from(&[6][..]) },
        Expr::Payload { dreg: register, base: PayloadBase::Transport, offset: 13, len: 1 },
        Expr::Bitwise {
            sreg: register,
            dreg: register,
            len: 1,
            op: BitwiseOp::Bool { mask: Bytes::from(&[SYN][..]), xor: Bytes::from(&[0][..]) },
        },
        Expr::Cmp { sreg: register, op: CmpOp::Neq, data: Bytes::from(&[0][..]) },
        Expr::Rt { key: RtKey::Tcpmss, dreg: register },
        Expr::Byteorder { sreg: register, dreg: register, hton: true, len: 2, size: 2 },
        Expr::ExthdrWrite { sreg: register, kind: 2, offset: 2, len: 2, flags: 0, op: 1 },
    ];
    let rule = Rule { handle: 0, exprs, userdata: Bytes::default(), compat: None };
    let base = BaseChain {
        kind: ChainType::Filter,
        hook: Hook::Forward,
        priority: -150,
        policy: Verdict::Accept,
        devices: Vec::new(),
        counters: None,
    };
    let chain = Chain {
        name: "forward".to_owned(),
        handle: 0,
        base: Some(base),
        flags: 1,
        userdata: Bytes::default(),
        rules: vec![rule],
    };
    let table = Table {
        family: Family::Inet,
        name: NAME.to_owned(),
        handle: 0,
        flags: 0,
        userdata: Bytes::default(),
        chains: vec![chain],
        sets: Vec::new(),
        objects: Vec::new(),
        flowtables: Vec::new(),
        unknown_attributes: Vec::new(),
    };
    Some(vec![case.change(ns, Action::AddTable(table))])
}

/// A device by which a packet should have left.
pub(super) fn too_big(case: &Case, ns: NsIndex, device: u32, mtu: u32) -> Suspect {
    let name = case.net.device_name(ns, device);
    let finding = Finding::TooBig { namespace: case.name(ns), device: name, mtu };
    let place = place::device(case.net, ns, device, "mtu", &mtu.to_string());
    let suspect = Suspect::new(finding, place, Layer::Link, raised(case, ns, device));
    suspect.show(shown(case, ns, device, mtu))
}

/// A device, or a bridge's port, that does not take what it is sent: it should take what the other end sends, or that
/// should send less.
pub(super) fn frame_too_big(case: &Case, ns: NsIndex, device: u32, mtu: u32) -> Suspect {
    let n = case.net.namespace(ns);
    let name = case.net.device_name(ns, device);
    let length = length(case);
    let sender = case.last(|e| match e {
        Event::Leaves { ns, device } => Some((*ns, *device)),
        _ => None,
    });
    let sends = sender.and_then(|(from, by)| case.net.namespace(from).link(by)).map_or(length, |l| l.mtu);
    let mut alternatives = vec![vec![set(case, ns, &name, sends.max(length))]];
    if let Some((other, far, has)) = peer(case, ns, device)
        && n.link(device).is_some_and(|l| l.port.is_some())
        && has < length
    {
        alternatives
            .push(vec![set(case, ns, &name, sends.max(length)), set(case, other, &far, sends.max(length))]);
    }
    if let Some((from, by)) = sender {
        alternatives.push(vec![set(case, from, &case.net.device_name(from, by), mtu)]);
    }
    let finding = Finding::FrameTooBig { namespace: case.name(ns), device: name, mtu, length };
    let place = place::device(case.net, ns, device, "mtu", &mtu.to_string());
    Suspect::new(finding, place, Layer::Link, alternatives).show(shown(case, ns, device, mtu))
}
