//! The snapshot file: one line that says what it is, then the [`Snapshot`] as JSON, all of it in zstd.
//!
//! The line comes first so that a file of a newer version, or something that is no snapshot at all, is told apart
//! before anything else is read. `zstdcat FILE` shows both. The format is described in `docs/snapshot-format.md`.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};

use serde::{Deserialize, Serialize};

use crate::Snapshot;

/// The largest snapshot that is read, in bytes of JSON. A node with 400,000 elements and 100,000 conntrack entries
/// has about 150 MB; the limit is there so that a crafted file of a few KB cannot ask for all memory.
pub const MAX_SIZE: u64 = 1 << 30;

/// Longest first line, in bytes.
const MAX_HEADER: u64 = 256;

const FORMAT: &str = "plumb-snapshot";

/// Why a snapshot file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Not made by `plumb snapshot`.
    #[error("this is not a snapshot file ({why}); `plumb snapshot -o FILE` makes one")]
    NotASnapshot {
        /// What there was instead.
        why: String,
    },
    /// Written by a newer version.
    #[error(
        "the file has snapshot format {found}, and this version of plumb reads up to {known}: read it with the \
         version that wrote it, or a newer one"
    )]
    TooNew {
        /// Format of the file.
        found: u32,
        /// The newest format that is known here.
        known: u32,
    },
    /// Larger than [`MAX_SIZE`] once decompressed.
    #[error(
        "the file holds more than {limit} bytes when decompressed: no snapshot is that large, so it is not read"
    )]
    TooBig {
        /// The limit in bytes.
        limit: u64,
    },
    /// Cut off, or changed.
    #[error("the file is damaged or was cut off while it was copied: {source}")]
    Damaged {
        /// What the decompressor said.
        source: io::Error,
    },
    /// Complete, but not what a snapshot of that version looks like.
    #[error("the file is not a well-formed snapshot: {source}")]
    Malformed {
        /// Where, and what was expected.
        source: serde_json::Error,
    },
    /// It could not be written.
    #[error("the snapshot could not be written: {source}")]
    Write {
        /// What the system said.
        source: io::Error,
    },
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
}

impl Snapshot {
    /// Writes the snapshot as a file holds it.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn write_to(&self, out: impl Write) -> Result<(), FileError> {
        let fail = |source| FileError::Write { source };
        let mut zstd = zstd::Encoder::new(out, 3).map_err(fail)?;
        zstd.include_checksum(true).map_err(fail)?;
        let header = Header { format: FORMAT.to_owned(), version: self.version };
        // The JSON comes in pieces of a few bytes, and each call of zstd costs.
        let mut json = BufWriter::with_capacity(1 << 16, zstd);
        serde_json::to_writer(&mut json, &header).map_err(|e| fail(e.into()))?;
        json.write_all(b"\n").map_err(fail)?;
        serde_json::to_writer(&mut json, self).map_err(|e| fail(e.into()))?;
        json.write_all(b"\n").map_err(fail)?;
        let zstd = json.into_inner().map_err(|e| fail(e.into_error()))?;
        zstd.finish().and_then(|mut out| out.flush()).map_err(fail)
    }

    /// Reads a snapshot from what [`Snapshot::write_to`] wrote.
    ///
    /// # Errors
    /// [`FileError`] for whatever else it is given: never a panic, and never more memory than [`MAX_SIZE`] asks for.
    pub fn read_from(input: impl Read) -> Result<Self, FileError> {
        Self::read_limited(input, MAX_SIZE)
    }

    fn read_limited(input: impl Read, limit: u64) -> Result<Self, FileError> {
        let mut input = BufReader::new(input);
        let start = input.fill_buf().map_err(|source| FileError::Damaged { source })?;
        if !start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            let why = if start.is_empty() { "it is empty" } else { "it is not compressed with zstd" };
            return Err(FileError::NotASnapshot { why: why.to_owned() });
        }
        let zstd = zstd::Decoder::with_buffer(input).map_err(|source| FileError::Damaged { source })?;
        let mut text = BufReader::new(zstd);
        let mut line = Vec::new();
        (&mut text)
            .take(MAX_HEADER)
            .read_until(b'\n', &mut line)
            .map_err(|source| FileError::Damaged { source })?;
        let header: Header =
            serde_json::from_slice(&line).ok().filter(|h: &Header| h.format == FORMAT).ok_or_else(|| {
                FileError::NotASnapshot { why: "its first line does not say that it is one".to_owned() }
            })?;
        if header.version > Self::VERSION {
            return Err(FileError::TooNew { found: header.version, known: Self::VERSION });
        }
        let mut json = Vec::new();
        let read =
            text.take(limit + 1).read_to_end(&mut json).map_err(|source| FileError::Damaged { source })?;
        if read as u64 > limit {
            return Err(FileError::TooBig { limit });
        }
        serde_json::from_slice(&json).map_err(|source| FileError::Malformed { source })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Host, Namespace, NamespaceId};

    fn sample() -> Snapshot {
        let mut ns = Namespace::empty(NamespaceId(4_026_531_840), "host");
        ns.own = true;
        ns.nsids.insert(0, NamespaceId(7));
        Snapshot {
            version: Snapshot::VERSION,
            taken_at: 1,
            host: Host { hostname: "a".into(), kernel: "6.18".into(), ..Host::default() },
            namespaces: vec![ns],
            gaps: vec!["net:[7]: no such process".into()],
            redacted: false,
        }
    }

    fn bytes(s: &Snapshot) -> Vec<u8> {
        let mut out = Vec::new();
        s.write_to(&mut out).unwrap();
        out
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(Snapshot::read_from(bytes(&sample()).as_slice()).unwrap(), sample());
    }

    #[test]
    fn a_newer_version_is_named() {
        let mut s = sample();
        s.version = 7;
        assert!(matches!(
            Snapshot::read_from(bytes(&s).as_slice()),
            Err(FileError::TooNew { found: 7, known: Snapshot::VERSION })
        ));
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_an_error_or_the_same_snapshot() {
        let good = bytes(&sample());
        for cut in 0..good.len() {
            assert!(Snapshot::read_from(&good[..cut]).is_err(), "cut at {cut}");
        }
        for i in 0..good.len() {
            let mut bad = good.clone();
            bad[i] ^= 0x55;
            if let Ok(s) = Snapshot::read_from(bad.as_slice()) {
                assert_eq!(s, sample(), "byte {i}");
            }
        }
    }

    #[test]
    fn other_files_are_told_apart() {
        for other in [&b""[..], b"PK\x03\x04", b"{\"version\":1}"] {
            assert!(matches!(Snapshot::read_from(other), Err(FileError::NotASnapshot { .. })));
        }
        let zstd_of_text = zstd::encode_all(&b"hello\nworld"[..], 3).unwrap();
        assert!(matches!(Snapshot::read_from(&zstd_of_text[..]), Err(FileError::NotASnapshot { .. })));
        let half =
            zstd::encode_all(&b"{\"format\":\"plumb-snapshot\",\"version\":1}\n{\"version\":1}"[..], 3)
                .unwrap();
        assert!(matches!(Snapshot::read_from(&half[..]), Err(FileError::Malformed { .. })));
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let mut text = b"{\"format\":\"plumb-snapshot\",\"version\":1}\n".to_vec();
        text.resize(4 << 20, b' ');
        let bomb = zstd::encode_all(&text[..], 3).unwrap();
        assert!(bomb.len() < 4096);
        assert!(matches!(
            Snapshot::read_limited(&bomb[..], 1 << 20),
            Err(FileError::TooBig { limit: 0x10_0000 })
        ));
    }
}
