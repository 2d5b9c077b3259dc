//! Matches on bytes of the packet: `string`, `u32`, `bpf`.

use plumb_nft::Bytes;
use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError};
use crate::extension::Extension;
use crate::text::Options;
use crate::types::{Inv, Range32, SetNames, XtFamily};

/// `struct xt_string_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StringMatch {
    /// The bytes that are searched.
    pub pattern: Inv<Bytes>,
    /// Name of the search algorithm (`bm`, `kmp`).
    pub algorithm: String,
    /// Where the search begins, counted from the IP header.
    pub from: u16,
    /// Where it ends.
    pub to: u16,
    /// ASCII letters of either case are equal.
    pub ignore_case: bool,
}

impl Extension for StringMatch {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision > 1 {
            return Err(BlobError::Revision(revision));
        }
        let (from, to, algorithm) = (b.u16()?, b.u16()?, b.string(16)?);
        let (pattern, len, flags) = (b.bytes(128)?, b.u8()?, b.u8()?);
        let pattern =
            pattern.get(..len.into()).ok_or(BlobError::Value { field: "patlen", value: len.into() })?;
        // Revision 0 has a plain "invert" where revision 1 has flags.
        let (invert, ignore_case) =
            if revision == 0 { (flags != 0, false) } else { (flags & 1 != 0, flags & 2 != 0) };
        Ok(Self { pattern: Inv::new(pattern.into(), invert), algorithm, from, to, ignore_case })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let mut o = Options::new();
        let bytes = &self.pattern.value;
        let printable = bytes.iter().all(|b| (0x20..0x7f).contains(b)) && bytes.last() != Some(&b'\\');
        let bang = self.pattern.bang();
        if printable {
            let mut text = String::new();
            for b in bytes.iter().map(|b| char::from(*b)) {
                if matches!(b, '"' | '\\') {
                    text.push('\\');
                }
                text.push(b);
            }
            o.push(format!("{bang}--string \"{text}\""));
        } else {
            o.push(format!("{bang}--hex-string \"|{bytes}|\""));
        }
        o.push(format!("--algo {}", self.algorithm));
        o.opt("--from", (self.from != 0).then(|| self.from.to_string()));
        o.opt("--to", (self.to != u16::MAX).then(|| self.to.to_string()));
        o.flag(self.ignore_case, "--icase").build()
    }
}

/// What is done with the number loaded so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum U32Op {
    /// Masked.
    And(u32),
    /// Shifted left.
    LeftShift(u32),
    /// Shifted right.
    RightShift(u32),
    /// Added to the base, from which the next word is loaded.
    At(u32),
}

/// One test: a word of the packet, what is done with it, and what it must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct U32Test {
    /// Offset of the first word, from the IP header.
    pub start: u32,
    /// What is done with it.
    pub ops: Vec<U32Op>,
    /// Ranges, of which one must hold the result.
    pub values: Vec<Range32>,
}

/// `struct xt_u32`: tests that must all pass.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct U32(pub Inv<Vec<U32Test>>);

const U32_SIZE: usize = 11;

impl Extension for U32 {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let tests = (0..U32_SIZE).map(|_| RawTest::read(b)).collect::<Result<Vec<_>, _>>()?;
        let (count, invert) = (b.u8()?, b.flag8()?);
        let tests =
            tests.get(..count.into()).ok_or(BlobError::Value { field: "ntests", value: count.into() })?;
        Ok(Self(Inv::new(tests.iter().map(RawTest::typed).collect::<Result<_, _>>()?, invert)))
    }

    fn options(&self, _: &dyn SetNames) -> String {
        let tests: Vec<_> = self.0.value.iter().map(test_text).collect();
        format!("{}--u32 \"{}\"", self.0.bang(), tests.join("&&"))
    }
}

/// `struct xt_u32_test`, all places of it.
struct RawTest {
    locations: Vec<(u32, u8)>,
    values: Vec<Range32>,
    counts: (u8, u8),
}

