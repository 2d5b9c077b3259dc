//! The rule engine: compiles a namespace's nftables once and runs packets through its base chains.
//!
//! [`Netfilter::compile`] turns every table into small operations over the kernel's register file;
//! [`Netfilter::run`] carries a packet through one base chain as `nft_do_chain` does
//! (net/netfilter/nf_tables_core.c), taking every branch where the kernel draws:
//!
//! * A drawn number stays a set of equally likely values until it is compared or looked up; there the branch splits,
//!   grouped by result. Branches that meet again in the same state merge.
//! * What is not known (a checksum, an ipset, user space behind a queue) forks the run: where both answers end alike
//!   nothing is said of it; else the branch goes on with the answer that lets more of the packet pass, and with "no
//!   match" where both do, and the unknown thing is named in [`World::unknowns`](crate::state::World::unknowns).

mod bits;
mod bpf;
mod branch;
mod clock;
mod compile;
mod connlimit;
mod conntrack_users;
mod content;
mod counting;
mod ct;
mod draw;
mod ends;
mod eval;
mod fib;
mod hashlimit;
mod headers;
mod load;
mod lookup;
mod mss;
mod nat;
mod ops;
mod question;
mod queue;
mod rare;
mod regs;
mod sets;
mod sockets;
mod solve;
mod split;
mod store;
mod xt;

#[cfg(test)]
mod tests;

use plumb_model::IpFamily;
use plumb_nft::{ChainType, Family, Hook};
use smallvec::SmallVec;

use crate::env::Env;
use crate::event::Stop;
use crate::state::{ChainPlace, NsIndex, State};

/// The way of a packet on which a hook lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Path {
    /// IPv4: tables of families `ip` and `inet`.
    Ip,
    /// IPv6: tables of families `ip6` and `inet`.
    Ip6,
    /// ARP.
    Arp,
    /// Frames that a bridge handles.
    Bridge,
    /// Ingress and egress of a device: family `netdev`, and the ingress hook of `inet`.
    Netdev(u32),
}

impl Path {
    /// The path of packets of this family.
    #[must_use]
    pub fn of(family: IpFamily) -> Self {
        match family {
            IpFamily::V4 => Self::Ip,
            IpFamily::V6 => Self::Ip6,
        }
    }
}

/// A base chain, where the kernel calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseChain {
    /// The chain.
    pub place: ChainPlace,
    /// Family of its table.
    pub family: Family,
    /// Type. Chains of type nat are called by the tracker's own hook, for first packets only.
    pub kind: ChainType,
    /// Priority.
    pub priority: i32,
    /// Whether a packet that reaches the end passes.
    pub policy_accept: bool,
    /// Index of the compiled chain.
    chain: u32,
}

/// How a packet leaves a base chain.
#[derive(Clone, Debug, PartialEq)]
pub enum ChainEnd {
    /// On to the next base chain.
    Accept,
    /// It ends here.
    Stop(Stop),
}

/// All of a namespace's nftables, compiled.
#[derive(Clone, Debug, Default)]
pub struct Netfilter {
    ns: NsIndex,
    chains: Vec<ops::Chain>,
    rules: Vec<ops::Rule>,
    ops: Vec<ops::Op>,
    questions: Vec<question::Question>,
    sets: Vec<sets::Set>,
    devices: Vec<ops::Device>,
    hooks: compile::Hooks,
    users: conntrack_users::Users,
    asks: conntrack_users::Asks,
    ipsets: xt::IpSetIndex,
    hashlimits: hashlimit::Tables,
    /// Tables of nftables; those of iptables-legacy are counted after them.
    nft_tables: u32,
}

impl Netfilter {
    /// Whether the tracker works on packets of this family: some rule holds a reference to it
    /// (`nf_ct_netns_get`), wherever it stands. A chain of type nat alone holds none.
    #[must_use]
    pub fn uses_conntrack(&self, family: IpFamily) -> bool {
        self.users.of(family)
    }

    /// Whether some rule asks for the socket of a packet.
    #[must_use]
    pub fn asks_for_sockets(&self) -> bool {
        self.asks.sockets
    }

    /// Whether some rule asks what a connection has carried.
    #[must_use]
    pub fn asks_for_counters(&self) -> bool {
        self.asks.counters
    }

    /// Whether the tracker works on bridged frames (`nf_conntrack_bridge`).
    #[must_use]
    pub fn uses_bridge_conntrack(&self) -> bool {
        self.users.bridge
    }

    /// The base chains of a hook in the order in which the kernel calls them: by priority; of two with the same
    /// priority the one that was registered later comes first (`nf_hook_entries_grow`).
    #[must_use]
    pub fn base_chains(&self, path: Path, hook: Hook) -> &[BaseChain] {
        self.hooks.get(path, hook)
    }

    /// Carries a packet through a base chain. The mass of all ends together is that of `state`.
    #[must_use]
    pub fn run(&self, env: &Env<'_>, chain: &BaseChain, state: State) -> SmallVec<[(State, ChainEnd); 1]> {
        solve::run(self, env, chain, state)
    }
}
