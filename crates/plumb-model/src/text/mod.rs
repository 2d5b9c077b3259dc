//! Parts of a snapshot in the words of the tool that shows them: `ip route`, `ip rule`, `conntrack -L`, `ss`.
//! Reports and commands are made of these, so that what they say can be found with the tool that a person has at hand.

mod conntrack;
mod route;
mod rule;
mod socket;

pub use conntrack::{fmt_ct_entry, fmt_tuple};
pub use route::{fmt_route, protocol_name, scope_name};
pub use rule::fmt_rule;
pub use socket::{fmt_listener, fmt_socket};

pub(crate) use route::route_words;
pub(crate) use rule::{rule_action_words, rule_selector_words};
