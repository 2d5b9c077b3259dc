//! A change as the commands that a person would run.

use std::fmt;
use std::net::IpAddr;

use plumb_nft::Family;

use super::nft_text::{element_text, rule_text, table_text};
use super::sysctl::device_part;
use super::{Action, Change, Position, bridge};
use crate::text::{route_words, rule_action_words, rule_selector_words};
use crate::{
    Address, CtEntry, FdbEntry, IpFamily, Namespace, Neighbour, PolicyAction, PolicyRule, Protocol, Route,
    RouteKind, Snapshot, fmt_listener, protocol_name, scope_name,
};

/// What to do where no command does it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// Start the program that should listen.
    StartListener {
        /// Name of the namespace.
        namespace: String,
        /// Protocol, address and port as `ss` prints them.
        socket: String,
    },
    /// Stop the program that listens.
    StopListener {
        /// Name of the namespace.
        namespace: String,
        /// Protocol, address and port as `ss` prints them.
        socket: String,
        /// Processes of the namespace, where known.
        processes: Vec<String>,
    },
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartListener { namespace, socket } => {
                write!(f, "start what should listen on {socket} in {namespace}")
            }
            Self::StopListener { namespace, socket, processes } => {
                write!(f, "stop what listens on {socket} in {namespace}")?;
                if processes.is_empty() { Ok(()) } else { write!(f, " ({} run there)", processes.join(", ")) }
            }
        }
    }
}

impl Change {
    /// The commands that make the change, to be run on the machine of the snapshot. Empty where no command fits (see
    /// [`Change::advice`]), and where the change names what the snapshot does not hold.
    #[must_use]
    pub fn commands(&self, snapshot: &Snapshot) -> Vec<String> {
        let Some(ns) = snapshot.namespace(self.namespace) else { return Vec::new() };
        // A process has its number wherever one looks from.
        if let Action::ResumeProcess { pid } = self.action {
            return vec![format!("kill -CONT {pid}")];
        }
        self.action.command(ns).map(|c| ns.command(&c)).into_iter().collect()
    }

    /// What to do where no command fits.
    #[must_use]
    pub fn advice(&self, snapshot: &Snapshot) -> Option<Advice> {
        let ns = snapshot.namespace(self.namespace)?;
        let namespace = ns.name.clone();
        match &self.action {
            Action::StartListener { protocol, address, port, .. } => {
                Some(Advice::StartListener { namespace, socket: fmt_listener(*protocol, *address, *port) })
            }
            Action::StopListener { protocol, address, port, .. } => {
                let processes = ns.processes.iter().map(|p| format!("{} {}", p.comm, p.pid)).collect();
                let socket = fmt_listener(*protocol, *address, *port);
                Some(Advice::StopListener { namespace, socket, processes })
            }
            _ => None,
        }
    }
}

/// Quotes a word for a POSIX shell where it needs it.
pub(super) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The arguments of `iptables -S` for a shell: what stands in double quotes there (comments, names) may hold anything.
pub(super) fn shell_arguments(saved: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let (mut word, mut quoted, mut begun) = (String::new(), false, false);
    let mut chars = saved.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => (quoted, begun) = (!quoted, true),
            '\\' if quoted => word.extend(chars.next()),
            ' ' if !quoted => {
                if begun || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            c => word.push(c),
        }
    }
    if begun || !word.is_empty() {
        words.push(word);
    }
    // A `!` by itself is history expansion in no shell.
    let quoted = words.iter().map(|w| if w == "!" { w.clone() } else { quote(w) });
    quoted.collect::<Vec<_>>().join(" ")
}

/// Quotes a text of several words as one argument where a shell would change it: `nft` joins its arguments again.
fn quote_text(text: &str) -> String {
    if text.split(' ').all(|w| !w.is_empty() && quote(w) == w) { text.to_owned() } else { quote(text) }
}

