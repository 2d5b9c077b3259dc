//! One question to a name server, from inside a namespace.

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plumb_dns::{Message, addresses_of, query};
use plumb_doctor::names::ask::{Ask, Heard, Reply};
use plumb_kernel::{NamespaceHandle, probe};
use plumb_model::{Namespace, Protocol};

/// Asks, waits as long as the client would, and reads the answer.
pub(super) fn ask(namespace: &NamespaceHandle, n: &Namespace, ask: &Ask, uid: u32) -> Heard {
    let (id, failed) = (number(), |reply| Heard { reply, seconds: 0.0 });
    let Ok(question) = query(id, &ask.name, ask.kind, ask.edns) else { return failed(Reply::Strange) };
    let protocol = if ask.tcp { Protocol::TCP } else { Protocol::UDP };
    let mut flow = probe::Flow::new(protocol, ask.server, plumb_doctor::names::DNS);
    flow.uid = Some(uid);
    flow.framed = ask.tcp;
    flow.scope_id = ask.scope.as_ref().and_then(|s| n.link_by_name(s)).map_or(0, |l| l.index);
    flow.payload = if ask.tcp { framed(&question) } else { question };
    let patience = probe::Patience { handshake: ask.patience, data: ask.patience, datagram: ask.patience };
    let seen = match probe::connect(namespace, &flow, &patience) {
        Ok(seen) => seen,
        // The namespace cannot be entered; the flow's own probe says so, too.
        Err(error) => {
            tracing::warn!("{error}");
            return failed(Reply::Strange);
        }
    };
    let reply = match seen.errno {
        Some(errno) => Reply::Error(errno),
        None => match Message::decode(&seen.reply) {
            Ok(message) => Reply::Found(addresses_of(&message, id, &ask.name, ask.kind)),
            Err(_) => Reply::Strange,
        },
    };
    Heard { reply, seconds: seen.seconds }
}

/// Over TCP a message stands behind its length (RFC 1035, 4.2.2).
fn framed(question: &[u8]) -> Vec<u8> {
    let length = u16::try_from(question.len()).unwrap_or(u16::MAX).to_be_bytes();
    length.into_iter().chain(question.iter().copied()).collect()
}

/// A number that the question before did not have.
fn number() -> u16 {
    static LAST: AtomicU16 = AtomicU16::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).subsec_nanos();
    LAST.fetch_add(1, Ordering::Relaxed) ^ (now >> 8) as u16
}
