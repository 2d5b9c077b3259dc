//! Snapshot files on disk, on stdin and stdout.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use plumb_model::Snapshot;

use crate::error::Error;

/// Reads a snapshot file; `-` is stdin.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn read(path: &Path) -> Result<Snapshot, Error> {
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(Error::file("read", path))?)
    };
    Snapshot::read_from(input).map_err(|source| Error::SnapshotFile { path: path.into(), source })
}

/// Writes a snapshot file for its owner alone, all of it or nothing: it is written beside its place and renamed.
/// `-` is stdout.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn write(snapshot: &Snapshot, path: &Path) -> Result<(), Error> {
    let failed = |source| Error::SnapshotFile { path: path.into(), source };
    if path == Path::new("-") {
        return snapshot.write_to(io::stdout().lock()).map_err(failed);
    }
    // A device or pipe is written to, not replaced.
    let is_special = fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir());
    if is_special {
        let file = File::options().write(true).open(path).map_err(Error::file("write", path))?;
        return snapshot.write_to(BufWriter::new(file)).map_err(failed);
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // Files of tempfile are for their owner alone from the start, and removed when the rest fails.
    let mut temporary = tempfile::Builder::new()
        .prefix(".plumb-")
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(folder)
        .map_err(Error::file("write to the folder of", path))?;
    snapshot.write_to(BufWriter::new(temporary.as_file_mut())).map_err(failed)?;
    temporary.as_file().sync_all().map_err(Error::file("write", path))?;
    temporary.persist(path).map_err(|e| Error::file("write", path)(e.error))?;
    Ok(())
}

/// A key that nobody knows, for redaction.
///
/// # Errors
/// When the system has no random numbers.
pub fn random_key() -> Result<plumb_model::Key, Error> {
    let mut key = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut f| f.read_exact(&mut key))
        .map_err(Error::file("read", "/dev/urandom"))?;
    Ok(key)
}

/// Writes a text file.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn write_text(path: &Path, text: &[u8]) -> Result<(), Error> {
    File::create(path).and_then(|mut f| f.write_all(text)).map_err(Error::file("write", path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use plumb_model::{FileError, Host};

    fn sample() -> Snapshot {
        Snapshot {
            version: Snapshot::VERSION,
            taken_at: 1,
            host: Host::default(),
            namespaces: vec![],
            gaps: vec![],
            redacted: false,
        }
    }

    #[test]
    fn a_file_is_for_its_owner_alone_and_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.plumb");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write(&sample(), &path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path).unwrap(), sample());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn errors_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.plumb");
        assert!(read(&path).unwrap_err().to_string().contains("b.plumb"));
        fs::write(&path, "nothing").unwrap();
        let error = read(&path).unwrap_err();
        assert!(matches!(error, Error::SnapshotFile { source: FileError::NotASnapshot { .. }, .. }));
        assert!(error.to_string().contains("b.plumb"));
        assert!(
            write(&sample(), &folder.path().join("no/such")).unwrap_err().to_string().contains("no/such")
        );
        // A folder is not overwritten.
        assert!(write(&sample(), folder.path()).is_err());
    }
}
