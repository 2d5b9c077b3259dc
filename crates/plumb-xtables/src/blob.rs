//! Reading and writing the fixed structures that xtables extensions keep in a rule.
//!
//! The structures are the kernel's own C structures (`include/uapi/linux/netfilter/xt_*.h`) as a little-endian 64-bit
//! machine lays them out; what a network header would hold in network order is read as such by [`Blob::be16`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use crate::types::{IfaceName, PortRange, XtFamily};

/// Why the bytes of an extension could not be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BlobError {
    /// The structure is longer than what came.
    #[error("too short: byte {needed} of the structure is wanted, {got} bytes came")]
    TooShort {
        /// Bytes that the structure has at least.
        needed: usize,
        /// Bytes that came.
        got: usize,
    },
    /// This version knows the extension, but not this revision of it.
    #[error("revision {0} is not known")]
    Revision(u32),
    /// A field holds what the kernel's header does not define.
    #[error("field `{field}` holds {value:#x}, which is not known")]
    Value {
        /// Name of the field in the kernel's structure.
        field: &'static str,
        /// What it holds.
        value: u64,
    },
    /// This version does not know the extension.
    #[error("the extension is not known")]
    Extension,
}

/// Reads a structure field by field.
#[derive(Clone, Debug)]
pub(crate) struct Blob<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Blob<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn bytes(&mut self, n: usize) -> Result<&'a [u8], BlobError> {
        let end = self.at.saturating_add(n);
        let got = self.bytes.get(self.at..end);
        let got = got.ok_or(BlobError::TooShort { needed: end, got: self.bytes.len() })?;
        self.at = end;
        Ok(got)
    }

    pub(crate) fn skip(&mut self, n: usize) -> Result<(), BlobError> {
        self.bytes(n).map(drop)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BlobError> {
        let mut out = [0; N];
        out.copy_from_slice(self.bytes(N)?);
        Ok(out)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, BlobError> {
        Ok(self.array::<1>()?[0])
    }

    /// A C `bool` or flag byte: anything but zero is true.
    pub(crate) fn flag8(&mut self) -> Result<bool, BlobError> {
        Ok(self.u8()? != 0)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, BlobError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn be16(&mut self) -> Result<u16, BlobError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, BlobError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, BlobError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Two `u16` in the machine's order: first and last port.
    pub(crate) fn ports(&mut self) -> Result<PortRange, BlobError> {
        Ok(PortRange { min: self.u16()?, max: self.u16()? })
    }

    /// A C string in an array of `n` bytes; what is not UTF-8 becomes U+FFFD.
    pub(crate) fn string(&mut self, n: usize) -> Result<String, BlobError> {
        let raw = self.bytes(n)?;
        let len = raw.iter().position(|b| *b == 0).unwrap_or(n);
        Ok(String::from_utf8_lossy(raw.get(..len).unwrap_or_default()).into_owned())
    }

    /// `union nf_inet_addr`: 16 bytes, of which IPv4 uses the first four.
    pub(crate) fn inet(&mut self, family: XtFamily) -> Result<IpAddr, BlobError> {
        let raw: [u8; 16] = self.array()?;
        Ok(match family {
            XtFamily::Ip => IpAddr::V4(Ipv4Addr::new(raw[0], raw[1], raw[2], raw[3])),
            XtFamily::Ip6 => IpAddr::V6(Ipv6Addr::from(raw)),
        })
    }

    pub(crate) fn ipv4(&mut self) -> Result<IpAddr, BlobError> {
        Ok(IpAddr::V4(Ipv4Addr::from(self.array::<4>()?)))
    }

    /// Interface name and byte mask, each an array of `IFNAMSIZ`.
    pub(crate) fn iface(
        name: &[u8],
        mask: &[u8],
        field: &'static str,
    ) -> Result<Option<IfaceName>, BlobError> {
        let len = mask.iter().position(|b| *b != 0xff).unwrap_or(mask.len());
        if mask.get(len..).unwrap_or_default().iter().any(|b| *b != 0) {
            return Err(BlobError::Value {
                field,
                value: u64::from(mask.get(len).copied().unwrap_or_default()),
            });
        }
        Ok((len > 0).then(|| IfaceName::from_compared(name.get(..len).unwrap_or_default())))
    }
}

/// Writes a structure field by field; the rest up to the structure's length is zero.
#[derive(Debug, Default)]
pub(crate) struct BlobWriter(Vec<u8>);

impl BlobWriter {
    pub(crate) fn u8(mut self, v: u8) -> Self {
        self.0.push(v);
        self
    }

    pub(crate) fn u16(self, v: u16) -> Self {
        self.raw(&v.to_le_bytes())
    }

    pub(crate) fn be16(self, v: u16) -> Self {
        self.raw(&v.to_be_bytes())
    }

    pub(crate) fn u32(self, v: u32) -> Self {
        self.raw(&v.to_le_bytes())
    }

    pub(crate) fn raw(mut self, v: &[u8]) -> Self {
        self.0.extend_from_slice(v);
        self
    }

    pub(crate) fn zeros(mut self, n: usize) -> Self {
        self.0.resize(self.0.len().saturating_add(n), 0);
        self
    }

    pub(crate) fn ports(self, p: PortRange) -> Self {
        self.u16(p.min).u16(p.max)
    }

    /// A C string in an array of `n` bytes; `None` if it does not fit with its final NUL.
    pub(crate) fn string(self, s: &str, n: usize) -> Option<Self> {
        let pad = n.checked_sub(s.len()).filter(|pad| *pad > 0 && !s.contains('\0'))?;
        Some(self.raw(s.as_bytes()).zeros(pad))
    }

    pub(crate) fn inet(self, a: IpAddr) -> Self {
        match a {
            IpAddr::V4(a) => self.raw(&a.octets()).zeros(12),
            IpAddr::V6(a) => self.raw(&a.octets()),
        }
    }

    /// Fills up with zeros to the structure's length, and that to `XT_ALIGN` (8 bytes).
    pub(crate) fn finish(mut self, len: usize) -> Vec<u8> {
        self.0.resize(len.max(self.0.len()).next_multiple_of(8), 0);
        self.0
    }
}
