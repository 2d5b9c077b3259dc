//! `meta/v1.LabelSelector`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Which objects are meant, by their labels; all of it has to hold, and an empty one takes everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// Labels with these values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<Box<str>, Box<str>>,
    /// Further conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelRequirement>,
}

/// A condition on one label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelRequirement {
    /// The label.
    pub key: Box<str>,
    /// What is asked of it.
    pub operator: LabelOperator,
    /// The values that `In` and `NotIn` are about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Box<str>>,
}

/// What is asked of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LabelOperator {
    /// It is there, with one of the values.
    In,
    /// It is not there, or has none of the values.
    NotIn,
    /// It is there.
    Exists,
    /// It is not there.
    DoesNotExist,
}

impl LabelSelector {
    /// Whether it takes everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }

    /// The conditions, one a label or expression: `matchLabels` are `In` with one value.
    pub fn requirements(&self) -> impl Iterator<Item = (&str, LabelOperator, Vec<&str>)> {
        let labels = self.match_labels.iter().map(|(k, v)| (&**k, LabelOperator::In, vec![&**v]));
        let more = self.match_expressions.iter();
        labels.chain(more.map(|r| (&*r.key, r.operator, r.values.iter().map(|v| &**v).collect())))
    }
}

impl LabelOperator {
    /// Whether a label with this value, or that is not there, fulfils it.
    #[must_use]
    pub fn holds(self, value: Option<&str>, values: &[&str]) -> bool {
        match self {
            Self::In => value.is_some_and(|v| values.contains(&v)),
            Self::NotIn => value.is_none_or(|v| !values.contains(&v)),
            Self::Exists => value.is_some(),
            Self::DoesNotExist => value.is_none(),
        }
    }
}
