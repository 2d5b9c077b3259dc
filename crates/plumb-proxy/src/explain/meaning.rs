//! What fields mean: an id and what belongs into its sentence.

use plumb_api::address::IpFamily;
use serde::Serialize;

/// What a field does, or why it does nothing here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "id")]
pub enum Meaning {
    /// Labels of the Service are for people and selectors.
    Labels,
    /// The label that gives the Service to another proxy.
    OtherProxy {
        /// Its value.
        name: String,
    },
    /// Cluster IP alone.
    TypeClusterIp,
    /// Node ports too.
    TypeNodePort,
    /// A load balancer too.
    TypeLoadBalancer,
    /// A DNS alias.
    TypeExternalName,
    /// Which Pods are behind it.
    Selector,
    /// Somebody else writes the slices.
    NoSelector,
    /// No cluster IP on purpose.
    Headless,
    /// No cluster IP yet.
    NotAllocated,
    /// An address inside the cluster.
    ClusterIp,
    /// Whose source addresses are rewritten on the way from the cluster IP.
    ClusterIpSource {
        /// Family.
        family: IpFamily,
        /// Whose.
        rewritten: Rewritten,
    },
    /// Text that is no address or range.
    NotAnAddress,
    /// An address whose family the Service has no cluster IP of.
    FamilyUnused {
        /// Family.
        family: IpFamily,
    },
    /// No proxy serves the Service, for another field's sake.
    NotServed,
    /// Which cluster IP is of which family.
    IpFamilies,
    /// A wish to whoever allocates.
    IpFamilyPolicy,
    /// The port's name is what slices are matched by.
    PortName,
    /// The port on the Service's addresses.
    Port,
    /// The port of the Pods, which slices tell.
    TargetPort {
        /// What they tell.
        told: Vec<u16>,
    },
    /// What is spoken.
    AppProtocol,
    /// A port on the node.
    NodePort {
        /// Family.
        family: IpFamily,
        /// The node's addresses that take it; empty: all but loopback.
        addresses: Vec<String>,
    },
    /// A further address.
    ExternalIp,
    /// The load balancer's address, which packets bear.
    IngressVip,
    /// The load balancer's address, which packets do not bear.
    IngressProxy,
    /// A name.
    IngressName,
    /// Who may use the load balancer's addresses.
    SourceRanges,
    /// One of them is everybody.
    SourceRangesOpen {
        /// Family.
        family: IpFamily,
    },
    /// None is of this family: it is open.
    SourceRangesOtherFamily {
        /// Family.
        family: IpFamily,
    },
    /// There is no load balancer's address.
    SourceRangesUnused,
    /// From outside to any endpoint.
    ExternalCluster,
    /// From outside to this node's endpoints.
    ExternalLocal,
    /// Nothing leads to it from outside.
    ExternalIdle,
    /// Cluster IP to any endpoint.
    InternalCluster,
    /// Cluster IP to this node's endpoints.
    InternalLocal,
    /// Every connection is a new choice.
    AffinityNone,
    /// A client comes back.
    AffinityClientIp,
    /// For so long.
    AffinityTimeout {
        /// Seconds.
        seconds: u32,
    },
    /// Where load balancers ask.
    HealthPort,
    /// Nobody asks, nobody answers.
    HealthPortIdle {
        /// The type is the reason; else the policy.
        type_is_other: bool,
    },
    /// Endpoints count as ready.
    PublishNotReady,
    /// Which endpoints are preferred.
    TrafficDistribution {
        /// Some endpoint bears a hint.
        hinted: bool,
    },
    /// Whether node ports are allocated.
    AllocateNodePorts {
        /// They are.
        allocate: bool,
    },
    /// The DNS name.
    ExternalName,
}

/// Whose source address becomes the node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rewritten {
    /// Every sender's.
    All,
    /// That of senders that are no pods.
    Others,
    /// Nobody's: the rules cannot tell pods from others.
    Nobody,
}
