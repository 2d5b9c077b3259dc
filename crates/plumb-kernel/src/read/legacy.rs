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
        let read = LegacyTable {
            family,
            name: name.to_owned(),
            valid_hooks: word(0),
            hook_entry: [word(1), word(2), word(3), word(4), word(5)],
            underflow: [word(6), word(7), word(8), word(9), word(10)],
            num_entries: word(11),
            only_accepts: false,
            entries: Bytes(entries),
            table: None,
            problem: None,
        };
        return Ok(Some(read.decoded()));
    }
    Err(KernelError::Protocol { what, problem: "the table changed each time it was read".into() })
}

fn put_name(buffer: &mut [u8], name: &str) {
    // The last byte stays NUL.
    for (slot, byte) in buffer.iter_mut().take(NAME - 1).zip(name.bytes()) {
        *slot = byte;
    }
}
