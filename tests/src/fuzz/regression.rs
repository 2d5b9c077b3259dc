//! Cases on which walk and kernel once disagreed, kept as files.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::case::Case;
use crate::error::{Failure, Result};

/// A file under `tests/regressions/`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Regression {
    /// What was wrong, in a sentence.
    pub what: String,
    /// What the kernel did.
    #[serde(default)]
    pub kernel: Vec<String>,
    /// Rulesets and flows.
    pub case: Case,
}

/// Where they are kept.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions")
}

/// Reads one.
pub fn read(path: &Path) -> Result<Regression> {
    let text = std::fs::read_to_string(path).map_err(Failure::io(format!("reading {}", path.display())))?;
    serde_saphyr::from_str(&text).map_err(|e| Failure::File { file: path.to_owned(), why: e.to_string() })
}

/// All of them, by file name.
pub fn all() -> Result<Vec<(String, Regression)>> {
    let folder = folder();
    let reading = || format!("reading {}", folder.display());
    let mut out = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(Failure::io(reading()))? {
        let path = entry.map_err(Failure::io(reading()))?.path();
        if path.extension().is_none_or(|e| e != "yaml") {
            continue;
        }
        let regression = read(&path)?;
        out.push((path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), regression));
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(out)
}

/// Writes one.
pub fn write(folder: &Path, name: &str, regression: &Regression) -> Result<PathBuf> {
    let path = folder.join(format!("{name}.yaml"));
    let text = serde_saphyr::to_string(regression)
        .map_err(|e| Failure::File { file: path.clone(), why: e.to_string() })?;
    std::fs::write(&path, text).map_err(Failure::io(format!("writing {}", path.display())))?;
    Ok(path)
}
