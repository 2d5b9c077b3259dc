//! What implements a Service on a node, field of its manifest by field: objects and kernel side by side.
//!
//! [`explain`] is pure: a Service, what should follow from it ([`Services`]), and the tables as the kernel holds them.
//! [`live`] reads the tables of a network namespace and calls it. Shares are those that the kernel's own rules and elements
//! give; where they are not those that the objects ask for, the difference is told as missing or stale.
//!
//! | file | what |
//! |---|---|
//! | `report` | the explanation as data |
//! | `meaning` | what fields mean, as ids |
//! | `fields` | the fields, one after the other |
//! | `context` | a Service with its frontends in both families |
//! | `told` | the endpoints that slices tell, and why each is used or not |
//! | `live` | from objects and a namespace |

mod context;
mod fields;
mod live;
mod meaning;
mod report;
mod told;

use plumb_api::address::IpFamily;
use plumb_api::{EndpointSlice, NamespacedName, Service};
use plumb_intent::Services;
use plumb_nft::Table;

use crate::backend::nftables::TABLE;

pub use live::{ExplainError, live};
pub use meaning::{Meaning, Rewritten};
pub use report::{
    Detector, EndpointState, Explanation, Field, FrontendState, Held, Item, Lead, List, PortState, Refused,
    Rest, Senders, Share, TableState, Told, Verdict,
};

use context::Context;

/// What is to be explained.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The Service.
    pub service: &'a Service,
    /// EndpointSlices; those of other Services do not matter.
    pub slices: &'a [EndpointSlice],
    /// Name of the node.
    pub node: &'a str,
    /// What each family should have, all Services together and taken ([`Services::take`]), and its table where there is one.
    pub families: &'a [(Services, Option<Table>)],
}

/// Explains a Service.
#[must_use]
pub fn explain(input: &Input<'_>) -> Explanation {
    let context = Context::new(input);
    let fields = fields::all(&context);
    let tables = context.tables();
    let left_over = context.left_over();
    let endpoints = told::all(&context);
    let lists = fields.iter().map(|f| (&f.missing, &f.stale));
    let frontends =
        fields.iter().flat_map(|f| &f.frontends).chain(&left_over).map(|f| (&f.missing, &f.stale));
    let none = Vec::new();
    let told = endpoints.iter().map(|p| (&p.missing, &none));
    let shared = tables.iter().map(|t| (&t.missing, &t.stale));
    let (missing, stale) = lists
        .chain(frontends)
        .chain(told)
        .chain(shared)
        .fold((0, 0), |(m, s), (missing, stale)| (m + missing.len(), s + stale.len()));
    let verdict = match (missing, stale) {
        (0, 0) if context.is_served() => Verdict::InForce,
        (0, 0) => Verdict::NothingToDo,
        (missing, stale) => Verdict::NotInForce { missing, stale },
    };
    Explanation {
        service: name(input.service).to_string(),
        node: input.node.to_owned(),
        verdict,
        tables,
        fields,
        endpoints,
        left_over,
    }
}

fn name(service: &Service) -> NamespacedName {
    service.metadata.full_name()
}

/// `ip plumb`
fn table_name(family: IpFamily) -> String {
    let word = if family == IpFamily::V4 { "ip" } else { "ip6" };
    format!("{word} {TABLE}")
}
