//! `hashlimit` (`xt_hashlimit.h`, revisions 1 to 3).

use serde::{Deserialize, Serialize};

use super::rate::rate_text;
use crate::blob::{Blob, BlobError};
use crate::extension::Extension;
use crate::text::Options;
use crate::types::{SetNames, XtFamily};

/// What tells one bucket from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HashMode {
    /// Source address, under the source mask.
    pub src_ip: bool,
    /// Source port.
    pub src_port: bool,
    /// Destination address, under the destination mask.
    pub dst_ip: bool,
    /// Destination port.
    pub dst_port: bool,
}

/// `struct xt_hashlimit_mtinfo1`, `2`, `3`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hashlimit {
    /// Name of the table of buckets.
    pub name: String,
    /// What tells buckets apart.
    pub mode: HashMode,
    /// Holds above the rate, not up to it.
    pub above: bool,
    /// The rate counts bytes.
    pub bytes: bool,
    /// The rate is the number of packets in each `interval` (`--hashlimit-rate-match`).
    pub rate_match: bool,
    /// The kernel's measure of the rate: time between packets in units of 1/`scale` seconds, or cost of 16 bytes.
    pub avg: u64,
    /// Units of `avg` in a second: 10,000 in revision 1, 1,000,000 since.
    pub scale: u64,
    /// Packets that pass at once; of a byte limit, so many seconds' worth of bytes.
    pub burst: u64,
    /// Number of buckets of the hash; 0: the kernel's choice.
    pub size: u32,
    /// Most entries.
    pub max: u32,
    /// Milliseconds between two clean-ups.
    pub gc_interval: u32,
    /// Milliseconds after which an idle entry goes.
    pub expire: u32,
    /// Seconds, with `rate_match`.
    pub interval: u32,
    /// Length of the source prefix.
    pub src_mask: u8,
    /// Length of the destination prefix.
    pub dst_mask: u8,
    /// Length of a whole address.
    pub address_bits: u8,
}

impl Extension for Hashlimit {
    fn decode(revision: u32, family: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        let (name, mode, avg, burst) = match revision {
            1 => {
                let name = b.string(16)?;
                let (mode, avg, burst) = (b.u32()?, b.u32()?, b.u32()?);
                (name, mode, avg.into(), burst.into())
            }
            2 | 3 => {
                let name = b.string(255)?;
                b.skip(1)?;
                let (avg, burst) = (b.u64()?, b.u64()?);
                (name, b.u32()?, avg, burst)
            }
            _ => return Err(BlobError::Revision(revision)),
        };
        if mode & !0x7f != 0 {
            return Err(BlobError::Value { field: "mode", value: mode.into() });
        }
        let (size, max, gc_interval, expire) = (b.u32()?, b.u32()?, b.u32()?, b.u32()?);
        let interval = if revision == 3 { b.u32()? } else { 0 };
        let has = |bit: u32| mode & bit != 0;
        Ok(Self {
            name,
            mode: HashMode { dst_ip: has(1), dst_port: has(2), src_ip: has(4), src_port: has(8) },
            above: has(0x10),
            bytes: has(0x20),
            rate_match: has(0x40),
            avg,
            scale: if revision == 1 { 10_000 } else { 1_000_000 },
            burst,
            size,
            max,
            gc_interval,
            expire,
            interval,
            src_mask: b.u8()?,
            dst_mask: b.u8()?,
            address_bits: u8::try_from(family.bits()).unwrap_or(128),
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        let how = if self.above { "--hashlimit-above" } else { "--hashlimit-upto" };
        let (rate, burst, quantum) = if self.bytes { self.byte_rate() } else { self.packet_rate() };
        o.push(format!("{how} {rate}")).opt("--hashlimit-burst", burst);
        let HashMode { src_ip, src_port, dst_ip, dst_port } = self.mode;
        let words = [(src_ip, "srcip"), (src_port, "srcport"), (dst_ip, "dstip"), (dst_port, "dstport")];
        let words: Vec<_> = words.iter().filter(|(on, _)| *on).map(|(_, w)| *w).collect();
        o.opt("--hashlimit-mode", (!words.is_empty()).then(|| words.join(",")));
        o.push(format!("--hashlimit-name {}", self.name));
        let number = |v: u32, default: u32| (v != default).then(|| v.to_string());
        o.opt("--hashlimit-htable-size", number(self.size, 0));
        o.opt("--hashlimit-htable-max", number(self.max, 0));
        o.opt("--hashlimit-htable-gcinterval", number(self.gc_interval, 1000));
        let expire = u64::from(self.expire) != quantum;
        o.opt("--hashlimit-htable-expire", expire.then(|| self.expire.to_string()));
        o.opt("--hashlimit-srcmask", number(self.src_mask.into(), self.address_bits.into()));
        o.opt("--hashlimit-dstmask", number(self.dst_mask.into(), self.address_bits.into()));
        o.flag(self.rate_match, "--hashlimit-rate-match");
        let interval = self.rate_match && self.interval != 1;
        o.opt("--hashlimit-rate-interval", interval.then(|| self.interval.to_string()));
        o.build()
    }
}

impl Hashlimit {
    /// The rate in packets, the burst, and the default life of an entry in milliseconds.
    fn packet_rate(&self) -> (String, Option<String>, u64) {
        let rate = rate_text(self.avg, self.scale / 10_000);
        let quantum = match rate.rsplit('/').next() {
            Some("day") => 86_400_000,
            Some("hour") => 3_600_000,
            Some("min") => 60_000,
            _ => 1000,
        };
        (rate, Some(self.burst.to_string()), quantum)
    }

    /// The rate in bytes, the burst where there is one, and the default life of an entry in milliseconds.
    fn byte_rate(&self) -> (String, Option<String>, u64) {
        let rate = self.bytes_a_second();
        let burst = self.burst.saturating_mul(rate);
        let burst = (burst != 0).then(|| byte_text(burst, |_| true));
        let quantum = if self.burst == 0 { 15_000 } else { 60_000 };
        // A unit will do if what is rounded away makes no difference to the kernel.
        let same = |rounded: u64| u64::from(u32::MAX) / (rounded / 16 + 1) == self.avg;
        (format!("{}/s", byte_text(rate, same)), burst, quantum)
    }

    /// Bytes a second that a byte limit allows: `avg` is what 16 bytes cost of a budget of 2³²−1 a second.
    #[must_use]
    pub fn bytes_a_second(&self) -> u64 {
        let full = u64::from(u32::MAX);
        full.checked_div(self.avg).unwrap_or(full).saturating_sub(1).saturating_mul(16)
    }
}

/// In the largest unit that is not too large and of which enough is kept.
fn byte_text(n: u64, enough: impl Fn(u64) -> bool) -> String {
    for (shift, unit) in [(20, "mb"), (10, "kb")] {
        if n >= 1 << shift && enough(n >> shift << shift) {
            return format!("{}{unit}", n >> shift);
        }
    }
    format!("{n}b")
}
