//! The `plumb` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Supervisors and servers of labs are this program, started again.
    plumb_lab::run_if_child();
    plumb_cli::main()
}
