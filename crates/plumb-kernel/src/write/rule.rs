//! Policy rules.

use plumb_model::{PolicyAction, PolicyRule, PortRange};
use plumb_nft::nlattr::Writer;

use super::NamespaceWriter;
use crate::error::Result;
use crate::netlink::WriteNative;
use crate::read::{RTM_DELRULE, RTM_NEWRULE, family_number};

impl NamespaceWriter {
    /// Adds a policy rule; an error where there is the same one.
    pub fn add_rule(&mut self, rule: &PolicyRule) -> Result<()> {
        self.create(&verb("add", rule), RTM_NEWRULE, &encode(rule))
    }

    /// Deletes a policy rule; `false` where there was none like it.
    pub fn delete_rule(&mut self, rule: &PolicyRule) -> Result<bool> {
        self.delete(&verb("delete", rule), RTM_DELRULE, &encode(rule), &[libc::ENOENT])
    }
}

fn verb(verb: &str, rule: &PolicyRule) -> String {
    format!("{verb} the {} policy rule {}", rule.family.sysctl_name(), rule.priority)
}

/// `struct fib_rule_hdr` and attributes (include/uapi/linux/fib_rules.h).
fn encode(rule: &PolicyRule) -> Vec<u8> {
    const INVERT: u32 = 2;
    let (action, table, goto) = match rule.action {
        PolicyAction::ToTable(table) => (1, table, None),
        PolicyAction::Goto(to) => (2, 0, Some(to)),
        PolicyAction::Nop => (3, 0, None),
        PolicyAction::Blackhole => (6, 0, None),
        PolicyAction::Unreachable => (7, 0, None),
        PolicyAction::Prohibit => (8, 0, None),
        PolicyAction::Unknown(n) => (n, 0, None),
        // The kernel refuses it, which says more than a guess would.
        _ => (0, 0, None),
    };
    let length = |p: Option<plumb_model::Prefix>| p.map_or(0, |p| p.len);
    let mut w = Writer::new();
    w.raw(&[
        family_number(rule.family),
        length(rule.dst),
        length(rule.src),
        rule.tos,
        u8::try_from(table).unwrap_or(0),
        0,
        0,
        action,
    ]);
    w.raw(&(if rule.invert { INVERT } else { 0 }).to_ne_bytes());
    for (number, prefix) in [(1, rule.dst), (2, rule.src)] {
        if let Some(prefix) = prefix {
            w.ip(number, prefix.masked().addr);
        }
    }
    for (number, name) in [(3, &rule.iifname), (17, &rule.oifname)] {
        if let Some(name) = name {
            w.text(number, name);
        }
    }
    if let Some(goto) = goto {
        w.ne32(4, goto);
    }
    w.ne32(6, rule.priority);
    if let Some((mark, mask)) = rule.fwmark {
        w.ne32(10, mark);
        w.ne32(16, mask);
    }
    for (number, value) in [(13, rule.suppress_ifgroup), (14, rule.suppress_prefixlen)] {
        if let Some(value) = value {
            w.ne32(number, value);
        }
    }
    if rule.l3mdev {
        w.u8(19, 1);
    } else if table != 0 {
        w.ne32(15, table);
    }
    if let Some((first, last)) = rule.uid_range {
        w.put(20, &[first.to_ne_bytes(), last.to_ne_bytes()].concat());
    }
    if rule.protocol != 0 {
        w.u8(21, rule.protocol);
    }
    if let Some(protocol) = rule.ip_proto {
        w.u8(22, protocol);
    }
    for (number, range) in [(23, rule.sport), (24, rule.dport)] {
        if let Some(PortRange { first, last }) = range {
            w.put(number, &[first.to_ne_bytes(), last.to_ne_bytes()].concat());
        }
    }
    for (number, bytes) in &rule.unknown_attributes {
        w.put(*number, bytes);
    }
    w.into_bytes()
}
