//! Netlink attributes: length, type, bytes, padded to 4 (`struct nlattr`, include/uapi/linux/netlink.h).

use thiserror::Error;

/// `NLA_F_NESTED`: the bytes are attributes themselves.
pub const NESTED: u16 = 1 << 15;
/// `NLA_F_NET_BYTEORDER`: the value is big-endian.
pub const NET_BYTEORDER: u16 = 1 << 14;

/// Bytes that are not what the kernel sends.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The message ends too early.
    #[error("{what}: {left} bytes left where {need} are needed; the message was cut, dump again")]
    Short {
        /// What was being read.
        what: &'static str,
        /// Bytes that it takes.
        need: usize,
        /// Bytes that there are.
        left: usize,
    },
    /// An attribute claims a length that cannot be.
    #[error("{what}: attribute at byte {offset} claims {length} bytes, {left} are left; the message was cut")]
    AttributeLength {
        /// What was being read.
        what: &'static str,
        /// Place of the attribute among its siblings.
        offset: usize,
        /// Length that it claims, header included.
        length: usize,
        /// Bytes that there are, header included.
        left: usize,
    },
    /// A number of another size than expected.
    #[error("attribute {attribute} of {what} has {got} bytes where {want} are expected")]
    Size {
        /// What was being read.
        what: &'static str,
        /// Attribute number.
        attribute: u16,
        /// Bytes expected.
        want: usize,
        /// Bytes found.
        got: usize,
    },
    /// An attribute without which the object means nothing.
    #[error("{what} without {attribute}; is the message of the type that was asked for?")]
    Missing {
        /// What was being read.
        what: &'static str,
        /// Name of the attribute.
        attribute: &'static str,
    },
    /// Expressions inside expressions, deeper than the kernel makes them.
    #[error("{what} nested deeper than the kernel allows")]
    TooDeep {
        /// What was being read.
        what: &'static str,
    },
}

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attr<'a> {
    /// Number, without the flags.
    pub number: u16,
    /// [`NESTED`] and [`NET_BYTEORDER`], as sent.
    pub flags: u16,
    /// Value without padding.
    pub data: &'a [u8],
}

impl<'a> Attr<'a> {
    fn array<const N: usize>(&self, what: &'static str) -> Result<[u8; N], DecodeError> {
        self.data.try_into().map_err(|_| DecodeError::Size {
            what,
            attribute: self.number,
            want: N,
            got: self.data.len(),
        })
    }

    /// A byte.
    pub fn u8(&self, what: &'static str) -> Result<u8, DecodeError> {
        self.array(what).map(u8::from_be_bytes)
    }

    /// A big-endian number of 16 bits.
    pub fn be16(&self, what: &'static str) -> Result<u16, DecodeError> {
        self.array(what).map(u16::from_be_bytes)
    }

    /// A big-endian number of 32 bits.
    pub fn be32(&self, what: &'static str) -> Result<u32, DecodeError> {
        self.array(what).map(u32::from_be_bytes)
    }

    /// A big-endian number of 64 bits.
    pub fn be64(&self, what: &'static str) -> Result<u64, DecodeError> {
        self.array(what).map(u64::from_be_bytes)
    }

    /// A name: up to the first NUL. Bytes that are no UTF-8 are written `\xNN`, so that two names never become one.
    #[must_use]
    pub fn text(&self) -> String {
        text(self.data)
    }

    /// The attributes inside this one.
    #[must_use]
    pub fn nested(&self, what: &'static str) -> Attrs<'a> {
        Attrs::new(self.data, what)
    }
}

/// A NUL-ended name; see [`Attr::text`].
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    let bytes = bytes.split(|b| *b == 0).next().unwrap_or_default();
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// Walks a run of attributes. Never panics; ends after the first error.
#[derive(Clone, Debug)]
pub struct Attrs<'a> {
    data: &'a [u8],
    offset: usize,
    what: &'static str,
}

impl<'a> Attrs<'a> {
    /// Over these bytes; `what` names them in errors.
    #[must_use]
    pub fn new(data: &'a [u8], what: &'static str) -> Self {
        Self { data, offset: 0, what }
    }
}

