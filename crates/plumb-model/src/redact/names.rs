//! Replacements of names, the same name by the same wherever it stands. What a name says of its kind stays: `veth3`
//! for a veth device, `chain7` for a chain.

use std::collections::{BTreeMap, HashMap};

/// What is named. Each kind is counted by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    Device,
    Namespace,
    Table,
    Chain,
    Set,
    Object,
    Flowtable,
    Process,
    Container,
    Pod,
    Node,
    Host,
    List,
    Path,
    /// A part of a host's name between dots.
    Label,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Device => "dev",
            Self::Namespace => "ns",
            Self::Table => "table",
            Self::Chain => "chain",
            Self::Set => "set",
            Self::Object => "object",
            Self::Flowtable => "flowtable",
            Self::Process => "process",
            Self::Container => "container",
            Self::Pod => "pod",
            Self::Node => "node",
            Self::Host => "host",
            Self::List => "list",
            Self::Path => "path",
            Self::Label => "label",
        }
    }

    /// Names that say nothing of a machine, and by which programs know what they look at.
    fn is_common(self, name: &str) -> bool {
        match self {
            Self::Device => name == "lo" || name.is_empty(),
            Self::Namespace => name == "host" || name.starts_with("net:["),
            Self::Table => matches!(name, "filter" | "nat" | "mangle" | "raw" | "security" | "broute"),
            Self::Chain => {
                let hooks = ["prerouting", "input", "forward", "output", "postrouting", "ingress", "egress"];
                let binding = name.strip_prefix("__chain").is_some_and(is_number);
                binding || name == "BROUTING" || hooks.iter().any(|h| name.eq_ignore_ascii_case(h))
            }
            // Sets without a name of their own; nft writes their elements in their place.
            Self::Set => ["__set", "__map"].iter().any(|p| name.strip_prefix(p).is_some_and(is_number)),
            // The namespaces that every cluster has; `default` is a word of sysctls too.
            Self::Pod => name.is_empty() || matches!(name, "default" | "kube-system"),
            // Labels that clusters, reverse zones and every hosts file have.
            Self::Label => {
                let common = ["cluster", "local", "svc", "pod", "localhost", "localdomain", "arpa"];
                let loopback = ["ip6-localhost", "ip6-loopback", "ip6-allnodes", "ip6-allrouters"];
                name.is_empty() || common.contains(&name) || loopback.contains(&name)
            }
            _ => name.is_empty(),
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    new: HashMap<(Kind, String), String>,
    count: HashMap<(Kind, &'static str), usize>,
    /// Words for devices by what they are: `veth`, `br` …
    kinds: HashMap<String, &'static str>,
    /// Starts of devices' names that rules match by (`veth*`, `veth+`), with their replacements.
    starts: BTreeMap<String, String>,
    /// Originals that must be nowhere afterwards.
    seen: Vec<String>,
}

impl Names {
    /// First pass: what kind of device this is.
    pub(super) fn device_kind(&mut self, name: &str, kind: &str) {
        let word = match kind {
            "veth" => "veth",
            "bridge" => "br",
            "vxlan" => "vxlan",
            "vlan" => "vlan",
            "wireguard" => "wg",
            "dummy" => "dummy",
            "tun" => "tun",
            "bond" => "bond",
            "ipip" | "sit" | "gre" | "ip6tnl" | "geneve" => "tunl",
            "macvlan" | "macvtap" => "macvlan",
            "ipvlan" => "ipvlan",
            "vrf" => "vrf",
            "ifb" => "ifb",
            "" => "eth",
            _ => "dev",
        };
        self.kinds.entry(name.to_owned()).or_insert(word);
    }

    /// First pass: rules match all devices whose names start so.
    pub(super) fn device_start(&mut self, start: &str) {
        if !start.is_empty() {
            self.starts.entry(start.to_owned()).or_default();
        }
    }

    /// After the first pass: gives the starts their replacements, shorter ones before those that contain them.
    pub(super) fn settle(&mut self) {
        let starts: Vec<String> = self.starts.keys().cloned().collect();
        for (i, start) in starts.iter().enumerate() {
            // Sorted, so a start comes before what begins with it.
            let new = format!("{}w{i}-", self.longest(start, true));
            self.seen.push(start.clone());
            self.starts.insert(start.clone(), new);
        }
    }

    /// Replacement of the longest start that the name begins with.
    fn longest(&self, name: &str, proper: bool) -> &str {
        let fits = |s: &&String| name.starts_with(s.as_str()) && !(proper && s.len() == name.len());
        let best = self.starts.keys().filter(fits).max_by_key(|s| s.len());
        best.and_then(|s| self.starts.get(s)).map_or("", String::as_str)
    }

    /// The replacement of the start of names.
    pub(super) fn start(&self, start: &str) -> Option<&str> {
        self.starts.get(start).map(String::as_str)
    }

    /// The replacement of a name.
    pub(super) fn name(&mut self, kind: Kind, name: &str) -> String {
        if kind.is_common(name) {
            return name.to_owned();
        }
        if let Some(new) = self.new.get(&(kind, name.to_owned())) {
            return new.clone();
        }
        let word = match kind {
            Kind::Device => self.kinds.get(name).copied().unwrap_or("dev"),
            kind => kind.word(),
        };
        let count = self.count.entry((kind, word)).or_default();
        *count += 1;
        let plain = format!("{word}{count}");
        let new = match kind {
            Kind::Device => format!("{}{plain}", self.longest(name, false)),
            _ => plain,
        };
        // A label is a word like others, and may stand for something else elsewhere: whole names are looked for.
        if kind != Kind::Label {
            self.seen.push(name.to_owned());
        }
        self.new.insert((kind, name.to_owned()), new.clone());
        new
    }

    /// The replacement of a host's name, label by label, so that what ended in a domain ends in its replacement. Case does not
    /// count in names (RFC 4343).
    pub(super) fn host(&mut self, name: &str) -> String {
        let lower = name.to_ascii_lowercase();
        let labels: Vec<String> = lower.split('.').map(|label| self.name(Kind::Label, label)).collect();
        let new = labels.join(".");
        if new != lower && name.trim_matches('.').contains('.') {
            self.seen.push(name.to_owned());
        }
        new
    }

    /// The replacement that a name already has.
    pub(super) fn known(&self, kind: Kind, name: &str) -> Option<&str> {
        self.new.get(&(kind, name.to_owned())).map(String::as_str)
    }

    /// What stands for a name: its replacement, or the name itself where it says nothing.
    pub(super) fn of<'a>(&'a self, kind: Kind, name: &'a str) -> Option<&'a str> {
        if kind.is_common(name) { Some(name) } else { self.known(kind, name) }
    }

    /// After the first pass: what was learnt of devices and starts, without the names that were given before.
    pub(super) fn forget(self) -> Self {
        let Self { kinds, starts, .. } = self;
        let seen = starts.keys().cloned().collect();
        Self { kinds, starts, seen, ..Self::default() }
    }

    /// Whether the text is the replacement of some name.
    pub(super) fn is_replacement(&self, text: &str) -> bool {
        self.new.values().any(|n| n == text)
    }

    /// Every original that was replaced.
    pub(super) fn originals(&self) -> &[String] {
        &self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_kind_and_their_starts() {
        let mut names = Names::default();
        names.device_kind("cali0a1b", "veth");
        names.device_kind("cali-x", "veth");
        names.device_kind("docker0", "bridge");
        names.device_start("cali");
        names.device_start("cali-");
        names.settle();
        let mut of = |n: &str| names.name(Kind::Device, n);
        assert_eq!([of("lo"), of("docker0"), of("docker0")], ["lo", "br1", "br1"].map(str::to_owned));
        let (a, b) = (of("cali0a1b"), of("cali-x"));
        let (start, longer) = (names.start("cali").unwrap_or("?"), names.start("cali-").unwrap_or("?"));
        assert!(
            a.starts_with(start) && b.starts_with(start) && b.starts_with(longer) && !a.starts_with(longer)
        );
        assert!(longer.starts_with(start) && !"br1".starts_with(start));
        assert_eq!(names.name(Kind::Chain, "FORWARD"), "FORWARD");
        assert_eq!(names.name(Kind::Chain, "KUBE-SERVICES"), "chain1");
        assert_eq!(names.name(Kind::Set, "__set12"), "__set12");
        assert_eq!([names.name(Kind::Pod, "default"), names.name(Kind::Pod, "shop")], ["default", "pod1"]);
    }
}
