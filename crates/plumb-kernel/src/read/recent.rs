//! Lists of the `recent` match: /proc/net/xt_recent (`recent_seq_show`, net/netfilter/xt_recent.c).

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use plumb_model::{Read, RecentEntry, RecentList};

const FOLDER: &str = "/proc/thread-self/net/xt_recent";
/// What `CONFIG_HZ` can be.
const HZ: [u64; 4] = [100, 250, 300, 1000];

/// Of the calling thread's namespace.
pub(super) fn read(gaps: &mut Vec<String>) -> Read<Vec<RecentList>> {
    let files = match fs::read_dir(Path::new(FOLDER)) {
        Ok(files) => files,
        Err(e) if e.kind() == ErrorKind::NotFound => {
            return Read::Absent { feature: "xt_recent".to_owned() };
        }
        Err(e) if e.kind() == ErrorKind::PermissionDenied => {
            return Read::Denied { capability: "CAP_DAC_READ_SEARCH".to_owned() };
        }
        Err(e) => return torn(format!("{FOLDER}: {e}"), Vec::new(), gaps),
    };
    let mut lists = Vec::new();
    for file in files {
        let text = file.and_then(|f| Ok((f.file_name(), fs::read_to_string(f.path())?)));
        match text {
            Ok((name, text)) => {
                // After the list, so that no stamp lies ahead of it.
                let clock = fs::read_to_string("/proc/timer_list").ok().and_then(|t| Clock::parse(&t));
                let entries = text.lines().filter_map(|l| entry(l, clock.as_ref())).collect();
                lists.push(RecentList { name: name.to_string_lossy().into_owned(), entries });
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) if e.kind() == ErrorKind::PermissionDenied => {
                return Read::Denied { capability: "CAP_DAC_READ_SEARCH".to_owned() };
            }
            Err(e) => return torn(format!("{FOLDER}: {e}"), lists, gaps),
        }
    }
    lists.sort_by(|a, b| a.name.cmp(&b.name));
    Read::Got(lists)
}

fn torn(reason: String, value: Vec<RecentList>, gaps: &mut Vec<String>) -> Read<Vec<RecentList>> {
    gaps.push(reason.clone());
    Read::Torn { reason, value }
}

/// The kernel's clock of ticks.
struct Clock {
    jiffies: u64,
    hz: u64,
}

impl Clock {
    /// From /proc/timer_list. The ticks begin five minutes before 2^32 (`INITIAL_JIFFIES`), so that their frequency shows.
    fn parse(text: &str) -> Option<Self> {
        let number = |line: &str, before: &str| {
            line.strip_prefix(before)?.split_ascii_whitespace().next()?.parse::<u64>().ok()
        };
        let now = text.lines().find_map(|l| number(l, "now at "))?;
        // Idle processors lag behind.
        let jiffies = text.lines().filter_map(|l| number(l, "jiffies: ")).max()?;
        let seconds = now / 1_000_000_000;
        let begun = |hz: u64| (1_u64 << 32) - 300 * hz;
        let hz = HZ.into_iter().filter(|hz| jiffies >= begun(*hz)).min_by_key(|hz| {
            let up = (jiffies - begun(*hz)) / hz;
            up.abs_diff(seconds)
        })?;
        // Suspended time counts for neither; where they do not fit together, the frequency is not known.
        let up = (jiffies - begun(hz)) / hz;
        (up.abs_diff(seconds) <= 5 + seconds / 100).then_some(Self { jiffies, hz })
    }

    fn age_ms(&self, stamp: u64) -> u64 {
        self.jiffies.saturating_sub(stamp) * 1000 / self.hz
    }
}

/// `src=10.0.0.1 ttl: 63 last_seen: 4300651930 oldest_pkt: 2 4300651900, 4300651930`
fn entry(line: &str, clock: Option<&Clock>) -> Option<RecentEntry> {
    let mut words = line.split_ascii_whitespace();
    let addr = words.next()?.strip_prefix("src=")?.parse().ok()?;
    let mut after = |name: &str| (words.next()? == name).then(|| words.next()).flatten();
    let ttl: u32 = after("ttl:")?.parse().ok()?;
    after("last_seen:")?;
    after("oldest_pkt:")?;
    let stamps: Vec<u64> = words.filter_map(|w| w.trim_end_matches(',').parse().ok()).collect();
    Some(RecentEntry {
        addr,
        ttl: u8::try_from(ttl).ok()?,
        hits: u32::try_from(stamps.len()).ok()?,
        ages_ms: clock.map(|c| stamps.iter().map(|s| c.age_ms(*s)).collect()),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_with_its_times() {
        let timers = "Timer List Version: v0.10\nnow at 22902013074129 nsecs\njiffies: 4300651930\njiffies: 4300651900\n";
        let clock = Clock::parse(timers).unwrap();
        assert_eq!(clock.hz, 250);
        let line = "src=10.0.0.1 ttl: 63 last_seen: 4300651905 oldest_pkt: 2 4300649430, 4300651905";
        let e = entry(line, Some(&clock)).unwrap();
        assert_eq!((e.ttl, e.hits, e.ages_ms), (63, 2, Some(vec![10_000, 100])));
        assert_eq!(entry(line, None).unwrap().ages_ms, None);
        assert!(Clock::parse("now at 1000000000 nsecs\njiffies: 4300651930\n").is_none());
        assert!(entry("nothing", None).is_none());
    }
}
