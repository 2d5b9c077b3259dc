//! Matches that count: `limit`, `statistic`, `connlimit`, `connbytes`, `quota`, `cluster`.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError, BlobWriter};
use crate::extension::Extension;
use crate::text::Options;
use crate::types::{AddrMask, Inv, SetNames, XtFamily};

/// Units of a rate and how many of the kernel's 1/10,000 seconds each has (`XT_LIMIT_SCALE`).
const UNITS: [(&str, u64); 4] =
    [("day", 864_000_000), ("hour", 36_000_000), ("min", 600_000), ("sec", 10_000)];

/// The largest unit in which the rate is still told well enough, as iptables chooses it.
pub(crate) fn rate_text(period: u64, scale: u64) -> String {
    if period == 0 {
        return "inf".to_owned();
    }
    let mut unit = UNITS[0];
    for next in UNITS.into_iter().skip(1) {
        let mult = next.1 * scale;
        if period > mult || mult / period < mult % period {
            break;
        }
        unit = next;
    }
    format!("{}/{}", unit.1 * scale / period, unit.0)
}

/// `struct xt_rateinfo`: a token bucket that the rule has for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limit {
    /// Time between two packets at the allowed rate, in 1/10,000 seconds.
    pub period: u32,
    /// Packets that pass at once.
    pub burst: u32,
}

impl Extension for Limit {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        Ok(Self { period: b.u32()?, burst: b.u32()? })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        o.push(format!("--limit {}", rate_text(self.period.into(), 1)));
        o.opt("--limit-burst", (self.burst != 5).then(|| self.burst.to_string()));
        o.build()
    }

    fn encode(&self, revision: u32, _: XtFamily) -> Result<Option<Vec<u8>>, String> {
        Ok((revision == 0).then(|| BlobWriter::default().u32(self.period).u32(self.burst).finish(40)))
    }
}

/// `struct xt_statistic_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// By chance: holds when 31 random bits are below the number (`probability / 2^31`).
    Random {
        /// The chance, of 2³¹.
        probability: Inv<u32>,
    },
    /// Every nth packet.
    Nth {
        /// Of so many packets one matches, less one (0: every packet).
        every_less_one: Inv<u32>,
        /// Which of them, from 0.
        packet: u32,
        /// Where the counter starts.
        count: u32,
    },
}

impl Statistic {
    /// Denominator of `probability`.
    pub const SCALE: u32 = 1 << 31;
}

impl Extension for Statistic {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let (mode, flags) = (b.u16()?, b.u16()?);
        let (first, packet, count) = (b.u32()?, b.u32()?, b.u32()?);
        if flags & !1 != 0 {
            return Err(BlobError::Value { field: "flags", value: flags.into() });
        }
        let first = Inv::new(first, flags & 1 != 0);
        match mode {
            0 => Ok(Self::Random { probability: first }),
            1 => Ok(Self::Nth { every_less_one: first, packet, count }),
            v => Err(BlobError::Value { field: "mode", value: v.into() }),
        }
    }

    fn options(&self, _: &dyn SetNames) -> String {
        match self {
            Self::Random { probability: p } => {
                let chance = f64::from(p.value) / f64::from(Self::SCALE);
                format!("--mode random {}--probability {chance:.11}", p.bang())
            }
            Self::Nth { every_less_one: n, packet, .. } => {
                format!("--mode nth {}--every {} --packet {packet}", n.bang(), n.value.wrapping_add(1))
            }
        }
    }

    fn encode(&self, revision: u32, _: XtFamily) -> Result<Option<Vec<u8>>, String> {
        let (mode, first, packet, count) = match self {
            Self::Random { probability } => (0, probability, 0, 0),
            Self::Nth { every_less_one, packet, count } => (1, every_less_one, *packet, *count),
        };
        let w = BlobWriter::default().u16(mode).u16(first.invert.into());
        Ok((revision == 0).then(|| w.u32(first.value).u32(packet).u32(count).finish(24)))
    }
}

/// `struct xt_connlimit_info`: connections that the rule has seen from (or to) the same network.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Connlimit {
    /// Which bits of the address make the network.
    pub mask: IpAddr,
    /// Holds above so many connections; inverted: up to so many.
    pub limit: Inv<u32>,
    /// By destination, not by source.
    pub by_dest: bool,
}

