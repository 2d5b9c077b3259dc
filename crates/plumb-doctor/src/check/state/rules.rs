//! Rules that contradict each other, lead to nobody, or never run.

use std::collections::BTreeSet;

use plumb_model::{IpFamily, Namespace};
use plumb_nft::{ChainRef, ChainType, Data, Expr, Family, Rule, Table, Verdict};
use plumb_trace::state::{NsIndex, RuleRef};
use plumb_xtables::nft_compat::xtables_rule;
use plumb_xtables::{Action as XtAction, Target, XtFamily};

use super::Look;
use crate::check::told::{Observation, Seen};
use crate::place::{self, Listing};

fn tables(n: &Namespace) -> &[Table] {
    n.nft.value().map_or(&[], |r| &r.tables)
}

/// Chains of a table that a packet can get to, by index.
fn reachable(table: &Table) -> BTreeSet<usize> {
    if table.is_dormant() {
        return BTreeSet::new();
    }
    let mut open: Vec<usize> = (0..table.chains.len()).filter(|&i| table.chains[i].base.is_some()).collect();
    let mut seen: BTreeSet<usize> = open.iter().copied().collect();
    while let Some(at) = open.pop() {
        for name in table.chains[at].rules.iter().flat_map(|r| leads_to(table, r)) {
            let Some(next) = table.chains.iter().position(|c| c.name == name) else { continue };
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    seen
}

/// Chains that a rule jumps to, by itself or by an element of a map.
fn leads_to<'t>(table: &'t Table, rule: &'t Rule) -> Vec<&'t str> {
    let mut names = Vec::new();
    let mut add = |data: &'t Data| {
        if let Data::Verdict(Verdict::Jump(ChainRef::Name(name)) | Verdict::Goto(ChainRef::Name(name))) = data
        {
            names.push(name.as_str());
        }
    };
    for e in &rule.exprs {
        match e {
            Expr::Immediate { data, .. } => add(data),
            Expr::Lookup { set, dreg: Some(_), .. } => {
                let elements = table.set(set).map_or(&[][..], |s| &s.elements);
                elements.iter().filter_map(|e| e.data.as_ref()).for_each(&mut add);
            }
            _ => {}
        }
    }
    names
}

/// F03: both backends of iptables hold rules in one table: each listing shows its own, and packets pass both.
pub(super) fn two_backends(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        for legacy in n.legacy.items().iter().filter(|t| !t.only_accepts) {
            let family = if legacy.family == IpFamily::V4 { Family::Ip } else { Family::Ip6 };
            let other = tables(n).iter().find(|t| {
                t.family == family
                    && t.name == legacy.name
                    && !t.is_dormant()
                    && place::listing_of_table(t) == Listing::Xtables
                    && t.chains.iter().any(|c| c.base.is_some() && !c.rules.is_empty())
            });
            let Some(other) = other else { continue };
            let command = if family == Family::Ip { "iptables" } else { "ip6tables" };
            let mut place = place::namespace(look.net, ns);
            place::set(&mut place, "backend", "xtables-legacy");
            place::set(&mut place, "family", legacy.family.nft_name());
            place::set(&mut place, "table", legacy.name.clone());
            let rules: usize = other.chains.iter().map(|c| c.rules.len()).sum();
            found.push(
                Observation::new("two-backends", place)
                    .with("table", &legacy.name)
                    .with("command", command)
                    .seen(Seen::new(
                        "rules-of-nft",
                        rules,
                        0,
                        n.command(&format!("{command}-nft -t {} -S", legacy.name)),
                    ))
                    .seen(Seen::new(
                        "entries-of-legacy",
                        legacy.num_entries,
                        0,
                        n.command(&format!("{command}-legacy -t {} -S", legacy.name)),
                    )),
            );
        }
    }
    found
}

/// Whether Services' rules of kube-proxy's iptables mode are in a table, and whether packets get to them.
fn service_chains(table: &Table) -> Option<bool> {
    let of_services = |i: usize| table.chains[i].name.starts_with("KUBE-SVC-");
    if table.name != "nat" || !(0..table.chains.len()).any(of_services) {
        return None;
    }
    Some(reachable(table).into_iter().any(of_services))
}

/// The service proxies whose rules packets get to.
fn proxies(n: &Namespace) -> Vec<&'static str> {
    let hooked = |name: &str| {
        tables(n).iter().any(|t| {
            t.name == name
                && !t.is_dormant()
                && t.chains.iter().any(|c| c.base.is_some() && !c.rules.is_empty())
        })
    };
    let mut all = Vec::new();
    if tables(n).iter().any(|t| service_chains(t) == Some(true)) {
        all.push("kube-proxy (iptables)");
    }
    if hooked("kube-proxy") {
        all.push("kube-proxy (nftables)");
    }
    if hooked("plumb") {
        all.push("plumb");
    }
    all
}

