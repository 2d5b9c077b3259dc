//! Tables of iptables-legacy and ipsets, made by their own tools in a namespace and read from the kernel. Runs as root.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use common::{Net, of, read};
use plumb_model::{IpFamily, Namespace};
use plumb_xtables::{XtFamily, legacy};

/// What a command says; it must succeed.
fn run(net: &Net, command: &str, input: &str) -> String {
    let mut child = Command::new("ip")
        .args(["netns", "exec", &net.name])
        .args(command.split(' '))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command}");
    String::from_utf8(output.stdout).unwrap()
}

/// All that is read of a family, in the words of `iptables-legacy -S`: table and line.
fn read_lines(n: &Namespace, family: IpFamily) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for t in n.legacy.items().iter().filter(|t| t.family == family) {
        assert_eq!(t.problem, None);
        let xt = if family == IpFamily::V4 { XtFamily::Ip } else { XtFamily::Ip6 };
        for chain in &t.table.as_ref().unwrap().chains {
            out.insert(match &chain.base {
                Some(b) if b.policy == plumb_nft::Verdict::Drop => {
                    format!("{} -P {} DROP", t.name, chain.name)
                }
                Some(_) => format!("{} -P {} ACCEPT", t.name, chain.name),
                None => format!("{} -N {}", t.name, chain.name),
            });
            for (i, rule) in chain.rules.iter().enumerate() {
                let text = legacy::rule(xt, &chain.name, &rule.exprs).unwrap().text(&n.set_names());
                out.insert(format!("{} {}: {text}", t.name, i + 1));
            }
        }
    }
    out
}

/// The same as the tool lists it.
fn listed_lines(net: &Net, tool: &str, tables: &[&str]) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for table in tables {
        let mut numbers = std::collections::BTreeMap::new();
        for line in run(net, &format!("{tool} -t {table} -S"), "").lines() {
            match line.strip_prefix("-A ").and_then(|l| l.split(' ').next()) {
                Some(chain) => {
                    let number = numbers.entry(chain.to_owned()).or_insert(0);
                    *number += 1;
                    out.insert(format!("{table} {number}: {}", line.trim_end()));
                }
                None => {
                    out.insert(format!("{table} {line}"));
                }
            }
        }
    }
    out
}

const SETS: &str = "\
create nets hash:net timeout 0 counters comment skbinfo
add nets 10.0.0.0/8 comment \"all of ten\"
add nets 10.1.0.0/16 nomatch
create ports hash:ip,port
add ports 10.0.0.1,tcp:80
add ports 10.0.0.1,udp:53
add ports 10.0.0.1,icmp:8/0
create map bitmap:ip range 10.0.0.0-10.0.255.255 netmask 24
add map 10.0.3.0
create numbers bitmap:port range 1-100
add numbers 80
create hosts bitmap:ip,mac range 10.0.0.0/24
add hosts 10.0.0.1,00:11:22:AA:BB:CC
add hosts 10.0.0.2
create six hash:net family inet6
add six fd00::/8
create devices hash:net,iface
add devices 10.0.0.0/24,eth0
add devices 10.0.1.0/24,physdev:eth1
create all list:set
add all nets
add all ports
";