impl Extension for Connlimit {
    fn decode(revision: u32, family: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision > 1 {
            return Err(BlobError::Revision(revision));
        }
        let (mask, limit, flags) = (b.inet(family)?, b.u32()?, b.u32()?);
        let by_dest = revision == 1 && flags & 2 != 0;
        Ok(Self { mask, limit: Inv::new(limit, flags & 1 != 0), by_dest })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let how = if self.limit.invert { "--connlimit-upto" } else { "--connlimit-above" };
        let bits = match self.mask {
            IpAddr::V4(m) => u32::from(m).leading_ones(),
            IpAddr::V6(m) => u128::from(m).leading_ones(),
        };
        let side = if self.by_dest { "--connlimit-daddr" } else { "--connlimit-saddr" };
        format!("{how} {} --connlimit-mask {bits} {side}", self.limit.value)
    }
}

impl Connlimit {
    /// The network that an address belongs to.
    #[must_use]
    pub fn network(&self, addr: IpAddr) -> AddrMask {
        AddrMask { addr, mask: self.mask }
    }
}

/// What of a connection is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnbytesOf {
    /// Packets.
    Packets,
    /// Bytes.
    Bytes,
    /// Bytes a packet.
    AveragePacket,
}

/// `struct xt_connbytes_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Connbytes {
    /// At least this much.
    pub from: u64,
    /// At most this much.
    pub to: u64,
    /// Holds outside the range (the kernel is given the bounds swapped).
    pub invert: bool,
    /// What is counted.
    pub of: ConnbytesOf,
    /// Which directions: `Some(true)` the reply's, `None` both.
    pub reply: Option<bool>,
}

impl Extension for Connbytes {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let (from, to) = (b.u64()?, b.u64()?);
        let of = match b.u8()? {
            0 => ConnbytesOf::Packets,
            1 => ConnbytesOf::Bytes,
            2 => ConnbytesOf::AveragePacket,
            v => return Err(BlobError::Value { field: "what", value: v.into() }),
        };
        let reply = match b.u8()? {
            0 => Some(false),
            1 => Some(true),
            2 => None,
            v => return Err(BlobError::Value { field: "direction", value: v.into() }),
        };
        let invert = from > to;
        let (from, to) = if invert { (to, from) } else { (from, to) };
        Ok(Self { from, to, invert, of, reply })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let bang = if self.invert { "! " } else { "" };
        let range = if self.to == u64::MAX { String::new() } else { format!(":{}", self.to) };
        let mode = match self.of {
            ConnbytesOf::Packets => "packets",
            ConnbytesOf::Bytes => "bytes",
            ConnbytesOf::AveragePacket => "avgpkt",
        };
        let dir = match self.reply {
            Some(false) => "original",
            Some(true) => "reply",
            None => "both",
        };
        format!("{bang}--connbytes {}{range} --connbytes-mode {mode} --connbytes-dir {dir}", self.from)
    }
}

/// `struct xt_quota_info`. What is left of it the kernel keeps to itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quota {
    /// Holds for so many bytes.
    pub bytes: Inv<u64>,
}

impl Extension for Quota {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let flags = b.u32()?;
        b.skip(4)?;
        Ok(Self { bytes: Inv::new(b.u64()?, flags & 1 != 0) })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        format!("{}--quota {}", self.bytes.bang(), self.bytes.value)
    }
}

/// `struct xt_cluster_match_info`: a hash of the connection's source chooses a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cluster {
    /// Number of nodes.
    pub total_nodes: u32,
    /// The nodes for which the match holds, one bit each.
    pub node_mask: Inv<u32>,
    /// Seed of the hash.
    pub hash_seed: u32,
}

impl Extension for Cluster {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let (total_nodes, node_mask, hash_seed, flags) = (b.u32()?, b.u32()?, b.u32()?, b.u32()?);
        Ok(Self { total_nodes, node_mask: Inv::new(node_mask, flags & 1 != 0), hash_seed })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mask = &self.node_mask;
        let nodes = format!("{}--cluster-local-nodemask {:#010x}", mask.bang(), mask.value);
        let (total, seed) = (self.total_nodes, self.hash_seed);
        format!("{nodes} --cluster-total-nodes {total} --cluster-hash-seed {seed:#010x}")
    }
}
