//! What the findings about names are called, in each language.

mod en;
mod zh;

use super::Lang;
use crate::names::NameFinding;

/// One sentence: what is there and what it does.
#[must_use]
pub fn name_summary(lang: Lang, finding: &NameFinding) -> String {
    match lang {
        Lang::En => en::summary(finding),
        Lang::Zh => zh::summary(finding),
    }
}

/// What it does to whoever looks names up.
#[must_use]
pub fn name_effect(lang: Lang, finding: &NameFinding) -> String {
    match lang {
        Lang::En => en::effect(finding),
        Lang::Zh => zh::effect(finding),
    }
}

/// What to do about it.
#[must_use]
pub fn name_advice(lang: Lang, finding: &NameFinding) -> String {
    match lang {
        Lang::En => en::advice(finding),
        Lang::Zh => zh::advice(finding),
    }
}

/// What is said about a look-up beside findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields bear the names of what they hold")]
pub enum NameNote<'a> {
    /// What the name's servers answer is in no snapshot.
    AnswerNotKnown { name: &'a str, servers: &'a str },
    /// The files of the resolver could not be read, or a snapshot does not have them.
    FilesNotKnown { name: &'a str, why: &'a str },
    /// A service of nsswitch.conf whose answers are not known.
    ServiceNotKnown { name: &'a str, service: &'a str },
    /// Processes of the namespace see different files.
    FilesDiffer { pids: &'a str },
    /// A server that was asked.
    Server { address: &'a str },
    /// The name's addresses, as something that is in order. `from`: who says so.
    Addresses { from: &'a str },
    /// How the way to a server ends.
    WayToServer,
    /// Name servers in resolv.conf.
    ServerLines,
    /// What a server answered.
    Answer,
}

/// The note as a sentence or label.
#[must_use]
pub fn name_note(lang: Lang, note: NameNote) -> String {
    match lang {
        Lang::En => en::note(note),
        Lang::Zh => zh::note(note),
    }
}
