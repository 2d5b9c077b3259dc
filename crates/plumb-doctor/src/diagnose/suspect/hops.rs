//! Packets whose life (TTL, hop limit) ends on the way, though they do not go round in circles.

use plumb_nft::Expr;
use plumb_trace::event::Event;
use plumb_xtables::{Target, XtFamily};

use super::nat::{delete, rule_text};
use super::rules::table_of;
use super::{Case, Suspect};
use crate::finding::{Finding, Shown, ShownWhat};
use crate::place;
use crate::report::Layer;

/// The kernel's own default (`IPDEFTTL`).
const USUAL: i64 = 64;

/// The rules that gave the packet a shorter life, the last first; then the setting it started with.
pub(super) fn too_few(case: &Case) -> Vec<Suspect> {
    let mut out = Vec::new();
    for e in case.failure.events.iter().rev() {
        let Event::Rule { rule } = e else { continue };
        let chain = table_of(case, rule.ns, rule.table).and_then(|t| t.chains.get(rule.chain as usize));
        let sets = chain.and_then(|c| c.rules.get(rule.rule as usize)).is_some_and(|r| sets_life(&r.exprs));
        let (true, Some(cure)) = (sets, delete(case, *rule)) else { continue };
        let place = place::rule(case.net, *rule, &[]);
        let by = rule_text(&place);
        let finding =
            Finding::HopLimitTooLow { namespace: case.name(rule.ns), by, packet: case.failure.packet };
        out.push(Suspect::new(finding, place, Layer::Netfilter, vec![vec![cure]]));
    }
    out.extend(setting(case));
    out
}

/// Whether a rule changes the packet's TTL or hop limit.
fn sets_life(exprs: &[Expr]) -> bool {
    exprs.iter().any(|e| match e {
        Expr::Target { name, revision, info } => {
            let family = if name == "HL" { XtFamily::Ip6 } else { XtFamily::Ip };
            matches!(Target::decode(name, *revision, family, info), Target::Ttl(_) | Target::Hl(_))
        }
        // The TTL stands at 8 of an IPv4 header, the hop limit at 7 of an IPv6 one; nft writes two bytes at a time.
        Expr::PayloadWrite { base: plumb_nft::PayloadBase::Network, offset: 6..=8, .. } => true,
        _ => false,
    })
}

/// What the sender gives to packets of its own.
fn setting(case: &Case) -> Option<Suspect> {
    let sender = case.senders().last()?;
    let name = match case.failure.state.packet.family {
        plumb_model::IpFamily::V4 => "net.ipv4.ip_default_ttl",
        plumb_model::IpFamily::V6 => return None,
    };
    let value = case.net.namespace(sender).sysctls.number(name).filter(|value| *value < USUAL)?;
    let finding = Finding::HopLimitTooLow {
        namespace: case.name(sender),
        by: name.to_owned(),
        packet: case.failure.packet,
    };
    let (value, usual) = (value.to_string(), USUAL.to_string());
    let shown = Shown::new(
        ShownWhat::Sysctl,
        value.as_str(),
        usual.as_str(),
        case.command(sender, &format!("sysctl {name}")),
    );
    let place = place::sysctl(case.net, sender, name, &value);
    let cure = vec![case.set_sysctl(sender, name, &usual)];
    Some(Suspect::new(finding, place, Layer::Sysctl, vec![cure]).show([shown]))
}
