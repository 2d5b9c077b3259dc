//! The sets and maps of the table: all that grows with Services.

use std::fmt;
use std::net::IpAddr;

use plumb_api::address::IpFamily;
use plumb_intent::{Class, FrontendKey, Refusal};
use plumb_nft::{Bytes, Set};

use super::build::Field;
use super::userdata::{self, Leads};

/// How many endpoints a frontend may have in a size of its own: the smallest that is not below their number. Slots that are left
/// over stay empty and are drawn again.
pub(super) const SIZES: [u32; 17] =
    [1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768];

/// How many of the sizes cluster IPs have sets of their own for. What goes to no Service passes them all, so they are few.
pub(super) const DIRECT_SIZES: u8 = 4;

/// The size with this index; slot 0 alone where there is none.
pub(super) fn size_at(index: u8) -> u32 {
    SIZES.get(usize::from(index)).copied().unwrap_or(1)
}

/// The most endpoints that a frontend can have.
pub(super) const MOST_ENDPOINTS: usize = 32_768;

/// Whether frontends have an address, or are a port of the node's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Via {
    Address,
    NodePort,
}

/// Which list of endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Side {
    Cluster,
    Local,
}

/// A set or map of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum SetId {
    /// How packets to a frontend are treated.
    Class(Via, Class),
    /// How many endpoints it has, as index into [`SIZES`].
    Size(Via, Side, u8),
    /// Class and size in one, for cluster IPs with one of the first [`DIRECT_SIZES`]: a look-up less on the way of most packets.
    ClusterSize(u8),
    /// Its endpoints, by slot.
    Endpoints(Via, Side),
    /// Frontends whose packets are refused.
    Refused(Via, Refusal),
    /// Frontends of Services with affinity: the chain that chooses.
    Affinity(Via, Side),
    /// Frontends that not everybody may use, and who may.
    Firewalled,
    SourceRanges,
    ClusterIps,
    /// Endpoints of this node that may reach themselves.
    Hairpin,
    NodePortIps,
    ServiceCidrs,
}

pub(super) const VIAS: [Via; 2] = [Via::Address, Via::NodePort];
pub(super) const SIDES: [Side; 2] = [Side::Cluster, Side::Local];

impl SetId {
    /// All that the table has.
    pub(super) fn all() -> Vec<Self> {
        let mut all = vec![
            Self::Class(Via::Address, Class::Internal),
            Self::Class(Via::Address, Class::External),
            Self::Class(Via::Address, Class::ExternalLocal),
            Self::Class(Via::NodePort, Class::External),
            Self::Class(Via::NodePort, Class::ExternalLocal),
        ];
        for via in VIAS {
            for side in SIDES {
                all.push(Self::Endpoints(via, side));
                all.extend((0u8..).zip(SIZES).map(|(i, _)| Self::Size(via, side, i)));
                all.push(Self::Affinity(via, side));
            }
            all.extend([Self::Refused(via, Refusal::Reject), Self::Refused(via, Refusal::Drop)]);
        }
        all.extend((0..DIRECT_SIZES).map(Self::ClusterSize));
        all.extend([
            Self::Firewalled,
            Self::SourceRanges,
            Self::ClusterIps,
            Self::Hairpin,
            Self::NodePortIps,
            Self::ServiceCidrs,
        ]);
        all
    }

    /// The set that says how many endpoints of a list a frontend has.
    pub(super) fn size(via: Via, class: Class, side: Side, endpoints: usize) -> Self {
        let index = SIZES.iter().position(|s| *s as usize >= endpoints).unwrap_or(SIZES.len() - 1);
        let index = u8::try_from(index).unwrap_or(u8::MAX);
        match (via, class, side) {
            (Via::Address, Class::Internal, Side::Cluster) if index < DIRECT_SIZES => {
                Self::ClusterSize(index)
            }
            _ => Self::Size(via, side, index),
        }
    }

    /// What its keys are made of.
    pub(super) fn fields(self) -> Vec<Field> {
        let frontend = |via| match via {
            Via::Address => vec![Field::Daddr, Field::L4proto, Field::Dport],
            Via::NodePort => vec![Field::L4proto, Field::Dport],
        };
        match self {
            Self::Class(via, _) | Self::Size(via, ..) | Self::Refused(via, _) | Self::Affinity(via, _) => {
                frontend(via)
            }
            Self::Endpoints(via, _) => [frontend(via), vec![Field::Slot(2)]].concat(),
            Self::Firewalled | Self::ClusterSize(_) => frontend(Via::Address),
            Self::SourceRanges => [frontend(Via::Address), vec![Field::Saddr]].concat(),
            Self::Hairpin => vec![Field::Saddr, Field::Daddr, Field::L4proto, Field::Dport],
            Self::ClusterIps | Self::NodePortIps | Self::ServiceCidrs => vec![Field::Daddr],
        }
    }

    fn leads(self) -> Leads {
        match self {
            Self::Endpoints(..) => Leads::ToEndpoint,
            Self::Affinity(..) => Leads::ToChain,
            _ => Leads::Nowhere,
        }
    }

    /// Its elements are ranges.
    pub(super) fn is_interval(self) -> bool {
        matches!(self, Self::SourceRanges | Self::ServiceCidrs)
    }

