//! NAT statements: addresses and ports from the registers.

use super::ast::{Kind, Nat, Node, Stmt};
use super::parse::{Parser, family_word};
use super::types::{Order, Ty};
use crate::types::{Family, NatRange, Register};

impl<'a> Parser<'a> {
    pub(super) fn nat(&self, word: &'static str, family: Family, range: &NatRange) -> Stmt<'a> {
        let (ty, one) = if family == Family::Ip6 { (Ty::Ip6, 16) } else { (Ty::Ip, 4) };
        let shown = if self.table.family == Family::Inet { family_word(family) } else { None };
        // NF_NAT_RANGE_NETMAP
        let prefix = range.flags & 64 != 0;
        let mut nat = Nat { word, family: shown, prefix, addr: None, port: None, flags: range.flags };
        let mut ports = true;
        if let Some(min) = range.addr_min {
            let addr = self.typed(min, ty, Order::Big);
            // A map that gives more than an address gives the ports, or the other end of a range, too.
            let whole = match &addr.kind {
                Kind::Map(_, to) => {
                    matches!(&to.kind, Kind::SetRef { set, .. } if set.data_len.unwrap_or(0) > one)
                }
                _ => false,
            };
            if whole {
                ports = false;
                nat.family = family_word(family);
            }
            let max = range.addr_max.filter(|max| *max != min && !whole);
            nat.addr = Some(match max {
                None => addr,
                Some(max) => span_of(addr, self.typed(max, ty, Order::Big)),
            });
        }
        if let (true, Some(min)) = (ports, range.port_min) {
            nat.port = Some(self.port_range(min, range.port_max));
        }
        Stmt::Nat(nat)
    }

    fn port_range(&self, min: Register, max: Option<Register>) -> Node<'a> {
        let low = self.typed(min, Ty::Service, Order::Big);
        match max.filter(|max| *max != min) {
            None => low,
            Some(max) => span_of(low, self.typed(max, Ty::Service, Order::Big)),
        }
    }

    pub(super) fn ports(
        &self,
        word: &'static str,
        flags: u32,
        min: Option<Register>,
        max: Option<Register>,
    ) -> Stmt<'a> {
        let port = min.map(|min| self.port_range(min, max));
        Stmt::Nat(Nat { word, family: None, prefix: false, addr: None, port, flags })
    }
}

fn span_of<'a>(low: Node<'a>, high: Node<'a>) -> Node<'a> {
    let (ty, order, len) = (low.ty, low.order, low.len);
    Node::new(Kind::Range(low.into(), high.into()), ty, order, len)
}