impl Action {
    #[allow(clippy::too_many_lines, reason = "one line or two an action")]
    fn command(&self, ns: &Namespace) -> Option<String> {
        Some(match self {
            Self::DeleteRule { family, table, chain, handle } => {
                format!("nft delete rule {} {} handle {handle}", in_table(*family, table)?, quote(chain))
            }
            Self::AddRule { family, table, xtables: Some(arguments), .. } => {
                let tool = if *family == Family::Ip6 { "ip6tables-nft" } else { "iptables-nft" };
                format!("{tool} -t {} {}", quote(table), shell_arguments(arguments))
            }
            Self::AddRule { family, table, chain, position, rule, xtables: None } => {
                let holder = ns.nft.value()?.table(*family, table)?;
                let text = quote_text(&rule_text(ns, holder, rule)?);
                let (verb, place) = match position {
                    Position::Last => ("add", String::new()),
                    Position::First => ("insert", String::new()),
                    Position::Before(handle) => ("insert", format!(" handle {handle}")),
                    Position::After(handle) => ("add", format!(" handle {handle}")),
                };
                format!("nft {verb} rule {} {}{place} {text}", in_table(*family, table)?, quote(chain))
            }
            Self::SetPolicy { family, table, chain, policy } => {
                let policy = match policy {
                    plumb_nft::Verdict::Accept => "accept",
                    plumb_nft::Verdict::Drop => "drop",
                    _ => return None,
                };
                let of = in_table(*family, table)?;
                format!("nft chain {of} {} '{{ policy {policy}; }}'", quote(chain))
            }
            Self::AddElement { family, table, set, element } => {
                let holder = ns.nft.value()?.table(*family, table)?.set(set)?;
                let text = quote(&element_text(ns, holder, element));
                format!("nft add element {} {} {text}", in_table(*family, table)?, quote(set))
            }
            Self::DeleteElement { family, table, set, element } => {
                let holder = ns.nft.value()?.table(*family, table)?.set(set)?;
                let text = quote(&element_text(ns, holder, element));
                format!("nft delete element {} {} {text}", in_table(*family, table)?, quote(set))
            }
            Self::AddTable(table) => format!("nft {}", quote(&table_text(ns, table)?)),
            Self::AddIpsetElement { set, element } => super::ipset::command(ns, "add", set, element)?,
            Self::DeleteIpsetElement { set, element } => super::ipset::command(ns, "del", set, element)?,
            Self::Legacy(action) => super::legacy::command(ns, action)?,
            Self::DeleteTable { family, table } => format!("nft delete table {}", in_table(*family, table)?),
            Self::AddRoute(route) => route_command("add", route, ns),
            Self::DeleteRoute(route) => route_command("del", route, ns),
            Self::AddPolicyRule(rule) => rule_command("add", rule),
            Self::DeletePolicyRule(rule) => rule_command("del", rule),
            Self::SetSysctl { name, value } => sysctl_command(name, value),
            Self::SetLinkUp { device, up } => {
                format!("ip link set dev {} {}", quote(device), if *up { "up" } else { "down" })
            }
            Self::SetMtu { device, mtu } => format!("ip link set dev {} mtu {mtu}", quote(device)),
            Self::SetMac { device, mac } => format!("ip link set dev {} address {mac}", quote(device)),
            Self::SetMaster { device, master: Some(master) } => {
                format!("ip link set dev {} master {}", quote(device), quote(master))
            }
            Self::SetMaster { device, master: None } => format!("ip link set dev {} nomaster", quote(device)),
            Self::SetBridgePort { device, attribute, value } => {
                let state = ["disabled", "listening", "learning", "forwarding", "blocking"];
                let number = state.iter().position(|s| attribute == "state" && s == value);
                let value = number.map_or_else(|| quote(value), |n| n.to_string());
                format!("bridge link set dev {} {} {value}", quote(device), quote(attribute))
            }
            Self::AddAddress { device, address } => address_command("add", device, address),
            Self::DeleteAddress { device, address } => address_command("del", device, address),
            Self::SetNeighbour { device, neighbour } => neighbour_command(device, neighbour),
            Self::DeleteNeighbour { device, address } => {
                format!("ip neigh del {address} dev {}", quote(device))
            }
            Self::AddFdb { device, entry } => fdb_command("replace", device, entry),
            Self::DeleteFdb { device, entry } => fdb_command("del", device, entry),
            Self::StartListener { .. } | Self::StopListener { .. } | Self::ResumeProcess { .. } => {
                return None;
            }
            Self::DeleteConntrack(entry) => conntrack_command(entry),
        })
    }
}

