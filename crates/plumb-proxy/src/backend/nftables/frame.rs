//! The table without what grows: its chains, their rules, its empty sets. It depends on the configuration alone.

use plumb_api::address::{Cidr, IpFamily};
use plumb_intent::{Class, Refusal};
use plumb_nft::{BaseChain, Bytes, Chain, ChainType, CmpOp, Family, Hook, Rule, Table, TableKey, Verdict};

use super::build::{Build, FibAddress, Field};
use super::sets::{DIRECT_SIZES, SIDES, SIZES, SetId, Side, VIAS, Via, size_at};
use super::userdata;

/// Name of the table.
pub const TABLE: &str = "plumb";

/// Goes up when the frame of another version would not do.
const LAYOUT: u32 = 3;

/// How often a slot is drawn while those drawn are empty, in sizes above 4: at least half of the slots are filled, so that slot 0
/// gets less than 2⁻¹⁶ beyond its share.
const DRAWS: usize = 16;

/// How the node tells pods from others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum LocalDetector {
    /// It cannot.
    #[default]
    None,
    /// By their addresses: those in this range.
    Cidr(Cidr),
    /// They are behind this bridge.
    Bridge(String),
    /// Their devices' names begin so.
    InterfacePrefix(String),
}

/// What the frame of a family depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FrameConfig {
    /// Family.
    pub family: IpFamily,
    /// The bit of the packet mark that asks for masquerading.
    pub masquerade_mark: u32,
    /// What goes to cluster IPs is always masqueraded.
    pub masquerade_all: bool,
    /// How the node tells pods from others.
    pub detector: LocalDetector,
    /// Every address of the node takes node ports, loopback aside; else those in `nodeport-ips`.
    pub all_node_ips: bool,
}

/// Key of the table of a family.
#[must_use]
pub fn table_key(family: IpFamily) -> TableKey {
    let family = match family {
        IpFamily::V4 => Family::Ip,
        IpFamily::V6 => Family::Ip6,
    };
    TableKey { family, name: TABLE.to_owned() }
}

fn chain(name: impl Into<String>, rules: Vec<Rule>) -> Chain {
    Chain { name: name.into(), handle: 0, base: None, flags: 0, userdata: Bytes::default(), rules }
}

fn base(name: &str, kind: ChainType, hook: Hook, priority: i32, rules: Vec<Rule>) -> Chain {
    let base =
        BaseChain { kind, hook, priority, policy: Verdict::Accept, devices: Vec::new(), counters: None };
    Chain { base: Some(base), ..chain(name, rules) }
}

impl FrameConfig {
    fn rule(&self) -> Build {
        Build::new(self.family)
    }

    /// The packet goes to an address that takes node ports.
    fn to_node(&self) -> Build {
        if self.all_node_ips {
            self.rule().when_local(FibAddress::Destination).not_to_loopback()
        } else {
            self.rule().in_set(&[Field::Daddr], &SetId::NodePortIps.to_string())
        }
    }

    /// The packet was sent by a pod, or by something else; `None` where that cannot be told.
    fn sent_by_pod(&self, yes: bool) -> Option<Build> {
        let op = if yes { CmpOp::Eq } else { CmpOp::Neq };
        Some(match &self.detector {
            LocalDetector::None => return None,
            LocalDetector::Cidr(range) => self.rule().saddr(op, *range),
            LocalDetector::Bridge(name) => self.rule().iifname(op, name, false),
            LocalDetector::InterfacePrefix(prefix) => self.rule().iifname(op, prefix, true),
        })
    }

    fn mark(&self, build: Build) -> Rule {
        build.mark(self.masquerade_mark).rule()
    }

    /// One chain a size and list: draws a slot, again where it is empty, and at last slot 0, which never is. A draw that is made
    /// often has a chain of its own: with each new element of a map the kernel goes through all rules that look the map up.
    fn pick(&self, via: Via, side: Side, index: u8, size: u32) -> Vec<Chain> {
        let endpoints = SetId::Endpoints(via, side);
        let draw = |modulus: u32| {
            let mut fields = endpoints.fields();
            if let Some(slot) = fields.last_mut() {
                *slot = Field::Slot(modulus);
            }
            self.rule().dnat_map(&fields, &endpoints.to_string())
        };
        let name = pick_name(via, side, index);
        let first = self.rule().goto(&pick_name(via, side, 0));
        match size {
            1 => vec![chain(name, vec![draw(1)])],
            2..=4 => vec![chain(name, vec![draw(size), first])],
            _ => {
                let again = draw_name(via, side, index);
                let mut rules = vec![self.rule().jump(&again); DRAWS];
                rules.push(first);
                vec![chain(again, vec![draw(size)]), chain(name, rules)]
            }
        }
    }

