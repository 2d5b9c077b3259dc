//! `tcp`, `udp` (`xt_tcpudp.h`) and `multiport` (`xt_multiport.h`).

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError, BlobWriter};
use crate::extension::Extension;
use crate::text::Options;
use crate::types::{Inv, PortRange, SetNames, XtFamily};

const INV_SRC: u8 = 1;
const INV_DST: u8 = 2;
const INV_FLAGS: u8 = 4;
const INV_OPTION: u8 = 8;

/// `struct xt_tcp`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tcp {
    /// Source port.
    pub sport: Inv<PortRange>,
    /// Destination port.
    pub dport: Inv<PortRange>,
    /// The two ports are compared as one number: with `!`, the match fails only if both are equal. iptables 1.8.9 (nft)
    /// writes `! --sport 1 ! --dport 2` so, against what it says.
    #[serde(default)]
    pub as_pair: bool,
    /// A TCP option that must be there; 0: any packet.
    pub option: Inv<u8>,
    /// Which of the header's flags (byte 13) count.
    pub flags_mask: u8,
    /// Their value, under the mask.
    pub flags: Inv<u8>,
}

impl Tcp {
    /// Whether these two ports pass.
    #[must_use]
    pub fn ports_match(&self, sport: u16, dport: u16) -> bool {
        ports_match(&self.sport, &self.dport, self.as_pair, sport, dport)
    }
}

fn ports_match(
    want_src: &Inv<PortRange>,
    want_dst: &Inv<PortRange>,
    as_pair: bool,
    src: u16,
    dst: u16,
) -> bool {
    let (in_src, in_dst) = (want_src.value.contains(src), want_dst.value.contains(dst));
    if as_pair && want_src.invert && want_dst.invert {
        return !(in_src && in_dst);
    }
    in_src != want_src.invert && in_dst != want_dst.invert
}

impl Default for Tcp {
    fn default() -> Self {
        Self {
            sport: Inv::new(PortRange::ALL, false),
            dport: Inv::new(PortRange::ALL, false),
            as_pair: false,
            option: Inv::new(0, false),
            flags_mask: 0,
            flags: Inv::new(0, false),
        }
    }
}

/// A port option is written unless it lets every port pass.
fn port(o: &mut Options, name: &str, p: &Inv<PortRange>) {
    o.inv(name, (p.value != PortRange::ALL).then_some(p), |p| p.text(':'));
}

fn flag_names(flags: u8) -> String {
    const NAMES: [(u8, &str); 6] =
        [(1, "FIN"), (2, "SYN"), (4, "RST"), (8, "PSH"), (0x10, "ACK"), (0x20, "URG")];
    let mut words: Vec<String> =
        NAMES.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| (*name).to_owned()).collect();
    if flags & 0xc0 != 0 {
        words.push(format!("{:#x}", flags & 0xc0)); // ECE and CWR have no names in iptables
    }
    if words.is_empty() { "NONE".to_owned() } else { words.join(",") }
}

impl Extension for Tcp {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let (sport, dport) = (b.ports()?, b.ports()?);
        let (option, flags_mask, flags, inv) = (b.u8()?, b.u8()?, b.u8()?, b.u8()?);
        Ok(Self {
            sport: Inv::new(sport, inv & INV_SRC != 0),
            dport: Inv::new(dport, inv & INV_DST != 0),
            as_pair: false,
            option: Inv::new(option, inv & INV_OPTION != 0),
            flags_mask,
            flags: Inv::new(flags, inv & INV_FLAGS != 0),
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        port(&mut o, "--sport", &self.sport);
        port(&mut o, "--dport", &self.dport);
        let option = (self.option.value != 0 || self.option.invert).then_some(&self.option);
        o.inv("--tcp-option", option, u8::to_string);
        let flags = (self.flags_mask != 0 || self.flags.invert).then_some(&self.flags);
        o.inv("--tcp-flags", flags, |f| format!("{} {}", flag_names(self.flags_mask), flag_names(*f)));
        o.build()
    }

    fn encode(&self, revision: u32, _: XtFamily) -> Result<Option<Vec<u8>>, String> {
        if revision != 0 {
            return Ok(None);
        }
        if self.as_pair {
            return Err("ports compared as a pair have no place in the extension's structure".to_owned());
        }
        let inv = u8::from(self.sport.invert)
            | u8::from(self.dport.invert) << 1
            | u8::from(self.flags.invert) << 2
            | u8::from(self.option.invert) << 3;
        let w = BlobWriter::default().ports(self.sport.value).ports(self.dport.value).u8(self.option.value);
        Ok(Some(w.u8(self.flags_mask).u8(self.flags.value).u8(inv).finish(12)))
    }
}

/// `struct xt_udp`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Udp {
    /// Source port.
    pub sport: Inv<PortRange>,
    /// Destination port.
    pub dport: Inv<PortRange>,
    /// The two ports are compared as one number: with `!`, the match fails only if both are equal. iptables 1.8.9 (nft)
    /// writes `! --sport 1 ! --dport 2` so, against what it says.
    #[serde(default)]
    pub as_pair: bool,
}

