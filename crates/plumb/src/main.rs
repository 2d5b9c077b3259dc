//! The `plumb` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    plumb_cli::main()
}
