//! What the command says, apart from what it does: a module a language.

mod en;
mod zh;

use clap::ValueEnum;

/// Languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// English
    En,
    /// 中文
    Zh,
}

/// Everything that the command says of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the English module says what each is")]
pub enum Say<'a> {
    Namespace,
    LivesHere,
    Addresses,
    Listeners,
    Devices,
    Device,
    Routes,
    Rules,
    Neighbours,
    Kind,
    State,
    Chains,
    Sets,
    FilterRules,
    Everything,
    Conntrack,
    Sockets,
    Peer,
    Nobody,
    Nothing,
    More { count: usize },
    NoRules,
    Down,
    NoCarrier,
    OutsideSnapshot,
    Unread { what: &'a str, why: &'a str },
    Absent { what: &'a str, feature: &'a str },
    Torn { what: &'a str, reason: &'a str },
    Gap { text: &'a str },
    OtherEngines { names: &'a str },
    MissingRights { names: &'a str, hides_namespaces: bool },
    Reading,
    Probing,
    Taken { host: &'a str, kernel: &'a str, at: &'a str },
    Redacted,
    Redaction { warning: &'a str },
    Written { file: &'a str, namespaces: usize, bytes: u64 },
    NoMatch { patterns: &'a str },
    Table { name: &'a str },
    Entries { count: usize, max: &'a str },
    Complete,
    NotComplete,
}

impl Lang {
    /// From `LC_ALL`, `LC_MESSAGES`, `LANG`, the first that is set; English where none says Chinese.
    pub fn from_locale(get: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| get(name).filter(|v: &String| !v.is_empty());
        match set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG")) {
            Some(locale) if locale.starts_with("zh") => Self::Zh,
            _ => Self::En,
        }
    }

    /// Says it.
    #[must_use]
    pub fn say(self, what: &Say<'_>) -> String {
        match self {
            Self::En => en::say(what),
            Self::Zh => zh::say(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_decides() {
        let of = |all: &[(&str, &str)]| {
            Lang::from_locale(|n| all.iter().find(|(k, _)| *k == n).map(|(_, v)| (*v).to_owned()))
        };
        assert_eq!(of(&[]), Lang::En);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
        assert_eq!(of(&[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")]), Lang::En);
        assert_eq!(of(&[("LC_ALL", ""), ("LC_MESSAGES", "zh_TW"), ("LANG", "C")]), Lang::Zh);
    }
}
