//! A message to bytes. Names in questions and owners are compressed, names in data are not (RFC 3597).

use std::collections::HashMap;

use crate::DnsError;
use crate::decode::{LONGEST, OPT};
use crate::message::{Data, Message, Record};

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    /// Names that were written, in lower case, and where.
    names: HashMap<String, u16>,
}

/// The labels of a name, escapes undone.
fn labels(name: &str) -> Result<Vec<Vec<u8>>, DnsError> {
    let wrong = || DnsError::Name(name.to_owned());
    if name.is_empty() {
        return Ok(Vec::new());
    }
    let (mut all, mut label) = (Vec::new(), Vec::new());
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'.' => all.push(std::mem::take(&mut label)),
            b'\\' => {
                let first = bytes.next().ok_or_else(wrong)?;
                if first.is_ascii_digit() {
                    let (b, c) = (bytes.next().ok_or_else(wrong)?, bytes.next().ok_or_else(wrong)?);
                    let text = [first, b, c].map(char::from).iter().collect::<String>();
                    label.push(text.parse().map_err(|_| wrong())?);
                } else {
                    label.push(first);
                }
            }
            other => label.push(other),
        }
    }
    all.push(label);
    let length = 1 + all.iter().map(|l| l.len() + 1).sum::<usize>();
    if length > LONGEST || all.iter().any(|l| l.is_empty() || l.len() > 63) {
        return Err(wrong());
    }
    Ok(all)
}

impl Writer {
    fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// A name whole.
    fn plain(&mut self, name: &str) -> Result<(), DnsError> {
        for label in labels(name)? {
            self.bytes.push(label.len() as u8);
            self.bytes.extend_from_slice(&label);
        }
        self.bytes.push(0);
        Ok(())
    }

    /// A name that points to where it was written before, as a whole.
    fn name(&mut self, name: &str) -> Result<(), DnsError> {
        let key = name.to_ascii_lowercase();
        if let Some(at) = self.names.get(&key) {
            self.u16(0xc000 | at);
            return Ok(());
        }
        let at = self.bytes.len();
        self.plain(name)?;
        if let (Ok(at), false) = (u16::try_from(at), name.is_empty())
            && at < 0x4000
        {
            self.names.insert(key, at);
        }
        Ok(())
    }

    fn record(&mut self, record: &Record) -> Result<(), DnsError> {
        self.name(&record.name)?;
        self.u16(record.data.kind().number());
        self.u16(1);
        self.u32(record.ttl);
        let length = self.bytes.len();
        self.u16(0);
        match &record.data {
            Data::A(a) => self.bytes.extend_from_slice(&a.octets()),
            Data::Aaaa(a) => self.bytes.extend_from_slice(&a.octets()),
            Data::Cname(name) | Data::Ptr(name) | Data::Ns(name) => self.plain(name)?,
            Data::Srv { priority, weight, port, target } => {
                self.u16(*priority);
                self.u16(*weight);
                self.u16(*port);
                self.plain(target)?;
            }
            Data::Txt(text) => {
                for part in text.chunks(255) {
                    self.bytes.push(part.len() as u8);
                    self.bytes.extend_from_slice(part);
                }
            }
            Data::Soa { mname, rname, serial, refresh, retry, expire, minimum } => {
                self.plain(mname)?;
                self.plain(rname)?;
                for value in [serial, refresh, retry, expire, minimum] {
                    self.u32(*value);
                }
            }
            Data::Other { bytes, .. } => self.bytes.extend_from_slice(bytes),
        }
        let written = u16::try_from(self.bytes.len() - length - 2)
            .map_err(|_| DnsError::Data(record.data.kind().number()))?;
        if let Some(field) = self.bytes.get_mut(length..length + 2) {
            field.copy_from_slice(&written.to_be_bytes());
        }
        Ok(())
    }
}

impl Message {
    /// Writes it.
    ///
    /// # Errors
    /// A name in it is none, or some data is too long.
    pub fn encode(&self) -> Result<Vec<u8>, DnsError> {
        let mut writer = Writer::default();
        writer.u16(self.id);
        let bit = |on: bool, mask: u16| if on { mask } else { 0 };
        let flags = bit(self.response, 0x8000)
            | u16::from(self.opcode & 0xf) << 11
            | bit(self.authoritative, 0x0400)
            | bit(self.truncated, 0x0200)
            | bit(self.recursion_desired, 0x0100)
            | bit(self.recursion_available, 0x0080)
            | u16::from(self.rcode.0 & 0xf);
        writer.u16(flags);
        let additional = self.additional.len() + usize::from(self.edns.is_some());
        for count in [self.questions.len(), self.answers.len(), self.authority.len(), additional] {
            writer.u16(u16::try_from(count).unwrap_or(u16::MAX));
        }
        for question in &self.questions {
            writer.name(&question.name)?;
            writer.u16(question.kind.number());
            writer.u16(question.class);
        }
        for record in self.answers.iter().chain(&self.authority).chain(&self.additional) {
            writer.record(record)?;
        }
        if let Some(size) = self.edns {
            // The root, OPT, the size, no flags, no options.
            writer.bytes.push(0);
            writer.u16(OPT);
            writer.u16(size);
            writer.u32(0);
            writer.u16(0);
        }
        Ok(writer.bytes)
    }
}
