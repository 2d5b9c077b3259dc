//! What should be: from Services, EndpointSlices and one node to what each class of packet gets there. Pure, of one address
//! family at a time, and incremental: a change costs what it changes.
//!
//! * [`Services`] keeps the view and tells, at every [`Services::take`], which [`Frontend`]s became what.
//! * [`decide()`] answers for one packet: which endpoints it may reach, whether its source is rewritten, or how it is refused.
//! * [`Services::endpoints_of`] tells why each endpoint of a Service is used on the node, or is not.
//!
//! The facts are those of the reference implementation (Kubernetes v1.36, `pkg/proxy`): endpoints by `CategorizeEndpoints` in
//! `topology.go`, Services by `serviceport.go`, slices by `endpointslicecache.go`. Where that is left to chance (two Services
//! that claim one address, an endpoint that two slices tell differently), the answer here depends on the objects alone.

pub mod services;

pub use services::{
    Class, Considered, Decision, Delta, Endpoint, Frontend, FrontendChange, FrontendKey, Hairpin, Hint,
    NodeContext, NodePorts, Origin, Packet, PortEndpoints, PortName, Problem, Refusal, Sender, Services,
    Surroundings, Why, decide, masquerades, merged,
};