fn in_table(family: Family, table: &str) -> Option<String> {
    Some(format!("{} {}", family.word()?, quote(table)))
}

fn ip(family: IpFamily) -> &'static str {
    match family {
        IpFamily::V4 => "ip",
        IpFamily::V6 => "ip -6",
    }
}

fn route_command(verb: &str, route: &Route, ns: &Namespace) -> String {
    let mut named = route.clone();
    // What a person does not write: the kernel's own marks, hops' states, the device of a route that has none, and
    // what follows from the rest.
    named.protocol = if verb == "add" && !matches!(route.protocol, 0 | 2 | 3) { route.protocol } else { 3 };
    let plain = route.kind == RouteKind::Unicast && route.next_hops.iter().all(|h| h.gateway.is_none());
    named.scope = match (route.family, route.scope) {
        (IpFamily::V4, 253) if plain => 0,
        (IpFamily::V4, scope) if verb == "add" => scope,
        _ => 0,
    };
    if route.kind == RouteKind::Local && named.scope == 254 {
        named.scope = 0;
    }
    named.next_hops.iter_mut().for_each(|h| h.flags &= crate::NextHop::ONLINK);
    if named.nexthop_id.is_some() {
        named.next_hops.clear();
    }
    if route.family == IpFamily::V6
        && matches!(
            route.kind,
            RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit | RouteKind::Throw
        )
    {
        named.next_hops.clear();
    }
    if verb == "del" {
        named.prefsrc = None;
    }
    let mut words = route_words(&named, ns).replace(" metric 0", "");
    if route.family == IpFamily::V6 && verb == "add" && route.priority == 1024 {
        words = words.replace(" metric 1024", "");
    }
    let mut command = format!("{} route {verb} ", ip(route.family));
    let hops = words.find(" nexthop ").unwrap_or(words.len());
    let (head, tail) = words.split_at(hops);
    command.push_str(head);
    if !matches!(route.table, 0 | Route::TABLE_MAIN) {
        command.push_str(&format!(" table {}", Route::table_name(route.table)));
    }
    if let [hop] = named.next_hops.as_slice()
        && hop.flags & crate::NextHop::ONLINK != 0
    {
        command.push_str(" onlink");
    }
    if verb == "add" {
        for (number, word) in [(2, "mtu"), (8, "advmss")] {
            if let Some(value) = route.metrics.get(&number) {
                let locked = route.metrics.get(&1).is_some_and(|l| l & (1 << number) != 0);
                command.push_str(&format!(" {word} {}{value}", if locked { "lock " } else { "" }));
            }
        }
        command.push_str(match (route.family, route.pref) {
            (IpFamily::V6, 1) => " pref high",
            (IpFamily::V6, 3) => " pref low",
            _ => "",
        });
    }
    command + tail
}

fn rule_command(verb: &str, rule: &PolicyRule) -> String {
    let selector = rule_selector_words(rule).replace(" lookup [l3mdev-table]", " l3mdev");
    let action = match rule.action {
        PolicyAction::ToTable(_) => rule_action_words(rule),
        _ => rule_action_words(rule),
    };
    let mut command = format!("{} rule {verb} pref {} {selector}{action}", ip(rule.family), rule.priority);
    if verb == "add" && !matches!(rule.protocol, 0 | 2 | 3) {
        command.push_str(&format!(" protocol {}", protocol_name(rule.protocol)));
    }
    command
}

fn sysctl_command(name: &str, value: &str) -> String {
    // A device's name with dots is written with slashes around it, as sysctl(8) wants it.
    let name = match device_part(name) {
        Some((tree, device, key)) if device.contains('.') => {
            format!("{}{device}/{key}", tree.replace('.', "/"))
        }
        _ => name.to_owned(),
    };
    format!("sysctl -w {}", quote(&format!("{name}={value}")))
}

