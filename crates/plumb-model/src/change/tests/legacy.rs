use plumb_nft::{Family, Verdict};

use super::nft::{drop_rule, with_nft};
use super::*;
use crate::{ChangeError, IpFamily, IpSet, IpSetElement, LegacyTable};

/// The filter table of nftables as one of iptables-legacy, and a set.
fn with_legacy() -> Snapshot {
    let mut s = with_nft();
    let ns = s.namespace_mut(A).unwrap();
    let mut table = ns.nft.value().unwrap().tables.iter().find(|t| t.name == "filter").unwrap().clone();
    for chain in &mut table.chains {
        chain.rules = vec![drop_rule(1), drop_rule(2)];
    }
    ns.nft = crate::Read::Got(Default::default());
    ns.legacy = crate::Read::Got(vec![LegacyTable {
        family: IpFamily::V4,
        name: "filter".into(),
        valid_hooks: 14,
        hook_entry: [0; 5],
        underflow: [0; 5],
        num_entries: 4,
        entries: Default::default(),
        only_accepts: false,
        table: Some(table),
        problem: None,
    }]);
    let element = |ip: [u8; 4], flags| IpSetElement {
        ip: Some(ip.into()),
        cidr: Some(24),
        flags,
        ..IpSetElement::default()
    };
    ns.ipsets = crate::Read::Got(vec![IpSet {
        name: "blocked".into(),
        kind: "hash:net".into(),
        elements: vec![element([10, 0, 1, 0], 0), element([10, 0, 2, 0], IpSetElement::NOMATCH)],
        ..IpSet::default()
    }]);
    s
}

fn legacy(action: Action) -> Change {
    Change { namespace: A, action: Action::Legacy(Box::new(action)) }
}

#[test]
fn rules_and_policies_of_iptables_legacy() {
    let mut s = with_legacy();
    let chain = s.namespace(A).unwrap().legacy.items()[0].table.as_ref().unwrap().chains[0].name.clone();
    let (family, table) = (Family::Ip, "filter".to_owned());
    let delete =
        |handle| legacy(Action::DeleteRule { family, table: table.clone(), chain: chain.clone(), handle });
    let command = |c: &Change, s: &Snapshot| c.commands(s).concat();
    assert!(command(&delete(1), &s).ends_with(&format!("iptables-legacy -t filter -D {chain} -j DROP")));
    // The first rule reads the same, so only its number tells which is meant.
    assert!(command(&delete(2), &s).ends_with(&format!("iptables-legacy -t filter -D {chain} 2")));
    delete(2).apply(&mut s).unwrap();
    assert!(matches!(delete(2).apply(&mut s), Err(ChangeError::NotFound(_))));
    let policy = legacy(Action::SetPolicy {
        family,
        table: table.clone(),
        chain: chain.clone(),
        policy: Verdict::Accept,
    });
    assert!(command(&policy, &s).ends_with(&format!("iptables-legacy -t filter -P {chain} ACCEPT")));
    policy.apply(&mut s).unwrap();
    assert!(!s.namespace(A).unwrap().legacy.items()[0].only_accepts);
    let other = legacy(Action::DeleteRule { family: Family::Ip6, table, chain, handle: 1 });
    assert!(matches!(other.apply(&mut s), Err(ChangeError::NotFound(_))));
}

#[test]
fn elements_of_ipsets() {
    let mut s = with_legacy();
    let id = A;
    let element = s.namespace(A).unwrap().ipsets.items()[0].elements[1].clone();
    let delete = Change {
        namespace: id,
        action: Action::DeleteIpsetElement { set: "blocked".into(), element: element.clone() },
    };
    assert!(delete.commands(&s).concat().ends_with("ipset del blocked 10.0.2.0/24"));
    delete.apply(&mut s).unwrap();
    assert!(matches!(delete.apply(&mut s), Err(ChangeError::NotFound(_))));
    let add = Change { namespace: id, action: Action::AddIpsetElement { set: "blocked".into(), element } };
    assert!(add.commands(&s).concat().ends_with("ipset add blocked 10.0.2.0/24 nomatch"));
    add.apply(&mut s).unwrap();
    assert!(matches!(add.apply(&mut s), Err(ChangeError::AlreadyThere(_))));
}
