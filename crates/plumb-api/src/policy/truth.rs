//! Yes, no, or not known for want of something.

use std::fmt;

/// Whether something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Truth {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It cannot be told.
    Open(Doubt),
}

/// What is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Doubt {
    /// Which Pod it is, of which namespace.
    NameOfPod,
    /// The labels of a Pod.
    LabelsOfPod,
    /// The ports of a Pod by their names.
    PortsOfPod,
    /// The labels of a namespace.
    LabelsOfNamespace,
    /// The node that a Pod is on.
    NodeOfPod,
    /// What is meant by a field that the API server would refuse.
    Field,
    /// The labels of a node.
    LabelsOfNode,
    /// Which addresses a name of the DNS stands for.
    DomainNames,
    /// Which of two policies with one priority is asked first.
    SamePriority,
    /// Whether an administrator's policy holds between a Pod and its own node.
    OwnNode,
    /// What a policy says of a kind that is not read.
    Foreign,
    /// Whether policies see an address before or after its translation.
    Translated,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NameOfPod => "which Pod it is",
            Self::LabelsOfPod => "the Pod's labels",
            Self::PortsOfPod => "the names of the Pod's ports",
            Self::LabelsOfNamespace => "the namespace's labels",
            Self::NodeOfPod => "the Pod's node",
            Self::Field => "what a field means that the API server would refuse",
            Self::LabelsOfNode => "the node's labels",
            Self::DomainNames => "which addresses a domain name stands for",
            Self::SamePriority => "which of two policies with the same priority is asked first",
            Self::OwnNode => "whether it holds between a Pod and its own node",
            Self::Foreign => "what it says: Plumb does not read this kind",
            Self::Translated => "whether policies see the client's address before or after its translation",
        })
    }
}

impl Truth {
    pub(super) fn of(known: bool) -> Self {
        if known { Self::Yes } else { Self::No }
    }

    pub(super) fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::No => Self::No,
            Self::Yes => other(),
            Self::Open(doubt) => match other() {
                Self::No => Self::No,
                _ => Self::Open(doubt),
            },
        }
    }

    /// Whether any holds; not known where none does for certain and one may.
    pub(super) fn any(all: impl IntoIterator<Item = Self>) -> Self {
        let mut found = Self::No;
        for truth in all {
            match truth {
                Self::Yes => return Self::Yes,
                Self::Open(_) if found == Self::No => found = truth,
                _ => {}
            }
        }
        found
    }

    /// Whether all hold.
    pub(super) fn all(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(Self::Yes, |found, truth| found.and(|| truth))
    }
}
