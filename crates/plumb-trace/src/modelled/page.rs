//! The table as a page of documentation.

use std::fmt::Write as _;

use super::{PARTS, Standing, Why};

/// A language that the page is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// docs/modelled.md
    English,
    /// docs/modelled.zh.md
    Chinese,
}

impl Language {
    fn of(self, (english, chinese): Why) -> &'static str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }
}

const TITLE: Why = ("What of the rules' language the walk models", "推演对规则语言的建模范围");
const OTHER: Why = ("[中文](modelled.zh.md)", "[English](modelled.md)");
const MADE: Why = (
    "Made from the table in `crates/plumb-trace/src/modelled.rs`; `PLUMB_BLESS=1 cargo test -p plumb-trace --lib modelled` \
     writes it anew. A test holds each line against what the walk does.",
    "由 `crates/plumb-trace/src/modelled.rs` 中的表生成；`PLUMB_BLESS=1 cargo test -p plumb-trace --lib modelled` 重新写出。\
     每一行都有测试与推演的行为核对。",
);
const NAMED: Why = (
    "*Named*: it becomes an entry of `unknowns` where it could decide, and the walk goes on as if it let the packet pass. \
     What is not listed is not decoded, and named too.",
    "*未知*：在它可能决定结果之处列入 `unknowns`，推演按放行继续。未列出的内容不解码，同样列为未知。",
);

/// The page in a language.
#[must_use]
pub fn page(language: Language) -> String {
    let of = |why| language.of(why);
    let mut out = format!("# {}\n\n{}\n\n{}\n\n{}\n", of(TITLE), of(OTHER), of(MADE), of(NAMED));
    for part in PARTS {
        let _ = write!(out, "\n## {}\n\n| | | |\n|---|---|---|\n", of(part.title));
        for (name, standing) in part.entries {
            let (word, why) = match standing {
                Standing::Modelled => (("modelled", "已建模"), ("", "")),
                Standing::But(why) => (("modelled, but", "已建模，但"), *why),
                Standing::NoEffect(why) => (("passed over", "略过"), *why),
                Standing::Named(why) => (("named", "未知"), *why),
            };
            let _ = writeln!(out, "| `{name}` | {} | {} |", of(word), of(why));
        }
    }
    out
}
