//! Targets: what a rule does with a packet (`-j …`), the verdicts and jumps aside.

mod ct;
mod log;
mod mark;
mod misc;
mod nat;
mod queue;
mod reject;
mod rewrite;
mod set;

pub use ct::{Ct, CtZone, CtZoneDirection, Notrack};
pub use log::{Audit, AuditType, Log, Nflog};
pub use mark::{ConnmarkAction, ConnmarkTarget, Connsecmark, MarkTarget, Secmark};
pub use misc::{Classify, Idletimer, Synproxy, Tee, Tproxy, Trace};
pub use nat::{Dnat, Masquerade, NatRange, Netmap, Redirect, Snat};
pub use queue::Nfqueue;
pub use reject::{Reject, RejectWith};
pub use rewrite::{
    Checksum, CountAction, DscpTarget, EcnTarget, HlTarget, TcpmssTarget, Tcpoptstrip, TosTarget, TtlTarget,
};
pub use set::SetTarget;

extensions! {
    /// A target of a rule.
    Target {
        /// Source translation to the address of the device that the packet leaves by.
        Masquerade(Masquerade) = "MASQUERADE";
        /// Source translation.
        Snat(Snat) = "SNAT";
        /// Destination translation.
        Dnat(Dnat) = "DNAT";
        /// Destination translation to this machine.
        Redirect(Redirect) = "REDIRECT";
        /// Translation of whole networks.
        Netmap(Netmap) = "NETMAP";
        /// Sets the packet's mark.
        Mark(MarkTarget) = "MARK";
        /// Sets the connection's mark, or copies one mark to the other.
        Connmark(ConnmarkTarget) = "CONNMARK";
        /// Copies the security mark between packet and connection.
        Connsecmark(Connsecmark) = "CONNSECMARK";
        /// Sets the security mark.
        Secmark(Secmark) = "SECMARK";
        /// Drops and answers.
        Reject(Reject) = "REJECT";
        /// Logs to the kernel's log.
        Log(Log) = "LOG";
        /// Logs to user space.
        Nflog(Nflog) = "NFLOG";
        /// An audit record.
        Audit(Audit) = "AUDIT";
        /// Sets what connection tracking will do.
        Ct(Ct) = "CT";
        /// Exempts from connection tracking.
        Notrack(Notrack) = "NOTRACK";
        /// Traces the packet's way through the rules.
        Trace(Trace) = "TRACE";
        /// Fills in checksums.
        Checksum(Checksum) = "CHECKSUM";
        /// Sets the maximum segment size of a SYN.
        Tcpmss(TcpmssTarget) = "TCPMSS";
        /// Removes TCP options.
        Tcpoptstrip(Tcpoptstrip) = "TCPOPTSTRIP";
        /// Hands the packet to a local socket without translation.
        Tproxy(Tproxy) = "TPROXY";
        /// Hands the packet to user space for a verdict.
        Nfqueue(Nfqueue) = "NFQUEUE";
        /// Adds to or deletes from ipsets.
        Set(SetTarget) = "SET";
        /// Sets the differentiated services code point.
        Dscp(DscpTarget) = "DSCP";
        /// Sets the type of service.
        Tos(TosTarget) = "TOS";
        /// Sets the time to live.
        Ttl(TtlTarget) = "TTL";
        /// Sets the hop limit.
        Hl(HlTarget) = "HL";
        /// Removes congestion notification.
        Ecn(EcnTarget) = "ECN";
        /// Sets the packet's priority.
        Classify(Classify) = "CLASSIFY";
        /// Sends a copy.
        Tee(Tee) = "TEE";
        /// Answers SYNs for the server.
        Synproxy(Synproxy) = "SYNPROXY";
        /// Notices when an interface is idle.
        Idletimer(Idletimer) = "IDLETIMER";
    }
}

impl Target {
    /// The name after `-j`: the alias under which iptables saves it, where it has one.
    #[must_use]
    pub fn text_name(&self) -> &str {
        match self {
            Self::Ct(c) if c.notrack_alias => "NOTRACK",
            other => other.name(),
        }
    }
}
