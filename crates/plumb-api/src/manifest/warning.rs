//! What is to be said of files that can be read.

use std::fmt;

use super::place::Place;
use crate::ObjectKey;
use crate::validate::Violation;

/// Something in a file that ought to be known; the file counts all the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Warning {
    /// Where.
    pub place: Place,
    /// What.
    pub matter: Matter,
}

/// What a warning is about.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Matter {
    /// The API server would refuse the object; it is taken as it is.
    Refused {
        /// The object.
        object: ObjectKey,
        /// The field and what is wrong with it.
        violation: Violation,
    },
    /// The object comes twice; the one here counts, as if the files were applied one after the other.
    Again {
        /// The object.
        object: ObjectKey,
        /// The one that does not count.
        earlier: Place,
    },
    /// A kind that Plumb has no use for.
    Skipped {
        /// `apiVersion`
        api_version: Box<str>,
        /// `kind`
        kind: Box<str>,
        /// `metadata.name`, empty where it has none.
        name: Box<str>,
    },
}

impl Warning {
    /// Whether it is no more than a note: nothing needs to be mended.
    #[must_use]
    pub fn is_note(&self) -> bool {
        matches!(self.matter, Matter::Skipped { .. })
    }

    /// A word that stays the same whatever the sentence becomes.
    #[must_use]
    pub fn id(&self) -> &'static str {
        match &self.matter {
            Matter::Refused { violation, .. } => violation.problem.id(),
            Matter::Again { .. } => "again",
            Matter::Skipped { .. } => "skipped",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        match &self.matter {
            Matter::Refused { object, violation } => {
                write!(f, "{object}: {violation} (the API server would refuse this object)")
            }
            Matter::Again { object, earlier } => {
                write!(f, "{object} comes a second time; this one counts, the one at {earlier} does not")
            }
            Matter::Skipped { api_version, kind, name } => {
                write!(f, "{kind} {name} ({api_version}) is skipped: Plumb does not read this kind")
            }
        }
    }
}
