//! Writes the snapshots of a cluster that does not exist: `generate_cluster FOLDER [NODES [PODS]]`, by default 100 nodes
//! with 50 pods each. For `plumb check FOLDER/*.plumb`.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;
use std::process::ExitCode;

use plumb_tests::cluster;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(folder) = args.next() else {
        eprintln!("generate_cluster FOLDER [NODES [PODS]]");
        return ExitCode::from(2);
    };
    let mut number =
        |default: u8| args.next().map_or(Some(default), |text| text.parse().ok().filter(|n| *n > 0));
    let (Some(nodes), Some(pods)) = (number(100), number(50)) else {
        eprintln!("nodes and pods are numbers from 1 to 255");
        return ExitCode::from(2);
    };
    match write(Path::new(&folder), nodes, pods) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{folder}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path, nodes: u8, pods: u8) -> Result<(), Box<dyn std::error::Error>> {
    fs::create_dir_all(folder)?;
    for n in 1..=nodes {
        let file = File::create(folder.join(format!("node-{n}.plumb")))?;
        cluster::node(n, nodes, pods).write_to(BufWriter::new(file))?;
    }
    Ok(())
}
