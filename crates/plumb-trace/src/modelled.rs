//! What of the rules' language the walk models: the one table behind docs/modelled.md.

use std::fmt::Write as _;

/// How the walk treats a thing that rules use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As the kernel does.
    Modelled,
    /// As the kernel does, but for this.
    But(&'static str),
    /// It changes nothing that a walk follows; why.
    NoEffect(&'static str),
    /// Named where it could decide; why it cannot be known.
    Named(&'static str),
}

use Standing::{But, Modelled, Named, NoEffect};

/// A kind of thing that rules use, and how each of it stands.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Heading.
    pub title: &'static str,
    /// Name as the tools spell it, and how it stands.
    pub entries: &'static [(&'static str, Standing)],
}

const CONTENTS: Standing = Named("what packets carry is not part of the walk");
const HEADERS: Standing = Named("the walk's packets have no such header");
const TRANSFORMED: Standing = Named("IPsec policies and associations are not read");
const PLAIN: Standing = NoEffect("no verdict hangs on it");

/// Matches of xtables.
pub const MATCHES: Part = Part {
    title: "Matches of xtables",
    entries: &[
        ("addrtype", Modelled),
        ("ah", HEADERS),
        ("bpf", Named("the program is not run")),
        ("cgroup", Named("the cgroup of the sender is not part of a question")),
        ("cluster", Named("its hash is not computed")),
        ("comment", Modelled),
        ("connbytes", But("what a tracked packet's connection has carried is named")),
        ("connlabel", Modelled),
        ("connlimit", But("of the connections that were there before only an upper bound is known")),
        ("connmark", Modelled),
        ("conntrack", But("--ctexpire is named")),
        ("cpu", Named("the processor that a packet comes to is not known")),
        ("dccp", HEADERS),
        ("devgroup", Modelled),
        ("dscp", Modelled),
        ("dst", HEADERS),
        ("ecn", Modelled),
        ("esp", HEADERS),
        ("eui64", Named("not computed")),
        ("frag", But("named for a fragment")),
        ("hashlimit", But("limits in bytes and --hashlimit-rate-match are never reached")),
        ("hbh", HEADERS),
        ("helper", But("named for a connection that a helper expected")),
        ("hl", Modelled),
        ("icmp", Modelled),
        ("icmp6", Modelled),
        ("ipcomp", HEADERS),
        ("iprange", Modelled),
        ("ipv6header", HEADERS),
        ("ipvs", Named("IPVS is not read")),
        ("length", But("a stream's segments that pass as one count as one segment")),
        ("limit", Modelled),
        ("mac", Modelled),
        ("mark", Modelled),
        ("mh", HEADERS),
        ("multiport", Modelled),
        ("nfacct", Modelled),
        ("owner", But("--suppl-groups is named")),
        ("physdev", Modelled),
        ("pkttype", Modelled),
        ("policy", TRANSFORMED),
        ("quota", But("what was used up before the walk is not shown, and counts as unspent")),
        ("realm", Named("realms of routes are not read")),
        ("recent", But("--reap takes nothing off; named where the lists could not be read")),
        ("rpfilter", Modelled),
        ("rt", HEADERS),
        ("sctp", But("--chunk-types is named")),
        ("set", Named("the contents of ipsets are not read")),
        ("socket", But("with flags it is named where there is a socket")),
        ("state", Modelled),
        ("statistic", Modelled),
        ("string", CONTENTS),
        ("tcp", But("--tcp-option is named")),
        ("tcpmss", But("named for a SYN where no payload is asked about")),
        ("time", Named("time of day is not part of a question")),
        ("tos", Modelled),
        ("ttl", Modelled),
        ("u32", CONTENTS),
        ("udp", Modelled),
        ("udplite", Modelled),
    ],
};

