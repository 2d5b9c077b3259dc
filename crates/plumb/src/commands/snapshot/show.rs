//! `plumb snapshot show FILE`: what is in it, and what is not.

use std::fmt::Write as _;

use owo_colors::OwoColorize;
use plumb_model::{Namespace, Read, Snapshot};

use crate::cli::{SnapshotShowArgs, TextOrJson};
use crate::commands::ns::absence;
use crate::commands::{Context, source};
use crate::error::{Error, Status};
use crate::lang::Say;
use crate::{file, output};

pub(super) fn run(args: &SnapshotShowArgs, context: &Context) -> Result<Status, Error> {
    let mut snapshot = file::read(&args.file)?;
    let ids: Vec<_> = source::chosen(context, &snapshot, &args.netns)?.iter().map(|n| n.id).collect();
    snapshot.namespaces.retain(|n| ids.contains(&n.id));
    match args.output {
        TextOrJson::Json => output::print_json(&snapshot)?,
        TextOrJson::Text => {
            let mut page = text(&snapshot, context);
            if args.rules {
                snapshot.namespaces.iter().for_each(|ns| page.push_str(&rules(ns)));
            }
            output::print(&page)?;
        }
    }
    Ok(Status::Good)
}

/// The rules of a namespace, its name in front as a comment, so that `nft -c -f` takes one namespace's whole.
fn rules(ns: &Namespace) -> String {
    let Some(ruleset) = ns.nft.value().filter(|r| !r.tables.is_empty()) else { return String::new() };
    let links = ns.links.items().iter().map(|l| (l.index, l.name.clone())).collect();
    let options = plumb_nft::text::Options { counters: true, handles: false, links, xt: None };
    format!("\n# {}\n{}", ns.name, plumb_nft::text::ruleset(ruleset, &options))
}

fn text(snapshot: &Snapshot, context: &Context) -> String {
    let mut out = String::new();
    let at = utc(snapshot.taken_at);
    let taken = Say::Taken { host: &snapshot.host.hostname, kernel: &snapshot.host.kernel, at: &at };
    _ = writeln!(out, "{}", context.say(&taken));
    if snapshot.redacted {
        _ = writeln!(out, "{}", context.say(&Say::Redacted));
    }
    let head = [
        Say::Namespace,
        Say::Devices,
        Say::Addresses,
        Say::Routes,
        Say::Rules,
        Say::Neighbours,
        Say::Chains,
        Say::Sets,
        Say::Conntrack,
        Say::Sockets,
    ]
    .map(|s| context.say(&s));
    let mut head: Vec<&str> = head.iter().map(String::as_str).collect();
    head.insert(4, "FDB");
    head.insert(7, "nft");
    let mut table = output::table(&head, false);
    for ns in &snapshot.namespaces {
        table.add_row(row(ns));
    }
    _ = writeln!(out, "{table}");
    let missing = missing(snapshot, context);
    if missing.is_empty() {
        _ = writeln!(out, "{}", context.say(&Say::Complete).green());
    } else {
        _ = writeln!(out, "{}", context.say(&Say::NotComplete).bold());
        missing.iter().for_each(|line| _ = writeln!(out, "  {line}"));
    }
    out
}

/// The number of things in each part; `-` where the kernel has no such part, `denied`, or `torn` behind it.
fn row(ns: &Namespace) -> Vec<String> {
    fn count<T>(read: &Read<T>, of: impl Fn(&T) -> usize) -> String {
        match read {
            Read::Got(v) => of(v).to_string(),
            Read::Torn { value, .. } => format!("{} torn", of(value)),
            Read::Denied { .. } => "denied".to_owned(),
            Read::Absent { .. } => "-".to_owned(),
        }
    }
    vec![
        ns.name.clone(),
        count(&ns.links, Vec::len),
        count(&ns.addresses, Vec::len),
        count(&ns.routes, Vec::len),
        count(&ns.fdb, Vec::len),
        count(&ns.rules, Vec::len),
        count(&ns.neighbours, Vec::len),
        count(&ns.nft, |r| r.tables.iter().flat_map(|t| &t.chains).map(|c| c.rules.len()).sum()),
        count(&ns.nft, |r| r.tables.iter().map(|t| t.chains.len()).sum()),
        count(&ns.nft, |r| r.tables.iter().map(|t| t.sets.len()).sum()),
        count(&ns.conntrack, |c| c.entries.len()),
        count(&ns.sockets, Vec::len),
    ]
}

/// What is denied, torn, absent, not decoded, or could not be read at all; the same reason once for all namespaces.
fn missing(snapshot: &Snapshot, context: &Context) -> Vec<String> {
    let mut found: Vec<(String, Vec<&str>)> = Vec::new();
    let mut put = |text: Option<String>, name| {
        let Some(text) = text else { return };
        match found.iter_mut().find(|(t, _)| *t == text) {
            Some((_, names)) => names.push(name),
            None => found.push((text, vec![name])),
        }
    };
    for ns in &snapshot.namespaces {
        let name = ns.name.as_str();
        let say = |s| context.say(&s);
        if let (Read::Denied { capability: why }, Read::Denied { .. }) = (&ns.links, &ns.nft) {
            // It could not be entered: one line instead of one for each part.
            put(Some(say(Say::Unread { what: &say(Say::Everything), why })), name);
            continue;
        }
        put(absence(&ns.links, &say(Say::Devices), context), name);
        put(absence(&ns.addresses, &say(Say::Addresses), context), name);
        put(absence(&ns.routes, &say(Say::Routes), context), name);
        put(absence(&ns.rules, &say(Say::Rules), context), name);
        put(absence(&ns.neighbours, &say(Say::Neighbours), context), name);
        put(absence(&ns.fdb, "FDB", context), name);
        put(absence(&ns.nft, "nftables", context), name);
        put(absence(&ns.legacy, "iptables-legacy", context), name);
        put(absence(&ns.conntrack, &say(Say::Conntrack), context), name);
        put(absence(&ns.sockets, &say(Say::Sockets), context), name);
        put(absence(&ns.qdiscs, "qdiscs", context), name);
        put(absence(&ns.filters, "tc filters", context), name);
        for engine in &ns.other_engines {
            put(Some(say(Say::OtherEngines { names: engine })), name);
        }
    }
    let lines = found.into_iter().map(|(text, names)| match names.len() {
        n if n == snapshot.namespaces.len() && n > 1 => text,
        n if n > 4 => {
            format!("{text}: {}, {}", names[..4].join(", "), context.say(&Say::More { count: n - 4 }))
        }
        _ => format!("{text}: {}", names.join(", ")),
    });
    let mut lines: Vec<String> = lines.collect();
    lines.extend(snapshot.gaps.iter().cloned());
    lines
}

/// Seconds since 1970 as `2026-11-24 13:40:13 UTC` (civil from days: proleptic Gregorian calendar).
fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    let mut left = days;
    let is_leap = |y: u64| (y.is_multiple_of(4) && !y.is_multiple_of(100)) || y.is_multiple_of(400);
    // A file that claims to be from beyond the year 9999 is shown as its number.
    while left >= if is_leap(year) { 366 } else { 365 } {
        left -= if is_leap(year) { 366 } else { 365 };
        year += 1;
        if year > 9999 {
            return seconds.to_string();
        }
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{:02} {hour:02}:{minute:02}:{second:02} UTC", left + 1)
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn seconds_to_dates() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_399), "2000-02-28 23:59:59 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(1_795_527_613), "2026-11-24 13:40:13 UTC");
        assert_eq!(utc(u64::MAX), u64::MAX.to_string());
    }
}