fn address_command(verb: &str, device: &str, address: &Address) -> String {
    let family = IpFamily::of(address.prefix.addr);
    let mut command = format!("{} addr {verb} ", ip(family));
    match address.peer {
        Some(peer) => {
            command.push_str(&format!("{} peer {peer}/{}", address.prefix.addr, address.prefix.len))
        }
        None => command.push_str(&address.prefix.to_string()),
    }
    command.push_str(&format!(" dev {}", quote(device)));
    if verb == "del" {
        return command;
    }
    if let Some(IpAddr::V4(broadcast)) = address.broadcast {
        command.push_str(&format!(" broadcast {broadcast}"));
    }
    if address.scope != 0 && family == IpFamily::V4 {
        command.push_str(&format!(" scope {}", scope_name(address.scope)));
    }
    if let Some(label) = address.label.as_deref().filter(|l| *l != device) {
        command.push_str(&format!(" label {}", quote(label)));
    }
    if address.flags & Address::NODAD != 0 && family == IpFamily::V6 {
        command.push_str(" nodad");
    }
    if !address.preferred {
        command.push_str(" preferred_lft 0");
    }
    command
}

fn neighbour_command(device: &str, neighbour: &Neighbour) -> String {
    let device = quote(device);
    let address = neighbour.addr;
    if neighbour.flags & Neighbour::PROXY != 0 {
        return format!("ip neigh add proxy {address} dev {device}");
    }
    let hardware = neighbour.lladdr.map(|mac| format!(" lladdr {mac}")).unwrap_or_default();
    let state = match neighbour.state.word() {
        "UNKNOWN" | "NONE" => "permanent".to_owned(),
        word => word.to_lowercase(),
    };
    format!("ip neigh replace {address}{hardware} dev {device} nud {state}")
}

fn fdb_command(verb: &str, device: &str, entry: &FdbEntry) -> String {
    let mut command = format!("bridge fdb {verb} {} dev {}", entry.lladdr, quote(device));
    command.push_str(if entry.master.is_some() && entry.flags & bridge::NTF_SELF == 0 {
        " master"
    } else {
        " self"
    });
    if let Some(vlan) = entry.vlan {
        command.push_str(&format!(" vlan {vlan}"));
    }
    if let Some(dst) = entry.dst {
        command.push_str(&format!(" dst {dst}"));
    }
    if let Some(vni) = entry.vni {
        command.push_str(&format!(" vni {vni}"));
    }
    if let Some(port) = entry.port {
        command.push_str(&format!(" port {port}"));
    }
    if verb != "del" {
        // `permanent` to `bridge` is what makes a VXLAN entry or a local one, `static` one that leads out of a port.
        let permanent = entry.state == crate::NeighbourState::PERMANENT;
        command.push_str(match (entry.master.is_some(), permanent) {
            (true, true) => " local",
            (true, false) => " static",
            (false, _) => " permanent",
        });
    }
    command
}

fn conntrack_command(entry: &CtEntry) -> String {
    let t = entry.original;
    let mut command = String::from("conntrack -D");
    if t.src.is_ipv6() {
        command.push_str(" -f ipv6");
    }
    command.push_str(&format!(" -p {} -s {} -d {}", t.protocol, t.src, t.dst));
    match (t.icmp, t.protocol) {
        (Some(icmp), _) => {
            command.push_str(&format!(
                " --icmp-type {} --icmp-code {} --icmp-id {}",
                icmp.kind, icmp.code, icmp.id
            ));
        }
        (None, Protocol::TCP | Protocol::UDP | Protocol::SCTP) => {
            command.push_str(&format!(" --sport {} --dport {}", t.sport, t.dport));
        }
        _ => {}
    }
    if entry.zone != 0 {
        let option = match entry.zone_direction {
            Some(0) => "--orig-zone",
            Some(_) => "--reply-zone",
            None => "--zone",
        };
        command.push_str(&format!(" {option} {}", entry.zone));
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_iptables_are_safe_in_a_shell() {
        for (saved, safe) in [
            ("-A x -s 10.0.0.1/32 ! -i eth0 -j DROP", "-A x -s 10.0.0.1/32 ! -i eth0 -j DROP"),
            (
                r#"-A x -m comment --comment "a $HOME `id`" -j y"#,
                "-A x -m comment --comment 'a $HOME `id`' -j y",
            ),
            (r#"--comment "say \"it's\"""#, r#"--comment 'say "it'\''s"'"#),
            ("-D a$b;c 1", "-D 'a$b;c' 1"),
            (r#"--comment """#, "--comment ''"),
        ] {
            assert_eq!(shell_arguments(saved), safe);
        }
    }
}
