//! What the rules of a table were made for: read from a few of them. Whether all of them agree with it is then to be compared.

use plumb_api::address::{Cidr, IpFamily};
use plumb_intent::Class;
use plumb_nft::{BitwiseOp, Bytes, Chain, Expr, MetaKey, PayloadBase, Rule, Table};

use super::super::build::saddr_offset;
use super::super::frame::{FrameConfig, LocalDetector, class_name};
use super::super::sets::{SetId, Via};
use super::index::ip;

/// `--masquerade-bit` where no rule tells.
const USUAL_MARK: u32 = 1 << crate::Config::MASQUERADE_BIT;

impl FrameConfig {
    /// The configuration that a table's rules tell.
    pub(super) fn of(table: &Table, family: IpFamily) -> Self {
        let chain = |name: &str| table.chains.iter().find(|c| c.name == name);
        let class = |class| chain(&class_name(Via::Address, class));
        let detector =
            class(Class::ExternalLocal).and_then(|c| c.rules.first()).map(|rule| detector(rule, family));
        Self {
            family,
            masquerade_mark: class(Class::External).and_then(mark).unwrap_or(USUAL_MARK),
            masquerade_all: class(Class::Internal).is_some_and(marks_all),
            detector: detector.unwrap_or_default(),
            all_node_ips: chain("services").is_none_or(|c| !looks_up(c, SetId::NodePortIps)),
        }
    }
}

fn looks_up(chain: &Chain, id: SetId) -> bool {
    let name = id.to_string();
    chain.rules.iter().flat_map(|r| &r.exprs).any(|e| matches!(e, Expr::Lookup { set, .. } if *set == name))
}

/// The bits that a chain's first rule sets.
fn mark(chain: &Chain) -> Option<u32> {
    chain.rules.first()?.exprs.iter().find_map(|e| match e {
        Expr::Bitwise { op: BitwiseOp::Bool { xor, .. }, .. } => {
            <[u8; 4]>::try_from(&**xor).ok().map(u32::from_ne_bytes)
        }
        _ => None,
    })
}

/// A chain's first rule marks without asking for anything.
fn marks_all(chain: &Chain) -> bool {
    chain
        .rules
        .first()
        .is_some_and(|r| matches!(r.exprs.first(), Some(Expr::Meta { key: MetaKey::Mark, .. })))
}

/// How the first rule for outside senders tells pods.
fn detector(rule: &Rule, family: IpFamily) -> LocalDetector {
    if let Some(range) = source_range(rule, family) {
        return LocalDetector::Cidr(range);
    }
    for pair in rule.exprs.windows(2) {
        if let [Expr::Meta { key: MetaKey::Iifname, .. }, Expr::Cmp { data, .. }] = pair {
            let end = data.iter().position(|b| *b == 0);
            let name = String::from_utf8_lossy(data.get(..end.unwrap_or(data.len())).unwrap_or_default());
            // A whole name is padded with zeros (IFNAMSIZ), a beginning is not.
            return match end {
                Some(_) => LocalDetector::Bridge(name.into_owned()),
                None => LocalDetector::InterfacePrefix(name.into_owned()),
            };
        }
    }
    LocalDetector::None
}

/// The range of sources that a rule begins with.
fn source_range(rule: &Rule, family: IpFamily) -> Option<Cidr> {
    let Some(Expr::Payload { base: PayloadBase::Network, offset, len, .. }) = rule.exprs.first() else {
        return None;
    };
    if *offset != saddr_offset(family) {
        return None;
    }
    let (length, data): (u32, &Bytes) = match rule.exprs.get(1..)? {
        [Expr::Cmp { data, .. }, ..] => (len * 8, data),
        [Expr::Bitwise { op: BitwiseOp::Bool { mask, .. }, .. }, Expr::Cmp { data, .. }, ..] => {
            (mask.iter().map(|b| b.count_ones()).sum(), data)
        }
        _ => return None,
    };
    let mut address = data.to_vec();
    address.resize(usize::from(family.bits() / 8), 0);
    Cidr::new(ip(&address)?, u8::try_from(length).ok()?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_rules_were_made_for_can_be_read_from_them() {
        let detectors = [
            LocalDetector::None,
            LocalDetector::Bridge("cni0".into()),
            LocalDetector::InterfacePrefix("veth".into()),
        ];
        for family in IpFamily::ALL {
            let ranges: &[&str] = match family {
                IpFamily::V4 => &["10.244.0.0/16", "10.240.0.0/20", "10.1.2.3/32", "0.0.0.0/0"],
                IpFamily::V6 => &["fd00::/48", "fd00:1::/50", "fd00::1/128", "::/0"],
            };
            let ranges = ranges.iter().map(|text| LocalDetector::Cidr(text.parse().unwrap()));
            for detector in detectors.iter().cloned().chain(ranges) {
                for (masquerade_mark, masquerade_all, all_node_ips) in
                    [(0x4000, false, true), (1, true, false), (0x8000_0000, false, false)]
                {
                    let detector = detector.clone();
                    let config =
                        FrameConfig { family, masquerade_mark, masquerade_all, detector, all_node_ips };
                    assert_eq!(FrameConfig::of(&config.table(), family), config);
                }
            }
        }
    }
}