    /// The set as the kernel is told of it, without elements.
    pub(super) fn declaration(self, family: IpFamily) -> Set {
        let fields = self.fields();
        let (key_type, key_len) = type_of(family, &fields);
        let (data_type, data_len) = match self.leads() {
            Leads::Nowhere => (None, None),
            Leads::ToEndpoint => {
                let (ty, len) = type_of(family, &[Field::Daddr, Field::Dport]);
                (Some(ty), Some(len))
            }
            // NFT_DATA_VERDICT; the kernel ignores the length but tells one.
            Leads::ToChain => (Some(0xffff_ff00), Some(16)),
        };
        let mut flags = 0;
        let mut field_lens = Vec::new();
        if self.leads() != Leads::Nowhere {
            flags |= Set::MAP;
        }
        if self.is_interval() {
            flags |= Set::INTERVAL;
            if fields.len() > 1 {
                flags |= Set::CONCAT;
                field_lens = fields.iter().map(|f| f.len(family)).collect();
            }
        }
        Set {
            name: self.to_string(),
            flags,
            key_type,
            key_len,
            data_type,
            data_len,
            field_lens,
            userdata: userdata::set(family, &fields, self.leads()),
            ..Set::default()
        }
    }
}

/// The set of clients that stay with one endpoint.
pub(super) fn affinity_set(family: IpFamily, name: &str) -> Set {
    let (key_type, key_len) = type_of(family, &[Field::Saddr]);
    Set {
        name: name.to_owned(),
        // Without a size: one of 65,535 would take 2 MB at once. The kernel counts to that by itself (nft_dynset_init).
        flags: Set::TIMEOUT | Set::EVAL,
        key_type,
        key_len,
        userdata: userdata::set(family, &[Field::Saddr], Leads::Nowhere),
        ..Set::default()
    }
}

/// `nft`'s number for a type, six bits a field, and the length of a key in bytes, each field padded to four.
fn type_of(family: IpFamily, fields: &[Field]) -> (u32, u32) {
    let id = |field: &Field| match (field, family) {
        (Field::Saddr | Field::Daddr, IpFamily::V4) => 7,
        (Field::Saddr | Field::Daddr, IpFamily::V6) => 8,
        (Field::L4proto, _) => 12,
        (Field::Dport, _) => 13,
        (Field::Slot(_), _) => 4,
    };
    let number = fields.iter().fold(0, |all, f| all << 6 | id(f));
    let len = match fields {
        [only] => only.len(family),
        _ => fields.iter().map(|f| f.len(family).next_multiple_of(4)).sum(),
    };
    (number, len)
}

impl fmt::Display for SetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let via = |v: Via| if v == Via::NodePort { "np-" } else { "" };
        let side = |s: Side| if s == Side::Local { "local-" } else { "" };
        match *self {
            Self::Class(Via::Address, Class::Internal) => f.write_str("cluster-frontends"),
            Self::Class(Via::Address, Class::External) => f.write_str("external-frontends"),
            Self::Class(Via::Address, Class::ExternalLocal) => f.write_str("external-local-frontends"),
            Self::Class(Via::NodePort, Class::ExternalLocal) => f.write_str("np-external-local"),
            Self::Class(Via::NodePort, _) => f.write_str("np-external"),
            Self::Size(v, s, i) => write!(f, "{}{}size-{}", via(v), side(s), size_at(i)),
            Self::ClusterSize(i) => write!(f, "cluster-size-{}", size_at(i)),
            Self::Endpoints(v, s) => write!(f, "{}{}endpoints", via(v), side(s)),
            Self::Refused(v, Refusal::Reject) => write!(f, "{}reject-frontends", via(v)),
            Self::Refused(v, Refusal::Drop) => write!(f, "{}drop-frontends", via(v)),
            Self::Affinity(v, s) => write!(f, "{}{}affinity", via(v), side(s)),
            Self::Firewalled => f.write_str("firewalled"),
            Self::SourceRanges => f.write_str("source-ranges"),
            Self::ClusterIps => f.write_str("cluster-ips"),
            Self::Hairpin => f.write_str("hairpin"),
            Self::NodePortIps => f.write_str("nodeport-ips"),
            Self::ServiceCidrs => f.write_str("service-cidrs"),
        }
    }
}

/// A key of an element: fields one after the other, each padded to four bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    bytes: [u8; Self::MAX],
    len: u8,
}

impl Key {
    /// Two IPv6 addresses, protocol and port.
    const MAX: usize = 40;

    pub(super) fn new() -> Self {
        Self { bytes: [0; Self::MAX], len: 0 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    fn put(mut self, field: &[u8]) -> Self {
        let at = usize::from(self.len);
        if let Some(place) = self.bytes.get_mut(at..at + field.len()) {
            place.copy_from_slice(field);
        }
        self.len = u8::try_from(at + field.len().next_multiple_of(4)).unwrap_or(u8::MAX);
        self
    }

    pub(super) fn address(self, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(a) => self.put(&a.octets()),
            IpAddr::V6(a) => self.put(&a.octets()),
        }
    }

    pub(super) fn protocol(self, protocol: plumb_api::Protocol) -> Self {
        self.put(&[protocol.number()])
    }

    pub(super) fn port(self, port: u16) -> Self {
        self.put(&port.to_be_bytes())
    }

    /// In host order, as `numgen` leaves it in its register.
    pub(super) fn slot(self, slot: u32) -> Self {
        self.put(&slot.to_ne_bytes())
    }

    pub(super) fn frontend(key: &FrontendKey) -> Self {
        let start = match key.address {
            Some(address) => Self::new().address(address),
            None => Self::new(),
        };
        start.protocol(key.protocol).port(key.port)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Bytes(self.bytes().to_vec()))
    }
}

impl Via {
    pub(super) fn of(key: &FrontendKey) -> Self {
        if key.address.is_some() { Self::Address } else { Self::NodePort }
    }
}
