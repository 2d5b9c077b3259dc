//! Attributes in the machine's own byte order, as rtnetlink and sock_diag use them.

use std::net::IpAddr;

use plumb_nft::DecodeError;
use plumb_nft::nlattr::{Attr, Writer};

/// Numbers of an attribute in native order.
pub(crate) trait Native {
    fn ne16(&self, what: &'static str) -> Result<u16, DecodeError>;
    fn ne32(&self, what: &'static str) -> Result<u32, DecodeError>;
    fn ip(&self, what: &'static str) -> Result<IpAddr, DecodeError>;
}

fn array<const N: usize>(attr: &Attr<'_>, what: &'static str) -> Result<[u8; N], DecodeError> {
    let size = |_| DecodeError::Size { what, attribute: attr.number, want: N, got: attr.data.len() };
    attr.data.try_into().map_err(size)
}

impl Native for Attr<'_> {
    fn ne16(&self, what: &'static str) -> Result<u16, DecodeError> {
        array(self, what).map(u16::from_ne_bytes)
    }

    fn ne32(&self, what: &'static str) -> Result<u32, DecodeError> {
        array(self, what).map(u32::from_ne_bytes)
    }

    /// An address whose family its length tells.
    fn ip(&self, what: &'static str) -> Result<IpAddr, DecodeError> {
        ip_addr(self.data).ok_or(DecodeError::Size {
            what,
            attribute: self.number,
            want: 16,
            got: self.data.len(),
        })
    }
}

/// An address of 4 or 16 bytes.
pub(crate) fn ip_addr(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(v4));
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

/// The bytes of an address.
pub(crate) fn ip_bytes(addr: IpAddr) -> Vec<u8> {
    match addr {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}

/// Writes numbers in native order.
pub(crate) trait WriteNative {
    fn ne16(&mut self, number: u16, value: u16);
    fn ne32(&mut self, number: u16, value: u32);
    fn ip(&mut self, number: u16, value: IpAddr);
}

impl WriteNative for Writer {
    fn ne16(&mut self, number: u16, value: u16) {
        self.put(number, &value.to_ne_bytes());
    }

    fn ne32(&mut self, number: u16, value: u32) {
        self.put(number, &value.to_ne_bytes());
    }

    fn ip(&mut self, number: u16, value: IpAddr) {
        self.put(number, &ip_bytes(value));
    }
}
