//! Matches: what a rule asks of a packet (`-m …`).

mod addr;
mod conntrack;
mod content;
mod exthdr;
mod hashlimit;
mod icmp;
mod ipv6;
mod ipvs;
mod local;
mod mark;
mod packet;
mod policy;
mod ports;
mod rate;
mod recent;
mod sctp;
mod set;
mod text;
mod time;

pub use addr::{AddrTypes, Addrtype, Iprange, Mac, Physdev};
pub use conntrack::{Conntrack, CtStates, CtStatus, State};
pub use content::{Bpf, BpfInsn, StringMatch, U32, U32Op, U32Test};
pub use exthdr::{Dst, Hbh, Ipv6header, OptionsHeader, Rt};
pub use hashlimit::{HashMode, Hashlimit};
pub use icmp::{Icmp, Icmp6, IcmpType};
pub use ipv6::{Ah6, Eui64, Frag, Mh};
pub use ipvs::{Ipvs, IpvsMethod};
pub use local::{Cgroup, CgroupSelector, Cpu, Devgroup, Owner, Realm, Rpfilter, Socket};
pub use mark::{Connmark, Mark};
pub use packet::{Ah, Dscp, Ecn, Esp, Hl, Ipcomp, Length, LimitCompare, Pkttype, Tcpmss, Tos, Ttl};
pub use policy::{Policy, PolicyElement};
pub use ports::{Multiport, PortSide, Tcp, Udp};
pub use rate::{Cluster, Connbytes, ConnbytesOf, Connlimit, Limit, Quota, Statistic};
pub use recent::{Recent, RecentAction};
pub use sctp::{ChunkFlags, ChunkMatch, Dccp, Sctp};
pub use set::{CounterOp, CounterTest, Set, SetRef};
pub use text::{Comment, Connlabel, Helper, Nfacct};
pub use time::Time;

extensions! {
    /// A match of a rule.
    Match {
        /// TCP ports, flags and options.
        Tcp(Tcp) = "tcp";
        /// UDP ports.
        Udp(Udp) = "udp";
        /// SCTP ports and chunks.
        Sctp(Sctp) = "sctp";
        /// DCCP ports and types.
        Dccp(Dccp) = "dccp";
        /// UDP-Lite ports; the structure is that of `udp`.
        Udplite(Udp) = "udplite";
        /// ICMP type and code.
        Icmp(Icmp) = "icmp";
        /// ICMPv6 type and code.
        Icmp6(Icmp6) = "icmp6";
        /// Lists of ports.
        Multiport(Multiport) = "multiport";
        /// What connection tracking knows.
        Conntrack(Conntrack) = "conntrack";
        /// Connection state alone (the older extension).
        State(State) = "state";
        /// The packet's mark.
        Mark(Mark) = "mark";
        /// The connection's mark.
        Connmark(Connmark) = "connmark";
        /// A remark; always holds.
        Comment(Comment) = "comment";
        /// Kinds of addresses, as routing sees them.
        Addrtype(Addrtype) = "addrtype";
        /// Ranges of addresses.
        Iprange(Iprange) = "iprange";
        /// Source address of the Ethernet frame.
        Mac(Mac) = "mac";
        /// Ports of a bridge.
        Physdev(Physdev) = "physdev";
        /// A token bucket.
        Limit(Limit) = "limit";
        /// A token bucket for each address.
        Hashlimit(Hashlimit) = "hashlimit";
        /// Chance, or each nth packet.
        Statistic(Statistic) = "statistic";
        /// Number of connections.
        Connlimit(Connlimit) = "connlimit";
        /// What a connection has carried.
        Connbytes(Connbytes) = "connbytes";
        /// Bytes left.
        Quota(Quota) = "quota";
        /// This node's share of connections.
        Cluster(Cluster) = "cluster";
        /// Addresses seen lately.
        Recent(Recent) = "recent";
        /// An ipset.
        Set(Set) = "set";
        /// Length of the packet.
        Length(Length) = "length";
        /// To whom the frame was sent.
        Pkttype(Pkttype) = "pkttype";
        /// Differentiated services code point.
        Dscp(Dscp) = "dscp";
        /// Type of service.
        Tos(Tos) = "tos";
        /// Explicit congestion notification.
        Ecn(Ecn) = "ecn";
        /// Time to live.
        Ttl(Ttl) = "ttl";
        /// Hop limit.
        Hl(Hl) = "hl";
        /// Maximum segment size in a SYN.
        Tcpmss(Tcpmss) = "tcpmss";
        /// Security parameter index of ESP.
        Esp(Esp) = "esp";
        /// Security parameter index of AH.
        Ah(Ah) = "ah" if Ip;
        /// AH as an IPv6 extension header.
        Ah6(Ah6) = "ah" if Ip6;
        /// Index of an IP compression association.
        Ipcomp(Ipcomp) = "ipcomp";
        /// The IPv6 fragment header.
        Frag(Frag) = "frag" if Ip6;
        /// The hop-by-hop options header.
        Hbh(Hbh) = "hbh" if Ip6;
        /// The destination options header.
        Dst(Dst) = "dst" if Ip6;
        /// The routing header.
        Rt(Rt) = "rt" if Ip6;
        /// Which headers there are.
        Ipv6header(Ipv6header) = "ipv6header" if Ip6;
        /// Mobility header type.
        Mh(Mh) = "mh" if Ip6;
        /// Interface identifier made from the MAC address.
        Eui64(Eui64) = "eui64" if Ip6;
        /// Bytes in the packet.
        String(StringMatch) = "string";
        /// Calculations on the packet's words.
        U32(U32) = "u32";
        /// A BPF program.
        Bpf(Bpf) = "bpf";
        /// What the IP virtual server knows.
        Ipvs(Ipvs) = "ipvs";
        /// IPsec policy.
        Policy(Policy) = "policy";
        /// Time of day and date.
        Time(Time) = "time";
        /// Who sends.
        Owner(Owner) = "owner";
        /// A local socket that waits for the packet.
        Socket(Socket) = "socket";
        /// The way back to the sender.
        Rpfilter(Rpfilter) = "rpfilter";
        /// Control group of the sender.
        Cgroup(Cgroup) = "cgroup";
        /// The processor.
        Cpu(Cpu) = "cpu";
        /// Groups of interfaces.
        Devgroup(Devgroup) = "devgroup";
        /// Routing realm.
        Realm(Realm) = "realm";
        /// Conntrack helper.
        Helper(Helper) = "helper";
        /// Conntrack label.
        Connlabel(Connlabel) = "connlabel";
        /// An accounting object; always holds.
        Nfacct(Nfacct) = "nfacct";
    }
}

impl Match {
    /// The name after `-m`: the alias under which iptables saves it, where it has one.
    #[must_use]
    pub fn text_name(&self) -> &str {
        match self {
            Self::Conntrack(c) if c.state_alias => "state",
            other => other.name(),
        }
    }
}