impl RawTest {
    fn read(b: &mut Blob<'_>) -> Result<Self, BlobError> {
        let mut locations = Vec::new();
        for _ in 0..U32_SIZE {
            locations.push((b.u32()?, b.u8()?));
            b.skip(3)?;
        }
        let values = (0..U32_SIZE).map(|_| Ok(Range32 { min: b.u32()?, max: b.u32()? }));
        let values = values.collect::<Result<_, BlobError>>()?;
        let counts = (b.u8()?, b.u8()?);
        b.skip(2)?;
        Ok(Self { locations, values, counts })
    }

    fn typed(&self) -> Result<U32Test, BlobError> {
        let (nnums, nvalues) = self.counts;
        let used = self.locations.get(..nnums.into());
        let (first, rest) = used
            .and_then(<[_]>::split_first)
            .ok_or(BlobError::Value { field: "nnums", value: nnums.into() })?;
        let op = |(number, op): &(u32, u8)| match op {
            0 => Ok(U32Op::And(*number)),
            1 => Ok(U32Op::LeftShift(*number)),
            2 => Ok(U32Op::RightShift(*number)),
            3 => Ok(U32Op::At(*number)),
            v => Err(BlobError::Value { field: "nextop", value: u64::from(*v) }),
        };
        let values = self.values.get(..nvalues.into());
        let values = values.ok_or(BlobError::Value { field: "nvalues", value: nvalues.into() })?;
        Ok(U32Test {
            start: first.0,
            ops: rest.iter().map(op).collect::<Result<_, _>>()?,
            values: values.to_vec(),
        })
    }
}

fn test_text(t: &U32Test) -> String {
    let mut out = format!("{:#x}", t.start);
    for op in &t.ops {
        out += &match op {
            U32Op::And(n) => format!("&{n:#x}"),
            U32Op::LeftShift(n) => format!("<<{n:#x}"),
            U32Op::RightShift(n) => format!(">>{n:#x}"),
            U32Op::At(n) => format!("@{n:#x}"),
        };
    }
    let value = |r: &Range32| match r.min == r.max {
        true => format!("{:#x}", r.min),
        false => format!("{:#x}:{:#x}", r.min, r.max),
    };
    format!("{out}={}", t.values.iter().map(value).collect::<Vec<_>>().join(","))
}

/// One instruction (`struct sock_filter`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields bear the names of struct sock_filter")]
pub struct BpfInsn {
    pub code: u16,
    pub jt: u8,
    pub jf: u8,
    pub k: u32,
}

/// `struct xt_bpf_info`, `struct xt_bpf_info_v1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bpf {
    /// A classic program, held against the packet from the IP header on.
    Bytecode(Vec<BpfInsn>),
    /// A pinned object, by its path.
    Pinned(String),
    /// A program that was given as a file descriptor.
    Elf,
}

impl Extension for Bpf {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        let (mode, count) = match revision {
            0 => {
                let count = b.u16()?;
                b.skip(2)?;
                (0, count)
            }
            1 => {
                let mode = b.u16()?;
                let count = b.u16()?;
                b.skip(4)?;
                (mode, count)
            }
            _ => return Err(BlobError::Revision(revision)),
        };
        match mode {
            0 if count > 64 => Err(BlobError::Value { field: "bpf_program_num_elem", value: count.into() }),
            0 => (0..count)
                .map(|_| Ok(BpfInsn { code: b.u16()?, jt: b.u8()?, jf: b.u8()?, k: b.u32()? }))
                .collect::<Result<_, _>>()
                .map(Self::Bytecode),
            1 => b.string(512).map(Self::Pinned),
            2 => Ok(Self::Elf),
            v => Err(BlobError::Value { field: "mode", value: v.into() }),
        }
    }

    fn options(&self, _: &dyn SetNames) -> String {
        match self {
            Self::Bytecode(program) => {
                let insn = |i: &BpfInsn| format!("{} {} {} {}", i.code, i.jt, i.jf, i.k);
                let list: Vec<_> = program.iter().map(insn).collect();
                format!("--bytecode \"{},{}\"", program.len(), list.join(","))
            }
            Self::Pinned(path) => format!("--object-pinned {path}"),
            Self::Elf => "[a program given as a file descriptor]".to_owned(),
        }
    }
}
