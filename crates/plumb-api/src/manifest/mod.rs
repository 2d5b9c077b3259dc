//! Manifests: the objects of the API in files, as `kubectl` takes them.
//!
//! [`parse`] reads one file; [`merge`] makes one view of several. Both are pure: whoever calls them reads the files. An object
//! that the API server would refuse, but a file holds, is taken with a [`Warning`] that names the field; a file that makes no
//! sense is a [`ManifestError`] with line and column.
//!
//! ```
//! use plumb_api::manifest;
//!
//! let text = "\
//! apiVersion: v1
//! kind: Service
//! metadata: {name: web}
//! spec:
//!   clusterIP: 10.96.0.10
//!   ports: [{port: 80}]
//!   healthCheckNodePort: 30009
//! ";
//! let manifest = manifest::merge([manifest::parse(text, "web.yaml")?]);
//! assert_eq!(manifest.objects[0].value.key().to_string(), "Service default/web");
//! assert_eq!(manifest.warnings.len(), 1);
//! assert!(manifest.warnings[0].to_string().starts_with(
//!     "web.yaml:7:24: Service default/web: spec.healthCheckNodePort: only for type LoadBalancer"));
//! # Ok::<(), manifest::ManifestError>(())
//! ```

mod decode;
mod error;
mod json;
mod object;
mod place;
mod tree;
mod warning;
mod yaml;

use std::collections::HashMap;
use std::sync::Arc;

use crate::defaults;
use crate::objects::Object;
use crate::policy::PolicyRef;

pub use error::ManifestError;
pub use place::{Located, Place};
pub use warning::{Matter, Warning};

/// What one or several files hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// The objects, in the order of the files, defaults filled in ([`defaults`]).
    pub objects: Vec<Located<Object>>,
    /// What is to be said of them.
    pub warnings: Vec<Warning>,
    /// Policies of kinds that are not read ([`crate::policy::is_foreign`]); each is among the warnings as well.
    pub foreign: Vec<PolicyRef>,
}

/// Reads a file. `name` is what messages call it; where it ends in `.json`, the text is JSON, else YAML, of which nearly all
/// JSON is a part. Any number of objects may be in it: as documents of their own, and as `kind: List`, `ServiceList` and the
/// like.
///
/// # Errors
/// The first thing that makes no sense, with its place.
pub fn parse(text: &str, name: &str) -> Result<Manifest, ManifestError> {
    let file: Arc<str> = name.into();
    let in_file = |flaw: error::Flaw| flaw.in_file(&file, text);
    // Go's decoders do not mind a byte order mark, and count no column for it.
    let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
    let documents = documents(bare, name).map_err(in_file)?;
    let mut manifest = Manifest::default();
    for document in documents {
        object::read(document, None, &file, &mut manifest).map_err(in_file)?;
    }
    Ok(manifest)
}

fn documents(text: &str, name: &str) -> Result<Vec<tree::Node>, error::Flaw> {
    if name.rsplit('.').next().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
        return json::documents(text);
    }
    // Without a name that tells, what opens like JSON is tried as JSON first, as kubectl does.
    if text.trim_start().starts_with('{')
        && let Ok(documents) = json::documents(text)
    {
        return Ok(documents);
    }
    yaml::documents(text)
}

/// Makes one view of several files, in the order in which they would be applied: of an object that comes twice the later
/// counts. Services that name no family and no address get those of the cluster, which a ServiceCIDR tells.
#[must_use]
pub fn merge(files: impl IntoIterator<Item = Manifest>) -> Manifest {
    let mut objects: Vec<Option<Located<Object>>> = Vec::new();
    let (mut warnings, mut foreign) = (Vec::new(), Vec::new());
    let mut last = HashMap::new();
    for file in files {
        warnings.extend(file.warnings);
        foreign.extend(file.foreign);
        for object in file.objects {
            let key = object.value.key();
            let earlier = last.insert(key.clone(), objects.len()).and_then(|i| objects.get_mut(i)?.take());
            if let Some(earlier) = earlier {
                let matter = Matter::Again { object: key, earlier: earlier.place };
                warnings.push(Warning { place: object.place.clone(), matter });
            }
            objects.push(Some(object));
        }
    }
    let mut objects: Vec<Located<Object>> = objects.into_iter().flatten().collect();
    let ranges = objects.iter().filter_map(|o| match &o.value {
        Object::ServiceCidr(range) => Some(range),
        _ => None,
    });
    let cluster = defaults::cluster_families(ranges);
    for object in &mut objects {
        if let Object::Service(service) = &mut object.value {
            defaults::families(service, &cluster);
        }
    }
    Manifest { objects, warnings, foreign }
}

#[cfg(test)]
mod tests;
