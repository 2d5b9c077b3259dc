//! What every match and target has in common.

use thiserror::Error;

use crate::blob::{Blob, BlobError};
use crate::types::{SetNames, XtFamily};

/// Why an extension cannot be written as bytes.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EncodeError {
    /// This version decodes the extension but does not encode it, or not in this revision.
    #[error(
        "`{name}` revision {revision} cannot be encoded by this version; use one of the revisions it decodes"
    )]
    Unsupported {
        /// Name of the extension.
        name: String,
        /// The revision asked for.
        revision: u32,
    },
    /// A value has no room in the kernel's structure.
    #[error("`{name}` revision {revision} has no room for a value: {what}")]
    NoRoom {
        /// Name of the extension.
        name: String,
        /// The revision asked for.
        revision: u32,
        /// What does not fit.
        what: String,
    },
}

/// One extension's structure.
pub(crate) trait Extension: Sized {
    fn decode(revision: u32, family: XtFamily, blob: &mut Blob<'_>) -> Result<Self, BlobError>;

    /// The options, without a space before them.
    fn options(&self, sets: &dyn SetNames) -> String;

    /// The structure; `Ok(None)` where this version does not encode the extension or the revision.
    fn encode(&self, _revision: u32, _family: XtFamily) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }
}

/// Declares the enum of all extensions of a kind, its decoder and its text.
macro_rules! extensions {
    ($(#[$meta:meta])* $name:ident {
        $($(#[$vmeta:meta])* $variant:ident($ty:ty) = $ext:literal $(if $family:ident)?;)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$vmeta])* $variant($ty),)*
            /// What this version cannot decode.
            Unknown(crate::types::UnknownExtension),
        }

        impl $name {
            /// Names of the extensions that this version decodes, some twice where the families differ.
            pub const NAMES: &[&str] = &[$($ext),*];

            /// Reads an extension's structure. What is not known or too short becomes `Unknown`, with the reason.
            #[must_use]
            pub fn decode(name: &str, revision: u32, family: crate::types::XtFamily, info: &[u8]) -> Self {
                use crate::extension::Extension;
                let mut blob = crate::blob::Blob::new(info);
                let read = match name {
                    $($ext $(if family == crate::types::XtFamily::$family)? =>
                        <$ty>::decode(revision, family, &mut blob).map(Self::$variant),)*
                    _ => Err(crate::blob::BlobError::Extension),
                };
                read.unwrap_or_else(|reason| Self::Unknown(crate::types::UnknownExtension {
                    name: name.to_owned(),
                    revision,
                    bytes: info.into(),
                    reason: reason.to_string(),
                }))
            }

            /// Name of the extension, as the kernel knows it.
            #[must_use]
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant(_) => $ext,)*
                    Self::Unknown(u) => &u.name,
                }
            }

            /// The options as iptables 1.8.9 saves them, without the name before them. What is not known is shown
            /// as its revision and bytes.
            #[must_use]
            pub fn options(&self, sets: &dyn crate::types::SetNames) -> String {
                use crate::extension::Extension;
                match self {
                    $(Self::$variant(e) => e.options(sets),)*
                    Self::Unknown(u) => format!("[revision {} not decoded: {}]", u.revision, u.bytes),
                }
            }

            /// Writes the extension's structure, padded to 8 bytes as the kernel keeps it.
            ///
            /// # Errors
            /// If this version does not encode the extension or the revision, or a value has no room in it.
            pub fn encode(&self, revision: u32, family: crate::types::XtFamily) -> Result<Vec<u8>, crate::EncodeError> {
                use crate::extension::Extension;
                let written = match self {
                    $(Self::$variant(e) => e.encode(revision, family),)*
                    Self::Unknown(u) if u.revision == revision => Ok(Some(u.bytes.to_vec())),
                    Self::Unknown(_) => Ok(None),
                };
                let name = self.name().to_owned();
                match written {
                    Ok(Some(bytes)) => Ok(bytes),
                    Ok(None) => Err(crate::EncodeError::Unsupported { name, revision }),
                    Err(what) => Err(crate::EncodeError::NoRoom { name, revision, what }),
                }
            }
        }
    };
}
