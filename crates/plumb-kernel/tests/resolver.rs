//! The resolver's files of a process with mounts of its own. Runs as root.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use common::{Net, of, read};
use plumb_kernel::spawn;
use plumb_model::Read;

/// A process that is killed with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a process in the namespace that sees this text as /etc/resolv.conf, and waits until it does.
fn with_resolv_conf(net: &Net, text: &str) -> Running {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let path = file.path().display().to_string();
    with_mounts(net, &format!("mount --bind {path} /etc/resolv.conf &&"))
}

/// Starts a process in the namespace with mounts of its own.
fn with_mounts(net: &Net, then: &str) -> Running {
    let script = format!("mount --make-rprivate / && {then} echo ready && exec sleep 60");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]).stdout(Stdio::piped());
    let mut child = spawn(&mut command, &net.handle).unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    Running(child)
}

#[test]
fn a_process_own_resolv_conf_is_read() {
    let (net, plain) = (Net::new("names"), Net::new("plain"));
    let first =
        with_resolv_conf(&net, "nameserver 192.0.2.53\nsearch a.example\noptions ndots:3\nodd line\n");
    let snapshot = read(&[&net, &plain]);
    let Read::Got(resolver) = &of(&snapshot, &net).resolver else { panic!("not read") };
    let conf = resolver.configuration().unwrap();
    assert_eq!(conf.nameservers[0].address.to_string(), "192.0.2.53");
    assert_eq!((conf.search.as_slice(), conf.options.ndots), (["a.example".to_owned()].as_slice(), 3));
    assert_eq!(
        resolver.odd.iter().map(|o| (o.file.as_str(), o.line)).collect::<Vec<_>>(),
        [("resolv.conf", 4)]
    );
    assert_eq!(resolver.paths[0], format!("/proc/{}/root/etc/resolv.conf", first.0.id()));
    assert_eq!(resolver.others, [0_u32; 0]);

    // Where nobody lives, those of the machine.
    let Read::Got(machine) = &of(&snapshot, &plain).resolver else { panic!("not read") };
    assert_eq!(machine.paths[0], "/etc/resolv.conf");

    // A second process that sees another file is told.
    let second = with_resolv_conf(&net, "nameserver 192.0.2.54\n");
    let snapshot = read(&[&net]);
    let Read::Got(resolver) = &of(&snapshot, &net).resolver else { panic!("not read") };
    let (one, two) = (first.0.id(), second.0.id());
    assert_eq!(resolver.others, [one.max(two)]);
}

#[test]
fn mounts_of_its_own_may_show_the_files_of_the_machine() {
    let net = Net::new("mounts");
    let as_netns_exec = with_mounts(&net, "");
    let snapshot = read(&[&net]);
    let Read::Got(resolver) = &of(&snapshot, &net).resolver else { panic!("not read") };
    assert_eq!(resolver.paths[0], "/etc/resolv.conf");
    let own = with_resolv_conf(&net, "nameserver 192.0.2.55\n");
    let snapshot = read(&[&net]);
    let Read::Got(resolver) = &of(&snapshot, &net).resolver else { panic!("not read") };
    assert_eq!(resolver.paths[0], format!("/proc/{}/root/etc/resolv.conf", own.0.id()));
    assert_eq!(resolver.others, [as_netns_exec.0.id()]);
}
