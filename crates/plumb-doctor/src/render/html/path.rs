//! A path as boxes: a box a namespace that the packet comes to, its steps inside.

use serde_json::Value;

use crate::messages::{self, Heading, Lang, percent};
use crate::report::{Hop, PathReport};

/// A path: its ways there and back.
pub(super) struct Drawing {
    /// Its share and how it ends.
    pub(super) title: String,
    pub(super) ways: Vec<Way>,
}

/// The way of one packet.
pub(super) struct Way {
    pub(super) name: String,
    pub(super) boxes: Vec<NamespaceBox>,
}

pub(super) struct NamespaceBox {
    pub(super) namespace: String,
    pub(super) steps: Vec<Step>,
    /// The packet ends here.
    pub(super) fails: bool,
}

pub(super) struct Step {
    pub(super) text: String,
    pub(super) fails: bool,
    /// The rule that decides, beside the step.
    pub(super) rule: String,
}

pub(super) fn drawing(path: &PathReport, lang: Lang) -> Drawing {
    let share = if path.share < 1.0 {
        format!("{} {}: ", percent(path.share), messages::heading(lang, Heading::Share))
    } else {
        String::new()
    };
    let title = format!("{share}{}", messages::outcome(lang, &path.outcome));
    let failing =
        (path.outcome != "connects").then(|| super::super::terminal::failing_hop(&path.hops)).flatten();
    let mut ways: Vec<Way> = Vec::new();
    let mut packet = "";
    for (i, hop) in path.hops.iter().enumerate() {
        if hop.packet != packet {
            packet = &hop.packet;
            ways.push(Way { name: name(packet, lang), boxes: Vec::new() });
        }
        let Some(way) = ways.last_mut() else { continue };
        if way.boxes.last().is_none_or(|b| b.namespace != hop.namespace) {
            let namespace = hop.namespace.clone();
            way.boxes.push(NamespaceBox { namespace, steps: Vec::new(), fails: false });
        }
        let Some(here) = way.boxes.last_mut() else { continue };
        let fails = failing == Some(i);
        here.fails |= fails;
        here.steps.push(Step {
            text: hop.text.clone(),
            fails,
            rule: if fails { rule(hop) } else { String::new() },
        });
    }
    Drawing { title, ways }
}

fn name(packet: &str, lang: Lang) -> String {
    let heading = match packet {
        "request" => Heading::Request,
        "reply" => Heading::Reply,
        "error" => Heading::Error,
        "payload" => Heading::Payload,
        "answer" => Heading::Answer,
        "acknowledgement" => Heading::Acknowledgement,
        other => return other.to_owned(),
    };
    messages::heading(lang, heading).to_owned()
}

/// The rule or route that a step stands at.
fn rule(hop: &Hop) -> String {
    let text = |key: &str| hop.place.get(key).and_then(Value::as_str).map(str::to_owned);
    text("rule").or_else(|| text("route")).unwrap_or_default()
}
