//! Tables of iptables-legacy (`struct ipt_getinfo`, `ipt_get_entries`; include/uapi/linux/netfilter_ipv4/ip_tables.h).
//!
//! Asking for a table creates it and its hooks, so only those that /proc/net/ip_tables_names lists are asked for.

use std::io;
use std::os::fd::AsFd;

use plumb_model::{IpFamily, LegacyTable, Read};
use plumb_nft::Bytes;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};

use crate::error::{KernelError, Result};
use crate::sys;

/// `XT_TABLE_MAXNAMELEN`
const NAME: usize = 32;
/// `IPT_SO_GET_INFO`, `IP6T_SO_GET_INFO`
const GET_INFO: i32 = 64;
/// `IPT_SO_GET_ENTRIES`
const GET_ENTRIES: i32 = 65;
/// name, valid_hooks, hook_entry[5], underflow[5], num_entries, size
const INFO_SIZE: usize = NAME + 4 * 13;
/// Times that a table is asked for while it is replaced under the reading.
const ATTEMPTS: usize = 5;

pub(super) fn read() -> Result<Read<Vec<LegacyTable>>> {
    let mut tables = Vec::new();
    let mut absent = true;
    for family in [IpFamily::V4, IpFamily::V6] {
        let file = match family {
            IpFamily::V4 => "/proc/thread-self/net/ip_tables_names",
            IpFamily::V6 => "/proc/thread-self/net/ip6_tables_names",
        };
        match std::fs::read_to_string(file) {
            Ok(names) => {
                absent = false;
                for name in names.split_ascii_whitespace() {
                    tables.extend(table(family, name)?);
                }
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                return Ok(Read::Denied { capability: "CAP_NET_ADMIN".into() });
            }
            Err(e) => return Err(KernelError::io(format!("read {file}"), e)),
        }
    }
    if absent { Ok(Read::Absent { feature: "ip_tables".into() }) } else { Ok(Read::Got(tables)) }
}

/// `None` where the table is gone again.
fn table(family: IpFamily, name: &str) -> Result<Option<LegacyTable>> {
    let what = format!("read the {} table {name} of iptables-legacy", family.nft_name());
    let (domain, level) = match family {
        IpFamily::V4 => (AddressFamily::INET, libc::IPPROTO_IP),
        IpFamily::V6 => (AddressFamily::INET6, libc::IPPROTO_IPV6),
    };
    let socket = socket_with(domain, SocketType::RAW, SocketFlags::CLOEXEC, Some(ipproto::RAW))
        .map_err(|e| KernelError::io(what.as_str(), e))?;
    for _ in 0..ATTEMPTS {
        let mut info = vec![0; INFO_SIZE];
        put_name(&mut info, name);
        match sys::get_option(socket.as_fd(), level, GET_INFO, &mut info) {
            Ok(_) => {}
            Err(e) if e.raw_os_error() == Some(libc::ENOENT) => return Ok(None),
            Err(e) => return Err(KernelError::io(what, e)),
        }
        let word = |n: usize| {
            let at = NAME + 4 * n;
            info.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_ne_bytes)
        };
        let size = word(12) as usize;
        // `struct ipt_get_entries`: name, size, padding to 8 bytes, entries.
        let mut answer = vec![0; NAME + 8 + size];
        put_name(&mut answer, name);
        if let Some(field) = answer.get_mut(NAME..NAME + 4) {
            field.copy_from_slice(&word(12).to_ne_bytes());
        }
        match sys::get_option(socket.as_fd(), level, GET_ENTRIES, &mut answer) {
            Ok(_) => {}
            // The table has another size by now.
            Err(e) if e.raw_os_error() == Some(libc::EAGAIN) => continue,
            Err(e) => return Err(KernelError::io(what, e)),
        }
        let entries = answer.split_off(NAME + 8);
        return Ok(Some(LegacyTable {
            family,
            name: name.to_owned(),
            valid_hooks: word(0),
            hook_entry: [word(1), word(2), word(3), word(4), word(5)],
            underflow: [word(6), word(7), word(8), word(9), word(10)],
            num_entries: word(11),
            only_accepts: only_accepts(family, word(11), &entries),
            entries: Bytes(entries),
        }));
    }
    Err(KernelError::Protocol { what, problem: "the table changed each time it was read".into() })
}

fn put_name(buffer: &mut [u8], name: &str) {
    // The last byte stays NUL.
    for (slot, byte) in buffer.iter_mut().take(NAME - 1).zip(name.bytes()) {
        *slot = byte;
    }
}

/// Whether the table holds nothing but policies, all ACCEPT, and the closing error entry: as many entries as built-in
/// chains and one more, each with no match and the standard verdict ACCEPT.
fn only_accepts(family: IpFamily, num_entries: u32, entries: &[u8]) -> bool {
    // `struct ipt_entry`: `ipt_ip` 84 bytes, nfcache 4, target_offset, next_offset, comefrom 4, counters 16.
    // `struct ip6t_entry`: `ip6t_ip6` 136 bytes, the rest alike.
    let head = match family {
        IpFamily::V4 => 84,
        IpFamily::V6 => 136,
    };
    let u16_at = |at: usize| entries.get(at..at + 2).and_then(|b| b.try_into().ok()).map(u16::from_ne_bytes);
    let i32_at = |at: usize| entries.get(at..at + 4).and_then(|b| b.try_into().ok()).map(i32::from_ne_bytes);
    let (mut at, mut seen) = (0_usize, 0_u32);
    while at < entries.len() {
        let (Some(target), Some(next)) = (u16_at(at + head + 4), u16_at(at + head + 6)) else { return false };
        seen += 1;
        if seen == num_entries {
            // The error entry: nothing gets there.
            return true;
        }
        let target = at + usize::from(target);
        // `struct xt_entry_target`: size 2, name 29, revision 1; the standard target has an empty name, then its verdict.
        let name = entries.get(target + 2);
        // `-NF_ACCEPT - 1`
        if name != Some(&0) || i32_at(target + 32) != Some(-2) || next == 0 {
            return false;
        }
        at += usize::from(next);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(verdict: i32) -> Vec<u8> {
        let mut e = vec![0; 112];
        e[88..90].copy_from_slice(&112u16.to_ne_bytes());
        e[90..92].copy_from_slice(&152u16.to_ne_bytes());
        e.extend_from_slice(&[40, 0]);
        e.extend_from_slice(&[0; 30]);
        e.extend_from_slice(&verdict.to_ne_bytes());
        e.extend_from_slice(&[0; 4]);
        e
    }

    #[test]
    fn policies_alone_decide_nothing() {
        let error = entry(0);
        let accepts = [entry(-2), entry(-2), entry(-2), error.clone()].concat();
        assert!(only_accepts(IpFamily::V4, 4, &accepts));
        let drops = [entry(-2), entry(-1), entry(-2), error].concat();
        assert!(!only_accepts(IpFamily::V4, 4, &drops));
        assert!(!only_accepts(IpFamily::V4, 4, &accepts[..200]));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400), n in 0u32..5) {
            let _ = only_accepts(IpFamily::V4, n, &bytes);
            let _ = only_accepts(IpFamily::V6, n, &bytes);
        }
    }
}
