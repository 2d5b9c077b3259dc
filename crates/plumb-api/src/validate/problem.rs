//! What can be wrong, as an id and parameters; the sentences are English.

use std::fmt;

use super::NameForm;
use crate::address::IpFamily;
use crate::field::FieldPath;
use crate::objects::{Protocol, ServiceType};

/// Something that the API server would refuse, and where in the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field.
    pub path: FieldPath,
    /// What is wrong with it.
    pub problem: Problem,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

/// What is wrong. As text it says what, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the values that the sentence names")]
pub enum Problem {
    /// `healthCheckNodePort` where nobody asks for it.
    HealthCheckNodePort,
    /// `externalTrafficPolicy` of a Service that nothing outside reaches.
    ExternalTrafficPolicy,
    /// `nodePort` of a type that has none.
    NodePort { kind: ServiceType },
    /// A field of another type of Service.
    OnlyForLoadBalancer,
    /// A field that an ExternalName Service cannot have.
    NotForExternalName,
    /// No cluster IP where the type needs one.
    Headless { kind: ServiceType },
    /// Something has to be there.
    Required { why: Missing },
    /// Text that is no address.
    NotAnIp { text: Box<str> },
    /// An address that no endpoint or frontend can have.
    SpecialIp { text: Box<str>, what: Special },
    /// Text that is no range.
    NotACidr { text: Box<str> },
    /// An address of the other family than its place says.
    WrongFamily { text: Box<str>, wanted: IpFamily, because: &'static str },
    /// A field that repeats the first entry of a list, and does not.
    FirstDiffers { one: &'static str, list: &'static str, value: Box<str>, first: Box<str> },
    /// `None` beside addresses.
    NoneAmongOthers,
    /// More than are taken.
    TooMany { count: usize, max: usize },
    /// Two of the same family.
    SameFamily,
    /// A value that came before.
    Duplicate { value: Box<str> },
    /// Two ports of a Service with the same protocol and number.
    DuplicatePort { port: u16, protocol: Protocol },
    /// A number that is no port.
    Port { value: i64 },
    /// Text that cannot name a container's port.
    PortName { text: Box<str> },
    /// A time of affinity that is too short or long.
    AffinityTimeout { seconds: i64 },
    /// Affinity is set up, but not switched on.
    AffinityConfig,
    /// A value that is none of those there are.
    NotOneOf { value: Box<str>, allowed: &'static [&'static str] },
    /// A name of the wrong form.
    Name { text: Box<str>, form: NameForm },
    /// A name where an address ought to be, or the other way round.
    HostnameIsAddress { text: Box<str> },
    /// A slice that belongs to no Service.
    NoServiceName,
    /// A load balancer's addresses on something else.
    NoLoadBalancer,
    /// `ipMode` without an address.
    IpModeWithoutIp,
    /// A range of ports that ends before it begins.
    RangeEndsEarly { first: i32, last: i32 },
    /// A range of addresses that is no part of the one that it is taken out of.
    NotWithin { text: Box<str>, whole: Box<str> },
    /// A range of addresses beside selectors.
    IpBlockAmongOthers,
    /// Values of an operator that has none.
    NeedlessValues,
}

/// What has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Missing {
    /// Addresses of an endpoint.
    EndpointAddress,
    /// Addresses of a subset of Endpoints.
    SubsetAddresses,
    /// The name of one of several ports.
    PortName,
    /// The ranges of a ServiceCIDR.
    Ranges,
    /// The ports of a Service.
    Ports,
    /// `externalName`
    ExternalName,
    /// Who a rule of a NetworkPolicy is about.
    Peer,
    /// The first port of a range.
    FirstPort,
    /// The values that a label is compared with.
    LabelValues,
}

impl Missing {
    fn describe(self) -> &'static str {
        match self {
            Self::EndpointAddress => "an endpoint has at least one address",
            Self::SubsetAddresses => "addresses or notReadyAddresses",
            Self::PortName => "each of several ports has a name",
            Self::Ranges => "a ServiceCIDR is its ranges",
            Self::Ports => "only a headless Service may have no ports",
            Self::ExternalName => "an ExternalName Service is that name",
            Self::Peer => "a peer is a podSelector, a namespaceSelector, both, or an ipBlock",
            Self::FirstPort => "endPort needs a port with a number, which the range begins with",
            Self::LabelValues => "In and NotIn compare with at least one value",
        }
    }
}

/// An address that is no endpoint's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Special {
    /// `0.0.0.0`, `::`
    Unspecified,
    /// `127.0.0.0/8`, `::1`
    Loopback,
    /// `169.254.0.0/16`, `fe80::/10`
    LinkLocal,
    /// `224.0.0.0/24`, `ff02::/16` and the like
    LinkLocalMulticast,
}

impl Special {
    fn describe(self) -> &'static str {
        match self {
            Self::Unspecified => "the unspecified address",
            Self::Loopback => "a loopback address",
            Self::LinkLocal => "a link-local address",
            Self::LinkLocalMulticast => "a link-local multicast address",
        }
    }
}

