//! A thing that was asked of the kernel: what it said, or why it said nothing.

use serde::{Deserialize, Serialize};

/// What came of asking for something. Absence is data: a walk that needs what is not here says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Read<T> {
    /// The kernel's answer.
    Got(T),
    /// It was not allowed to ask: this capability (or right) is missing.
    Denied {
        /// `CAP_NET_ADMIN`, `CAP_SYS_ADMIN` …
        capability: String,
    },
    /// The kernel does not have it, or has not loaded it.
    Absent {
        /// Module or subsystem: `nf_tables`, `nf_conntrack`, `br_netfilter` …
        feature: String,
    },
    /// The answer changed while it was read, every time it was tried: what there is may not fit together.
    Torn {
        /// What was seen: `dump interrupted`, `nftables generation changed`.
        reason: String,
        /// The last answer.
        value: T,
    },
}

impl<T> Read<T> {
    /// The value, torn or not.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Got(v) | Self::Torn { value: v, .. } => Some(v),
            Self::Denied { .. } | Self::Absent { .. } => None,
        }
    }

    /// The value, torn or not, to change.
    pub fn value_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Got(v) | Self::Torn { value: v, .. } => Some(v),
            Self::Denied { .. } | Self::Absent { .. } => None,
        }
    }

    /// Whether asking was forbidden, so that nothing is known.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Denied { .. })
    }

    /// Whether the kernel has no such thing.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent { .. })
    }

    /// The same absence, or the value changed by `f`.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Read<U> {
        match self {
            Self::Got(v) => Read::Got(f(v)),
            Self::Torn { reason, value } => Read::Torn { reason, value: f(value) },
            Self::Denied { capability } => Read::Denied { capability },
            Self::Absent { feature } => Read::Absent { feature },
        }
    }
}

impl<T> Read<Vec<T>> {
    /// The elements, none where nothing could be read.
    pub fn items(&self) -> &[T] {
        self.value().map_or(&[], Vec::as_slice)
    }
}