    /// To the chain of the frontend's size. A packet that met a transaction half-way, one size gone and the other not yet seen,
    /// takes the first endpoint.
    fn choose(&self, via: Via, side: Side) -> Chain {
        let mut rules = Vec::new();
        for (index, _) in (0u8..).zip(SIZES) {
            let set = SetId::Size(via, side, index);
            rules
                .push(self.rule().in_set(&set.fields(), &set.to_string()).goto(&pick_name(via, side, index)));
        }
        let affinity = SetId::Affinity(via, side);
        rules.push(self.rule().vmap(&affinity.fields(), &affinity.to_string()));
        rules.push(self.rule().goto(&pick_name(via, side, 0)));
        chain(choose_name(via, side), rules)
    }

    fn class_chains(&self) -> Vec<Chain> {
        let internal = |next: &str| -> Vec<Rule> {
            let marked = if self.masquerade_all { Some(self.rule()) } else { self.sent_by_pod(false) };
            marked.into_iter().map(|b| self.mark(b)).chain([self.rule().goto(next)]).collect()
        };
        let direct = |index| {
            let pick = pick_name(Via::Address, Side::Cluster, index);
            chain(cluster_size_name(index), internal(&pick))
        };
        let choose = choose_name(Via::Address, Side::Cluster);
        let mut chains: Vec<Chain> = (0..DIRECT_SIZES).map(direct).collect();
        chains.push(chain(class_name(Via::Address, Class::Internal), internal(&choose)));
        for via in VIAS {
            let (cluster, local) = (choose_name(via, Side::Cluster), choose_name(via, Side::Local));
            let external = vec![self.mark(self.rule()), self.rule().goto(&cluster)];
            chains.push(chain(class_name(via, Class::External), external));
            // Pods and the node may use any endpoint even so: they are inside already.
            let mut rules: Vec<Rule> = self.sent_by_pod(true).into_iter().map(|b| b.goto(&cluster)).collect();
            rules.push(self.mark(self.rule().when_local(FibAddress::Source)));
            rules.push(self.rule().when_local(FibAddress::Source).goto(&cluster));
            rules.push(self.rule().goto(&local));
            chains.push(chain(class_name(via, Class::ExternalLocal), rules));
        }
        chains
    }

    /// Where a first packet is translated. Small cluster IPs are looked for by class and size in one; a packet that met a change
    /// of the size half-way still finds the class.
    fn translation(&self) -> Vec<Rule> {
        let direct = |index| {
            let set = SetId::ClusterSize(index);
            self.rule().in_set(&set.fields(), &set.to_string()).goto(&cluster_size_name(index))
        };
        (0..DIRECT_SIZES).map(direct).chain([self.rule().jump("services")]).collect()
    }

    /// To the chain of the frontend's class.
    fn services(&self) -> Chain {
        let mut rules = Vec::new();
        for class in [Class::Internal, Class::External, Class::ExternalLocal] {
            let set = SetId::Class(Via::Address, class);
            let to = class_name(Via::Address, class);
            rules.push(self.rule().in_set(&set.fields(), &set.to_string()).goto(&to));
        }
        for class in [Class::External, Class::ExternalLocal] {
            let set = SetId::Class(Via::NodePort, class);
            let to = class_name(Via::NodePort, class);
            rules.push(self.to_node().in_set(&set.fields(), &set.to_string()).goto(&to));
        }
        chain("services", rules)
    }

    fn refusing_chains(&self) -> Vec<Chain> {
        let refuse = |via: Via, start: fn(&Self) -> Build| -> Vec<Rule> {
            let set = |refusal| SetId::Refused(via, refusal);
            let (reject, drop) = (set(Refusal::Reject), set(Refusal::Drop));
            vec![
                start(self).in_set(&reject.fields(), &reject.to_string()).reject(),
                start(self).in_set(&drop.fields(), &drop.to_string()).drop(),
            ]
        };
        let to_addresses = [
            self.rule().in_set(&[Field::Daddr], &SetId::ClusterIps.to_string()).reject(),
            self.rule().in_set(&[Field::Daddr], &SetId::ServiceCidrs.to_string()).drop(),
        ];
        let (firewalled, ranges) = (SetId::Firewalled, SetId::SourceRanges);
        let firewall = self
            .rule()
            .in_set(&firewalled.fields(), &firewalled.to_string())
            .not_in_set(&ranges.fields(), &ranges.to_string())
            .drop();
        vec![
            chain("no-endpoints", refuse(Via::Address, Self::rule)),
            chain("np-no-endpoints", refuse(Via::NodePort, Self::to_node)),
            chain("unknown-cluster-ip", to_addresses.into()),
            chain("firewall", vec![firewall]),
        ]
    }