/// Whether rules of a service proxy take node ports.
pub(super) fn node_port_rules(n: &Namespace) -> bool {
    let iptables = tables(n).iter().any(|t| {
        t.name == "nat" && t.chains.iter().any(|c| c.name == "KUBE-NODEPORTS" && !c.rules.is_empty())
    });
    let nftables = tables(n).iter().filter(|t| t.name == "kube-proxy" || t.name == "plumb").any(|t| {
        t.sets
            .iter()
            .any(|s| (s.name.contains("nodeport") || s.name.contains("node-port")) && !s.elements.is_empty())
    });
    iptables || nftables
}

/// F14: Services have chains, and no packet gets to any of them, though some did: somebody emptied the chains that led
/// there. Or all of them are empty, as `iptables -F` leaves them.
pub(super) fn unhooked(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        // Beside another proxy they are what a former one left.
        if !proxies(n).is_empty() {
            continue;
        }
        for t in tables(n).iter().filter(|t| service_chains(t) == Some(false)) {
            let own = || t.chains.iter().filter(|c| c.name.starts_with("KUBE-SVC-"));
            let emptied = own().all(|c| c.rules.is_empty());
            let was_in_use = t.chains.iter().filter(|c| c.name.starts_with("KUBE-S"));
            if !emptied && !was_in_use.flat_map(|c| &c.rules).any(|r| counted(r).is_some()) {
                continue;
            }
            let services = own().count();
            let mut place = place::namespace(look.net, ns);
            let family = t.family.word().unwrap_or_default();
            for (key, value) in
                [("backend", "xtables-nft"), ("family", family), ("table", "nat"), ("chain", "PREROUTING")]
            {
                place::set(&mut place, key, value);
            }
            place::set(&mut place, "missing", "-A PREROUTING -j KUBE-SERVICES");
            let command = if t.family == Family::Ip6 { "ip6tables" } else { "iptables" };
            found.push(
                Observation::new("service-rules-unhooked", place)
                    .with("services", services.to_string())
                    .seen(Seen::new(
                        "service-chains-reached",
                        0,
                        services,
                        n.command(&format!("{command} -t nat -S PREROUTING")),
                    ))
                    .affects([look.name(ns)]),
            );
        }
    }
    found
}

/// Z07: the rules of two service proxies are there at once.
pub(super) fn leftovers(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        let all = proxies(n);
        if all.len() < 2 {
            continue;
        }
        let mut place = place::namespace(look.net, ns);
        place::set(&mut place, "proxies", all.join(", "));
        found.push(
            Observation::new("proxy-leftovers", place)
                .with("proxies", all.join(", "))
                .seen(Seen::new("service-proxies", all.len(), 1, n.command("nft list tables")))
                .affects([look.name(ns)]),
        );
    }
    found
}

/// Every rule that a packet can get to.
fn rules(n: &Namespace, ns: NsIndex) -> impl Iterator<Item = (RuleRef, &Table, &Rule)> {
    tables(n).iter().enumerate().flat_map(move |(ti, t)| {
        reachable(t).into_iter().flat_map(move |ci| {
            t.chains[ci].rules.iter().enumerate().filter_map(move |(ri, r)| {
                let at = RuleRef {
                    ns,
                    table: u32::try_from(ti).ok()?,
                    chain: u32::try_from(ci).ok()?,
                    rule: u32::try_from(ri).ok()?,
                };
                Some((at, t, r))
            })
        })
    })
}