impl Udp {
    /// Whether these two ports pass.
    #[must_use]
    pub fn ports_match(&self, sport: u16, dport: u16) -> bool {
        ports_match(&self.sport, &self.dport, self.as_pair, sport, dport)
    }
}

impl Default for Udp {
    fn default() -> Self {
        Self {
            sport: Inv::new(PortRange::ALL, false),
            dport: Inv::new(PortRange::ALL, false),
            as_pair: false,
        }
    }
}

impl Extension for Udp {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let (sport, dport, inv) = (b.ports()?, b.ports()?, b.u8()?);
        let (sport, dport) = (Inv::new(sport, inv & INV_SRC != 0), Inv::new(dport, inv & INV_DST != 0));
        Ok(Self { sport, dport, as_pair: false })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        port(&mut o, "--sport", &self.sport);
        port(&mut o, "--dport", &self.dport);
        o.build()
    }

    fn encode(&self, revision: u32, _: XtFamily) -> Result<Option<Vec<u8>>, String> {
        if self.as_pair {
            return Err("ports compared as a pair have no place in the extension's structure".to_owned());
        }
        let inv = u8::from(self.sport.invert) | u8::from(self.dport.invert) << 1;
        let w = BlobWriter::default().ports(self.sport.value).ports(self.dport.value).u8(inv);
        Ok((revision == 0).then(|| w.finish(10)))
    }
}

/// Which of the two ports is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortSide {
    /// The source port.
    Source,
    /// The destination port.
    Destination,
    /// One of the two.
    Either,
}

/// `struct xt_multiport`, `struct xt_multiport_v1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Multiport {
    /// Which port.
    pub side: PortSide,
    /// The ports and ranges, of which one must match.
    pub ports: Inv<Vec<PortRange>>,
}

const MULTI_PORTS: usize = 15;

impl Extension for Multiport {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision > 1 {
            return Err(BlobError::Revision(revision));
        }
        let side = match b.u8()? {
            0 => PortSide::Source,
            1 => PortSide::Destination,
            2 => PortSide::Either,
            v => return Err(BlobError::Value { field: "flags", value: v.into() }),
        };
        let count = b.u8()?;
        let numbers = (0..MULTI_PORTS).map(|_| b.u16()).collect::<Result<Vec<_>, _>>()?;
        let (starts, invert) = match revision {
            0 => (vec![0; MULTI_PORTS], false),
            _ => (b.bytes(MULTI_PORTS)?.to_vec(), b.flag8()?),
        };
        if usize::from(count) > MULTI_PORTS {
            return Err(BlobError::Value { field: "count", value: count.into() });
        }
        let mut ports = Vec::new();
        // A port with its flag set is the first of a range, whose last follows it.
        let mut listed = numbers.into_iter().zip(starts).take(count.into());
        while let Some((min, starts)) = listed.next() {
            let max = if starts == 0 {
                min
            } else {
                listed.next().ok_or(BlobError::Value { field: "pflags", value: u64::from(starts) })?.0
            };
            ports.push(PortRange { min, max });
        }
        Ok(Self { side, ports: Inv::new(ports, invert) })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let name = match self.side {
            PortSide::Source => "--sports",
            PortSide::Destination => "--dports",
            PortSide::Either => "--ports",
        };
        let list = self.ports.value.iter().map(|p| p.text(':')).collect::<Vec<_>>().join(",");
        format!("{}{name} {list}", self.ports.bang())
    }

    fn encode(&self, revision: u32, _: XtFamily) -> Result<Option<Vec<u8>>, String> {
        if revision > 1 {
            return Ok(None);
        }
        let listed: Vec<(u16, u8)> = self
            .ports
            .value
            .iter()
            .flat_map(|p| if p.min == p.max { vec![(p.min, 0)] } else { vec![(p.min, 1), (p.max, 0)] })
            .collect();
        let free =
            MULTI_PORTS.checked_sub(listed.len()).ok_or("more than 15 ports (a range counts twice)")?;
        if revision == 0 && (self.ports.invert || listed.iter().any(|(_, starts)| *starts != 0)) {
            return Err("revision 0 knows neither ranges nor `!`".to_owned());
        }
        let side = match self.side {
            PortSide::Source => 0,
            PortSide::Destination => 1,
            PortSide::Either => 2,
        };
        let mut w = BlobWriter::default().u8(side).u8(u8::try_from(listed.len()).unwrap_or(0));
        for (number, _) in &listed {
            w = w.u16(*number);
        }
        w = w.zeros(free * 2);
        if revision == 0 {
            return Ok(Some(w.finish(32)));
        }
        for (_, starts) in &listed {
            w = w.u8(*starts);
        }
        Ok(Some(w.zeros(free).u8(self.ports.invert.into()).finish(48)))
    }
}
