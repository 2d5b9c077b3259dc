//! Matches on IPv6 extension headers: `ah`, `frag`, `mh`, `eui64`.

use serde::{Deserialize, Serialize};

use super::packet::spi_text;
use crate::blob::{Blob, BlobError};
use crate::extension::Extension;
use crate::text::Options;
use crate::types::{Inv, Range32, SetNames, XtFamily};

fn only_revision_0(revision: u32) -> Result<(), BlobError> {
    if revision == 0 { Ok(()) } else { Err(BlobError::Revision(revision)) }
}

/// `struct ip6t_ah`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ah6 {
    /// Security parameter index.
    pub spi: Inv<Range32>,
    /// Length of the header; 0 asks nothing.
    pub header_len: Inv<u32>,
    /// The reserved field must be zero.
    pub reserved: bool,
}

impl Extension for Ah6 {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        only_revision_0(revision)?;
        let spi = Range32 { min: b.u32()?, max: b.u32()? };
        let (header_len, reserved, inv) = (b.u32()?, b.flag8()?, b.u8()?);
        Ok(Self {
            spi: Inv::new(spi, inv & 1 != 0),
            header_len: Inv::new(header_len, inv & 2 != 0),
            reserved,
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        let spi = spi_text("--ahspi", &self.spi);
        let len = (self.header_len.value != 0 || self.header_len.invert).then_some(&self.header_len);
        o.flag(!spi.is_empty(), &spi)
            .inv("--ahlen", len, u32::to_string)
            .flag(self.reserved, "--ahres")
            .build()
    }
}

/// `struct ip6t_frag`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Frag {
    /// Identification.
    pub id: Inv<Range32>,
    /// Length of the header; asked with the flag `0x2`.
    pub header_len: Inv<u32>,
    /// `IP6T_FRAG_*`: 1 id, 2 length, 4 reserved bits are zero, 8 first fragment, 0x10 more follow, 0x20 the last.
    pub flags: u8,
}

impl Extension for Frag {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        only_revision_0(revision)?;
        let id = Range32 { min: b.u32()?, max: b.u32()? };
        let (header_len, flags, inv) = (b.u32()?, b.u8()?, b.u8()?);
        Ok(Self { id: Inv::new(id, inv & 1 != 0), header_len: Inv::new(header_len, inv & 2 != 0), flags })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        let id = spi_text("--fragid", &self.id);
        let len = (self.header_len.value != 0 || self.header_len.invert).then_some(&self.header_len);
        o.flag(!id.is_empty(), &id).inv("--fraglen", len, u32::to_string);
        o.flag(self.flags & 4 != 0, "--fragres").flag(self.flags & 8 != 0, "--fragfirst");
        o.flag(self.flags & 0x10 != 0, "--fragmore").flag(self.flags & 0x20 != 0, "--fraglast").build()
    }
}

/// `struct ip6t_mh`: first and last type of the mobility header.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mh(pub Inv<(u8, u8)>);

impl Extension for Mh {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        only_revision_0(revision)?;
        let types = (b.u8()?, b.u8()?);
        Ok(Self(Inv::new(types, b.u8()? & 1 != 0)))
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let asks = (self.0.value != (0, 0xff)).then_some(&self.0);
        let text = |(min, max): &(u8, u8)| if min == max { min.to_string() } else { format!("{min}:{max}") };
        Options::new().inv("--mh-type", asks, text).build()
    }
}

/// `eui64`: the source's interface identifier is made from the frame's source address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Eui64 {}

impl Extension for Eui64 {
    fn decode(revision: u32, _: XtFamily, _: &mut Blob<'_>) -> Result<Self, BlobError> {
        only_revision_0(revision)?;
        Ok(Self {})
    }

    fn options(&self, _: &dyn SetNames) -> String {
        String::new()
    }
}
