#![allow(clippy::unwrap_used)]
use plumb_model::{HostsEntry, HostsSource, Read, ResolvConf, Resolver};
use plumb_trace::share::Share;

use super::plan::{Plan, Source};
use super::timing::{Does, ask, until_given_up};

fn resolver(conf: &str, hosts: &str, nsswitch: &str) -> Resolver {
    Resolver {
        conf: Read::Got(ResolvConf::parse(conf).0),
        hosts: Read::Got(HostsEntry::parse_all(hosts).0),
        order: match HostsSource::parse_order(nsswitch).0 {
            Some(order) => Read::Got(order),
            None => Read::Absent { feature: "hosts".into() },
        },
        domain: None,
        paths: Default::default(),
        odd: vec![],
        others: vec![],
    }
}

const POD: &str = "nameserver 10.96.0.10\nsearch default.svc.cluster.local svc.cluster.local cluster.local\n\
    options ndots:5\n";

fn queries(conf: &str, name: &str) -> Vec<String> {
    Plan::new(&resolver(conf, "", ""), name).queries
}

#[test]
fn the_search_list_by_ndots() {
    assert_eq!(
        queries(POD, "web"),
        ["web.default.svc.cluster.local", "web.svc.cluster.local", "web.cluster.local", "web"]
    );
    assert_eq!(queries(POD, "a.b.c.d.e.f")[0], "a.b.c.d.e.f");
    assert_eq!(queries(POD, "a.b.c.d.e.f").len(), 4);
    // A dot at the end: as it is, and nothing else.
    assert_eq!(queries(POD, "example.org."), ["example.org"]);
    // ndots 1 and no search list.
    assert_eq!(queries("nameserver 1.1.1.1\n", "web"), ["web"]);
    assert_eq!(queries("search a\n", "web.b"), ["web.b", "web.b.a"]);
    assert_eq!(queries("search a\noptions no-tld-query\n", "web"), ["web.a"]);
    assert_eq!(queries("search . a\noptions ndots:2\n", "web"), ["web", "web.a"]);
    // The host's own domain where no list is given.
    let own = Resolver { domain: Some("example.org".into()), ..resolver("", "", "") };
    assert_eq!(Plan::new(&own, "web").queries, ["web.example.org", "web"]);
}

#[test]
fn three_servers_are_asked() {
    let conf = "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n";
    let plan = Plan::new(&resolver(conf, "", ""), "web");
    assert_eq!((plan.servers.len(), plan.unasked.len()), (3, 1));
    assert_eq!([0, 1, 2].map(|i| plan.patience(i)), [5, 3, 6]);
    let none = Plan::new(&resolver("", "", ""), "web");
    assert_eq!(none.servers[0].address.to_string(), "127.0.0.1");
}

#[test]
fn where_names_are_looked_for() {
    let hosts = "127.0.0.1 localhost\n10.0.0.9 WEB web.example\n10.0.0.8 other web\n";
    let sources = |order: &str, name: &str| Plan::new(&resolver(POD, hosts, order), name).sources;
    // What the hosts file knows is not asked for.
    let both = ["10.0.0.9", "10.0.0.8"].map(|a| a.parse().unwrap()).to_vec();
    assert_eq!(sources("hosts: files dns\n", "web"), [Source::Hosts(both.clone())]);
    assert_eq!(sources("hosts: dns files\n", "web"), [Source::Dns, Source::Hosts(both)]);
    assert_eq!(sources("", "x"), [Source::Hosts(vec![]), Source::Dns]);
    assert_eq!(sources("hosts: files [NOTFOUND=return] dns\n", "x"), [Source::Hosts(vec![])]);
    let mdns = "hosts: files mdns4_minimal [NOTFOUND=return] dns\n";
    assert_eq!(sources(mdns, "web.default.svc.cluster.local"), [Source::Hosts(vec![]), Source::Dns]);
    assert_eq!(
        sources(mdns, "printer.local"),
        [Source::Hosts(vec![]), Source::Other("mdns4_minimal".into())]
    );
    let resolved = "hosts: resolve [!UNAVAIL=return] dns\n";
    assert_eq!(sources(resolved, "x"), [Source::Other("resolve".into())]);
}

