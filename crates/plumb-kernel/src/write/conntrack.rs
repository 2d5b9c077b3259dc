//! Deleting conntrack entries.

use std::net::IpAddr;

use plumb_model::{CtEntry, IpFamily, Tuple};
use plumb_nft::nlattr::Writer;

use super::NamespaceWriter;
use crate::error::{KernelError, Result};
use crate::netlink::WriteNative;
use crate::read::{IPCTNL_MSG_CT_DELETE, family_number};

const CTA_TUPLE_ORIG: u16 = 1;
const CTA_ZONE: u16 = 18;
const CTA_TUPLE_ZONE: u16 = 3;

impl NamespaceWriter {
    /// Deletes the entry with this original tuple and zone; `false` where there was none.
    pub fn delete_conntrack(&mut self, entry: &CtEntry) -> Result<bool> {
        let Tuple { src, dst, sport, dport, protocol, .. } = entry.original;
        let what =
            self.what(&format!("delete the conntrack entry {protocol} {src} {sport} to {dst} {dport}"));
        let payload = encode(entry);
        match self.netfilter()?.change(&what, IPCTNL_MSG_CT_DELETE, 0, &payload) {
            Ok(()) => Ok(true),
            Err(KernelError::Refused { errno: libc::ENOENT, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes every conntrack entry of the namespace.
    pub fn flush_conntrack(&mut self) -> Result<()> {
        let what = self.what("delete all conntrack entries");
        // Without a tuple the request is for all of them (`ctnetlink_del_conntrack`).
        self.netfilter()?.change(&what, IPCTNL_MSG_CT_DELETE, 0, &[0, 0, 0, 0])
    }
}

fn encode(entry: &CtEntry) -> Vec<u8> {
    let tuple = entry.original;
    let mut w = Writer::new();
    w.raw(&[family_number(IpFamily::of(tuple.src)), 0, 0, 0]);
    w.nest(CTA_TUPLE_ORIG, |w| {
        let (src, dst) = if matches!(tuple.src, IpAddr::V4(_)) { (1, 2) } else { (3, 4) };
        w.nest(1, |w| {
            w.ip(src, tuple.src);
            w.ip(dst, tuple.dst);
        });
        w.nest(2, |w| {
            w.u8(1, tuple.protocol.0);
            match tuple.icmp {
                Some(icmp) => {
                    let (id, kind, code) = if tuple.src.is_ipv4() { (4, 5, 6) } else { (7, 8, 9) };
                    w.be16(id, icmp.id);
                    w.u8(kind, icmp.kind);
                    w.u8(code, icmp.code);
                }
                None => {
                    w.be16(2, tuple.sport);
                    w.be16(3, tuple.dport);
                }
            }
        });
        if entry.zone_direction == Some(0) {
            w.be16(CTA_TUPLE_ZONE, entry.zone);
        }
    });
    if entry.zone != 0 && entry.zone_direction.is_none() {
        w.be16(CTA_ZONE, entry.zone);
    }
    w.into_bytes()
}
