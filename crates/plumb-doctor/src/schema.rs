//! The JSON schemas of reports, published as `docs/report.schema.json` and `docs/check.schema.json`.

/// The schema as JSON text, ending in a newline.
#[must_use]
pub fn report_schema() -> String {
    let schema = schemars::schema_for!(crate::report::Report);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// The schema of `plumb check`'s answer as JSON text, ending in a newline.
#[must_use]
pub fn check_schema() -> String {
    let schema = schemars::schema_for!(crate::check::CheckReport);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");

    /// `PLUMB_BLESS=1 cargo test -p plumb-doctor` writes the file anew.
    #[test]
    fn published_schema_is_current() {
        for (name, current) in [("report", super::report_schema()), ("check", super::check_schema())] {
            let path = format!("{DOCS}/{name}.schema.json");
            if std::env::var_os("PLUMB_BLESS").is_some() {
                std::fs::write(&path, &current).unwrap();
            }
            let published = std::fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(
                published, current,
                "{name}: write it anew with PLUMB_BLESS=1 cargo test -p plumb-doctor"
            );
        }
    }

    #[test]
    fn every_id_has_its_page_and_every_page_its_id() {
        let names = crate::names::NAME_KINDS.iter().map(|(id, _)| *id);
        let all = crate::messages::ALL_IDS.iter().copied().chain(crate::check::kind_ids()).chain(names);
        let ids: BTreeSet<String> = all.map(str::to_owned).collect();
        let pages: BTreeSet<String> = std::fs::read_dir(format!("{DOCS}/faults"))
            .unwrap()
            .filter_map(|e| e.unwrap().file_name().to_str()?.strip_suffix(".md").map(str::to_owned))
            .filter(|name| name != "README" && name != "coverage")
            .collect();
        assert_eq!(pages, ids);
        let index = std::fs::read_to_string(format!("{DOCS}/faults/README.md")).unwrap();
        for id in ids {
            assert!(index.contains(&format!("[{id}]({id}.md)")), "{id} is not in docs/faults/README.md");
            let page = std::fs::read_to_string(format!("{DOCS}/faults/{id}.md")).unwrap();
            assert!(page.contains(&format!("\n`{id}`")), "{id}.md does not say its id");
        }
    }
}
