//! Starting programs inside a namespace.

use std::os::fd::AsFd;
use std::process::{Child, Command};

use crate::error::{KernelError, Result};
use crate::netns::NamespaceHandle;
use crate::sys;

/// Starts a program inside a namespace. The program is killed when the **thread** that called this ends, however it ends
/// (`PR_SET_PDEATHSIG`): call it from one that lives as long as the program should.
pub fn spawn(command: &mut Command, namespace: &NamespaceHandle) -> Result<Child> {
    start(command, namespace, true)
}

/// Starts a program inside a namespace; it lives on when its starter ends.
pub fn spawn_detached(command: &mut Command, namespace: &NamespaceHandle) -> Result<Child> {
    start(command, namespace, false)
}

fn start(command: &mut Command, namespace: &NamespaceHandle, die_with_thread: bool) -> Result<Child> {
    sys::enter_before_exec(command, namespace.as_fd(), die_with_thread);
    let what = || {
        let program = command.get_program().to_string_lossy();
        format!("start {program} in {}", namespace.path())
    };
    let what = what();
    command.spawn().map_err(|e| KernelError::io(what, e))
}
