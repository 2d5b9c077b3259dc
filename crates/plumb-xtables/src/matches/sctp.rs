//! `sctp` (`xt_sctp.h`) and `dccp` (`xt_dccp.h`).

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError};
use crate::extension::Extension;
use crate::text::Options;
use crate::types::{Inv, PortRange, SetNames, XtFamily};

/// How the chunks of a packet are held against the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChunkMatch {
    /// One of the list is in the packet.
    Any,
    /// All of the list are in the packet.
    All,
    /// All of the packet are in the list.
    Only,
}

/// Flags of a chunk that must have a certain value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChunkFlags {
    /// Type of the chunk.
    pub chunk: u8,
    /// Their value.
    pub flags: u8,
    /// Which flags count.
    pub mask: u8,
}

/// `struct xt_sctp_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sctp {
    /// Source port.
    pub sport: Option<Inv<PortRange>>,
    /// Destination port.
    pub dport: Option<Inv<PortRange>>,
    /// Types of chunks in ascending order, and how they are held against the packet's.
    pub chunks: Option<Inv<(ChunkMatch, Vec<u8>)>>,
    /// Flags asked of chunks in the list.
    pub flags: Vec<ChunkFlags>,
}

// Types with names, in the order in which iptables prints them, and the letters of their flags from bit 7 down.
const CHUNKS: [(u8, &str, &str); 22] = [
    (0, "DATA", "----IUBE"),
    (1, "INIT", "--------"),
    (2, "INIT_ACK", "--------"),
    (3, "SACK", "--------"),
    (4, "HEARTBEAT", "--------"),
    (5, "HEARTBEAT_ACK", "--------"),
    (6, "ABORT", "-------T"),
    (7, "SHUTDOWN", "--------"),
    (8, "SHUTDOWN_ACK", "--------"),
    (9, "ERROR", "--------"),
    (10, "COOKIE_ECHO", "--------"),
    (11, "COOKIE_ACK", "--------"),
    (12, "ECN_ECNE", "--------"),
    (13, "ECN_CWR", "--------"),
    (14, "SHUTDOWN_COMPLETE", "-------T"),
    (64, "I_DATA", "----IUBE"),
    (128, "ASCONF_ACK", "--------"),
    (130, "RE_CONFIG", "--------"),
    (132, "PAD", "--------"),
    (192, "FORWARD_TSN", "--------"),
    (193, "ASCONF", "--------"),
    (194, "I_FORWARD_TSN", "--------"),
];

impl Sctp {
    fn chunk_text(&self, kind: ChunkMatch, types: &[u8]) -> String {
        let kind = match kind {
            ChunkMatch::Any => "any",
            ChunkMatch::All => "all",
            ChunkMatch::Only => "only",
        };
        let list = match types.len() {
            0 => "NONE".to_owned(),
            256 => "ALL".to_owned(),
            _ => types.iter().map(|t| self.one_chunk(*t)).collect::<Vec<_>>().join(","),
        };
        format!("{kind} {list}")
    }

    fn one_chunk(&self, t: u8) -> String {
        let known = CHUNKS.iter().find(|(n, ..)| *n == t);
        let (mut out, letters) = match known {
            Some((_, name, letters)) => ((*name).to_owned(), *letters),
            None => (t.to_string(), "76543210"),
        };
        if let Some(f) = self.flags.iter().find(|f| f.chunk == t) {
            out.push(':');
            for (i, letter) in letters.chars().enumerate() {
                let bit = 0x80u8 >> i;
                if f.mask & bit != 0 {
                    out.push(if f.flags & bit != 0 { letter } else { letter.to_ascii_lowercase() });
                }
            }
        }
        out
    }
}

impl Extension for Sctp {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let (dport, sport) = (b.ports()?, b.ports()?);
        let words = (0..64).map(|_| b.u32()).collect::<Result<Vec<_>, _>>()?;
        let kind = b.u32()?;
        let raw_flags = (0..4).map(|_| Ok((b.u8()?, b.u8()?, b.u8()?))).collect::<Result<Vec<_>, _>>()?;
        let flag_count = b.u32()?;
        let (flags, inv) = (b.u32()?, b.u32()?);
        let pick = |bit: u32, p| (flags & bit != 0).then_some(Inv::new(p, inv & bit != 0));
        let chunks = if flags & 4 == 0 {
            None
        } else {
            let kind = match kind {
                1 => ChunkMatch::Any,
                2 => ChunkMatch::All,
                4 => ChunkMatch::Only,
                v => return Err(BlobError::Value { field: "chunk_match_type", value: v.into() }),
            };
            // 64 words of which the first 8 are used: one bit a type.
            let set = |t: &u8| words.get(usize::from(*t / 32)).is_some_and(|w| w >> (t % 32) & 1 != 0);
            Some(Inv::new((kind, (0..=255).filter(set).collect()), inv & 4 != 0))
        };
        let count = usize::try_from(flag_count).unwrap_or(usize::MAX);
        let flags = raw_flags.into_iter().take(count);
        Ok(Self {
            sport: pick(1, sport),
            dport: pick(2, dport),
            chunks,
            flags: flags.map(|(chunk, flags, mask)| ChunkFlags { chunk, flags, mask }).collect(),
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        o.inv("--sport", self.sport.as_ref(), |p| p.text(':'));
        o.inv("--dport", self.dport.as_ref(), |p| p.text(':'));
        o.inv("--chunk-types", self.chunks.as_ref(), |(kind, types)| self.chunk_text(*kind, types));
        o.build()
    }
}

/// `struct xt_dccp_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dccp {
    /// Source port.
    pub sport: Option<Inv<PortRange>>,
    /// Destination port.
    pub dport: Option<Inv<PortRange>>,
    /// Types of packets, one bit each.
    pub types: Option<Inv<u16>>,
    /// An option that must be there.
    pub option: Option<Inv<u8>>,
}

const DCCP_TYPES: [&str; 11] = [
    "REQUEST", "RESPONSE", "DATA", "ACK", "DATAACK", "CLOSEREQ", "CLOSE", "RESET", "SYNC", "SYNCACK",
    "INVALID",
];

impl Extension for Dccp {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let (dport, sport) = (b.ports()?, b.ports()?);
        let (flags, inv, types, option) = (b.u16()?, b.u16()?, b.u16()?, b.u8()?);
        let has = |bit: u16| flags & bit != 0;
        let not = |bit: u16| inv & bit != 0;
        Ok(Self {
            sport: has(1).then_some(Inv::new(sport, not(1))),
            dport: has(2).then_some(Inv::new(dport, not(2))),
            types: has(4).then_some(Inv::new(types, not(4))),
            option: has(8).then_some(Inv::new(option, not(8))),
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        o.inv("--sport", self.sport.as_ref(), |p| p.text(':'));
        o.inv("--dport", self.dport.as_ref(), |p| p.text(':'));
        o.inv("--dccp-types", self.types.as_ref(), |t| {
            let names = DCCP_TYPES.iter().enumerate().filter(|(i, _)| t >> i & 1 != 0);
            names.map(|(_, n)| *n).collect::<Vec<_>>().join(",")
        });
        o.inv("--dccp-option", self.option.as_ref(), u8::to_string);
        o.build()
    }
}
