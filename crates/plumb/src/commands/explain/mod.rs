//! `plumb explain`: what implements a Service on this node.

mod json;
mod objects;
mod render;

use plumb_kernel::{KernelError, NamespaceHandle, Parts};
use plumb_proxy::explain::{ExplainError, Verdict, live};

use super::Context;
use super::proxy::of_node;
use super::source::{self, OVERVIEW};
use crate::cli::{ServiceArgs, TextOrJson};
use crate::error::{Error, Status};
use crate::output;

pub(super) fn run(args: &ServiceArgs, context: &Context) -> Result<Status, Error> {
    let config = of_node(&args.node)?;
    let handle = namespace(args, context)?;
    let objects = objects::read(args, &config.node_name, context)?;
    let explanation = live(&handle, &config, &objects, &args.service).map_err(error)?;
    match args.output {
        TextOrJson::Json => output::print_json(&json::of(&explanation, context.lang())?)?,
        TextOrJson::Text => output::print(&render::text(&explanation, context.lang()))?,
    }
    Ok(match explanation.verdict {
        Verdict::InForce | Verdict::NothingToDo => Status::Good,
        Verdict::NotInForce { .. } => Status::No,
    })
}

/// The node's network namespace.
fn namespace(args: &ServiceArgs, context: &Context) -> Result<NamespaceHandle, Error> {
    let Some(name) = &args.netns else { return Ok(NamespaceHandle::current()?) };
    if name.starts_with('/') {
        return NamespaceHandle::open(name).map_err(Error::NotEntered);
    }
    let snapshot = source::live(context, None, Parts { sockets: false, ..OVERVIEW })?;
    source::handle(source::find(&snapshot, name)?)
}

fn error(error: ExplainError) -> Error {
    match error {
        ExplainError::NoService { name, known } => {
            let mut names: Vec<String> = known.iter().map(|n| format!("svc/{n}")).collect();
            names.sort();
            let help = if names.is_empty() {
                "there are none".to_owned()
            } else {
                format!("there are: {}", names.join(", "))
            };
            Error::Usage { problem: format!("there is no Service {name}"), help }
        }
        // What is asked for is the kernel's answer: without it nothing can be told, whatever kept it back.
        ExplainError::Kernel(error @ KernelError::Enter { .. }) => Error::NotEntered(error),
        ExplainError::Kernel(error) => Error::Kernel(error),
        ExplainError::Denied { table, capability } => Error::Unreadable { table, capability },
    }
}
