//! Nexthop objects and their groups (RTM_GETNEXTHOP; include/uapi/linux/nexthop.h).

use std::collections::HashMap;

use plumb_model::NextHop;
use plumb_nft::DecodeError;
use plumb_nft::nlattr::Attrs;

use super::wire::Fields;
use crate::error::{KernelError, Result};
use crate::netlink::{Native, Socket};

const RTM_NEWNEXTHOP: u16 = 104;
const RTM_GETNEXTHOP: u16 = 106;
const WHAT: &str = "nexthop object";

/// Objects by id.
#[derive(Clone, Debug, Default)]
pub(super) struct Objects(HashMap<u32, Object>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Object {
    hop: NextHop,
    /// Members with their weights.
    group: Vec<(u32, u32)>,
    blackhole: bool,
}

/// What an object stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hops {
    pub(super) next_hops: Vec<NextHop>,
    pub(super) blackhole: bool,
}

impl Objects {
    /// Groups hold no groups, so one step is enough.
    pub(super) fn hops(&self, id: u32) -> Option<Hops> {
        let object = self.0.get(&id)?;
        if object.group.is_empty() {
            let next_hops = if object.blackhole { Vec::new() } else { vec![object.hop.clone()] };
            return Some(Hops { next_hops, blackhole: object.blackhole });
        }
        let members = object.group.iter().filter_map(|(id, weight)| {
            let member = self.0.get(id)?;
            (!member.blackhole).then(|| NextHop { weight: *weight, ..member.hop.clone() })
        });
        let next_hops: Vec<_> = members.collect();
        // The kernel takes a blackhole into a group only alone.
        Some(Hops { blackhole: next_hops.is_empty(), next_hops })
    }
}

pub(super) fn read(socket: &mut Socket) -> Result<Objects> {
    // `struct nhmsg`
    let list = socket.dump_list("read the nexthop objects", RTM_GETNEXTHOP, &[0; 8], |m| match m.kind {
        RTM_NEWNEXTHOP => parse(m.payload).map(Some),
        _ => Ok(None),
    });
    match list {
        Ok(list) => Ok(Objects(list.items().iter().cloned().collect())),
        // Before Linux 5.3 there were none.
        Err(KernelError::Refused { errno: libc::EOPNOTSUPP, .. }) => Ok(Objects::default()),
        Err(error) => Err(error),
    }
}

pub(super) fn parse(payload: &[u8]) -> std::result::Result<(u32, Object), DecodeError> {
    let mut fields = Fields::new(payload, WHAT);
    fields.skip(4)?;
    let flags = fields.ne32()?;
    let mut object =
        Object { hop: NextHop { weight: 1, flags: flags & 0xff, ..NextHop::default() }, ..Object::default() };
    let mut id = 0;
    for attr in Attrs::new(fields.rest(), WHAT) {
        let attr = attr?;
        match attr.number {
            1 => id = attr.ne32(WHAT)?,
            2 => {
                // `struct nexthop_grp`: id, weight less one in two bytes apart.
                for entry in attr.data.chunks_exact(8) {
                    let mut entry = Fields::new(entry, WHAT);
                    let (id, low, high) = (entry.ne32()?, entry.u8()?, entry.u8()?);
                    object.group.push((id, (u32::from(high) << 8 | u32::from(low)) + 1));
                }
            }
            4 => object.blackhole = true,
            5 => object.hop.oif = Some(attr.ne32(WHAT)?).filter(|i| *i != 0),
            6 => object.hop.gateway = Some(attr.ip(WHAT)?),
            _ => {}
        }
    }
    Ok((id, object))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::netlink::WriteNative;
    use plumb_nft::nlattr::Writer;

    #[test]
    fn a_group_of_two() {
        let mut objects = HashMap::new();
        for id in [1, 2] {
            let mut w = Writer::new();
            w.raw(&[0; 8]);
            w.ne32(1, id);
            w.ne32(5, 10 + id);
            objects.extend([parse(&w.into_bytes()).unwrap()]);
        }
        let mut w = Writer::new();
        w.raw(&[0; 8]);
        w.ne32(1, 9);
        let group: Vec<u8> = [1u32.to_ne_bytes(), [0, 0, 0, 0], 2u32.to_ne_bytes(), [2, 1, 0, 0]].concat();
        w.put(2, &group);
        objects.extend([parse(&w.into_bytes()).unwrap()]);
        let hops = Objects(objects).hops(9).unwrap();
        let seen: Vec<_> = hops.next_hops.iter().map(|h| (h.oif, h.weight)).collect();
        assert_eq!(seen, [(Some(11), 1), (Some(12), 259)]);
    }
}
