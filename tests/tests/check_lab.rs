//! What is tried of the fault catalogue, as a table that the code makes. The trials themselves are those of `lab_faults`.

#![allow(clippy::unwrap_used)]

use plumb_tests::faults::{NOT_FOUND, TOLD_AS};

/// The table of the catalogue: what names each fault, whether the lab makes it, whether it is tried end to end.
/// `PLUMB_BLESS=1 cargo test -p plumb-tests --test check_lab the_table` writes it anew.
#[test]
fn the_table_of_faults_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/faults/coverage.md");
    let mut text = String::from(
        "# Which faults are found\n\nMade by the tests. The numbers are those of the fault catalogue.\n\n\
         * reach, state, motion: what finds it in `plumb check`\n\
         * lab: `plumb lab break` makes it\n\
         * end to end: a test breaks it in a lab, sees what a real client sees, requires exactly this finding of `plumb check` and the \
         same place of `plumb diagnose`, runs the printed remedy, and requires that the symptom is gone and nothing is found then\n\
         * look-alike: the same test makes what looks like it (`plumb lab break --look-alike`) and requires that nothing is found, or \
         exactly the fault that it is\n\n\
         | fault | findings | reach | state | motion | lab | end to end | look-alike |\n|---|---|---|---|---|---|---|---|\n",
    );
    let lab: Vec<&str> = plumb_lab::faults::all().iter().map(|f| f.id).collect();
    let coverage = plumb_doctor::check::coverage();
    let all: std::collections::BTreeSet<&str> = coverage.keys().copied().chain(lab.iter().copied()).collect();
    let (mut found, mut tried, mut alike) = (0, 0, 0);
    for fault in all {
        let c = coverage.get(fault).cloned().unwrap_or_default();
        let pages: Vec<String> = c.ids.iter().map(|id| format!("[{id}]({id}.md)")).collect();
        let yes = |b: bool| if b { "yes" } else { "" };
        let in_lab = lab.contains(&fault);
        let end_to_end = match TOLD_AS.iter().find(|(id, _)| *id == fault) {
            _ if !in_lab || NOT_FOUND.iter().any(|(id, _)| *id == fault) => String::new(),
            Some((_, told)) => format!("yes, told as {}", told[0]),
            None => "yes".to_owned(),
        };
        found += usize::from(!c.ids.is_empty());
        tried += usize::from(!end_to_end.is_empty());
        let look_alike = match plumb_lab::faults::find(fault).and_then(|f| f.look_alike()) {
            Some(one) => one.is.map_or("yes: nothing".to_owned(), |is| format!("yes: {is}")),
            None => String::new(),
        };
        alike += usize::from(!look_alike.is_empty());
        text.push_str(&format!(
            "| {fault} | {} | {} | {} | {} | {} | {end_to_end} | {look_alike} |\n",
            pages.join(", "),
            yes(c.reach),
            yes(c.state),
            yes(c.motion),
            yes(in_lab),
        ));
    }
    text.push_str(&format!(
        "\n{found} faults have a finding, {} are made by the lab, {tried} are tried end to end, the look-alikes of {alike}.\n",
        lab.len()
    ));
    if std::env::var_os("PLUMB_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(there, text, "write it anew with PLUMB_BLESS=1");
}
