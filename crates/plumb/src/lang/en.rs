//! English.

use super::Say;

pub(super) fn say(what: &Say<'_>) -> String {
    let fixed = match what {
        Say::Namespace => "namespace",
        Say::LivesHere => "who lives there",
        Say::Addresses => "addresses",
        Say::Listeners => "listeners",
        Say::Devices => "devices",
        Say::Device => "device",
        Say::Routes => "routes",
        Say::Rules => "policy rules",
        Say::Neighbours => "neighbours",
        Say::Kind => "kind",
        Say::State => "state",
        Say::Chains => "chains",
        Say::Sets => "sets",
        Say::FilterRules => "rules",
        Say::Everything => "everything",
        Say::Conntrack => "conntrack",
        Say::Sockets => "sockets",
        Say::Peer => "other end",
        Say::Nobody => "nobody",
        Say::Nothing => "nothing",
        Say::NoRules => "no tables",
        Say::Down => "down",
        Say::NoCarrier => "no carrier",
        Say::OutsideSnapshot => "a namespace that is not covered",
        Say::Reading => "reading",
        Say::Probing => "opening the connection",
        Say::Walking => "walking pairs",
        Say::Listing => "listing the API's objects",
        Say::NobodyKnown => {
            "no network namespace here is a Pod's or a node's of this API, by addresses or UIDs: see whether it is this cluster's, \
             and whether the snapshot is redacted"
        }
        Say::NothingYet => "nothing wrong so far; watching",
        Say::Redacted => "names and addresses are replaced",
        Say::Complete => "everything could be read",
        Say::NotComplete => "not read",
        Say::Created => "new",
        Say::Updated => "changed",
        Say::SeveralOwners { namespace, pods } => {
            return format!(
                "namespace {namespace} has addresses of several Pods ({pods}), so it is called none of them"
            );
        }
        Say::More { count } => return format!("… {count} more"),
        Say::Unread { what, why } => return format!("{what}: not permitted, {why} is missing"),
        Say::Absent { what, feature } => return format!("{what}: the kernel has none ({feature})"),
        Say::Torn { what, reason } => {
            return format!("{what}: changed while they were read, they may not fit together ({reason})");
        }
        Say::Gap { text } => return format!("not read: {text}"),
        Say::OtherEngines { names } => return format!("also there, and not read by this version: {names}"),
        Say::MissingRights { names, hides_namespaces: true } => {
            return format!(
                "{names} missing: other namespaces cannot be entered, and firewall rules, conntrack and other users' \
                 processes cannot be read; run it as root (sudo) to see them"
            );
        }
        Say::MissingRights { names, hides_namespaces: false } => {
            return format!("{names} missing: what it hides is said below; run it as root (sudo) to see all");
        }
        Say::Taken { host, kernel, at } => return format!("{host}, Linux {kernel}, taken {at}"),
        Say::Redaction { warning } => return format!("redacted, the answer may differ: {warning}"),
        Say::Written { file, namespaces, bytes } => {
            return format!("{file}: {namespaces} namespaces, {bytes} bytes");
        }
        Say::NoMatch { patterns } => return format!("no network namespace is called {patterns}"),
        Say::Deleted { name } => return format!("EndpointSlice {name} is to be deleted"),
        Say::Table { name } => return format!("table {name}"),
        Say::Entries { count, max } => return format!("{count} of {max}"),
    };
    fixed.to_owned()
}
