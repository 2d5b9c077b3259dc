//! Constants as text.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Options;
use super::ast::shr;
use super::symbols;
use super::types::Ty;

/// Milliseconds as nft writes them: `1d2h3m4s5ms`.
pub(super) fn time(ms: u64) -> String {
    let parts = [
        (ms / 86_400_000, "d"),
        (ms / 3_600_000 % 24, "h"),
        (ms / 60_000 % 60, "m"),
        (ms / 1000 % 60, "s"),
        (ms % 1000, "ms"),
    ];
    let text: String = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// A text value of `len` bits: up to the first NUL; one that fills its bits without a NUL is a beginning.
pub(super) fn string(v: u128, len: u32) -> String {
    let bytes: Vec<u8> = (0..len / 8).rev().map(|i| shr(v, 8 * i) as u8).collect();
    let text = crate::nlattr::text(&bytes);
    if bytes.last().is_some_and(|b| *b != 0) {
        return format!("\"{text}*\"");
    }
    match text.strip_suffix('*') {
        Some(stem) => format!("\"{stem}\\*\""),
        None => format!("\"{text}\""),
    }
}

/// As [`value`], but no word for it.
pub(super) fn number(options: &Options, ty: Ty, v: u128, len: u32) -> String {
    match ty {
        Ty::Time => format!("{}s", v / 1000),
        Ty::Day | Ty::DevGroup => v.to_string(),
        _ => plain(options, ty, v, len),
    }
}

/// A constant of `len` bits that was brought to the processor's byte order.
pub(super) fn value(options: &Options, ty: Ty, v: u128, len: u32) -> String {
    let small = u64::try_from(v).ok();
    if let Some(word) = small.and_then(|n| symbols::find(ty.symbols(), n)) {
        return if ty == Ty::Day { format!("\"{word}\"") } else { word.to_owned() };
    }
    plain(options, ty, v, len)
}

fn plain(options: &Options, ty: Ty, v: u128, len: u32) -> String {
    let small = u64::try_from(v).ok();
    match ty {
        Ty::Ip => Ipv4Addr::from(v as u32).to_string(),
        Ty::Ip6 => Ipv6Addr::from(v).to_string(),
        Ty::Ether | Ty::LlAddr => {
            let bytes = len.div_ceil(8);
            let hex: Vec<String> = (0..bytes).rev().map(|i| format!("{:02x}", shr(v, 8 * i) as u8)).collect();
            hex.join(":")
        }
        Ty::Mark => format!("0x{v:08x}"),
        Ty::EtherType => format!("0x{v:04x}"),
        Ty::Dscp => format!("0x{v:02x}"),
        Ty::Hex => format!("0x{v:x}"),
        Ty::String | Ty::IfName => string(v, len),
        Ty::IfIndex => match small.and_then(|n| u32::try_from(n).ok()).and_then(|n| options.link(n)) {
            Some(name) => format!("\"{name}\""),
            None => v.to_string(),
        },
        Ty::DevGroup if v == 0 => "\"default\"".to_owned(),
        Ty::ClassId => class(v as u32),
        Ty::Time => time(small.unwrap_or(u64::MAX)),
        Ty::Day => day(v),
        Ty::Hour => hour(small.unwrap_or(0)),
        Ty::Date => date(small.unwrap_or(0)),
        Ty::CtLabel => match v.count_ones() {
            1 => v.trailing_zeros().to_string(),
            _ => format!("0x{v:x}"),
        },
        t if t.is_bitmask() => format!("0x{v:x}"),
        _ => v.to_string(),
    }
}

/// A traffic class handle.
fn class(n: u32) -> String {
    match (n, n >> 16, n & 0xffff) {
        (u32::MAX, ..) => "root".to_owned(),
        (0, ..) => "none".to_owned(),
        (_, 0, minor) => format!(":{minor:x}"),
        (_, major, 0) => format!("{major:x}:"),
        (_, major, minor) => format!("{major:x}:{minor:x}"),
    }
}

fn day(v: u128) -> String {
    const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    match usize::try_from(v).ok().and_then(|n| DAYS.get(n)) {
        Some(day) => format!("\"{day}\""),
        None => v.to_string(),
    }
}

/// Seconds of the day, UTC.
fn hour(seconds: u64) -> String {
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if s == 0 { format!("\"{h:02}:{m:02}\"") } else { format!("\"{h:02}:{m:02}:{s:02}\"") }
}

/// Nanoseconds since 1970, UTC.
fn date(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days since 1970 to a date of the proleptic Gregorian calendar, in eras of 400 years that begin in March.
    let z = days + 719_468;
    let (era, of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let d = of_year - (153 * month + 2) / 5 + 1;
    let m = if month < 10 { month + 3 } else { month - 9 };
    let y = year_of_era + era * 400 + u64::from(m <= 2);
    format!("\"{y:04}-{m:02}-{d:02} {:02}:{:02}:{:02}\"", rest / 3600, rest / 60 % 60, rest % 60)
}
