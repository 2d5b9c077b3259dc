//! `typeof` of a set: the expression that its keys are like, kept in the set's user data.

use super::ast::{Kind, Node};
use super::sets::Fields;
use super::types::{Order, Ty};
use super::userdata::{entries, entry, number};
use super::{Options, keys, print, proto};
use crate::types::{CtDirection, CtKey, FibResult, MetaKey, RtKey, SocketKey};

/// What a set was declared like.
pub(super) struct Described {
    pub(super) text: String,
    pub(super) fields: Fields,
}

/// Reads an expression of user data: 0 its kind, 1 its own entries.
pub(super) fn describe(bytes: &[u8]) -> Option<Described> {
    let kind = number(bytes, 0)?;
    let body = entry(bytes, 1).unwrap_or_default();
    if kind == 13 {
        let parts: Option<Vec<Described>> = entries(body).map(|(_, part)| describe(part)).collect();
        let parts = parts.filter(|p| !p.is_empty())?;
        let text = parts.iter().map(|p| p.text.as_str()).collect::<Vec<_>>().join(" . ");
        let fields = parts.into_iter().flat_map(|p| p.fields).collect();
        return Some(Described { text, fields });
    }
    let node = single(kind, body)?;
    let bits = node.len.div_ceil(8).saturating_mul(8);
    let text = print::node(&Options::default(), &node);
    Some(Described { text, fields: vec![(node.ty, node.order, bits)] })
}

/// Kinds as nft numbers its expressions.
fn single<'a>(kind: u32, body: &[u8]) -> Option<Node<'a>> {
    let direction = |n: Option<u32>| match n {
        Some(0) => Some(CtDirection::Original),
        Some(1) => Some(CtDirection::Reply),
        _ => None,
    };
    Some(match kind {
        1 => Node::new(Kind::Text("verdict".to_owned()), Ty::Verdict, Order::Host, 0),
        7 => {
            let desc = number(body, 0)?;
            if desc == 0 {
                let (base, offset, len) = (number(body, 2)?, number(body, 3)?, number(body, 4)?);
                let kind = Kind::Payload { base: base as usize, offset, known: None };
                return Some(Node::new(kind, Ty::Hex, Order::Big, len));
            }
            let desc = proto::by_id(desc)?;
            let field = desc.fields.get((number(body, 1)? as usize).checked_sub(1)?)?;
            let kind = Kind::Payload { base: desc.base, offset: field.offset, known: Some((desc, field)) };
            Node::new(kind, field.ty, field.order, field.len)
        }
        8 => {
            // Of header options only TCP's are told by number and field; the others are not written this way.
            let (kind, index, 1) = (number(body, 0)?, number(body, 1)?, number(body, 2)?) else {
                return None;
            };
            return keys::tcp_option_field(u8::try_from(kind).ok()?, index as usize);
        }
        9 => keys::meta(MetaKey::from_number(number(body, 0)?)),
        10 => keys::socket(SocketKey::from_number(number(body, 0)?), number(body, 1)),
        11 => Node::new(Kind::Osf { ttl: 0, flags: 0 }, Ty::IfName, Order::Host, 128),
        12 => keys::ct(CtKey::from_number(number(body, 0)?), direction(number(body, 1))),
        23 => {
            let random = number(body, 0)? == 1;
            let kind =
                Kind::Numgen { random, modulus: number(body, 1)?, offset: number(body, 2).unwrap_or(0) };
            Node::new(kind, Ty::Integer, Order::Host, 32)
        }
        25 => keys::rt(RtKey::from_number(number(body, 0)?)),
        26 => keys::fib(FibResult::from_number(number(body, 0)?), number(body, 1)?),
        27 => {
            keys::xfrm(number(body, 0)?, u8::try_from(number(body, 2).unwrap_or(0)).ok()?, number(body, 1)?)
        }
        _ => return None,
    })
}
