//! The published schemas are what the types say, and every file conforms.
//!
//! `PLUMB_BLESS=1 cargo test -p plumb-tests --test schema` writes them anew.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use plumb_tests::library;
use plumb_tests::scenario::{Network, Scenario};
use serde_json::Value;

fn current(file: &Path, schema: &schemars::Schema) -> Value {
    let says = schema.as_value().clone();
    if std::env::var_os("PLUMB_BLESS").is_some() {
        fs::write(file, format!("{}\n", serde_json::to_string_pretty(&says).unwrap())).unwrap();
    }
    let published = fs::read_to_string(file).unwrap_or_default();
    // As values: the order of keys depends on how the build unites the features of serde_json.
    let published: Value = serde_json::from_str(&published).unwrap_or_default();
    assert!(
        published == says,
        "{} is not what the types say: run this test with PLUMB_BLESS=1",
        file.display()
    );
    says
}

fn conform(schema: &Value, directory: &Path) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let files = library::yaml_files(directory).unwrap();
    assert!(!files.is_empty(), "no files in {}", directory.display());
    for file in files {
        let document: Value = library::read(&file).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", file.display());
    }
}

#[test]
fn scenarios_conform() {
    let directory = library::directory();
    let schema = current(&directory.join("schema.json"), &schemars::schema_for!(Scenario));
    conform(&schema, &directory);
    library::scenarios().unwrap();
}

#[test]
fn networks_conform() {
    let directory = library::directory().join("networks");
    let schema = current(&directory.join("schema.json"), &schemars::schema_for!(Network));
    conform(&schema, &directory);
    library::networks().unwrap();
}
