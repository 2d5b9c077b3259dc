//! Where in an object something stands: `spec.ports[0].nodePort`.

use std::fmt;

/// One step into an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A field.
    Field(&'static str),
    /// The value of a key of a map, such as a label.
    Key(Box<str>),
    /// An entry of a list, from 0.
    Index(usize),
}

/// A place in an object, written as the API server writes it in its messages (`k8s.io/apimachinery` `field.Path`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FieldPath(Vec<Step>);

impl FieldPath {
    /// The place that these fields lead to.
    #[must_use]
    pub fn of(fields: &[&'static str]) -> Self {
        Self(fields.iter().map(|f| Step::Field(f)).collect())
    }

    /// The field of what this place holds.
    #[must_use]
    pub fn field(&self, name: &'static str) -> Self {
        self.with(Step::Field(name))
    }

    /// The value of a key of the map that this place holds.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.into()))
    }

    /// The entry of the list that this place holds.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    /// The steps, outermost first.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) if i == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Key(key) => write!(f, "[{key}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_as_the_api_server_writes_them() {
        let port = FieldPath::of(&["spec", "ports"]).index(0);
        assert_eq!(port.field("nodePort").to_string(), "spec.ports[0].nodePort");
        let label = FieldPath::of(&["metadata", "labels"]).key("kubernetes.io/service-name");
        assert_eq!(label.to_string(), "metadata.labels[kubernetes.io/service-name]");
    }
}