#[test]
fn a_silent_server_costs_its_timeout() {
    let two = "nameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch a b\noptions ndots:2\n";
    let plan = Plan::new(&resolver(two, "", ""), "web");
    let one = |does| vec![(Share::ONE, does)];
    let ways = ask(&plan, &[one(Does::Silent), one(Does::Answers)]);
    assert_eq!(ways.len(), 1);
    assert_eq!((ways[0].by, ways[0].seconds), (Some(1), 5));
    let refused = ask(&plan, &[one(Does::Fails), one(Does::Answers)]);
    assert_eq!((refused[0].by, refused[0].seconds), (Some(1), 0));
    // Nobody: two rounds of 5 s each, and all of it again for the name as it is.
    let nobody = ask(&plan, &[one(Does::Silent), one(Does::Silent)]);
    assert_eq!((nobody[0].by, nobody[0].seconds, until_given_up(&plan, &nobody[0])), (None, 20, 40));
    let dead = ask(&plan, &[one(Does::Fails), one(Does::Fails)]);
    assert_eq!((dead[0].at_once, until_given_up(&plan, &dead[0])), (true, 0));
    // With rotate each begins half of the time.
    let rotate = Plan::new(&resolver(&format!("{two}options rotate\n"), "", ""), "web");
    let ways = ask(&rotate, &[one(Does::Silent), one(Does::Answers)]);
    let late: Share = ways.iter().filter(|w| w.seconds > 0).map(|w| w.share).sum();
    assert_eq!((ways.len(), late), (2, Share::new(1, 2)));
    // A server behind a choice that fails half of the time.
    let half = vec![(Share::new(1, 2), Does::Silent), (Share::new(1, 2), Does::Answers)];
    let ways = ask(&plan, &[half, one(Does::Fails)]);
    let found: Share = ways.iter().filter(|w| w.by.is_some()).map(|w| w.share).sum();
    assert_eq!(found, Share::new(1, 2));
}

/// One of every kind.
fn all() -> Vec<super::NameFinding> {
    use super::NameFinding as F;
    let s = |text: &str| text.to_owned();
    let (ns, server, name, path, why) =
        (|| s("ns-1"), || s("10.9.8.7"), || s("web.example"), || s("/x/resolv.conf"), || s("because"));
    vec![
        F::ServerUnreachable {
            namespace: ns(),
            server: server(),
            name: name(),
            why: why(),
            refused: false,
            seconds: 10,
        },
        F::ServerLate { namespace: ns(), server: server(), why: why(), seconds: 5 },
        F::ServersBeyondThree { namespace: ns(), servers: vec![server()], path: path() },
        F::NotTheClusters { namespace: ns(), server: server(), cluster: vec![s("10.96.0.10")], path: path() },
        F::LocalServerDown { namespace: ns(), server: server(), owner: ns(), path: path() },
        F::NameNotFound { namespace: ns(), name: name(), asked: vec![s("web.a")], server: server() },
        F::NoAddress { namespace: ns(), name: name(), server: server() },
        F::ServerFails { namespace: ns(), server: server(), rcode: s("SERVFAIL"), name: name() },
        F::AnswerLost { namespace: ns(), server: server(), seconds: 5 },
        F::TcpBlocked { namespace: ns(), server: server(), why: why() },
        F::SearchExplosion { namespace: ns(), ndots: 5, queries: 8, path: path() },
    ]
}

#[test]
fn every_kind_is_said_in_both_languages() {
    use crate::messages::{Lang, name_advice, name_effect, name_summary};
    let found: std::collections::BTreeSet<&str> = all().iter().map(super::NameFinding::id).collect();
    let known = super::NAME_KINDS.iter().map(|(id, _)| *id).collect();
    assert_eq!(found, known);
    for lang in [Lang::En, Lang::Zh] {
        for finding in all() {
            let summary = name_summary(lang, &finding);
            // Each parameter is told: those in quotes in its debug form.
            let debug = format!("{finding:?}");
            for word in debug.split('"').skip(1).step_by(2) {
                assert!(summary.contains(word), "{word} is not in {summary}");
            }
            assert!(!name_effect(lang, &finding).is_empty() && !name_advice(lang, &finding).is_empty());
        }
    }
}

mod asking {
    use std::cell::RefCell;
    use std::net::IpAddr;

    use plumb_dns::{Found, Rcode};

    use super::super::ask::{Ask, Heard, Reply, all};
    use super::super::timing::Does;
    use super::*;

    fn plan() -> Plan {
        let two = "nameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch a b\noptions ndots:2 timeout:1\n";
        Plan::new(&resolver(two, "", ""), "web")
    }

