//! Prints a snapshot of this machine as JSON; with arguments, of these namespaces only. Times go to standard error.

use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let only = (!names.is_empty()).then_some(names);
    let start = Instant::now();
    let snapshot = plumb_kernel::snapshot(&plumb_kernel::Options { only, ..Default::default() })?;
    eprintln!("{} namespaces in {:?}", snapshot.namespaces.len(), start.elapsed());
    for gap in &snapshot.gaps {
        eprintln!("gap: {gap}");
    }
    serde_json::to_writer_pretty(std::io::BufWriter::new(std::io::stdout().lock()), &snapshot)?;
    Ok(())
}
