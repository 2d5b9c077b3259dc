//! Manifests on disk and on stdin.

use std::io;
use std::path::{Path, PathBuf};

use miette::{Diagnostic, NamedSource, SourceSpan};
use plumb_api::manifest::{self, Manifest, ManifestError};
use plumb_doctor::messages::Lang;

use crate::error::Error;
use crate::{lang, output};

/// What is wrong with a manifest, with the text around it.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub struct Flaw {
    message: String,
    #[source_code]
    text: NamedSource<String>,
    #[label]
    at: Option<SourceSpan>,
}

impl Flaw {
    fn new(error: ManifestError, text: String) -> Self {
        let offset = error.place.offset(&text);
        // From there to the end of the word.
        let word = |at: usize| text[at..].find(|c: char| c.is_whitespace() || ",]}".contains(c));
        let at = offset.map(|at| (at, word(at).unwrap_or(text.len() - at)).into());
        // Without a label nothing shows the place.
        let message = if at.is_some() { error.message } else { error.to_string() };
        Self { message, text: NamedSource::new(&*error.place.file, text), at }
    }
}

/// Reads all of these files and folders; `-` is stdin.
///
/// # Errors
/// Names the first file that cannot be read, or shows what is wrong in it.
pub fn read(paths: &[PathBuf]) -> Result<Manifest, Error> {
    let mut files = Vec::new();
    for path in paths {
        for (name, text) in texts(path)? {
            let parsed = manifest::parse(&text, &name);
            files.push(parsed.map_err(|e| Error::Manifest(Box::new(Flaw::new(e, text))))?);
        }
    }
    Ok(manifest::merge(files))
}

/// Says on stderr what there is to say.
pub fn tell(manifest: &Manifest, lang: Lang) {
    for warning in &manifest.warnings {
        let text = lang::notice::warning(lang, warning);
        if warning.is_note() {
            anstream::eprintln!("  {text}");
        } else {
            output::warn(&text);
        }
    }
}

/// Names and texts, in the order in which they count.
fn texts(path: &Path) -> Result<Vec<(String, String)>, Error> {
    if path == Path::new("-") {
        let text = io::read_to_string(io::stdin().lock()).map_err(Error::file("read", path))?;
        return Ok(vec![("stdin".to_owned(), text)]);
    }
    let texts = plumb_kube::read_manifests(path).map_err(Error::file("read", path))?;
    if texts.is_empty() {
        return Err(Error::Usage {
            problem: format!("there are no manifests in {}", path.display()),
            help: "their names end in .yaml, .yml or .json".to_owned(),
        });
    }
    Ok(texts.into_iter().map(|(path, text)| (path.display().to_string(), text)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs;

    fn service(port: u16) -> String {
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {{ports: [{{port: {port}}}]}}\n")
    }

    #[test]
    fn a_folder_is_read_in_the_order_of_names() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("b.yml", &service(2));
        write("a.yaml", &service(1));
        write(".hidden.yaml", "[");
        write("notes.txt", "[");
        fs::create_dir(folder.path().join("c.yaml")).unwrap();
        let manifest = read(&[folder.path().to_owned()]).unwrap();
        assert_eq!(manifest.objects.len(), 1);
        assert!(manifest.objects[0].place.file.ends_with("b.yml"));
        assert_eq!(manifest.warnings.len(), 1);
    }

    #[test]
    fn what_is_wrong_is_shown_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(&[folder.path().to_owned()]).unwrap_err().to_string().contains("no manifests"));
        let path = folder.path().join("a.yaml");
        assert!(read(std::slice::from_ref(&path)).unwrap_err().to_string().contains("a.yaml"));
        fs::write(&path, service(1).replace("port: 1}", "port: many}")).unwrap();
        let Error::Manifest(flaw) = read(&[path]).unwrap_err() else { panic!("a flaw") };
        let at = flaw.at.unwrap();
        assert_eq!(&flaw.text.inner()[at.offset()..at.offset() + at.len()], "many");
    }
}