    const LOST: Reply = Reply::Error(110);

    /// Asks with these answers, and tells what was asked: server, name, over TCP.
    fn asked(
        answer: impl Fn(&Ask, usize) -> Reply,
    ) -> (super::super::ask::Said, Vec<(String, String, bool)>) {
        let log = RefCell::new(Vec::new());
        let said = all(&plan(), &|a: &Ask| {
            let n = log.borrow().len();
            log.borrow_mut().push((a.server.to_string(), a.name.clone(), a.tcp));
            Heard { reply: answer(a, n), seconds: 0.0 }
        });
        (said, log.into_inner())
    }

    fn known(a: &Ask, name: &str) -> Reply {
        let address: IpAddr = [10, 1, 1, 1].into();
        Reply::Found(match (a.name == name, a.kind) {
            (true, plumb_dns::Kind::A) => Found::Addresses(vec![address]),
            (true, _) => Found::NoData,
            _ => Found::NoName,
        })
    }

    #[test]
    fn the_first_that_answers_is_asked_for_the_search_list() {
        let (said, log) = asked(|a, _| known(a, "web.b"));
        let (server, name, addresses) = said.addresses.unwrap();
        assert_eq!((server, name.as_str(), addresses.len()), (0, "web.b", 1));
        let second: Vec<&str> = log.iter().filter(|l| l.0 == "10.0.0.2").map(|l| l.1.as_str()).collect();
        assert_eq!(second, ["web.a", "web.b"], "once, and over TCP for what is there");
        // The first question is not asked twice.
        assert_eq!(log.iter().filter(|l| l.0 == "10.0.0.1" && l.1 == "web.a").count(), 2, "A and AAAA");
    }

    #[test]
    fn an_error_or_silence_leads_to_the_next_server() {
        let first = |a: &Ask| a.server.to_string() == "10.0.0.1";
        let fails = Reply::Found(Found::Fails(Rcode::SERVFAIL));
        let (said, _) = asked(|a, _| if first(a) { fails.clone() } else { known(a, "web.a") });
        assert_eq!((said.servers[0].does, said.servers[0].rcode.as_deref()), (Does::Fails, Some("SERVFAIL")));
        assert_eq!(said.addresses.unwrap().0, 1);
        let (said, log) = asked(|a, _| if first(a) { LOST } else { known(a, "web.a") });
        assert_eq!((said.servers[0].does, said.addresses.unwrap().0), (Does::Silent, 1));
        assert_eq!(log.iter().filter(|l| l.0 == "10.0.0.1" && !l.2).count(), 2, "as many rounds as attempts");
        // One that is lost is no dead server.
        let (said, _) = asked(|a, n| if n == 0 { LOST } else { known(a, "web.a") });
        assert_eq!((said.servers[0].does, said.servers[0].lost), (Does::Answers, 1));
    }

    #[test]
    fn what_is_cut_off_is_asked_for_over_tcp() {
        let cut = |a: &Ask| if a.tcp { known(a, "web.a") } else { Reply::Found(Found::Truncated) };
        let (said, _) = asked(|a, _| cut(a));
        assert!(!said.cut_off && said.addresses.is_some());
        let (said, _) = asked(|a, _| if a.tcp { LOST } else { Reply::Found(Found::Truncated) });
        assert!(said.cut_off && said.addresses.is_none());
        // The last name counts where none has an address; an error of the first ends the search.
        let refused = |a: &Ask, name: &str| {
            let rcode = if a.name == name { Found::Fails(Rcode::REFUSED) } else { Found::NoName };
            Reply::Found(rcode)
        };
        let (said, _) = asked(|a, _| refused(a, "web"));
        assert_eq!(said.fails.unwrap(), ("web".to_owned(), "REFUSED".to_owned()));
        let (_, log) = asked(|a, _| refused(a, "web.b"));
        assert_eq!(log.iter().filter(|l| l.1 == "web" && !l.2).count(), 2);
        let (said, _) = asked(|_, _| Reply::Found(Found::NoName));
        assert!(said.addresses.is_none() && said.no_data.is_none());
        let (said, _) = asked(|a, _| known(&Ask { kind: plumb_dns::Kind::Aaaa, ..a.clone() }, "web.a"));
        assert_eq!(said.no_data.as_deref(), Some("web.a"));
    }
}
