//! ipsets by number and name, and their elements by the first part of their keys: a look-up passes over few of them.

use std::net::IpAddr;

use plumb_model::{IpFamily, IpSet, IpSetElement, Namespace, Read};
use smallvec::SmallVec;

use super::ipset::cut;
use crate::network::FastMap;

/// Places of elements that may hold a key, in their order.
pub(super) type Candidates = SmallVec<[usize; 4]>;

/// The ipsets of a namespace.
#[derive(Clone, Debug, Default)]
pub(in crate::machine) struct IpSetIndex {
    numbers: FastMap<u16, usize>,
    names: FastMap<Box<str>, usize>,
    keys: Vec<Keys>,
}

/// The elements of a set.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    networks: FastMap<(IpAddr, u8), Candidates>,
    /// Lengths of networks that there are.
    lengths: Vec<u8>,
    ports: FastMap<u16, Candidates>,
    /// With neither.
    others: Candidates,
}

impl IpSetIndex {
    pub(in crate::machine) fn compile(n: &Namespace) -> Self {
        let mut out = Self::default();
        for (at, set) in sets(n).iter().enumerate() {
            out.numbers.entry(set.index).or_insert(at);
            out.names.entry(set.name.as_str().into()).or_insert(at);
            out.keys.push(Keys::of(set));
        }
        out
    }

    /// Place of the set that rules call by this number.
    pub(super) fn number(&self, index: u16) -> Option<usize> {
        self.numbers.get(&index).copied()
    }

    pub(super) fn name(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    pub(super) fn keys(&self, at: usize) -> Option<&Keys> {
        self.keys.get(at)
    }
}

/// The ipsets that could be read.
pub(super) fn sets(n: &Namespace) -> &[IpSet] {
    match &n.ipsets {
        Read::Got(sets) | Read::Torn { value: sets, .. } => sets.as_slice(),
        Read::Denied { .. } | Read::Absent { .. } => &[],
    }
}

impl Keys {
    fn of(set: &IpSet) -> Self {
        let mut out = Self::default();
        for (at, e) in set.elements.iter().enumerate() {
            let slot = match (e.ip, e.port) {
                (Some(ip), _) => out.networks.entry(network(set, e, ip)).or_default(),
                (None, Some(port)) => out.ports.entry(port).or_default(),
                (None, None) => &mut out.others,
            };
            slot.push(at);
        }
        out.lengths = out.networks.keys().map(|(_, len)| *len).collect();
        out.lengths.sort_unstable();
        out.lengths.dedup();
        out
    }

    /// Elements whose first address or network holds this one, and those that have none.
    pub(super) fn holding(&self, addr: IpAddr) -> Candidates {
        let of = |len: &u8| self.networks.get(&(cut(addr, *len), *len));
        let mut out: Candidates = self.lengths.iter().filter_map(of).flatten().copied().collect();
        out.extend(self.others.iter().copied());
        out.sort_unstable();
        out
    }

    /// Elements of a set of ports.
    pub(super) fn of_port(&self, port: u16) -> &[usize] {
        self.ports.get(&port).map_or(&[], |c| c.as_slice())
    }

    /// Elements that begin with neither address nor port.
    pub(super) fn others(&self) -> &[usize] {
        &self.others
    }
}

/// The first network of an element: in types of single addresses a whole address, whatever length stands beside it.
fn network(set: &IpSet, e: &IpSetElement, ip: IpAddr) -> (IpAddr, u8) {
    let whole = IpFamily::of(ip).bits();
    let len = if set.kind.starts_with("hash:net") { e.cidr.unwrap_or(whole) } else { whole };
    (cut(ip, len), len)
}
