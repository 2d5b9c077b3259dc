//! Queues of packets that programs read (`net/netfilter/nfnetlink_queue.c`).

use serde::{Deserialize, Serialize};

/// A queue that a program reads: a line of /proc/net/netfilter/nfnetlink_queue (`seq_show`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketQueue {
    /// Number.
    pub number: u16,
    /// Netlink port of the program.
    pub port: u32,
    /// Packets that wait for an answer.
    pub waiting: u32,
    /// How much of each packet it is given (`NFQNL_COPY_*`): with 0 the kernel refuses to hand it any.
    pub copy: u8,
}
