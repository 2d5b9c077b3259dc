//! The JSON schema of topology files, published as `docs/topology.schema.json`.

/// The schema as JSON text, ending in a newline.
#[must_use]
pub fn schema() -> String {
    let schema = schemars::schema_for!(super::file::File);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// The same as a part of another schema: of files that hold a topology among other things.
pub fn subschema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    generator.subschema_for::<super::file::File>()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    /// `PLUMB_BLESS=1 cargo test -p plumb-lab` writes the file anew.
    #[test]
    fn published_schema_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/topology.schema.json");
        if std::env::var_os("PLUMB_BLESS").is_some() {
            std::fs::write(path, super::schema()).unwrap();
        }
        let published = std::fs::read_to_string(path).unwrap();
        assert_eq!(published, super::schema(), "write it anew with PLUMB_BLESS=1 cargo test -p plumb-lab");
    }
}
