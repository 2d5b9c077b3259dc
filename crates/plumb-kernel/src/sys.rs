//! System calls that no safe wrapper offers. The only `unsafe` of Plumb is in this file.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use libc::{c_int, c_void, socklen_t};

/// `setsockopt` with an `int`.
pub(crate) fn set_int_option(
    fd: BorrowedFd<'_>,
    level: c_int,
    option: c_int,
    value: c_int,
) -> io::Result<()> {
    // SAFETY: `value` lives through the call and its size is given; the kernel copies it.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            option,
            (&raw const value).cast::<c_void>(),
            size_of::<c_int>() as socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// `getsockopt` into a buffer that may hold a request on entry, as `IPT_SO_GET_INFO` wants it. Gives the length
/// that the kernel reports.
pub(crate) fn get_option(
    fd: BorrowedFd<'_>,
    level: c_int,
    option: c_int,
    buffer: &mut [u8],
) -> io::Result<usize> {
    let mut length = socklen_t::try_from(buffer.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the kernel writes at most `length` bytes into `buffer`, which is as long and borrowed alone.
    let result = unsafe {
        libc::getsockopt(fd.as_raw_fd(), level, option, buffer.as_mut_ptr().cast::<c_void>(), &raw mut length)
    };
    if result == 0 { Ok((length as usize).min(buffer.len())) } else { Err(io::Error::last_os_error()) }
}

/// Minutes that the kernel's time zone lies west of UTC. The C library's `gettimeofday` does not tell it any more.
pub(crate) fn minutes_west() -> Option<i32> {
    // `struct timezone`
    let mut zone = [0 as c_int; 2];
    let no_time = std::ptr::null_mut::<libc::timeval>();
    // SAFETY: the kernel writes two `int` into `zone`, and no time where the pointer is null.
    let result = unsafe { libc::syscall(libc::SYS_gettimeofday, no_time, zone.as_mut_ptr()) };
    (result == 0).then(|| zone[0])
}

/// What a stream socket has sent or is to send, and has no acknowledgement of (`SIOCOUTQ`).
pub(crate) fn output_queue(fd: BorrowedFd<'_>) -> io::Result<i32> {
    let mut bytes: c_int = 0;
    // SAFETY: the request writes one `int`, to a variable that lives through the call. SIOCOUTQ is TIOCOUTQ.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if result == 0 { Ok(bytes) } else { Err(io::Error::last_os_error()) }
}

/// Gives the calling thread, and no other, a network namespace of its own.
pub(crate) fn unshare_net() -> io::Result<()> {
    // SAFETY: CLONE_NEWNET touches no memory and no file descriptor table; it holds for this thread alone.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Gives the calling thread, and no other, mounts of its own: a copy of those that there are.
pub(crate) fn unshare_mounts() -> io::Result<()> {
    // SAFETY: CLONE_NEWNS touches no memory and no file descriptor table; it holds for this thread alone, whose root and
    // working directory are its own from then on.
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The addresses of a name, each once, or the name of getaddrinfo's error.
pub(crate) fn addresses_of(name: &str) -> io::Result<Result<Vec<IpAddr>, String>> {
    let name = CString::new(name).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: all of `addrinfo` may be nought: no flags, any family, null pointers. Each address comes once, of SOCK_STREAM.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut list: *mut libc::addrinfo = std::ptr::null_mut();
    // SAFETY: the name ends with a nought; hints and the pointer to the answer live through the call.
    let result =
        unsafe { libc::getaddrinfo(name.as_ptr(), std::ptr::null(), &raw const hints, &raw mut list) };
    match result {
        0 => {}
        libc::EAI_SYSTEM => return Err(io::Error::last_os_error()),
        error => return Ok(Err(look_up_error(error))),
    }
    let mut addresses = Vec::new();
    let mut next = list;
    while !next.is_null() {
        // SAFETY: each entry of the list, and the address of its family that it points to, live until `freeaddrinfo`.
        unsafe {
            match (*next).ai_family {
                libc::AF_INET => {
                    let address = (*next).ai_addr.cast::<libc::sockaddr_in>().read_unaligned();
                    addresses.push(Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)).into());
                }
                libc::AF_INET6 => {
                    let address = (*next).ai_addr.cast::<libc::sockaddr_in6>().read_unaligned();
                    addresses.push(Ipv6Addr::from(address.sin6_addr.s6_addr).into());
                }
                _ => {}
            }
            next = (*next).ai_next;
        }
    }
    // SAFETY: the list is getaddrinfo's, and nothing of it is kept.
    unsafe { libc::freeaddrinfo(list) };
    Ok(Ok(addresses))
}

/// An error of getaddrinfo(3) by its name.
fn look_up_error(error: c_int) -> String {
    let name = match error {
        libc::EAI_AGAIN => "EAI_AGAIN",
        libc::EAI_FAIL => "EAI_FAIL",
        libc::EAI_NONAME => "EAI_NONAME",
        libc::EAI_NODATA => "EAI_NODATA",
        libc::EAI_MEMORY => "EAI_MEMORY",
        other => return format!("EAI {other}"),
    };
    name.to_owned()
}

/// Sets the user id that new files and sockets of the calling thread bear, and nothing else of its rights.
pub(crate) fn set_fs_uid(uid: u32) -> io::Result<()> {
    // SAFETY: the call takes a number and touches no memory. It reports no error, so it is asked again: an id that
    // is none changes nothing and gives the present one.
    let now = unsafe {
        libc::setfsuid(uid);
        libc::setfsuid(libc::uid_t::MAX)
    };
    if now.cast_unsigned() == uid { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// Lets a command's process enter `namespace` before it runs the program, and if asked die with the thread that starts
/// it. The command must be started while `namespace` is open under the same number, which is so where it is started
/// right after this.
pub(crate) fn enter_before_exec(command: &mut Command, namespace: BorrowedFd<'_>, die_with_thread: bool) {
    let fd = namespace.as_raw_fd();
    let parent = std::process::id();
    // SAFETY: between fork and exec only async-signal-safe system calls are made and nothing is allocated
    // (`last_os_error` keeps a number); the child has the parent's `fd`.
    unsafe {
        command.pre_exec(move || {
            if die_with_thread {
                if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong, 0, 0, 0) != 0 {
                    return Err(io::Error::last_os_error());
                }
                // The parent may have gone before the request was made.
                if libc::getppid().cast_unsigned() != parent {
                    libc::_exit(127);
                }
            }
            if libc::setns(fd, libc::CLONE_NEWNET) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
}

/// Ids of the BPF programs that are attached to a device (by index) or a cgroup (by file descriptor): the command
/// `BPF_PROG_QUERY`. At most 64.
pub(crate) fn bpf_programs(target: u32, attach_type: u32) -> io::Result<Vec<u32>> {
    const BPF_PROG_QUERY: libc::c_long = 16;
    /// The part of `union bpf_attr` that the command uses (include/uapi/linux/bpf.h), whole: for devices the kernel
    /// writes `revision` whatever size it is told (`bpf_mprog_query`).
    #[repr(C)]
    struct Query {
        target: u32,
        attach_type: u32,
        query_flags: u32,
        attach_flags: u32,
        prog_ids: u64,
        count: u32,
        reserved: u32,
        prog_attach_flags: u64,
        link_ids: u64,
        link_attach_flags: u64,
        revision: u64,
    }
    let mut ids = [0_u32; 64];
    let mut query = Query {
        target,
        attach_type,
        query_flags: 0,
        attach_flags: 0,
        prog_ids: ids.as_mut_ptr() as u64,
        count: ids.len() as u32,
        reserved: 0,
        prog_attach_flags: 0,
        link_ids: 0,
        link_attach_flags: 0,
        revision: 0,
    };
    // SAFETY: the kernel reads `query`, whose size is given, writes `count`, `attach_flags` and `revision` in it, and
    // at most `count` numbers to `ids`, which outlives the call; the other pointers are null.
    let result = unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_QUERY, &raw mut query, size_of::<Query>()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(ids.into_iter().take(query.count as usize).collect())
}
