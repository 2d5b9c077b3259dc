//! Processes that serve: whether they can.

use plumb_model::{Action, Change, Namespace, Process, Serving};

use super::Look;
use crate::check::told::{Observation, Seen};
use crate::place;
use crate::report::Place;

/// Everybody who serves, with the place of their first listener.
fn serving<'a>(
    look: &'a Look<'_>,
) -> impl Iterator<Item = (usize, &'a Namespace, &'a Process, &'a Serving, Place)> + 'a {
    look.namespaces().flat_map(move |(ns, n)| {
        n.processes.iter().filter_map(move |p| {
            let s = p.serving.as_ref()?;
            let listener =
                n.sockets.items().iter().position(|l| l.is_listening() && s.sockets.contains(&l.inode));
            let place =
                listener.map_or_else(|| place::namespace(look.net, ns), |i| place::socket(look.net, ns, i));
            Some((ns, n, p, s, place))
        })
    })
}

/// K13: a server has as many files open as it may: it takes no more connections.
pub(super) fn files(look: &Look<'_>) -> Vec<Observation> {
    // Of a limit, this share is left at most.
    const LEFT: u64 = 20;
    serving(look)
        .filter_map(|(ns, _, p, s, place)| {
            let most = s.max_open_files?;
            (s.open_files + most / LEFT >= most).then(|| {
                let command =
                    format!("ls /proc/{}/fd | wc -l; grep 'open files' /proc/{}/limits", p.pid, p.pid);
                Observation::new("files-used-up", place)
                    .with("process", format!("{} ({})", p.comm, p.pid))
                    .with("open", s.open_files.to_string())
                    .with("most", most.to_string())
                    .seen(Seen::new("open-files", s.open_files, most, command))
                    .affects([look.name(ns)])
            })
        })
        .collect()
}

/// K14: the cgroup of a server may have no more processes.
pub(super) fn pids(look: &Look<'_>) -> Vec<Observation> {
    serving(look)
        .filter_map(|(ns, _, p, s, place)| {
            let pids = s.pids.as_ref()?;
            (pids.current >= pids.max).then(|| {
                Observation::new("pids-used-up", place)
                    .with("process", format!("{} ({})", p.comm, p.pid))
                    .with("most", pids.max.to_string())
                    .seen(Seen::new(
                        "pids-current",
                        pids.current,
                        pids.max,
                        format!("cat /proc/{}/cgroup", p.pid),
                    ))
                    .affects([look.name(ns)])
            })
        })
        .collect()
}

/// T11: a server is stopped (SIGSTOP, a debugger): the kernel takes connections for it, nobody answers.
pub(super) fn stopped(look: &Look<'_>) -> Vec<Observation> {
    serving(look)
        .filter(|(_, _, _, s, _)| matches!(s.state, Some('T' | 't')))
        .map(|(ns, n, p, s, place)| {
            let state = s.state.map_or_else(String::new, |c| c.to_string());
            // A debugger alone lets go of what it traces.
            let resume = (s.state == Some('T'))
                .then(|| vec![Change { namespace: n.id, action: Action::ResumeProcess { pid: p.pid } }]);
            let found = Observation::new("server-stopped", place)
                .with("process", format!("{} ({})", p.comm, p.pid))
                .seen(Seen::new("process-state", state, "S", format!("grep State /proc/{}/status", p.pid)))
                .affects([look.name(ns)]);
            match resume {
                Some(changes) => found.change(changes),
                None => found,
            }
        })
        .collect()
}