impl<'a> Iterator for Attrs<'a> {
    type Item = Result<Attr<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.data.get(self.offset..)?;
        if rest.is_empty() {
            return None;
        }
        let Some((&[l0, l1, t0, t1], _)) = rest.split_first_chunk::<4>() else {
            self.offset = self.data.len();
            return Some(Err(DecodeError::Short { what: self.what, need: 4, left: rest.len() }));
        };
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let kind = u16::from_ne_bytes([t0, t1]);
        let Some(data) = rest.get(4..length) else {
            let error = DecodeError::AttributeLength {
                what: self.what,
                offset: self.offset,
                length,
                left: rest.len(),
            };
            self.offset = self.data.len();
            return Some(Err(error));
        };
        self.offset = (self.offset + length.next_multiple_of(4)).min(self.data.len());
        Some(Ok(Attr {
            number: kind & !(NESTED | NET_BYTEORDER),
            flags: kind & (NESTED | NET_BYTEORDER),
            data,
        }))
    }
}

/// Writes attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writer {
    bytes: Vec<u8>,
    overflow: bool,
}

/// An attribute that was opened and not yet closed.
#[derive(Debug)]
#[must_use]
pub struct Open(usize);

impl Writer {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether some attribute became longer than its 16 bits of length can say; then the bytes are of no use.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        self.overflow
    }

    /// The bytes so far.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Begins anew, in the same memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.overflow = false;
    }

    /// The bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Bytes that are no attribute: headers.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// An attribute of these bytes.
    pub fn put(&mut self, number: u16, value: &[u8]) {
        let open = self.open_flat(number);
        self.bytes.extend_from_slice(value);
        self.close(open);
    }

    /// A byte.
    pub fn u8(&mut self, number: u16, value: u8) {
        self.put(number, &[value]);
    }

    /// A big-endian number of 16 bits.
    pub fn be16(&mut self, number: u16, value: u16) {
        self.put(number, &value.to_be_bytes());
    }

    /// A big-endian number of 32 bits.
    pub fn be32(&mut self, number: u16, value: u32) {
        self.put(number, &value.to_be_bytes());
    }

    /// A big-endian number of 64 bits.
    pub fn be64(&mut self, number: u16, value: u64) {
        self.put(number, &value.to_be_bytes());
    }

    /// A NUL-ended name; `\xNN`, as [`Attr::text`] writes what is no UTF-8, becomes that byte again.
    pub fn text(&mut self, number: u16, value: &str) {
        let open = self.open_flat(number);
        let mut rest = value;
        while let Some(at) = rest.find("\\x") {
            let (before, escape) = rest.split_at(at);
            self.bytes.extend_from_slice(before.as_bytes());
            match escape.get(2..4).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                Some(byte) if byte >= 0x80 => {
                    self.bytes.push(byte);
                    rest = escape.get(4..).unwrap_or_default();
                }
                _ => {
                    self.bytes.extend_from_slice(b"\\x");
                    rest = escape.get(2..).unwrap_or_default();
                }
            }
        }
        self.bytes.extend_from_slice(rest.as_bytes());
        self.bytes.push(0);
        self.close(open);
    }

    /// Opens an attribute that holds attributes.
    pub fn open(&mut self, number: u16) -> Open {
        self.open_flat(number | NESTED)
    }

    fn open_flat(&mut self, kind: u16) -> Open {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        Open(at)
    }

    /// Closes it.
    pub fn close(&mut self, open: Open) {
        let length = self.bytes.len() - open.0;
        match u16::try_from(length) {
            Ok(length) => {
                if let Some(head) = self.bytes.get_mut(open.0..open.0 + 2) {
                    head.copy_from_slice(&length.to_ne_bytes());
                }
            }
            Err(_) => self.overflow = true,
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// An attribute that holds what `fill` writes.
    pub fn nest(&mut self, number: u16, fill: impl FnOnce(&mut Self)) {
        let open = self.open(number);
        fill(self);
        self.close(open);
    }
}
