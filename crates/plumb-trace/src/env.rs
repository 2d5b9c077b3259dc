//! What the rules of a hook can see beside the packet: where they run, and what the namespace knows.

use std::cell::RefCell;
use std::net::IpAddr;

use plumb_model::{IpFamily, Namespace, Tuple};
use plumb_nft::Hook;
use smallvec::SmallVec;

use crate::event::Unknown;
use crate::state::{NsIndex, World};

/// Kind of an address as a namespace sees it (`RTN_*` of `inet_addr_type`, `ipv6_addr_type` + look-up).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddrType {
    /// 0
    Unspec,
    /// 1
    Unicast,
    /// 2
    Local,
    /// 3
    Broadcast,
    /// 4
    Anycast,
    /// 5
    Multicast,
    /// 6
    Blackhole,
    /// 7
    Unreachable,
    /// 8
    Prohibit,
}

impl AddrType {
    /// The kernel's `RTN_*` number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Unspec => 0,
            Self::Unicast => 1,
            Self::Local => 2,
            Self::Broadcast => 3,
            Self::Anycast => 4,
            Self::Multicast => 5,
            Self::Blackhole => 6,
            Self::Unreachable => 7,
            Self::Prohibit => 8,
        }
    }
}

/// A question of a `fib` expression, an `addrtype` or `rpfilter` match.
#[derive(Clone, Copy, Debug)]
pub struct FibQuery {
    /// Address that is looked up.
    pub dst: IpAddr,
    /// Source address, where it is part of the question.
    pub src: Option<IpAddr>,
    /// Mark, where it is part of the question.
    pub mark: u32,
    /// Input device, where it is part of the question.
    pub iif: Option<u32>,
    /// Output device that the result must have, where it is part of the question.
    pub oif: Option<u32>,
    /// Type of service.
    pub tos: u8,
}

/// A moment.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Seconds since 1970, UTC.
    pub seconds: u64,
    /// Minutes that the kernel's own time zone lies west of UTC, where it was read.
    pub minutes_west: Option<i32>,
}

/// The namespace's own look-ups, as far as rules can ask for them.
pub trait Lookups {
    /// Type of an address; with a device: only addresses of that device count as local (`inet_dev_addr_type`).
    fn addr_type(&self, ns: NsIndex, addr: IpAddr, device: Option<u32>) -> AddrType;
    /// Device that a look-up of the routes leads to; `None` where there is no route.
    fn fib_device(&self, ns: NsIndex, query: &FibQuery) -> Option<u32>;
    /// Type of an address to which there is no way: `Unreachable` without a route, else that of the route that says so.
    /// `None` where there is a way.
    fn reject_type(&self, _ns: NsIndex, _query: &FibQuery) -> Option<AddrType> {
        None
    }
    /// The socket of a connection with this tuple, the other end's packets as they come in by a device
    /// (`inet_lookup_established`), as its index. `None`: the sockets are not known.
    fn connected(&self, _ns: NsIndex, _tuple: &Tuple, _device: Option<u32>) -> Option<Option<usize>> {
        None
    }
    /// The listeners that would take a packet with this tuple, several where packets are shared out between them
    /// (`inet_lookup_listener`, `udp4_lib_lookup`). `None`: the sockets are not known.
    fn listeners(&self, _ns: NsIndex, _tuple: &Tuple, _device: Option<u32>) -> Option<SmallVec<[usize; 2]>> {
        None
    }
    /// When the first packet of the walk is sent; `None` where nobody knows.
    fn clock(&self) -> Option<Clock> {
        None
    }
    /// Index of the snapshot's connection that already has this tuple (`nf_nat_used_tuple`).
    fn tuple_holder(&self, ns: NsIndex, zone: u16, tuple: &plumb_model::Tuple) -> Option<u32>;
    /// MTU of the way to an address, asked for as a packet of this machine would be (`dst_mtu`); by this device where it
    /// is known already.
    fn mtu_towards(&self, _ns: NsIndex, _addr: IpAddr, _device: Option<u32>, _world: &World) -> Option<u32> {
        None
    }
    /// Address that `masquerade` takes for a packet that leaves by this device.
    fn masquerade_source(
        &self,
        ns: NsIndex,
        device: u32,
        dst: IpAddr,
        next_hop: Option<IpAddr>,
    ) -> Option<IpAddr>;
    /// Address that `redirect` takes for a packet that came in by this device.
    fn redirect_target(&self, ns: NsIndex, family: IpFamily, device: u32) -> Option<IpAddr>;
}

/// Where rules run.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// Index of the namespace.
    pub ns: NsIndex,
    /// The namespace.
    pub namespace: &'a Namespace,
    /// Family of the packet.
    pub family: IpFamily,
    /// Hook.
    pub hook: Hook,
    /// Device it came in by.
    pub iif: Option<u32>,
    /// Device it leaves by.
    pub oif: Option<u32>,
    /// Address of the next hop, once it is routed.
    pub next_hop: Option<IpAddr>,
    /// Bridge port it came in by, for a bridged packet.
    pub physin: Option<u32>,
    /// Bridge port it leaves by, for a bridged packet.
    pub physout: Option<u32>,
    /// Look-ups.
    pub lookups: &'a dyn Lookups,
    /// Whether steps are written into the history.
    pub record: bool,
    /// The walk's list of unknown things; see [`Env::unknown`].
    pub unknowns: &'a RefCell<Vec<Unknown>>,
}

impl Env<'_> {
    /// Index of an unknown thing in the walk's list; it is added where it is new.
    #[must_use]
    pub fn unknown(&self, unknown: Unknown) -> u32 {
        let mut list = self.unknowns.borrow_mut();
        let at = list.iter().position(|u| *u == unknown).unwrap_or_else(|| {
            list.push(unknown);
            list.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }
}
