#![allow(clippy::unwrap_used)]
use super::*;

fn servers(text: &str) -> Vec<String> {
    ResolvConf::parse(text).0.nameservers.iter().map(|s| s.address.to_string()).collect()
}

#[test]
fn a_pods_resolv_conf() {
    let text = "nameserver 10.96.0.10\nsearch default.svc.cluster.local svc.cluster.local cluster.local\n\
        options ndots:5 timeout:2 attempts:9 rotate single-request-reopen\n";
    let (conf, odd) = ResolvConf::parse(text);
    assert_eq!(odd, []);
    assert_eq!(conf.search, ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"]);
    let o = &conf.options;
    assert_eq!((o.ndots, o.timeout, o.attempts, o.rotate, o.use_vc), (5, 2, 5, true, false));
    assert!(o.single_request_reopen && !o.single_request);
}

#[test]
fn lines_are_read_as_glibc_reads_them() {
    // All are kept, though only three are asked; what follows the address is not looked at; old ways to write IPv4.
    let text =
        "nameserver 10.0.0.1 # first\nnameserver\t127.1\nnameserver 0x0a000003\nnameserver fe80::1%eth0\n";
    assert_eq!(servers(text), ["10.0.0.1", "127.0.0.1", "10.0.0.3", "fe80::1"]);
    assert_eq!(ResolvConf::parse(text).0.nameservers[3].scope.as_deref(), Some("eth0"));
    // The last of domain and search counts; a comment behind a search list is none.
    let (conf, _) = ResolvConf::parse("search a.example\ndomain b.example\n");
    assert_eq!(conf.search, ["b.example"]);
    assert_eq!(ResolvConf::parse("search a # b\n").0.search, ["a", "#", "b"]);
    // Blanks in front hide a line.
    let (conf, odd) =
        ResolvConf::parse("  nameserver 10.0.0.1\n; nameserver 10.0.0.2\nsortlist 10.0.0.0\noptions fast\n");
    assert_eq!(conf.nameservers, []);
    let odd: Vec<(usize, &str)> = odd.iter().map(|o| (o.line, o.text.as_str())).collect();
    assert_eq!(odd, [(1, "  nameserver 10.0.0.1"), (3, "sortlist 10.0.0.0"), (4, "fast")]);
    for bad in ["10.0.0.256", "10.0.0.0.1", "10.0", "host", "", "1.2.3.4.5", "256.1", "::1::", "-1"] {
        let text = format!("nameserver {bad}\n");
        assert_eq!(servers(&text).len(), usize::from(bad == "10.0"), "{bad}");
    }
}

#[test]
fn hosts() {
    let (all, odd) = HostsEntry::parse_all(
        "127.0.0.1 localhost\n# x\n::1\tip6-localhost ip6-loopback # y\n10.0.0.1\nx y\n",
    );
    assert_eq!(all.len(), 2);
    assert_eq!(all[1].names, ["ip6-localhost", "ip6-loopback"]);
    assert_eq!(odd.iter().map(|o| o.line).collect::<Vec<_>>(), [4, 5]);
}

#[test]
fn order_and_its_actions() {
    let text =
        "passwd: files\nhosts:  files mdns4_minimal [NOTFOUND=return] dns[!UNAVAIL=return] myhostname # x\n";
    let order = HostsSource::parse_order(text).0.unwrap();
    let names: Vec<&str> = order.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["files", "mdns4_minimal", "dns", "myhostname"]);
    let ends: Vec<bool> = order.iter().map(HostsSource::ends_when_not_found).collect();
    assert_eq!(ends, [false, true, true, false]);
    assert_eq!(HostsSource::parse_order("passwd: files\n").0, None);
}

#[test]
fn no_file_is_glibcs_default() {
    let absent = || "missing".to_owned();
    let resolver = Resolver {
        conf: Read::Absent { feature: absent() },
        hosts: Read::Absent { feature: absent() },
        order: Read::Absent { feature: absent() },
        domain: None,
        paths: Default::default(),
        odd: vec![],
        others: vec![],
    };
    let conf = resolver.configuration().unwrap();
    assert_eq!((conf.options.ndots, conf.options.timeout, conf.options.attempts), (1, 5, 2));
    let denied = Resolver { conf: Read::Denied { capability: "CAP_DAC_READ_SEARCH".into() }, ..resolver };
    assert_eq!(denied.configuration(), None);
}