/// Targets of xtables.
pub const TARGETS: Part = Part {
    title: "Targets of xtables",
    entries: &[
        ("AUDIT", PLAIN),
        ("CHECKSUM", PLAIN),
        ("CLASSIFY", Modelled),
        ("CONNMARK", Modelled),
        ("CONNSECMARK", NoEffect("security modules are not modelled")),
        ("CT", But("helpers and timeouts change nothing that a walk follows")),
        ("DNAT", But("which port of several is drawn is named")),
        ("DSCP", Modelled),
        ("ECN", Modelled),
        ("HL", Modelled),
        ("IDLETIMER", PLAIN),
        ("LOG", PLAIN),
        ("MARK", Modelled),
        ("MASQUERADE", Modelled),
        ("NETMAP", Modelled),
        ("NFLOG", PLAIN),
        ("NFQUEUE", Named("the answer of the program that reads the queue")),
        ("NOTRACK", Modelled),
        ("REDIRECT", Modelled),
        ("REJECT", Modelled),
        ("SECMARK", NoEffect("security modules are not modelled")),
        ("SET", But("what it adds to ipsets is not followed; a map is named")),
        ("SNAT", Modelled),
        ("SYNPROXY", Named("it answers in the server's place")),
        ("TCPMSS", But("an option that is not there is not added")),
        ("TCPOPTSTRIP", NoEffect("the walk's packets have no options")),
        ("TEE", NoEffect("the copy is not followed")),
        ("TOS", Modelled),
        ("TPROXY", Named("the socket that it hands the packet to is not looked up; the mark is set")),
        ("TRACE", PLAIN),
        ("TTL", Modelled),
    ],
};

/// Expressions of nftables, by the kernel's names.
pub const EXPRESSIONS: Part = Part {
    title: "Expressions of nftables",
    entries: &[
        ("bitwise", Modelled),
        ("byteorder", Modelled),
        ("cmp", Modelled),
        ("connlimit", But("of the connections that were there before only an upper bound is known")),
        ("counter", Modelled),
        ("ct", But("see the keys of `ct`; helpers and timeouts change nothing that a walk follows")),
        ("dup", NoEffect("the copy is not followed")),
        ("dynset", But("timeouts of elements that the walk added do not run out")),
        ("exthdr", But("TCP options beside the segment size, SCTP chunks and DCCP options are named")),
        ("fib", Modelled),
        ("flow_offload", NoEffect("packets go the long way, as the first of each flow does")),
        ("fwd", Named("the device that it sends to is not followed")),
        (
            "hash",
            But("of a seed that the kernel chose any value is possible, the same one for the same input"),
        ),
        ("immediate", Modelled),
        ("last", PLAIN),
        ("limit", Modelled),
        ("log", PLAIN),
        ("lookup", Modelled),
        ("masq", Modelled),
        ("match", But("see the matches of xtables")),
        ("meta", But("see the keys of `meta`")),
        ("nat", But("which port of several is drawn is named")),
        ("notrack", Modelled),
        ("numgen", But("a counter stands anywhere, each value equally likely")),
        ("objref", But("a ct expectation is named")),
        ("osf", Named("the fingerprint of the sender's system")),
        ("payload", But("what stands behind the transport header is named")),
        ("queue", Named("the answer of the program that reads the queue")),
        ("quota", Modelled),
        ("range", Modelled),
        ("redir", Modelled),
        ("reject", Modelled),
        ("rt", But("see the keys of `rt`")),
        ("socket", But("named where there is a socket; without one the rule ends")),
        ("synproxy", Named("it answers in the server's place")),
        ("target", But("see the targets of xtables")),
        ("tproxy", Named("the socket that it hands the packet to is not looked up")),
        ("xfrm", But("no packet of a walk was or will be transformed")),
    ],
};

/// Keys of `meta`.
pub const META: Part = Part {
    title: "Keys of `meta`",
    entries: &[
        ("broute", Named("a bridge that routes the frame")),
        ("cgroup", Named("the cgroup of the sender is not part of a question")),
        ("cpu", Named("the processor that a packet comes to is not known")),
        ("day", Named("time of day is not part of a question")),
        ("hour", Named("time of day is not part of a question")),
        ("ibrhwaddr", Named("not carried")),
        ("ibrname", Modelled),
        ("ibrpvid", Named("VLANs of bridges are not modelled")),
        ("ibrvproto", Named("VLANs of bridges are not modelled")),
        ("iif", Modelled),
        ("iifgroup", Modelled),
        ("iifkind", Modelled),
        ("iifname", Modelled),
        ("iiftype", Modelled),
        ("ipsec", But("no packet of a walk was transformed")),
        ("l4proto", Modelled),
        ("length", Modelled),
        ("mark", Modelled),
        ("nfproto", Modelled),
        ("nftrace", Named("whether somebody traces the packet")),
        ("obrname", Modelled),
        ("oif", Modelled),
        ("oifgroup", Modelled),
        ("oifkind", Modelled),
        ("oifname", Modelled),
        ("oiftype", Modelled),
        ("pkttype", Modelled),
        ("priority", Modelled),
        ("protocol", Modelled),
        ("random", Modelled),
        ("rtclassid", Named("realms of routes are not read")),
        ("sdif", But("virtual routing domains are not modelled")),
        ("sdifname", But("virtual routing domains are not modelled")),
        ("secmark", Named("security modules are not modelled")),
        ("skgid", Modelled),
        ("skuid", Modelled),
        ("time", Named("time of day is not part of a question")),
    ],
};

