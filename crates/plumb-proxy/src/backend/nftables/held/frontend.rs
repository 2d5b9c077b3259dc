//! A frontend as the table has it: elements, lists of endpoints, what is missing or stale.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use plumb_intent::{Class, Endpoint, Frontend, FrontendKey, Refusal};
use plumb_nft::{ChainRef, Data, Element, Expr, Verdict};

use super::super::affinity::Affinity;
use super::super::compare::{Plain, held_element, wanted_element};
use super::super::elements::{self, Op, Value};
use super::super::frame::{choose_name, class_name, cluster_size_name, draw_name, pick_name};
use super::super::sets::{DIRECT_SIZES, Key, SIDES, SIZES, SetId, Side, Via, size_at};
use super::draw::draw;
use super::index::{Kernel, ip};
use crate::explain::{EndpointState, FrontendState, Item, List, Refused, Rest, Senders, Share};

/// `NFT_JUMP_STACK_SIZE`
const MOST_JUMPS: u32 = 16;

/// The classes in the order in which packets meet their sets.
const CLASSES: [Class; 3] = [Class::Internal, Class::External, Class::ExternalLocal];

impl Kernel<'_> {
    /// A frontend: what the kernel has of it, and how that differs from what it should have. `peers` are the Service's other
    /// frontends, which it shares chains of affinity with.
    pub(crate) fn frontend(
        &self,
        key: &FrontendKey,
        wanted: Option<&Arc<Frontend>>,
        peers: &[(FrontendKey, Arc<Frontend>)],
    ) -> FrontendState {
        let via = Via::of(key);
        let class = match self.direct_size(key) {
            Some(_) => Some(Class::Internal),
            None => CLASSES.into_iter().find(|c| self.has(key, SetId::Class(via, *c))),
        };
        let lists = self.lists(key, via, class, wanted);
        let (missing, stale) = self.differences(key, wanted, peers);
        // Slots are drawn from in one chain of many that look the map up.
        let ways: Vec<&String> = lists.iter().filter_map(|l: &List| l.way.last()).collect();
        let held = self.of(key).iter().map(|(id, element)| {
            let mut held = self.held(*id, element);
            if matches!(id, SetId::Endpoints(..)) {
                held.leads.retain(|lead| ways.contains(&&lead.chain));
            }
            held
        });
        FrontendState {
            frontend: key.to_string(),
            family: self.family,
            port: wanted.map(|f| f.name.port.to_string()).unwrap_or_default(),
            held: held.collect(),
            refusal: self.refusal(key, via, class),
            lists,
            missing,
            stale,
        }
    }

    /// The size of a cluster IP that its packets find before its class.
    fn direct_size(&self, key: &FrontendKey) -> Option<u8> {
        (0..DIRECT_SIZES).find(|i| self.has(key, SetId::ClusterSize(*i)))
    }

    fn has(&self, key: &FrontendKey, id: SetId) -> bool {
        self.of(key).iter().any(|(held, _)| *held == id)
    }

    fn refusal(&self, key: &FrontendKey, via: Via, class: Option<Class>) -> Option<Refused> {
        let refusals = [(Refusal::Reject, "reject"), (Refusal::Drop, "drop")];
        let (_, with) = refusals.into_iter().find(|(r, _)| self.has(key, SetId::Refused(via, *r)))?;
        let chain = if via == Via::NodePort { "np-no-endpoints" } else { "no-endpoints" };
        let senders = if class == Some(Class::ExternalLocal) { Senders::Outside } else { Senders::Any };
        Some(Refused {
            with: with.to_owned(),
            senders,
            hooks: self.hooks(chain),
            way: vec![chain.to_owned()],
        })
    }

    fn lists(
        &self,
        key: &FrontendKey,
        via: Via,
        class: Option<Class>,
        wanted: Option<&Arc<Frontend>>,
    ) -> Vec<List> {
        let inside = if self.detects_pods() { Senders::PodsAndNode } else { Senders::Node };
        let sides = match class.or_else(|| wanted.map(|f| f.class)) {
            Some(Class::ExternalLocal) => vec![(Side::Local, Senders::Outside), (Side::Cluster, inside)],
            _ => vec![(Side::Cluster, Senders::Any)],
        };
        let list = |(side, senders)| {
            let told: Arc<[Endpoint]> = match (wanted, side) {
                (Some(f), Side::Cluster) => Arc::clone(&f.cluster),
                (Some(f), Side::Local) => Arc::clone(&f.local),
                (None, _) => Arc::default(),
            };
            let list = self.list(key, via, class, side, senders, &told);
            (!list.endpoints.is_empty() || !told.is_empty()).then_some(list)
        };
        sides.into_iter().filter_map(list).collect()
    }

    fn list(
        &self,
        key: &FrontendKey,
        via: Via,
        class: Option<Class>,
        side: Side,
        senders: Senders,
        told: &[Endpoint],
    ) -> List {
        let direct = self.direct_size(key);
        let mut sizes = (0u8..).zip(SIZES).map(|(i, _)| i);
        let size = direct.or_else(|| sizes.find(|i| self.has(key, SetId::Size(via, side, *i))));
        let dispatch = self.of(key).iter().find(|(id, _)| *id == SetId::Affinity(via, side));
        let dispatch =
            dispatch.map(|(id, element)| self.held(*id, element)).and_then(|h| h.leads.into_iter().next());
        let (last, mut list) = match (size, dispatch) {
            (None, Some(lead)) => {
                let endpoints = self.dispatched(&lead.to, told);
                (
                    vec![lead.to],
                    List { senders, hooks: Vec::new(), way: Vec::new(), slots: None, endpoints, rest: None },
                )
            }
            (size, _) => {
                // What is in no size falls to the first one.
                let size = size.unwrap_or(0);
                let pick = pick_name(via, side, size);
                let (endpoints, rest) = self.drawn(key, SetId::Endpoints(via, side), &pick, told);
                let slots = Some(size_at(size));
                let again = Some(draw_name(via, side, size)).filter(|draw| self.chain(draw).is_some());
                let last = std::iter::once(pick).chain(again).collect();
                (last, List { senders, hooks: Vec::new(), way: Vec::new(), slots, endpoints, rest })
            }
        };
        if let Some(class) = class {
            let class =
                if via == Via::NodePort && class == Class::Internal { Class::External } else { class };
            list.way = match direct {
                Some(index) => vec![cluster_size_name(index)],
                None => vec!["services".to_owned(), class_name(via, class), choose_name(via, side)],
            };
            list.hooks = list.way.first().map(|first| self.hooks(first)).unwrap_or_default();
            list.way.extend(last);
        }
        list
    }

    /// Endpoints by slot, with the shares that a chain's draws give.
    fn drawn(
        &self,
        key: &FrontendKey,
        map: SetId,
        pick: &str,
        told: &[Endpoint],
    ) -> (Vec<EndpointState>, Option<Rest>) {
        let slots = self.slots(key, map);
        let filled: Vec<u32> = slots.keys().copied().collect();
        let drawn = draw(&self.moduli(pick), &filled);
        let mut by_end: BTreeMap<SocketAddr, EndpointState> = BTreeMap::new();
        for ((slot, (end, _)), share) in slots.iter().zip(&drawn.shares) {
            let state = by_end.entry(*end).or_insert_with(|| EndpointState {
                address: end.to_string(),
                local: locality(told, *end),
                share: Share::NONE,
                slots: Vec::new(),
                clients: None,
            });
            state.slots.push(*slot);
            state.share = sum(state.share, *share);
        }
        let first = slots.get(&0).map(|(end, _)| end.to_string());
        let rest = drawn.rest.map(|(rest, taken)| Rest { to: first.filter(|_| taken), ..rest });
        let mut endpoints: Vec<EndpointState> = by_end.into_values().collect();
        endpoints.sort_by_key(|e| e.slots.first().copied());
        (endpoints, rest)
    }

    /// How a chain draws: the modulus of each of its rules, and of the chains that they jump or go to, in order.
    fn moduli(&self, pick: &str) -> Vec<u32> {
        self.moduli_within(pick, MOST_JUMPS)
    }

    fn moduli_within(&self, chain: &str, jumps: u32) -> Vec<u32> {
        let mut moduli = Vec::new();
        for rule in self.chain(chain).map_or(&[][..], |c| &c.rules) {
            for expr in &rule.exprs {
                match expr {
                    Expr::Numgen { modulus, .. } => moduli.push(*modulus),
                    Expr::Immediate {
                        data:
                            Data::Verdict(Verdict::Jump(ChainRef::Name(to)) | Verdict::Goto(ChainRef::Name(to))),
                        ..
                    } if jumps > 0 => moduli.extend(self.moduli_within(to, jumps - 1)),
                    _ => {}
                }
            }
        }
        moduli
    }

    /// What is in the slots of a frontend.
    fn slots(&self, key: &FrontendKey, map: SetId) -> BTreeMap<u32, (SocketAddr, &Element)> {
        let mut slots = BTreeMap::new();
        for (_, element) in self.of(key).iter().filter(|(id, _)| *id == map) {
            if let (Some(slot), Some(end)) = (slot(&element.key), end(element)) {
                slots.insert(slot, (end, *element));
            }
        }
        slots
    }

    /// Elements that should be there and are not, and the other way round.
    fn differences(
        &self,
        key: &FrontendKey,
        wanted: Option<&Arc<Frontend>>,
        peers: &[(FrontendKey, Arc<Frontend>)],
    ) -> (Vec<Item>, Vec<Item>) {
        let mut ops = elements::change(key, None, wanted).0;
        if let Some(frontend) = wanted.filter(|f| f.affinity.is_some()) {
            let of_port = peers.iter().filter(|(_, f)| f.name == frontend.name);
            let all = Affinity::wanted(of_port.map(|(k, f)| (k, f))).elements;
            ops.extend(all.into_iter().filter(|((_, _, k), _)| k == key).map(|((via, side, key), chain)| {
                Op {
                    value: Value::Chain(chain),
                    ..Op::new(SetId::Affinity(via, side), true, Key::frontend(&key))
                }
            }));
        }
        let maps: Vec<SetId> = SIDES.iter().map(|side| SetId::Endpoints(Via::of(key), *side)).collect();
        let plain = |id: &SetId| !maps.contains(id);
        let should: Vec<(SetId, Plain)> =
            ops.iter().filter(|op| plain(&op.set)).map(|op| (op.set, wanted_element(op))).collect();
        let are: Vec<(SetId, Plain)> =
            self.of(key).iter().filter(|(id, _)| plain(id)).map(|(id, e)| (*id, held_element(e))).collect();
        let not_in = |these: &[(SetId, Plain)], those: &[(SetId, Plain)]| -> Vec<Item> {
            these.iter().filter(|e| !those.contains(e)).map(|(id, e)| self.item(*id, e)).collect()
        };
        let (mut missing, mut stale) = (not_in(&should, &are), not_in(&are, &should));
        for map in maps {
            let ends: Vec<&Op> = ops.iter().filter(|op| op.set == map).collect();
            self.slot_differences(key, map, &ends, &mut missing, &mut stale);
        }
        (missing, stale)
    }

    /// Endpoints may be in any order, but must be in the slots that are drawn: the first ones.
    fn slot_differences(
        &self,
        key: &FrontendKey,
        map: SetId,
        wanted: &[&Op],
        missing: &mut Vec<Item>,
        stale: &mut Vec<Item>,
    ) {
        let count = u32::try_from(wanted.len()).unwrap_or(u32::MAX);
        let mut homeless: Vec<Plain> = wanted.iter().map(|op| wanted_element(op)).collect();
        let slots = self.slots(key, map);
        for (slot, (_, element)) in &slots {
            let held = held_element(element);
            let place = homeless.iter().position(|w| w.3 == held.3).filter(|_| *slot < count);
            match place {
                Some(at) => drop(homeless.swap_remove(at)),
                None => stale.push(self.item(map, &held)),
            }
        }
        // Each is told for a slot that nothing right is in.
        let mut free = (0..count).filter(|slot| !slots.contains_key(slot));
        for mut element in homeless {
            if let Some(slot) = free.next() {
                element.0 = Key::frontend(key).slot(slot).bytes().to_vec();
            }
            missing.push(self.item(map, &element));
        }
    }
}

/// The slot at the end of a key, in host order as `numgen` draws it.
fn slot(key: &[u8]) -> Option<u32> {
    key.last_chunk::<4>().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// The endpoint that an element leads to: an address, and a port padded to four bytes.
fn end(element: &Element) -> Option<SocketAddr> {
    let Some(Data::Value(bytes)) = &element.data else { return None };
    let (address, port) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    let [high, low, ..] = port else { return None };
    Some(SocketAddr::new(ip(address)?, u16::from_be_bytes([*high, *low])))
}

/// Whether slices tell that the endpoint is on this node.
pub(super) fn locality(told: &[Endpoint], end: SocketAddr) -> Option<bool> {
    let same = |e: &&Endpoint| (e.ip, e.port) == (end.ip() as IpAddr, end.port());
    told.iter().find(same).map(|e| e.local)
}

/// The sum of two shares of one list. Denominators are the list's sizes, at most 32,768.
pub(super) fn sum(a: Share, b: Share) -> Share {
    Share::new(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator)
}
