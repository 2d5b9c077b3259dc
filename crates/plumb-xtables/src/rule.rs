//! A rule as iptables sees it, and its line in `iptables -S`.

use serde::{Deserialize, Serialize};

use crate::text::{network, protocol_name};
use crate::types::{AddrMask, IfaceName, Inv, SetNames, XtFamily};
use crate::{Match, Target};

/// The verdicts that need no extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The packet goes on to the next base chain.
    Accept,
    /// The packet ends here.
    Drop,
    /// Back to the calling chain, or to the base chain's policy.
    Return,
    /// To user space, queue 0 (iptables-legacy).
    Queue,
}

impl Verdict {
    /// iptables' word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Accept => "ACCEPT",
            Self::Drop => "DROP",
            Self::Return => "RETURN",
            Self::Queue => "QUEUE",
        }
    }
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A verdict.
    Verdict(Verdict),
    /// Into a chain, with return (`-j CHAIN`).
    Jump(String),
    /// Into a chain, without return (`-g CHAIN`).
    Goto(String),
    /// An extension.
    Target(Target),
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct XtRule {
    /// Family.
    pub family: XtFamily,
    /// The chain that it is in.
    pub chain: String,
    /// Interface that the packet came in by.
    pub in_iface: Option<Inv<IfaceName>>,
    /// Interface that it leaves by.
    pub out_iface: Option<Inv<IfaceName>>,
    /// Source.
    pub src: Option<Inv<AddrMask>>,
    /// Destination.
    pub dst: Option<Inv<AddrMask>>,
    /// Layer 4 protocol.
    pub proto: Option<Inv<u8>>,
    /// The second or a further fragment (IPv4).
    pub fragment: Option<Inv<()>>,
    /// Matches, in order; all must hold.
    pub matches: Vec<Match>,
    /// What it does; `None`: it only counts.
    pub action: Option<Action>,
}

impl XtRule {
    /// A rule that matches everything and does nothing.
    #[must_use]
    pub fn new(family: XtFamily, chain: &str) -> Self {
        Self {
            family,
            chain: chain.to_owned(),
            in_iface: None,
            out_iface: None,
            src: None,
            dst: None,
            proto: None,
            fragment: None,
            matches: Vec::new(),
            action: None,
        }
    }

    /// Its line in `iptables -S`, from `-A` on, as iptables 1.8.9 prints it, without counters. `sets` knows the names
    /// of ipsets.
    #[must_use]
    pub fn text(&self, sets: &dyn SetNames) -> String {
        let mut words = vec![format!("-A {}", self.chain)];
        let push = |words: &mut Vec<String>, name: &str, options: String| {
            words.push(name.to_owned());
            if !options.is_empty() {
                words.push(options);
            }
        };
        for (option, net) in [("-s", &self.src), ("-d", &self.dst)] {
            if let Some(n) = net {
                words.push(format!("{}{option} {}", n.bang(), network(&n.value)));
            }
        }
        for (option, iface) in [("-i", &self.in_iface), ("-o", &self.out_iface)] {
            if let Some(i) = iface {
                words.push(format!("{}{option} {}", i.bang(), i.value));
            }
        }
        if let Some(p) = &self.proto {
            let name = protocol_name(p.value).map_or_else(|| p.value.to_string(), str::to_owned);
            words.push(format!("{}-p {name}", p.bang()));
        }
        if let Some(f) = &self.fragment {
            words.push(format!("{}-f", f.bang()));
        }
        for m in &self.matches {
            push(&mut words, &format!("-m {}", m.text_name()), m.options(sets));
        }
        match &self.action {
            Some(Action::Verdict(v)) => words.push(format!("-j {}", v.word())),
            Some(Action::Jump(chain)) => words.push(format!("-j {chain}")),
            Some(Action::Goto(chain)) => words.push(format!("-g {chain}")),
            Some(Action::Target(t)) => push(&mut words, &format!("-j {}", t.text_name()), t.options(sets)),
            None => {}
        }
        words.join(" ")
    }
}
