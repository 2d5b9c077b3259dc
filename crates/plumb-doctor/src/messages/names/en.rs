//! English.

use super::NameNote;
use crate::names::NameFinding as F;

pub(super) fn summary(finding: &F) -> String {
    match finding {
        F::ServerUnreachable { namespace, server, name, why, .. } => {
            format!("{namespace} cannot look up {name}: name server {server} cannot be reached ({why})")
        }
        F::ServerLate { namespace, server, why, seconds } => format!(
            "name server {server} says nothing to {namespace}, which asks the next one after {seconds} s ({why})"
        ),
        F::ServersBeyondThree { namespace, servers, path } => format!(
            "{path} of {namespace} names more than three name servers: {} is never asked",
            servers.join(", ")
        ),
        F::NotTheClusters { namespace, server, cluster, path } => format!(
            "{path} of {namespace} names {server}, which is not the cluster's DNS ({}) and does not know the cluster's names",
            cluster.join(", ")
        ),
        F::LocalServerDown { namespace, server, owner, path } => format!(
            "{path} of {namespace} names {server}, an address of {owner}, where nothing listens on UDP port 53"
        ),
        F::NameNotFound { namespace, name, asked, server } => {
            format!("name server {server} knows no {name}: {namespace} asked for {}", asked.join(", "))
        }
        F::NoAddress { namespace, name, server } => {
            format!("name server {server} knows {name}, and no address for it, when {namespace} asks")
        }
        F::ServerFails { namespace, server, rcode, name } => {
            format!("name server {server} answers {rcode} when {namespace} asks for {name}")
        }
        F::AnswerLost { namespace, server, seconds } => format!(
            "name server {server} did not answer {namespace} within {seconds} s, though packets find their way there and back"
        ),
        F::TcpBlocked { namespace, server, why } => format!(
            "an answer of name server {server} is too long for a datagram, and {namespace} cannot reach its TCP port 53 ({why})"
        ),
        F::SearchExplosion { namespace, ndots, queries, path } => format!(
            "with ndots:{ndots} in {path} of {namespace}, a name from outside is asked for {queries} times, the search list's domains first"
        ),
    }
}

pub(super) fn effect(finding: &F) -> String {
    match finding {
        F::ServerUnreachable { namespace, refused: true, .. } => {
            format!(
                "names are not found in {namespace}, at once (EAI_AGAIN); what is dialled by address works"
            )
        }
        F::ServerUnreachable { namespace, seconds, .. } => format!(
            "names are not found in {namespace}, after {seconds} s (EAI_AGAIN); what is dialled by address works"
        ),
        F::ServerLate { namespace, seconds, .. } => {
            format!("each name that {namespace} asks for takes {seconds} s longer")
        }
        F::ServersBeyondThree { namespace, .. } => {
            format!("names that only those servers know are not found in {namespace}")
        }
        F::NotTheClusters { namespace, .. } => format!("names of Services are not found in {namespace}"),
        F::LocalServerDown { namespace, .. } => format!("name servers refuse whoever asks in {namespace}"),
        F::NameNotFound { namespace, name, .. } => {
            format!("{name} is not found in {namespace} (EAI_NONAME)")
        }
        F::NoAddress { namespace, name, .. } => {
            format!("{name} has no address to dial for {namespace} (EAI_NODATA)")
        }
        F::ServerFails { namespace, name, .. } => {
            format!("{name} is not found in {namespace} for now (EAI_AGAIN)")
        }
        F::AnswerLost { namespace, seconds, .. } => {
            format!("names take {seconds} s longer in {namespace}, or are not found")
        }
        F::TcpBlocked { namespace, .. } => format!("names with long answers are not found in {namespace}"),
        F::SearchExplosion { namespace, .. } => {
            format!("look-ups of {namespace} are slow, and most answers to it are NXDOMAIN")
        }
    }
}

pub(super) fn advice(finding: &F) -> String {
    match finding {
        F::ServerUnreachable { server, namespace, .. } | F::ServerLate { server, namespace, .. } => {
            format!("start name server {server}, or name one that {namespace} can reach")
        }
        F::ServersBeyondThree { path, .. } => format!("leave at most three nameserver lines in {path}"),
        F::NotTheClusters { path, cluster, .. } => {
            format!("give the pod dnsPolicy ClusterFirst, or name {} in {path}", cluster.join(", "))
        }
        F::LocalServerDown { server, owner, .. } => {
            format!("start what serves DNS on {server} in {owner}, or name another server")
        }
        F::NameNotFound { name, .. } => {
            format!(
                "check how {name} is spelled, its namespace and the search list; a dot at the end stops the search"
            )
        }
        F::NoAddress { name, .. } => format!("give {name} endpoints that are ready, or an address record"),
        F::ServerFails { server, .. } => {
            format!("look at the log of {server}, and at the servers that it asks itself")
        }
        F::AnswerLost { server, .. } => {
            format!(
                "look whether {server} takes the requests in (ss -lunp, its log), and whether it answers late"
            )
        }
        F::TcpBlocked { server, .. } => format!("let TCP port 53 of {server} through"),
        F::SearchExplosion { path, .. } => {
            format!("set ndots:2 in {path} (dnsConfig), or write names from outside with a dot at the end")
        }
    }
}

pub(super) fn note(note: NameNote) -> String {
    use NameNote as N;
    match note {
        N::AnswerNotKnown { name, servers } => {
            format!(
                "the address of {name}: what its name server ({servers}) answers is in no snapshot; --probe asks it"
            )
        }
        N::FilesNotKnown { name, why } => {
            format!("how {name} is looked up: the resolver's files are not known ({why})")
        }
        N::ServiceNotKnown { name, service } => {
            format!("the address of {name}: what `{service}` of nsswitch.conf answers is not known")
        }
        N::FilesDiffer { pids } => {
            format!(
                "the client sees the same resolv.conf as the process that it was read of; {pids} see another"
            )
        }
        N::Server { address } => format!("name server {address}"),
        N::Addresses { from } => format!("the name ({from})"),
        N::WayToServer => "a datagram to its port 53".to_owned(),
        N::ServerLines => "nameserver lines".to_owned(),
        N::Answer => "answer".to_owned(),
    }
}
