//! What `plumb proxy` says to people, a module a language. Its log is English in any language, so that it can be searched for.

mod en;
mod zh;

use plumb_doctor::messages::Lang;
use plumb_proxy::runner::Reason;

/// A line.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the English module says what each is")]
pub enum Line<'a> {
    Node { name: &'a str, process: u32, up: Span },
    Services { count: usize, frontends: usize },
    Runs { count: u64, failed: u64 },
    NoRun,
    NotListed,
    LastRun { ago: Span, reason: Reason, services: usize, elements: usize, bytes: usize, whole: bool },
    Times { all: Span, kernel: Span, since_change: Span },
    Failed { error: &'a str },
    NextRun { after: Span, reason: Reason },
    Behind { by: Option<Span> },
    NotInForce { what: &'a str },
    CannotRead { problem: &'a str },
    TableGone { family: &'a str },
}

/// A length of time in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span(pub f64);

/// A length of time as it is told: a number with so many decimals, and a unit.
enum Told {
    Milliseconds(f64),
    Seconds(f64),
    Minutes(f64),
    Hours(f64),
}

impl Span {
    fn told(self) -> Told {
        match self.0.max(0.0) {
            s if s < 1.0 => Told::Milliseconds(s * 1e3),
            s if s < 120.0 => Told::Seconds(s),
            s if s < 7200.0 => Told::Minutes(s / 60.0),
            s => Told::Hours(s / 3600.0),
        }
    }
}

/// Says it.
#[must_use]
pub fn line(lang: Lang, line: &Line<'_>) -> String {
    match lang {
        Lang::En => en::line(line),
        Lang::Zh => zh::line(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_units() {
        for (seconds, en, zh) in [
            (0.0123, "12 ms", "12 毫秒"),
            (3.12, "3.1 s", "3.1 秒"),
            (-1.0, "0 ms", "0 毫秒"),
            (600.0, "10 min", "10 分钟"),
            (9000.0, "2.5 h", "2.5 小时"),
        ] {
            let line = |lang| line(lang, &Line::Behind { by: Some(Span(seconds)) });
            assert!(line(Lang::En).ends_with(en), "{}", line(Lang::En));
            assert!(line(Lang::Zh).ends_with(zh), "{}", line(Lang::Zh));
        }
    }
}