    fn base_chains(&self) -> Vec<Chain> {
        let new = |to: &str| self.rule().ct_new().jump(to);
        // What goes to an endpoint goes to no frontend any more: four look-ups less on the way of each first packet.
        let translated = || self.rule().ct_dnat().accept();
        let mark = self.masquerade_mark;
        let hairpin = SetId::Hairpin;
        let postrouting = vec![
            self.rule().marked(mark).flip_mark(mark).masquerade(),
            self.rule().ct_dnat().in_set(&hairpin.fields(), &hairpin.to_string()).masquerade(),
        ];
        // NF_IP_PRI_NAT_DST is -100; refusals by source come before it, while the packet still has the frontend's address.
        let before_dnat = -110;
        vec![
            base(
                "firewall-prerouting",
                ChainType::Filter,
                Hook::Prerouting,
                before_dnat,
                vec![new("firewall")],
            ),
            base("firewall-output", ChainType::Filter, Hook::Output, before_dnat, vec![new("firewall")]),
            base("nat-prerouting", ChainType::Nat, Hook::Prerouting, -100, self.translation()),
            base("nat-output", ChainType::Nat, Hook::Output, -100, self.translation()),
            base(
                "filter-input",
                ChainType::Filter,
                Hook::Input,
                0,
                vec![translated(), new("np-no-endpoints"), new("no-endpoints")],
            ),
            base(
                "filter-forward",
                ChainType::Filter,
                Hook::Forward,
                0,
                vec![translated(), new("no-endpoints"), new("unknown-cluster-ip")],
            ),
            base(
                "filter-output",
                ChainType::Filter,
                Hook::Output,
                0,
                vec![translated(), new("no-endpoints"), new("unknown-cluster-ip")],
            ),
            base("nat-postrouting", ChainType::Nat, Hook::Postrouting, 100, postrouting),
        ]
    }

    /// The table, its sets empty.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut chains = Vec::new();
        for via in VIAS {
            for side in SIDES {
                chains.extend((0u8..).zip(SIZES).flat_map(|(i, size)| self.pick(via, side, i, size)));
                chains.push(self.choose(via, side));
            }
        }
        chains.extend(self.class_chains());
        chains.push(self.services());
        chains.extend(self.refusing_chains());
        chains.extend(self.base_chains());
        let key = table_key(self.family);
        let comment = format!(
            "Service proxy: written by plumb, do not edit (layout {LAYOUT}, frame {:08x})",
            self.digest()
        );
        Table {
            family: key.family,
            name: key.name,
            handle: 0,
            flags: 0,
            userdata: Bytes(userdata::comment(&comment)),
            chains,
            sets: SetId::all().into_iter().map(|set| set.declaration(self.family)).collect(),
            objects: Vec::new(),
            flowtables: Vec::new(),
            unknown_attributes: Vec::new(),
        }
    }

    /// A number that differs where the rules differ (FNV-1a over the configuration's text form).
    fn digest(&self) -> u32 {
        let text = format!(
            "{:?} {:x} {} {} {:?}",
            self.family, self.masquerade_mark, self.masquerade_all, self.all_node_ips, self.detector
        );
        text.bytes().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    }
}

fn prefix(via: Via, side: Side) -> String {
    let via = if via == Via::NodePort { "np-" } else { "" };
    let side = if side == Side::Local { "local-" } else { "" };
    format!("{via}{side}")
}

pub(super) fn pick_name(via: Via, side: Side, index: u8) -> String {
    format!("{}pick-{}", prefix(via, side), size_at(index))
}

/// The chain of one draw among so many slots, where that is made more than once.
pub(super) fn draw_name(via: Via, side: Side, index: u8) -> String {
    format!("{}draw-{}", prefix(via, side), size_at(index))
}

pub(super) fn choose_name(via: Via, side: Side) -> String {
    format!("{}choose", prefix(via, side))
}

/// The chain of cluster IPs that have so many endpoints.
pub(super) fn cluster_size_name(index: u8) -> String {
    format!("cluster-ip-{}", size_at(index))
}

pub(super) fn class_name(via: Via, class: Class) -> String {
    let class = match class {
        Class::Internal => "cluster-ip",
        Class::External => "external",
        Class::ExternalLocal => "external-local",
    };
    format!("{}{class}", prefix(via, Side::Cluster))
}
