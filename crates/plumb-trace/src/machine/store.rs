//! Statements that change the packet, its connection or a set.

use plumb_model::Protocol;
use plumb_nft::{CtDirection, CtKey, Expr, MetaKey, ObjectData, PayloadBase};

use super::branch::Branch;
use super::compile::at as offset_of;
use super::ct::Seen;
use super::eval::{BREAK, Step};
use super::headers;
use super::lookup::{Found, additions, element_name};
use super::solve::Run;
use crate::event::{Event, SetRef};
use crate::meter::Meter;
use crate::packet::{PacketType, Tracking};

impl Run<'_> {
    /// Registers that a statement takes as they are: split where drawn; `Err(Next)` and named where unknown.
    pub(super) fn needed(
        &mut self,
        b: &mut Branch,
        at: u32,
        sreg: u8,
        len: usize,
        what: &str,
    ) -> Result<(), Step> {
        if let Some(step) = self.resolve(b, at, sreg, len) {
            return Err(step);
        }
        if b.regs.known(sreg, len) {
            return Ok(());
        }
        let why = b.regs.why(sreg, len).map_or_else(String::new, ToString::to_string);
        self.pass(b, format!("{what}: {why}"));
        Err(Step::Next)
    }

    pub(super) fn set_mark(&mut self, b: &mut Branch, to: u32) {
        let from = b.state.packet.mark;
        b.state.packet.mark = to;
        if self.env.record {
            let rule = self.rule_of(b);
            b.state.history.push(Event::Mark { rule, from, to });
        }
    }

    /// `nft_meta_set_eval`
    pub(super) fn meta_set(&mut self, b: &mut Branch, at: u32, key: MetaKey, sreg: u8) -> Step {
        let (MetaKey::Mark | MetaKey::Priority | MetaKey::Pkttype | MetaKey::BriBroute) = key else {
            // Tracing and security labels do not bear on where a packet goes.
            return Step::Next;
        };
        if let Err(step) = self.needed(b, at, sreg, 4, key.word().unwrap_or("meta")) {
            return step;
        }
        let value = b.regs.word(sreg);
        match key {
            MetaKey::Mark => self.set_mark(b, value),
            MetaKey::Priority => b.state.packet.priority = value,
            MetaKey::Pkttype => {
                b.state.packet.packet_type = match value & 0xff {
                    0 => PacketType::Host,
                    1 => PacketType::Broadcast,
                    2 => PacketType::Multicast,
                    3 => PacketType::OtherHost,
                    _ => return Step::Next,
                };
            }
            _ if value & 0xff != 0 => self.pass(b, "meta broute: the bridge routes the frame"),
            _ => {}
        }
        Step::Next
    }

    /// `nft_ct_set_eval`, `nft_ct_set_zone_eval`
    pub(super) fn ct_set(
        &mut self,
        b: &mut Branch,
        at: u32,
        key: CtKey,
        sreg: u8,
        direction: Option<CtDirection>,
    ) -> Step {
        let len = match key {
            CtKey::Labels => 16,
            CtKey::Zone => 2,
            _ => 4,
        };
        if !matches!(key, CtKey::Mark | CtKey::Zone | CtKey::Labels) {
            return Step::Next;
        }
        if let Err(step) = self.needed(b, at, sreg, len, key.word().unwrap_or("ct")) {
            return step;
        }
        match (key, self.seen(b)) {
            (CtKey::Zone, Seen::Nothing | Seen::Untracked) => {
                let zone = (b.regs.word(sreg) & 0xffff) as u16;
                b.state.packet.tracking = Tracking::None;
                b.state.packet.zone = Some((zone, direction.map(|d| d == CtDirection::Reply)));
            }
            (CtKey::Mark, Seen::Entry(entry, ..)) => {
                let mark = b.regs.word(sreg);
                if let Some(c) = b.state.world.conntrack.get_mut(entry) {
                    c.mark = mark;
                }
            }
            (CtKey::Labels, Seen::Entry(entry, ..)) => {
                let labels = <[u8; 16]>::try_from(b.regs.raw(sreg, 16)).unwrap_or([0; 16]);
                if let Some(c) = b.state.world.conntrack.get_mut(entry) {
                    // nf_connlabels_replace with data as mask: bits are added.
                    for (to, from) in c.labels.iter_mut().zip(labels) {
                        *to |= from;
                    }
                }
            }
            _ => {}
        }
        Step::Next
    }

    /// `nft_notrack_eval`
    pub(super) fn notrack(&self, b: &mut Branch) -> Step {
        if matches!(self.seen(b), Seen::Nothing) {
            b.state.packet.tracking = Tracking::Untracked;
        }
        Step::Next
    }

    /// `nft_payload_set_eval`
    pub(super) fn write(
        &mut self,
        b: &mut Branch,
        at: u32,
        sreg: u8,
        base: PayloadBase,
        offset: usize,
        len: usize,
    ) -> Step {
        if let Err(step) = self.needed(b, at, sreg, len, "bytes written to the packet") {
            return step;
        }
        let bytes: smallvec::SmallVec<[u8; 16]> = b.regs.raw(sreg, len).into();
        let network = headers::network_len(&b.state.packet);
        let end = offset + len;
        let p = &mut b.state.packet;
        let understood = match base {
            PayloadBase::Network if network + offset > usize::from(p.len) => return BREAK,
            PayloadBase::Network if end <= network => headers::write_network(p, offset, &bytes),
            PayloadBase::Transport if network + end > usize::from(p.len) => return BREAK,
            PayloadBase::Transport if end <= 20 => headers::write_transport(p, offset, &bytes),
            PayloadBase::Link => {
                for (i, v) in bytes.iter().enumerate() {
                    let slot = match offset + i {
                        n @ 0..=5 => p.eth_dst.as_mut().and_then(|m| m.0.get_mut(n)),
                        n @ 6..=11 => p.eth_src.as_mut().and_then(|m| m.0.get_mut(n - 6)),
                        _ => None,
                    };
                    match slot {
                        Some(slot) => *slot = *v,
                        None => return BREAK,
                    }
                }
                true
            }
            _ => false,
        };
        b.headers = None;
        if !understood {
            self.pass(b, "bytes written to the packet that the walk does not carry");
        }
        Step::Next
    }

    /// `nft_dynset_eval`
    pub(super) fn dynset(&mut self, b: &mut Branch, at: u32, set: u32, expr: &Expr) -> Step {
        let nf = self.nf;
        let (Some(set), Expr::Dynset { op, sreg_key, sreg_data, exprs, flags, .. }) =
            (nf.sets.get(set as usize), expr)
        else {
            return BREAK;
        };
        let inverted = flags & 1 != 0;
        let key_at = offset_of(*sreg_key);
        if let Some(step) = self.resolve(b, at, key_at, set.key_len) {
            return step;
        }
        if !b.regs.known(key_at, set.key_len) {
            let unknown = self.unknown(b, format!("what is added to set {}", set.name));
            return Step::Maybe { unknown, matched: super::ops::Verd::Continue };
        }
        let key: smallvec::SmallVec<[u8; 64]> = b.regs.raw(key_at, set.key_len).into();
        let found = {
            let direct = additions(b, set);
            match direct.iter().find(|(k, _)| **k == *key) {
                Some((k, Some(data))) => Found::Added(k.clone(), data.clone()),
                Some((_, None)) => Found::Nothing,
                None => set.find(&key).map_or(Found::Nothing, Found::Item),
            }
        };
        let place = set.place;
        let mine = |(ns, table, index, bytes): &(usize, u32, u32, plumb_nft::Bytes)| {
            *ns == place.ns
                && *table == place.table
                && *index == place.set
                && bytes.get(..set.key_len) == Some(&key[..])
        };
        if *op == 2 {
            let name = element_name(&found, &key);
            b.state.world.meters.forget_element((place.ns, place.table, place.set), &name);
            match found {
                Found::Nothing => {}
                Found::Added(..) => b.state.world.dynamic.retain(|d| !mine(d)),
                Found::Item(_) => {
                    let mut gone = key.to_vec();
                    gone.resize(set.key_len + set.data_len + 1, 0);
                    b.state.world.dynamic.push((place.ns, place.table, place.set, gone.into()));
                }
            }
            return Step::Next;
        }
        let elements: &[Expr] = match &found {
            Found::Item(i) => set.items.get(*i as usize).map_or(&[], |i| &i.exprs),
            _ if exprs.is_empty() => &set.exprs,
            _ => exprs,
        };
        if found == Found::Nothing {
            let added = additions(b, set);
            let more = added.iter().filter(|(_, d)| d.is_some()).count();
            let fewer = added.len() - more;
            // nft_dynset_new: a full set takes no more.
            if set.size.is_some_and(|size| size != 0 && set.count + more >= size as usize + fewer) {
                return super::eval::when(inverted);
            }
            let mut entry = key.to_vec();
            if let Some(data) = sreg_data {
                let data_at = offset_of(*data);
                if let Some(step) = self.resolve(b, at, data_at, set.data_len) {
                    return step;
                }
                if !b.regs.known(data_at, set.data_len) {
                    self.pass(b, format!("the value that is added to {}", set.name));
                }
                entry.extend_from_slice(b.regs.raw(data_at, set.data_len));
            }
            entry.resize(set.key_len + set.data_len, 0);
            b.state.world.dynamic.retain(|d| !mine(d));
            b.state.world.dynamic.push((place.ns, place.table, place.set, entry.into()));
            b.state.world.dynamic.sort_unstable();
        }
        match self.element(b, place, &element_name(&found, &key), elements) {
            Step::Next => super::eval::when(!inverted),
            other => other,
        }
    }

    /// The expressions of an element, which has counters of its own.
    pub(super) fn element(&mut self, b: &mut Branch, set: SetRef, key: &[u8], exprs: &[Expr]) -> Step {
        for (expr, slot) in exprs.iter().zip(0..) {
            self.owner = Some(Meter::Element(set.ns, set.table, set.set, key.to_vec().into(), slot));
            let step = self.rare(b, u32::MAX, expr);
            self.owner = None;
            if !matches!(step, Step::Next) {
                return step;
            }
        }
        Step::Next
    }

    /// `nft_objref_eval`: what a named object does to the packet.
    pub(super) fn object(&mut self, b: &mut Branch, name: &str, object: &ObjectData) -> Step {
        let rule = self.rule_of(b);
        self.owner = Some(Meter::Object(rule.ns, rule.table, name.into()));
        let step = self.by_object(b, object);
        self.owner = None;
        step
    }

    fn by_object(&mut self, b: &mut Branch, object: &ObjectData) -> Step {
        match object {
            ObjectData::Counter { .. } | ObjectData::Secmark { .. } | ObjectData::CtTimeout { .. } => {
                Step::Next
            }
            ObjectData::Quota { bytes, consumed, flags } => {
                self.quota(b, u32::MAX, *bytes, *consumed, *flags)
            }
            ObjectData::Limit(limit) => self.limit(b, u32::MAX, limit),
            ObjectData::Connlimit { count, flags } => self.connections(b, u32::MAX, *count, *flags),
            ObjectData::CtHelper { name, l4proto, .. } => {
                // nft_ct_helper_obj_eval: only for a connection that is not confirmed yet and has none.
                if b.state.packet.protocol == Protocol(*l4proto)
                    && let Seen::Entry(entry, c, _) = self.seen(b)
                    && !c.confirmed
                    && c.helper.is_none()
                    && let Some(c) = b.state.world.conntrack.get_mut(entry)
                {
                    c.helper = Some(name.clone());
                }
                Step::Next
            }
            ObjectData::CtExpect { .. } => {
                self.pass(b, "a connection that a ct expectation lets through");
                Step::Next
            }
            ObjectData::Synproxy { .. } => self.synproxy(b),
            _ => {
                self.pass(b, "a named object that this version does not know");
                Step::Next
            }
        }
    }

    /// `nft_synproxy_eval`: answers in the server's place.
    pub(super) fn synproxy(&mut self, b: &mut Branch) -> Step {
        if b.state.packet.protocol != Protocol::TCP {
            return BREAK;
        }
        self.pass(b, "synproxy");
        Step::Next
    }

    pub(super) fn object_map(&mut self, b: &mut Branch, at: u32, set: u32, sreg: u8) -> Step {
        let nf = self.nf;
        let Some(set) = nf.sets.get(set as usize) else { return BREAK };
        if let Some(step) = self.resolve(b, at, sreg, set.key_len) {
            return step;
        }
        if !b.regs.known(sreg, set.key_len) {
            self.pass(b, format!("which object of {} is meant", set.name));
            return Step::Next;
        }
        let Found::Item(item) = self.find(b, set, b.regs.raw(sreg, set.key_len)) else { return BREAK };
        match set.items.get(item as usize).and_then(|i| i.object.as_deref()) {
            Some((name, object)) => self.object(b, name, object),
            None => BREAK,
        }
    }
}
