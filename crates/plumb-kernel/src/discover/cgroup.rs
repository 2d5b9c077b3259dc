//! Container and pod from /proc/PID/cgroup, as containerd, Docker, CRI-O and Podman name their groups under the
//! `cgroupfs` and the `systemd` driver.

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) container: Option<String>,
    pub(super) pod_uid: Option<String>,
}

/// Lines `ID:CONTROLLERS:PATH`, one per hierarchy; the first that tells something does.
pub(super) fn place(text: &str) -> Place {
    let mut place = Place::default();
    for line in text.lines() {
        let Some(path) = line.splitn(3, ':').nth(2) else { continue };
        // `runc` with the systemd driver and a path that is none of systemd's: `SLICE:PREFIX:ID`.
        for part in path.split(['/', ':']) {
            let part = part.strip_suffix(".slice").or_else(|| part.strip_suffix(".scope")).unwrap_or(part);
            if place.pod_uid.is_none() {
                place.pod_uid = pod_uid(part);
            }
            // The innermost container wins: one may run inside another.
            if let Some(id) = container(part) {
                place.container = Some(id);
            }
        }
        if place.container.is_some() {
            break;
        }
    }
    place
}

/// `pod` and a UID: of 36 characters (systemd wants `_` for `-`), or 32 for a pod from a file on the node.
fn pod_uid(part: &str) -> Option<String> {
    let uid = &part[part.rfind("pod").filter(|at| *at == 0 || part[..*at].ends_with('-'))? + 3..];
    let hex = |c: char| c.is_ascii_hexdigit();
    match uid.len() {
        32 if uid.chars().all(hex) => Some(uid.to_owned()),
        36 if uid.chars().all(|c| hex(c) || c == '-' || c == '_') => Some(uid.replace('_', "-")),
        _ => None,
    }
}

/// 64 hexadecimal digits, after `docker-`, `cri-containerd-`, `crio-`, `libpod-` or alone.
fn container(part: &str) -> Option<String> {
    let id = part.rsplit('-').next()?;
    // `crio-conmon-ID` watches the container and is not in it.
    let watcher = part.contains("conmon");
    (id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()) && !watcher).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f2a9c0d5e6b7a8190c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627";
    const UID: &str = "0b3c9f54-7a1e-4c57-9d3a-2f5b6e8c1d20";

    fn seen(path: &str) -> (bool, Option<String>) {
        let place = place(&format!("12:cpu:/\n0::{path}\n"));
        (place.container.as_deref() == Some(ID), place.pod_uid)
    }

    #[test]
    fn every_driver_and_runtime() {
        let under = UID.replace('-', "_");
        let uid = Some(UID.to_owned());
        assert_eq!(seen(&format!("/kubepods/burstable/pod{UID}/{ID}")), (true, uid.clone()));
        let slice = format!("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{under}.slice");
        assert_eq!(seen(&format!("{slice}/cri-containerd-{ID}.scope")), (true, uid.clone()));
        assert_eq!(seen(&format!("{slice}/crio-{ID}.scope")), (true, uid.clone()));
        assert_eq!(seen(&format!("{slice}/crio-conmon-{ID}.scope")), (false, uid.clone()));
        assert_eq!(seen(&format!("{slice}/docker-{ID}.scope")), (true, uid.clone()));
        assert_eq!(seen(&format!("/kubepods-burstable-pod{under}.slice:cri-containerd:{ID}")), (true, uid));
        assert_eq!(seen(&format!("/docker/{ID}")), (true, None));
        assert_eq!(seen(&format!("/system.slice/docker-{ID}.scope")), (true, None));
        assert_eq!(seen("/user.slice/user-0.slice/session-1.scope"), (false, None));
        assert_eq!(
            seen("/kubepods/pod0123456789abcdef0123456789abcdef/x").1.as_deref(),
            Some("0123456789abcdef0123456789abcdef")
        );
        assert_eq!(seen("/tripod/podé"), (false, None));
    }
}
