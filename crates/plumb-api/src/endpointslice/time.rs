//! Points in time as the API writes them (RFC 3339).

use std::fmt;

/// Seconds since 1970 and nanoseconds, in UTC. As text it is what Go's `time.RFC3339Nano` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    seconds: i64,
    nanos: u32,
}

impl Time {
    /// From seconds since 1970 and nanoseconds; nanoseconds beyond a second are cut off.
    #[must_use]
    pub fn from_unix(seconds: i64, nanos: u32) -> Self {
        Self { seconds, nanos: nanos.min(999_999_999) }
    }

    /// Reads `2026-11-05T12:00:00.5+01:00`; `None` where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.split_once(['T', 't'])?;
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let zone = rest.find(['Z', 'z', '+', '-'])?;
        let (clock, zone) = rest.split_at(zone);
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
        let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
        let offset = match zone {
            "Z" | "z" => 0,
            _ => {
                let [hours, minutes] = numbers(zone.get(1..)?, ':', [2, 2])?;
                let seconds = hours * 3600 + minutes * 60;
                if zone.starts_with('-') { -seconds } else { seconds }
            }
        };
        let sound = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60;
        if !sound || second > 60 || fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let nanos = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
        let nanos = nanos.fold(0, |n, digit| n * 10 + u32::from(digit - b'0'));
        let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
        Some(Self { seconds, nanos })
    }
}

/// So many numbers of so many digits.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut found = [0; N];
    let mut parts = text.split(separator);
    for (number, digits) in found.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

/// Days since 1970-01-01 in the Gregorian calendar; years begin in March, so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.seconds.div_euclid(86_400) + 719_468;
        let of_day = self.seconds.rem_euclid(86_400);
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.nanos != 0 {
            let digits = format!("{:09}", self.nanos);
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (text, seconds, written) in [
            ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"),
            ("2000-02-29T23:59:59Z", 951_868_799, "2000-02-29T23:59:59Z"),
            ("2026-11-05T12:00:00.250+01:30", 1_793_874_600, "2026-11-05T10:30:00.25Z"),
            ("1969-12-31T23:00:00-00:30", -1800, "1969-12-31T23:30:00Z"),
        ] {
            let time = Time::parse(text);
            assert_eq!(time.map(|t| t.seconds), Some(seconds), "{text}");
            assert_eq!(time.map(|t| t.to_string()).as_deref(), Some(written));
        }
        for wrong in [
            "",
            "2026-11-05",
            "2026-13-05T12:00:00Z",
            "2026-11-05T12:00Z",
            "2026-11-05T12:00:00",
            "2026-11-05T12:00:00.Z",
            "+026-11-05T12:00:00Z",
        ] {
            assert_eq!(Time::parse(wrong), None, "{wrong}");
        }
    }
}
