//! Bytes to a message.

use crate::DnsError;
use crate::message::{Data, Kind, Message, Question, Rcode, Record};

/// Type OPT (RFC 6891).
pub(crate) const OPT: u16 = 41;
/// Longest name, bytes on the wire.
pub(crate) const LONGEST: usize = 255;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize, what: &'static str) -> Result<&'a [u8], DnsError> {
        let end = self.at.checked_add(n).ok_or(DnsError::Short(what))?;
        let taken = self.bytes.get(self.at..end).ok_or(DnsError::Short(what))?;
        self.at = end;
        Ok(taken)
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, DnsError> {
        let bytes = self.take(2, what)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, DnsError> {
        let bytes = self.take(4, what)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// A name; pointers lead backwards only, so that reading ends.
    fn name(&mut self) -> Result<String, DnsError> {
        let (mut at, mut limit, mut jumped) = (self.at, self.bytes.len(), false);
        let (mut name, mut length) = (String::new(), 1);
        loop {
            let first = *self.bytes.get(at).ok_or(DnsError::Short("name"))?;
            match first >> 6 {
                0 if first == 0 => {
                    if !jumped {
                        self.at = at + 1;
                    }
                    return Ok(name);
                }
                0 => {
                    let n = usize::from(first);
                    let label = self.bytes.get(at + 1..at + 1 + n).ok_or(DnsError::Short("name"))?;
                    length += n + 1;
                    if length > LONGEST {
                        return Err(DnsError::Name(name));
                    }
                    if !name.is_empty() {
                        name.push('.');
                    }
                    for byte in label {
                        escape(*byte, &mut name);
                    }
                    at += 1 + n;
                }
                3 => {
                    let second = *self.bytes.get(at + 1).ok_or(DnsError::Short("name"))?;
                    let to = usize::from(u16::from_be_bytes([first & 0x3f, second]));
                    if !jumped {
                        self.at = at + 2;
                        limit = at;
                        jumped = true;
                    }
                    if to >= limit {
                        return Err(DnsError::Pointer);
                    }
                    limit = to;
                    at = to;
                }
                _ => return Err(DnsError::Pointer),
            }
        }
    }
}

/// A byte of a label as zone files write it (RFC 1035, 5.1).
fn escape(byte: u8, out: &mut String) {
    match byte {
        b'.' | b'\\' => {
            out.push('\\');
            out.push(char::from(byte));
        }
        0x21..=0x7e => out.push(char::from(byte)),
        other => out.push_str(&format!("\\{other:03}")),
    }
}

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    /// It is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, DnsError> {
        let mut reader = Reader { bytes, at: 0 };
        let id = reader.u16("header")?;
        let flags = reader.u16("header")?;
        let mut counts = [0_u16; 4];
        for count in &mut counts {
            *count = reader.u16("header")?;
        }
        let mut message = Self {
            id,
            response: flags & 0x8000 != 0,
            opcode: (flags >> 11 & 0xf) as u8,
            authoritative: flags & 0x0400 != 0,
            truncated: flags & 0x0200 != 0,
            recursion_desired: flags & 0x0100 != 0,
            recursion_available: flags & 0x0080 != 0,
            rcode: Rcode((flags & 0xf) as u8),
            ..Self::default()
        };
        for _ in 0..counts[0] {
            let name = reader.name()?;
            let kind = Kind::of(reader.u16("question")?);
            message.questions.push(Question { name, kind, class: reader.u16("question")? });
        }
        for (section, count) in counts.iter().enumerate().skip(1) {
            for _ in 0..*count {
                match record(&mut reader)? {
                    Read::Record(record) => match section {
                        1 => message.answers.push(record),
                        2 => message.authority.push(record),
                        _ => message.additional.push(record),
                    },
                    Read::Edns(size) => message.edns = Some(size),
                    Read::OtherClass => {}
                }
            }
        }
        Ok(message)
    }
}

enum Read {
    Record(Record),
    Edns(u16),
    OtherClass,
}

fn record(reader: &mut Reader<'_>) -> Result<Read, DnsError> {
    let name = reader.name()?;
    let number = reader.u16("record")?;
    let class = reader.u16("record")?;
    let ttl = reader.u32("record")?;
    let length = usize::from(reader.u16("record")?);
    let start = reader.at;
    let bytes = reader.take(length, "record")?;
    if number == OPT {
        // Its class is the size that the sender takes.
        return Ok(Read::Edns(class));
    }
    if class != 1 {
        return Ok(Read::OtherClass);
    }
    // Names in data may point into the message before.
    let mut inside = Reader { bytes: reader.bytes.get(..start + length).unwrap_or_default(), at: start };
    let wrong = || DnsError::Data(number);
    let data = match Kind::of(number) {
        Kind::A => Data::A(<[u8; 4]>::try_from(bytes).map_err(|_| wrong())?.into()),
        Kind::Aaaa => Data::Aaaa(<[u8; 16]>::try_from(bytes).map_err(|_| wrong())?.into()),
        Kind::Cname => Data::Cname(inside.name()?),
        Kind::Ptr => Data::Ptr(inside.name()?),
        Kind::Ns => Data::Ns(inside.name()?),
        Kind::Srv => Data::Srv {
            priority: inside.u16("record")?,
            weight: inside.u16("record")?,
            port: inside.u16("record")?,
            target: inside.name()?,
        },
        Kind::Txt => {
            let mut text = Vec::new();
            while inside.at < start + length {
                let n = usize::from(inside.take(1, "record")?[0]);
                text.extend_from_slice(inside.take(n, "record")?);
            }
            Data::Txt(text)
        }
        Kind::Soa => Data::Soa {
            mname: inside.name()?,
            rname: inside.name()?,
            serial: inside.u32("record")?,
            refresh: inside.u32("record")?,
            retry: inside.u32("record")?,
            expire: inside.u32("record")?,
            minimum: inside.u32("record")?,
        },
        Kind::Any | Kind::Other(_) => Data::Other { kind: number, bytes: bytes.to_vec() },
    };
    Ok(Read::Record(Record { name, ttl, data }))
}
