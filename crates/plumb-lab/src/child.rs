//! The processes of a lab are the same program, started again with a first argument that says what for.

/// First argument of a supervisor.
pub(crate) const SUPERVISOR: &str = "lab-supervisor";
/// First argument of a pod's server.
pub(crate) const POD: &str = "lab-pod";

/// If this process was started as a part of a lab, plays that part and ends the process. Call it first in `main` of any
/// program that starts labs.
pub fn run_if_child() {
    let part = std::env::args().nth(1);
    let result = match part.as_deref() {
        Some(SUPERVISOR) => crate::supervisor::run(),
        Some(POD) => crate::server::run(),
        _ => return,
    };
    if let Err(message) = &result {
        eprintln!("{}: {message}", std::env::args().skip(1).collect::<Vec<_>>().join(" "));
    }
    std::process::exit(i32::from(result.is_err()));
}
