//! Entries of tables of iptables-legacy, of both families, as `getsockopt` gives them: decoded to rules and printed. The
//! bytes are a table that is laid out as iptables does it, with some of them changed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plumb_xtables::legacy::{Entries, rule, table};
use plumb_xtables::{Match, NoSetNames, Target, XtFamily};

/// The chain that it is in, its verdict, extension and revision, bytes of its header and of its extension.
type Rule<'a> = (u8, i8, u8, u8, &'a [u8], &'a [u8]);

/// `struct xt_entry_match`, `struct xt_entry_target`
fn extension(name: &str, revision: u8, info: &[u8]) -> Vec<u8> {
    let info = &info[..info.len().min(256)];
    let mut out = vec![0; 32];
    out[2..2 + name.len()].copy_from_slice(name.as_bytes());
    out[31] = revision;
    out.extend(info);
    out.resize(out.len().next_multiple_of(8), 0);
    let size = u16::try_from(out.len()).expect("a small extension");
    out[..2].copy_from_slice(&size.to_ne_bytes());
    out
}

fn standard(verdict: i32) -> Vec<u8> {
    extension("", 0, &verdict.to_ne_bytes())
}

/// The head of a chain, and what closes the table.
fn error(name: &str) -> Vec<u8> {
    let mut info = [0; 32];
    info[..name.len()].copy_from_slice(name.as_bytes());
    extension("ERROR", 0, &info)
}

/// `struct ipt_entry`, `struct ip6t_entry`
fn entry(family: XtFamily, header: &[u8], matches: &[u8], target: &[u8]) -> Vec<u8> {
    let (of_header, head) = match family {
        XtFamily::Ip => (84, 112),
        XtFamily::Ip6 => (136, 168),
    };
    let mut out = header[..header.len().min(of_header)].to_vec();
    out.resize(head, 0);
    out.extend(matches);
    let at = u16::try_from(out.len()).expect("a small entry");
    out.extend(target);
    let next = u16::try_from(out.len()).expect("a small entry");
    out[of_header + 4..of_header + 6].copy_from_slice(&at.to_ne_bytes());
    out[of_header + 6..of_header + 8].copy_from_slice(&next.to_ne_bytes());
    out
}

fn rule_entry(family: XtFamily, own: i32, (_, verdict, which, revision, header, info): &Rule<'_>) -> Vec<u8> {
    let at = usize::from(*which >> 2);
    let matches = match which & 1 {
        0 => Vec::new(),
        _ => extension(Match::NAMES[at % Match::NAMES.len()], *revision, info),
    };
    let target = match which & 2 {
        // A positive verdict leads to a chain.
        0 => standard(if *verdict > 0 { own } else { i32::from(*verdict) }),
        _ => extension(Target::NAMES[at % Target::NAMES.len()], *revision, info),
    };
    entry(family, header, &matches, &target)
}

fuzz_target!(|input: (bool, Vec<Rule<'_>>, Vec<(u16, u8)>)| {
    let (ip6, rules, changes) = input;
    let family = if ip6 { XtFamily::Ip6 } else { XtFamily::Ip };
    // A chain of the user's stands first, so that where it starts is known.
    let mut bytes = entry(family, &[], &[], &error("own"));
    let own = i32::try_from(bytes.len()).expect("a small table");
    let (mut hook_entry, mut underflow) = ([0; 5], [0; 5]);
    let at = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a small table");
    for chain in 0..4 {
        if chain > 0 {
            hook_entry[chain] = at(&bytes);
        }
        for r in rules.iter().take(64).filter(|r| usize::from(r.0 % 4) == chain) {
            bytes.extend(rule_entry(family, own, r));
        }
        if chain > 0 {
            underflow[chain] = at(&bytes);
        }
        // ACCEPT; a chain of the user's ends with RETURN.
        bytes.extend(entry(family, &[], &[], &standard(if chain > 0 { -2 } else { -5 })));
    }
    bytes.extend(entry(family, &[], &[], &error("ERROR")));
    let sound = changes.is_empty();
    for (n, with) in changes {
        let n = usize::from(n) % bytes.len();
        bytes[n] ^= with;
    }
    let of = Entries { family, name: "filter", valid_hooks: 0b1110, hook_entry, underflow, entries: &bytes };
    match table(&of) {
        Ok(table) => {
            for chain in &table.chains {
                for r in &chain.rules {
                    if let Ok(printed) = rule(family, &chain.name, &r.exprs) {
                        let _ = printed.text(&NoSetNames);
                    }
                }
            }
        }
        Err(problem) => assert!(!sound || !rules.is_empty(), "a table without rules: {problem}"),
    }
});
