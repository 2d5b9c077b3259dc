//! What a frontend is in the table: elements of sets and maps.

use std::net::IpAddr;
use std::sync::Arc;

use plumb_intent::{Class, Endpoint, Frontend, FrontendKey, Hairpin, merged};

use super::sets::{Key, MOST_ENDPOINTS, SetId, Side, Via};
use super::slots::{Slots, place};

/// What an element leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    None,
    /// Address and port, as they lie in the registers.
    Endpoint(Key),
    Chain(Arc<str>),
}

/// An element that comes or goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Op {
    pub(super) set: SetId,
    pub(super) add: bool,
    pub(super) key: Key,
    /// Last key of a range.
    pub(super) end: Option<Box<Key>>,
    /// First key after an interval.
    pub(super) interval_end: bool,
    pub(super) value: Value,
    /// Bears the name of the port of the Service as comment.
    pub(super) commented: bool,
}

impl Op {
    pub(super) fn new(set: SetId, add: bool, key: Key) -> Self {
        Self { set, add, key, end: None, interval_end: false, value: Value::None, commented: false }
    }
}

/// A frontend as the kernel holds it.
#[derive(Clone, Debug)]
pub(super) struct Installed {
    pub(super) frontend: Arc<Frontend>,
    pub(super) cluster: Slots,
    pub(super) local: Slots,
}

/// How the elements change when a frontend becomes another; and what is then in the kernel.
pub(super) fn change(
    key: &FrontendKey,
    before: Option<&Installed>,
    after: Option<&Arc<Frontend>>,
) -> (Vec<Op>, Option<Installed>) {
    let via = Via::of(key);
    let mut ops = Vec::new();
    let empty: Arc<[Endpoint]> = Arc::default();
    let list =
        |side| move |f: &Arc<Frontend>| Arc::clone(if side == Side::Cluster { &f.cluster } else { &f.local });
    let mut placed = [Side::Cluster, Side::Local].map(|side| {
        let old = before.map(|i| if side == Side::Cluster { &i.cluster } else { &i.local });
        // What has affinity is chosen by chains.
        let wanted = after.filter(|f| f.affinity.is_none()).map_or_else(|| Arc::clone(&empty), list(side));
        let new = place(old, &wanted, MOST_ENDPOINTS);
        slot_ops(&mut ops, key, via, side, old, &new, renamed(before, after));
        new
    });
    let was = before.map(|i| memberships(key, via, &i.frontend)).unwrap_or_default();
    let is = after.map(|f| memberships(key, via, f)).unwrap_or_default();
    let rename = renamed(before, after);
    for op in was.iter().filter(|op| !is.contains(op) || (rename && op.commented)) {
        ops.push(Op { add: false, ..op.clone() });
    }
    for op in is.into_iter().filter(|op| !was.contains(op) || (rename && op.commented)) {
        ops.push(op);
    }
    let local = std::mem::take(&mut placed[1]);
    let cluster = std::mem::take(&mut placed[0]);
    (ops, after.map(|f| Installed { frontend: Arc::clone(f), cluster, local }))
}

/// The comments name another port of a Service than before.
fn renamed(before: Option<&Installed>, after: Option<&Arc<Frontend>>) -> bool {
    matches!((before, after), (Some(b), Some(a)) if b.frontend.name != a.name)
}

/// Slots whose endpoint is another.
fn slot_ops(
    ops: &mut Vec<Op>,
    key: &FrontendKey,
    via: Via,
    side: Side,
    old: Option<&Slots>,
    new: &Slots,
    renamed: bool,
) {
    let set = SetId::Endpoints(via, side);
    let none = Slots::default();
    let old = old.unwrap_or(&none);
    let most = old.len().max(new.len());
    for (slot, i) in (0u32..).zip(0..most) {
        let (was, is) = (old.get(i), new.get(i));
        if was == is && !renamed {
            continue;
        }
        let key = Key::frontend(key).slot(slot);
        if was.is_some() {
            ops.push(Op::new(set, false, key));
        }
        if let Some((ip, port)) = is {
            ops.push(Op {
                value: Value::Endpoint(Key::new().address(ip).port(port)),
                commented: true,
                ..Op::new(set, true, key)
            });
        }
    }
}

/// The sets that a frontend is in, endpoints and affinity aside.
fn memberships(key: &FrontendKey, via: Via, frontend: &Frontend) -> Vec<Op> {
    let element = Key::frontend(key);
    let mut out = Vec::new();
    let mut member = |set, commented| out.push(Op { commented, ..Op::new(set, true, element) });
    // A frontend with local traffic only is served to pods and the node where another node has endpoints.
    if !frontend.cluster.is_empty() {
        let class = match (via, frontend.class) {
            (Via::NodePort, Class::Internal) => Class::External,
            (_, class) => class,
        };
        member(SetId::Class(via, class), true);
        if frontend.affinity.is_none() {
            member(SetId::size(via, frontend.class, Side::Cluster, frontend.cluster.len()), false);
        }
    }
    if !frontend.local.is_empty() && frontend.affinity.is_none() {
        member(SetId::size(via, frontend.class, Side::Local, frontend.local.len()), false);
    }
    if let Some(refusal) = frontend.refusal {
        member(SetId::Refused(via, refusal), true);
    }
    if let (Some(sources), Some(_)) = (&frontend.sources, key.address) {
        member(SetId::Firewalled, true);
        for (first, last) in merged(sources) {
            let end = Some(Box::new(element.address(last)));
            out.push(Op {
                end,
                commented: true,
                ..Op::new(SetId::SourceRanges, true, element.address(first))
            });
        }
    }
    out
}

/// An endpoint of this node that may reach itself.
pub(super) fn hairpin(add: bool, (ip, protocol, port): Hairpin) -> Op {
    Op::new(SetId::Hairpin, add, Key::new().address(ip).address(ip).protocol(protocol).port(port))
}

/// A cluster IP.
pub(super) fn cluster_ip(add: bool, ip: IpAddr) -> Op {
    Op::new(SetId::ClusterIps, add, Key::new().address(ip))
}

/// All elements of a frontend as it stands in the kernel.
pub(super) fn all(key: &FrontendKey, installed: &Installed) -> Vec<Op> {
    let via = Via::of(key);
    let mut ops = memberships(key, via, &installed.frontend);
    slot_ops(&mut ops, key, via, Side::Cluster, None, &installed.cluster, false);
    slot_ops(&mut ops, key, via, Side::Local, None, &installed.local, false);
    ops
}