const RULES: &str = "\
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:empty - [0:0]
:web - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT ! -s 10.0.0.0/8 -d 192.0.2.1 ! -i eth+ -p tcp -m tcp --dport 80:90 --tcp-flags SYN,ACK SYN -j web
-A INPUT -p udp -m multiport --dports 53,67:68 -m comment --comment \"names and more\" -g web
-A INPUT -f -j DROP
-A INPUT ! -p icmp -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -m set --match-set all src,dst -j DROP
-A INPUT -m set ! --match-set nets src --return-nomatch
-A INPUT -s 10.0.0.0/255.0.255.0 -m limit --limit 5/min -j LOG --log-prefix \"seen: \"
-A FORWARD -o eth0 -m mark --mark 0x1/0xff -j REJECT --reject-with icmp-admin-prohibited
-A FORWARD -m addrtype --dst-type LOCAL -m statistic --mode nth --every 3 --packet 0 -j RETURN
-A web -p icmp -m icmp --icmp-type 8 -j RETURN
-A web -j empty
-A web -j DROP
-A web -j DROP
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.2:8080-8090
-A PREROUTING -p tcp -m tcp --dport 81 -j REDIRECT --to-ports 15001
-A POSTROUTING -o eth0 -j MASQUERADE --random-fully
-A POSTROUTING -j SNAT --to-source 192.0.2.1-192.0.2.9
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A OUTPUT -j MARK --set-xmark 0x1/0xffffffff
-A PREROUTING -j SET --add-set nets src --exist
COMMIT
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -i eth0 -j CT --notrack
COMMIT
";

const RULES6: &str = "\
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:web - [0:0]
-A INPUT ! -s fd00::/8 -d fd00:1::2 -i eth0 -p tcp -m tcp --dport 80 -j web
-A INPUT ! -p udp -g web
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 128 -m set --match-set six src -j ACCEPT
-A web -j REJECT --reject-with icmp6-adm-prohibited
COMMIT
";

#[test]
fn rules_are_read_as_the_tool_lists_them() {
    let net = Net::new("legacy");
    run(&net, "ipset restore", SETS);
    run(&net, "iptables-legacy-restore", RULES);
    run(&net, "ip6tables-legacy-restore", RULES6);
    let snapshot = read(&[&net]);
    let n = of(&snapshot, &net);
    let tables = ["filter", "nat", "mangle", "raw"];
    assert_eq!(read_lines(n, IpFamily::V4), listed_lines(&net, "iptables-legacy", &tables));
    assert_eq!(read_lines(n, IpFamily::V6), listed_lines(&net, "ip6tables-legacy", &["filter"]));
}

#[test]
fn ipsets_are_read_as_the_tool_lists_them() {
    let net = Net::new("ipset");
    run(&net, "ipset restore", SETS);
    // More elements than one message holds.
    let many: String = (0..2000).map(|i| format!("add many 10.{}.{}.1\n", i / 250, i % 250)).collect();
    run(&net, "ipset restore", &format!("create many hash:ip\n{many}"));
    let snapshot = read(&[&net]);
    let n = of(&snapshot, &net);
    let mut listed = BTreeSet::new();
    let mut name = String::new();
    let mut members = false;
    for line in run(&net, "ipset -n list", "").lines() {
        name = line.to_owned();
        for line in run(&net, &format!("ipset list {name}"), "").lines() {
            if members {
                let element = line.split(' ').next().unwrap().to_owned();
                listed.insert((name.clone(), element.replace("icmp:echo-request", "icmp:8/0")));
            }
            members |= line == "Members:";
        }
        members = false;
    }
    assert!(!name.is_empty());
    let sets = n.ipsets.items();
    let read: BTreeSet<_> =
        sets.iter().flat_map(|s| s.elements.iter().map(|e| (s.name.clone(), e.text(s)))).collect();
    assert_eq!(read, listed);
    let nets = sets.iter().find(|s| s.name == "nets").unwrap();
    assert_eq!((nets.kind.as_str(), nets.family, nets.timeout), ("hash:net", Some(IpFamily::V4), Some(0)));
    assert!(nets.elements.iter().any(|e| e.is_nomatch()));
    assert!(nets.elements.iter().any(|e| e.comment.as_deref() == Some("all of ten") && e.counters.is_some()));
    let map = sets.iter().find(|s| s.name == "map").unwrap();
    assert_eq!(map.netmask, Some(24));
    assert_eq!(map.addresses, Some(([10, 0, 0, 0].into(), [10, 0, 255, 255].into())));
    assert_eq!(sets.iter().find(|s| s.name == "numbers").unwrap().ports, Some((1, 100)));
}