impl Problem {
    /// A word that stays the same whatever the sentence becomes.
    #[must_use]
    pub fn id(&self) -> &'static str {
        match self {
            Self::HealthCheckNodePort => "health-check-node-port",
            Self::ExternalTrafficPolicy => "external-traffic-policy",
            Self::NodePort { .. } => "node-port",
            Self::OnlyForLoadBalancer => "only-for-load-balancer",
            Self::NotForExternalName => "not-for-external-name",
            Self::Headless { .. } => "headless",
            Self::Required { .. } => "required",
            Self::NotAnIp { .. } => "not-an-ip",
            Self::SpecialIp { .. } => "special-ip",
            Self::NotACidr { .. } => "not-a-cidr",
            Self::WrongFamily { .. } => "wrong-family",
            Self::FirstDiffers { .. } => "first-differs",
            Self::NoneAmongOthers => "none-among-others",
            Self::TooMany { .. } => "too-many",
            Self::SameFamily => "same-family",
            Self::Duplicate { .. } => "duplicate",
            Self::DuplicatePort { .. } => "duplicate-port",
            Self::Port { .. } => "port",
            Self::PortName { .. } => "port-name",
            Self::AffinityTimeout { .. } => "affinity-timeout",
            Self::AffinityConfig => "affinity-config",
            Self::NotOneOf { .. } => "not-one-of",
            Self::Name { .. } => "name",
            Self::HostnameIsAddress { .. } => "hostname-is-address",
            Self::NoServiceName => "no-service-name",
            Self::NoLoadBalancer => "no-load-balancer",
            Self::IpModeWithoutIp => "ip-mode-without-ip",
            Self::RangeEndsEarly { .. } => "range-ends-early",
            Self::NotWithin { .. } => "not-within",
            Self::IpBlockAmongOthers => "ip-block-among-others",
            Self::NeedlessValues => "needless-values",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HealthCheckNodePort => f.write_str(
                "only for type LoadBalancer with externalTrafficPolicy Local; leave it out, or set both",
            ),
            Self::ExternalTrafficPolicy => f.write_str(
                "only for a Service that is reached from outside (type NodePort or LoadBalancer, or with externalIPs); \
                 leave it out",
            ),
            Self::NodePort { kind } => {
                write!(f, "a Service of type {kind:?} has no node ports; leave it out, or make it a NodePort Service")
            }
            Self::OnlyForLoadBalancer => f.write_str("only for type LoadBalancer; leave it out"),
            Self::NotForExternalName => f.write_str("an ExternalName Service has none; leave it out"),
            Self::Headless { kind } => {
                write!(f, "a Service of type {kind:?} needs a cluster IP; leave `None` out, or make it a ClusterIP Service")
            }
            Self::Required { why } => write!(f, "missing: {}", why.describe()),
            Self::NotAnIp { text } => write!(f, "{text:?} is no IP address; write 10.0.0.1 or fd00::1"),
            Self::SpecialIp { text, what } => write!(f, "{text} is {}; no Service can lead there", what.describe()),
            Self::NotACidr { text } => {
                write!(f, "{text:?} is no range; write one in CIDR notation: 10.0.0.0/16 or fd00::/64")
            }
            Self::WrongFamily { text, wanted, because } => {
                write!(f, "{text} is no {wanted} address, as {because} has it; change one of the two")
            }
            Self::FirstDiffers { one, list, value, first } => {
                write!(f, "its first entry is {first:?}, but {one} is {value:?}; {list} begins with {one}")
            }
            Self::NoneAmongOthers => f.write_str("`None` stands alone; leave it or the addresses out"),
            Self::TooMany { count, max } => write!(f, "{count} entries; at most {max} are taken"),
            Self::SameFamily => f.write_str("two entries of the same IP family; at most one a family is taken"),
            Self::Duplicate { value } => write!(f, "{value:?} came before; each may come once"),
            Self::DuplicatePort { port, protocol } => {
                write!(f, "{port}/{protocol} came before; a Service has each port and protocol once")
            }
            Self::Port { value } => write!(f, "{value} is no port; ports go from 1 to 65535"),
            Self::PortName { text } => write!(
                f,
                "{text:?} names no port; write a number, or at most 15 lower-case letters, digits and single hyphens, a \
                 letter among them"
            ),
            Self::AffinityTimeout { seconds } => {
                write!(f, "{seconds} seconds; from 1 to 86400 (a day) are taken")
            }
            Self::AffinityConfig => f.write_str("only with sessionAffinity ClientIP; set that, or leave this out"),
            Self::NotOneOf { value, allowed } => {
                write!(f, "{value:?} is none of {}", allowed.join(", "))
            }
            Self::Name { text, form } => write!(f, "{text:?} is no {}", form.describe()),
            Self::HostnameIsAddress { text } => write!(f, "{text} is an address; write it as `ip`"),
            Self::NoServiceName => {
                f.write_str("missing: the name of the Service that it belongs to; without it no proxy uses the slice")
            }
            Self::NoLoadBalancer => {
                f.write_str("only a Service of type LoadBalancer has a load balancer's addresses; leave them out")
            }
            Self::IpModeWithoutIp => f.write_str("says how an address is used, and there is none; add `ip`"),
            Self::RangeEndsEarly { first, last } => {
                write!(f, "{last} is before {first}, which the range begins with; write the greater one here")
            }
            Self::NotWithin { text, whole } => {
                write!(f, "{text} is no part of {whole}; write smaller ranges of it, or leave this one out")
            }
            Self::IpBlockAmongOthers => {
                f.write_str("an ipBlock stands alone; make the selectors a peer of their own")
            }
            Self::NeedlessValues => f.write_str("Exists and DoesNotExist compare with no values; leave them out"),
        }
    }
}
