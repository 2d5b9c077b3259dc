//! The attributes of one message or expression, by number.

use crate::nlattr::{Attr, Attrs, DecodeError};
use crate::types::{Bytes, Register};

/// More than any message has.
const SLOTS: usize = 32;

/// Attributes by number; what has no place stays in `strange`.
pub(super) struct Fields<'a> {
    pub(super) what: &'static str,
    slots: [Option<Attr<'a>>; SLOTS],
    /// Attributes above `max` (newer than this version), and repetitions.
    pub(super) strange: Vec<Attr<'a>>,
}

impl<'a> Fields<'a> {
    /// Reads all attributes; those numbered above `max` are strange.
    pub(super) fn read(data: &'a [u8], what: &'static str, max: u16) -> Result<Self, DecodeError> {
        let mut fields = Self { what, slots: [None; SLOTS], strange: Vec::new() };
        for attr in Attrs::new(data, what) {
            let attr = attr?;
            match fields.slots.get_mut(usize::from(attr.number)) {
                Some(slot) if attr.number <= max && attr.number > 0 && slot.is_none() => *slot = Some(attr),
                _ => fields.strange.push(attr),
            }
        }
        Ok(fields)
    }

    pub(super) fn get(&self, number: u16) -> Option<Attr<'a>> {
        self.slots.get(usize::from(number)).copied().flatten()
    }

    pub(super) fn need(&self, number: u16, attribute: &'static str) -> Result<Attr<'a>, DecodeError> {
        self.get(number).ok_or(DecodeError::Missing { what: self.what, attribute })
    }

    pub(super) fn u8(&self, number: u16) -> Result<Option<u8>, DecodeError> {
        self.get(number).map(|a| a.u8(self.what)).transpose()
    }

    pub(super) fn be16(&self, number: u16) -> Result<Option<u16>, DecodeError> {
        self.get(number).map(|a| a.be16(self.what)).transpose()
    }

    pub(super) fn be32(&self, number: u16) -> Result<Option<u32>, DecodeError> {
        self.get(number).map(|a| a.be32(self.what)).transpose()
    }

    pub(super) fn be64(&self, number: u16) -> Result<Option<u64>, DecodeError> {
        self.get(number).map(|a| a.be64(self.what)).transpose()
    }

    pub(super) fn text(&self, number: u16) -> Option<String> {
        self.get(number).map(|a| a.text())
    }

    pub(super) fn bytes(&self, number: u16) -> Option<Bytes> {
        self.get(number).map(|a| a.data.into())
    }

    pub(super) fn need_be32(&self, number: u16, attribute: &'static str) -> Result<u32, DecodeError> {
        self.need(number, attribute)?.be32(self.what)
    }

    pub(super) fn need_be64(&self, number: u16, attribute: &'static str) -> Result<u64, DecodeError> {
        self.need(number, attribute)?.be64(self.what)
    }

    pub(super) fn need_text(&self, number: u16, attribute: &'static str) -> Result<String, DecodeError> {
        Ok(self.need(number, attribute)?.text())
    }

    pub(super) fn register(&self, number: u16) -> Result<Option<Register>, DecodeError> {
        Ok(self.be32(number)?.map(Register))
    }

    pub(super) fn need_register(
        &self,
        number: u16,
        attribute: &'static str,
    ) -> Result<Register, DecodeError> {
        self.need_be32(number, attribute).map(Register)
    }
}
