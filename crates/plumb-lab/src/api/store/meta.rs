//! Names, identities and times of objects.

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use plumb_api::Kind;
use serde_json::{Map, Value};

use super::{Cause, Status};

/// 64 random bits. The keys of a hasher are; what is named by them needs to be unique, not secret.
fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}

/// A random UUID (RFC 9562, version 4).
pub(super) fn uid() -> String {
    let (a, b) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        0x8000 | ((b >> 48) & 0x3fff),
        b & 0xffff_ffff_ffff
    )
}

/// What is put behind `generateName` (apimachinery `pkg/util/rand`: no vowels, so no words).
fn suffix() -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut bits = random();
    let letters = (0..5).map(|_| {
        let at = usize::try_from(bits % LETTERS.len() as u64).unwrap_or(0);
        bits /= LETTERS.len() as u64;
        char::from(LETTERS[at])
    });
    letters.collect()
}

/// RFC 3339, in whole seconds of UTC, as the API writes times.
pub(super) fn timestamp(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 1970-01-01 → date of the Gregorian calendar, counted in eras of 400 years that begin on 0000-03-01.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The object as a map with `metadata`, its `apiVersion` and `kind` checked and set.
pub(super) fn object(kind: Kind, object: Value) -> Result<Map<String, Value>, Status> {
    let Value::Object(mut fields) = object else {
        return Err(Status::bad_request(format!("a {kind} is a JSON object")));
    };
    let (api_version, name, _) = kind.names();
    for (field, right) in [("apiVersion", api_version), ("kind", name)] {
        match fields.get(field) {
            None | Some(Value::Null) => {}
            Some(value) if value == right => {}
            Some(value) => {
                return Err(Status::bad_request(format!(
                    "{field} is {value}, but this path serves {api_version} {name}"
                )));
            }
        }
        fields.insert(field.to_owned(), right.into());
    }
    let metadata = fields.entry("metadata").or_insert(Value::Null);
    if metadata.is_null() {
        *metadata = Value::Object(Map::new());
    }
    if !metadata.is_object() {
        return Err(Status::bad_request("metadata is a JSON object"));
    }
    Ok(fields)
}

/// Text of a field of `metadata`; empty where it is absent.
///
/// # Errors
/// 400 when it is no text.
pub(super) fn text<'a>(object: &'a Map<String, Value>, field: &str) -> Result<&'a str, Status> {
    match object.get("metadata").and_then(|m| m.get(field)) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(Status::bad_request(format!("metadata.{field} is text, not {other}"))),
    }
}

/// The name of an object that is to be created, made where only its beginning is given.
pub(super) fn new_name(kind: Kind, object: &Map<String, Value>) -> Result<String, Status> {
    let name = match (text(object, "name")?, text(object, "generateName")?) {
        ("", "") => {
            let mut cause = Cause::required("metadata.name");
            cause.message.push_str(": name or generateName is required");
            return Err(Status::invalid(kind, "", vec![cause]));
        }
        ("", prefix) => prefix.chars().take(58).chain(suffix().chars()).collect(),
        (name, _) => name.to_owned(),
    };
    if is_name(kind, &name) {
        return Ok(name);
    }
    let message = format!(
        "Invalid value: {name:?}: lower-case letters, digits, - and (not in all kinds) . are allowed"
    );
    Err(Status::invalid(kind, &name, vec![Cause::invalid("metadata.name", message)]))
}

/// DNS subdomains (RFC 1123); labels for Services and Namespaces (apimachinery `pkg/util/validation`). Services may begin with a
/// digit since 1.34 (KEP-5311).
fn is_name(kind: Kind, name: &str) -> bool {
    let label = |part: &str| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && edge(part.chars().next())
            && edge(part.chars().next_back())
    };
    match kind {
        Kind::Service | Kind::Namespace => name.len() <= 63 && label(name),
        _ => name.len() <= 253 && name.split('.').all(label),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times() {
        // As `date -u -d @N +%FT%TZ` has them.
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_881_600, "2026-11-28T16:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn names() {
        assert!(is_name(Kind::Node, "node-1.example") && !is_name(Kind::Service, "a.b"));
        for wrong in ["", "-a", "a-", "A", "a_b", "a..b"] {
            assert!(!is_name(Kind::Pod, wrong), "{wrong:?}");
        }
        assert_eq!(uid().len(), 36);
        assert_ne!(uid(), uid());
    }
}
