//! What the rules of a table were made for: read from a few of them. Whether all of them agree with it is then to be compared.

use plumb_api::address::IpFamily;
use plumb_intent::Class;
use plumb_nft::{BitwiseOp, Chain, Expr, MetaKey, Rule, Table};

use super::super::frame::{FrameConfig, LocalDetector, class_name};
use super::super::sets::{SetId, Via};

/// `--masquerade-bit` where no rule tells.
const USUAL_MARK: u32 = 1 << crate::Config::MASQUERADE_BIT;

impl FrameConfig {
    /// The configuration that a table's rules tell.
    pub(super) fn of(table: &Table, family: IpFamily) -> Self {
        let chain = |name: &str| table.chains.iter().find(|c| c.name == name);
        let class = |class| chain(&class_name(Via::Address, class));
        let detector = class(Class::ExternalLocal).and_then(|c| c.rules.first()).map(detector);
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
fn detector(rule: &Rule) -> LocalDetector {
    let pods = SetId::PodCidrs.to_string();
    for pair in rule.exprs.windows(2) {
        match pair {
            [_, Expr::Lookup { set, .. }] if *set == pods => return LocalDetector::Cidrs(Vec::new()),
            [Expr::Meta { key: MetaKey::Iifname, .. }, Expr::Cmp { data, .. }] => {
                let end = data.iter().position(|b| *b == 0);
                let name = String::from_utf8_lossy(data.get(..end.unwrap_or(data.len())).unwrap_or_default());
                // A whole name is padded with zeros (IFNAMSIZ), a beginning is not.
                return match end {
                    Some(_) => LocalDetector::Bridge(name.into_owned()),
                    None => LocalDetector::InterfacePrefix(name.into_owned()),
                };
            }
            _ => {}
        }
    }
    LocalDetector::None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rules_were_made_for_can_be_read_from_them() {
        let detectors = [
            LocalDetector::None,
            LocalDetector::Cidrs(Vec::new()),
            LocalDetector::Bridge("cni0".into()),
            LocalDetector::InterfacePrefix("veth".into()),
        ];
        for family in IpFamily::ALL {
            for detector in &detectors {
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