/// Keys of `ct`.
pub const CT: Part = Part {
    title: "Keys of `ct`",
    entries: &[
        ("avgpkt", Named("what a connection has carried changes with every packet")),
        ("bytes", Named("what a connection has carried changes with every packet")),
        ("daddr", Modelled),
        ("direction", Modelled),
        ("event", NoEffect("it can only be set")),
        ("expiration", Named("it changes with time")),
        ("helper", But("named for a connection that a helper expected")),
        ("id", Named("the kernel keeps a secret for it")),
        ("ip daddr", Modelled),
        ("ip saddr", Modelled),
        ("ip6 daddr", Modelled),
        ("ip6 saddr", Modelled),
        ("l3proto", Modelled),
        ("label", Modelled),
        ("mark", Modelled),
        ("packets", Named("what a connection has carried changes with every packet")),
        ("proto-dst", Modelled),
        ("proto-src", Modelled),
        ("protocol", Modelled),
        ("saddr", Modelled),
        ("secmark", Named("security modules are not modelled")),
        ("state", Modelled),
        ("status", Modelled),
        ("zone", Modelled),
    ],
};

/// Keys of `rt`.
pub const RT: Part = Part {
    title: "Keys of `rt`",
    entries: &[
        ("classid", Named("realms of routes are not read")),
        ("ip nexthop", Named("not carried with the packet")),
        ("ip6 nexthop", Named("not carried with the packet")),
        ("ipsec", But("no packet of a walk will be transformed")),
        ("mtu", Modelled),
    ],
};

/// All of it.
pub const PARTS: [&Part; 6] = [&MATCHES, &TARGETS, &EXPRESSIONS, &META, &CT, &RT];

/// The page docs/modelled.md.
#[must_use]
pub fn page() -> String {
    let mut out = String::from(
        "# What of the rules' language the walk models\n\nMade from the table in `crates/plumb-trace/src/modelled.rs`; \
         `PLUMB_BLESS=1 cargo test -p plumb-trace --lib modelled` writes it anew.\n\n\
         *Named*: it becomes an entry of `unknowns` where it could decide, and the walk goes on as if it let the packet \
         pass. What is not listed is not decoded, and named too.\n",
    );
    for part in PARTS {
        let _ = write!(out, "\n## {}\n\n| | | |\n|---|---|---|\n", part.title);
        for (name, standing) in part.entries {
            let (word, why) = match standing {
                Modelled => ("modelled", ""),
                But(why) => ("modelled, but", *why),
                NoEffect(why) => ("passed over", *why),
                Named(why) => ("named", *why),
            };
            let _ = writeln!(out, "| `{name}` | {word} | {why} |");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;
    use std::path::Path;

    use plumb_nft::{CtKey, MetaKey, RtKey};

    use super::*;

    fn names(part: &Part) -> Vec<&str> {
        part.entries.iter().map(|(name, _)| *name).collect()
    }

    #[test]
    fn the_page_is_current() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/modelled.md");
        if std::env::var_os("PLUMB_BLESS").is_some() {
            std::fs::write(&file, page()).unwrap();
        }
        let published = std::fs::read_to_string(&file).unwrap();
        assert!(published == page(), "run this test with PLUMB_BLESS=1");
    }

    #[test]
    fn all_that_is_decoded_is_in_the_table() {
        let sorted =
            |all: Vec<&'static str>| all.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
        let known = |word: &dyn Fn(u32) -> Option<&'static str>| sorted((0..256).filter_map(word).collect());
        assert_eq!(names(&MATCHES), sorted(plumb_xtables::Match::NAMES.to_vec()));
        assert_eq!(names(&TARGETS), sorted(plumb_xtables::Target::NAMES.to_vec()));
        assert_eq!(names(&EXPRESSIONS), sorted(plumb_nft::encode::NAMES.to_vec()));
        assert_eq!(names(&META), known(&|n| MetaKey::from_number(n).word()));
        assert_eq!(names(&CT), known(&|n| CtKey::from_number(n).word()));
        assert_eq!(names(&RT), known(&|n| RtKey::from_number(n).word()));
    }
}