/// F16: a rule redirects to a port of this machine that nobody listens on, and packets met it. One that none met may wait
/// for its server; where nobody lives, nobody is hurt.
pub(super) fn dead_redirect(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        let Some(sockets) = n.sockets.value() else { continue };
        let lives = !sockets.is_empty() || !n.processes.is_empty();
        for (at, table, rule) in rules(n, ns).filter(|_| lives) {
            let (Some(port), Some(packets)) = (redirect_port(table, rule), counted(rule)) else { continue };
            if sockets.iter().any(|s| s.sport == port && (s.is_listening() || s.protocol.0 == 132)) {
                continue;
            }
            let place = place::rule(look.net, at, &[]);
            let text = place.get("rule").and_then(|r| r.as_str()).unwrap_or_default().to_owned();
            let action = plumb_model::Action::DeleteRule {
                family: table.family,
                table: table.name.clone(),
                chain: table.chains[at.chain as usize].name.clone(),
                handle: rule.handle,
            };
            found.push(
                Observation::new("nat-dead-port", place)
                    .with("rule", text)
                    .with("port", port.to_string())
                    .seen(Seen::new(
                        "listeners-of-port",
                        0,
                        1,
                        n.command(&format!("ss -lntu sport = :{port}")),
                    ))
                    .seen(
                        Seen::new(
                            "packets-of-rule",
                            packets,
                            serde_json::Value::Null,
                            n.command("nft list ruleset"),
                        )
                        .unit("packets"),
                    )
                    .affects([look.name(ns)])
                    .change(vec![plumb_model::Change { namespace: n.id, action }]),
            );
        }
    }
    found
}

/// How many packets met a rule that counts them, if any did.
fn counted(rule: &Rule) -> Option<u64> {
    rule.exprs.iter().find_map(|e| match e {
        Expr::Counter { packets, .. } if *packets > 0 => Some(*packets),
        _ => None,
    })
}

/// The one port that a rule redirects to.
fn redirect_port(table: &Table, rule: &Rule) -> Option<u16> {
    for e in &rule.exprs {
        match e {
            Expr::Redir { port_min: Some(reg), port_max, .. } => {
                let loaded = |reg| {
                    rule.exprs.iter().rev().find_map(|e| match e {
                        Expr::Immediate { dreg, data: Data::Value(v) } if *dreg == reg => {
                            Some(u16::from_be_bytes([*v.first()?, *v.get(1)?]))
                        }
                        _ => None,
                    })
                };
                let port = loaded(*reg)?;
                return port_max.is_none_or(|max| loaded(max) == Some(port)).then_some(port);
            }
            Expr::Target { name, .. } if name == "REDIRECT" => {
                let family = if table.family == Family::Ip6 { XtFamily::Ip6 } else { XtFamily::Ip };
                let xt = xtables_rule(family, "", &rule.exprs).ok()?;
                let Some(XtAction::Target(Target::Redirect(to))) = xt.action else { return None };
                return to.0.ports.filter(|p| p.min == p.max).map(|p| p.min);
            }
            _ => {}
        }
    }
    None
}

/// C12: a nat chain whose rules decide something is never asked, since nothing in its namespace uses connection tracking
/// (nat chains are called by its hooks: `nf_nat_inet_fn`).
pub(super) fn nat_ignored(look: &Look<'_>) -> Vec<Observation> {
    let mut found = Vec::new();
    for (ns, n) in look.namespaces() {
        // What was not read may use it; entries show that something does.
        let unsure = n.legacy.value().is_none()
            || n.legacy.items().iter().any(|t| !t.only_accepts)
            || n.conntrack.value().is_some_and(|c| !c.entries.is_empty())
            || n.conntrack.is_denied()
            || !n.other_engines.is_empty();
        if unsure {
            continue;
        }
        for (at, table, _) in rules(n, ns) {
            let (chain, family) = (&table.chains[at.chain as usize], table.family);
            let nat = chain.base.as_ref().is_some_and(|b| b.kind == ChainType::Nat);
            let families: &[IpFamily] = match family {
                Family::Ip => &[IpFamily::V4],
                Family::Ip6 => &[IpFamily::V6],
                Family::Inet => &[IpFamily::V4, IpFamily::V6],
                _ => &[],
            };
            let ignored = !families.is_empty() && families.iter().all(|f| !look.net.conntrack_active(ns, *f));
            let rule = &chain.rules[at.rule as usize];
            if !nat || !ignored || !decides(rule) {
                continue;
            }
            let place = place::rule(look.net, at, &[]);
            let text = place.get("rule").and_then(|r| r.as_str()).unwrap_or_default().to_owned();
            found.push(
                Observation::new("nat-chain-ignored", place)
                    .with("rule", text)
                    .with("chain", &chain.name)
                    .seen(Seen::new("users-of-conntrack", 0, 1, n.command("nft list ruleset"))),
            );
            break;
        }
    }
    found
}

/// Whether a rule drops, or sets a mark.
fn decides(rule: &Rule) -> bool {
    rule.exprs.iter().any(|e| match e {
        Expr::Immediate { data: Data::Verdict(v), .. } => *v == Verdict::Drop,
        Expr::MetaSet { .. } | Expr::Reject { .. } => true,
        Expr::Target { name, .. } => matches!(name.as_str(), "MARK" | "REJECT"),
        _ => false,
    })
}
