//! Bind mounts of network namespaces in /proc/self/mountinfo (Documentation/filesystems/proc.rst, section 3.5).

use plumb_model::NamespaceId;

use super::process::inode;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) id: NamespaceId,
    pub(super) path: String,
}

pub(super) fn namespaces(gaps: &mut Vec<String>) -> Vec<Mount> {
    match std::fs::read("/proc/self/mountinfo") {
        Ok(text) => parse(&String::from_utf8_lossy(&text)),
        Err(error) => {
            gaps.push(format!("/proc/self/mountinfo cannot be read: {error}"));
            Vec::new()
        }
    }
}

/// `39 28 0:4 net:[4026532250] /run/netns/a rw shared:5 - nsfs nsfs rw`
fn parse(text: &str) -> Vec<Mount> {
    let line = |line: &str| {
        let mut fields = line.split(' ');
        let root = fields.nth(3)?;
        let path = unescape(fields.next()?);
        let mut tail = fields.skip_while(|f| *f != "-");
        (tail.nth(1)? == "nsfs").then_some(())?;
        Some(Mount { id: inode(root.as_ref())?, path })
    };
    text.lines().filter_map(line).collect()
}

/// Space, tab, newline and backslash are written as three octal digits.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let octal = tail.get(..3).filter(|_| first == b'\\');
        let value =
            octal.and_then(|d| std::str::from_utf8(d).ok()).and_then(|d| u8::from_str_radix(d, 8).ok());
        match value {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_network_namespaces_count() {
        let text = "22 1 254:0 / / rw - ext4 /dev/vda rw\n\
            39 28 0:4 net:[4026532250] /run/netns/a\\040b rw shared:5 - nsfs nsfs rw\n\
            40 28 0:4 mnt:[4026532251] /run/snapd/ns/x.mnt rw - nsfs nsfs rw\nshort\n";
        assert_eq!(parse(text), [Mount { id: NamespaceId(4_026_532_250), path: "/run/netns/a b".into() }]);
    }
}
