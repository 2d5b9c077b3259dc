//! The lab topology inside a scenario file.

use std::path::Path;

use plumb_lab::{LabError, Topology, faults};

use crate::error::{Failure, Result};
use crate::scenario::{Flow, Protocol, Scenario};

/// The key that it stands under.
const KEY: &str = "topology:";

/// Reads the scenario's topology, where it has one, and follows the names in its flows.
pub fn fill_in(scenario: &mut Scenario, file: &Path, text: &str) -> Result<()> {
    let refuse = |why: String| Failure::File { file: file.into(), why };
    if scenario.topology.is_none() {
        let none = scenario.breaks.is_empty();
        return none.then_some(()).ok_or_else(|| refuse("`break` needs a `topology`".into()));
    }
    if scenario.network.is_some() || !scenario.namespaces.is_empty() {
        return Err(refuse("`topology` stands in place of `network` and `namespaces`".into()));
    }
    if let Some(unknown) = scenario.breaks.iter().find(|b| faults::find(&b.id).is_none()) {
        return Err(refuse(format!("there is no fault {} (`plumb lab faults`)", unknown.id)));
    }
    let topology = read(&file.display().to_string(), text)?;
    for flow in &mut scenario.flows {
        follow(&topology, flow)
            .map_err(|e| refuse(format!("flow from {} to {}: {e}", flow.from, flow.to)))?;
    }
    scenario.lab = Some(topology);
    Ok(())
}

/// The topology in a scenario's text; an error has the line and column of that text.
fn read(source: &str, text: &str) -> Result<Topology> {
    Ok(Topology::parse(source, &alone(text)).map_err(LabError::from)?)
}

/// The text with all blank but the topology, which stays where it is: a key at the beginning of a line ends it.
fn alone(text: &str) -> String {
    let mut inside = false;
    let line = |line: &str| match line.strip_prefix(KEY) {
        Some(rest) => {
            inside = true;
            format!("{}{rest}\n", " ".repeat(KEY.len()))
        }
        None => {
            inside &= line.is_empty() || line.starts_with([' ', '#']);
            format!("{}\n", if inside { line } else { "" })
        }
    };
    text.lines().map(line).collect()
}

/// Requires that the flow's names lead somewhere, and puts an address in place of its destination's.
fn follow(topology: &Topology, flow: &mut Flow) -> std::result::Result<(), String> {
    plumb_lab::namespace(topology, &flow.from).map_err(|e| e.to_string())?;
    let to = plumb_lab::destination(topology, &flow.to, None).map_err(|e| e.to_string())?;
    flow.to = match (flow.protocol, to.port) {
        (Protocol::Icmp, _) => to.address.to_string(),
        (_, Some(_)) => to.socket().to_string(),
        (_, None) => return Err("the destination has no port".to_owned()),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TEXT: &str = "\
name: x
teaches: |
  topology: of what?
topology:
  name: a
  # A comment.
  nodes: [{ name: n }]

# Another.
  pods:
    - { name: p, node: n, ports: [{ port: 80 }] }
flows: []
";

    #[test]
    fn it_is_read_where_it_stands() {
        assert_eq!(read("x.yaml", TEXT).unwrap().pods[0].name, "p");
        let flow = "topology: { name: a, nodes: [{ name: n }] }\nflows: []\n";
        assert_eq!(read("x.yaml", flow).unwrap().nodes[0].name, "n");
    }

    #[test]
    fn an_error_has_the_place_in_the_file() {
        let told = read("x.yaml", &TEXT.replace("node: n,", "node: m,")).unwrap_err().to_string();
        assert!(told.starts_with("x.yaml:11:24: there is no node `m`"), "{told}");
        let told = read("x.yaml", &TEXT.replace("  pods:", "  pod:")).unwrap_err().to_string();
        assert!(told.starts_with("x.yaml:10:3: ") && told.contains("pod"), "{told}");
    }
}
