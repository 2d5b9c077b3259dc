//! Queues of packets that programs read: /proc/net/netfilter/nfnetlink_queue (`seq_show`, net/netfilter/nfnetlink_queue.c).

use std::io::ErrorKind;

use plumb_model::{PacketQueue, Read};

const FILE: &str = "/proc/thread-self/net/netfilter/nfnetlink_queue";

/// Of the calling thread's namespace. Where the kernel has no such queues nobody can read one.
pub(super) fn read(gaps: &mut Vec<String>) -> Read<Vec<PacketQueue>> {
    match std::fs::read_to_string(FILE) {
        Ok(text) => Read::Got(text.lines().filter_map(queue).collect()),
        Err(e) if e.kind() == ErrorKind::NotFound => Read::Absent { feature: "nfnetlink_queue".to_owned() },
        Err(e) if e.kind() == ErrorKind::PermissionDenied => {
            Read::Denied { capability: "CAP_DAC_READ_SEARCH".to_owned() }
        }
        Err(e) => {
            let reason = format!("{FILE}: {e}");
            gaps.push(reason.clone());
            Read::Torn { reason, value: Vec::new() }
        }
    }
}

/// `    3   4242     0 2 65531     0     0        0  1`
fn queue(line: &str) -> Option<PacketQueue> {
    let mut words = line.split_ascii_whitespace();
    Some(PacketQueue {
        number: words.next()?.parse().ok()?,
        port: words.next()?.parse().ok()?,
        waiting: words.next()?.parse().ok()?,
        copy: words.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_of_a_queue() {
        let queue = queue("    3   4242     1 2 65531     0     0        9  1").unwrap();
        assert_eq!(queue, PacketQueue { number: 3, port: 4242, waiting: 1, copy: 2 });
        assert_eq!(super::queue("3 4242"), None);
    }
}
