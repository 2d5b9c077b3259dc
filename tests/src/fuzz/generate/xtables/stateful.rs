//! Matches that count and remember.

use super::super::super::rng::Rng;
use super::Context;

/// Whether a condition may say another thing of the next packet of a flow.
pub(super) fn is_one(condition: &str) -> bool {
    ["statistic", "limit", "quota", "hashlimit", "recent", "connlimit"]
        .iter()
        .any(|name| condition.strip_prefix("-m ").is_some_and(|c| c.starts_with(name)))
}

/// Lists and buckets have names of their own in each case: the kernel lets go of them some time after the rules are gone.
pub(super) fn one(rng: &mut Rng, c: &Context<'_>) -> String {
    let name = format!("{}{}{}", c.table, if c.v4 { 4 } else { 6 }, c.seed % 1_000_000);
    let bang = *rng.pick(&["", "", "! "]);
    match rng.below(12) {
        0 | 1 => {
            format!("-m statistic --mode nth {bang}--every {} --packet {}", rng.between(2, 3), rng.below(2))
        }
        2 => {
            format!("-m statistic --mode random {bang}--probability {}", rng.word(&["0.5", "0.25", "1", "0"]))
        }
        3 | 4 => format!(
            "-m limit --limit {} --limit-burst {}",
            rng.word(&["1/hour", "6/hour"]),
            rng.between(1, 4)
        ),
        5 => format!("-m quota {bang}--quota {}", rng.word(&["44", "100", "1000"])),
        6 | 7 => {
            let number = rng.below(1_000_000);
            let mode = rng.word(&[
                "",
                " --hashlimit-mode srcip",
                " --hashlimit-mode dstip,dstport",
                " --hashlimit-mode srcip,dstip",
            ]);
            let option = rng.word(&["--hashlimit-upto", "--hashlimit-above"]);
            format!(
                "-m hashlimit {option} {} --hashlimit-burst {}{mode} --hashlimit-name h{number}{name}",
                rng.word(&["1/hour", "6/hour"]),
                rng.between(1, 4)
            )
        }
        8 | 9 => {
            let what = rng.word(&[
                "--set",
                "--set",
                "--rcheck",
                "--rcheck --hitcount 2",
                "--update",
                "--rcheck --seconds 60",
                "--update --seconds 60 --hitcount 2",
                "--remove",
            ]);
            let side = rng.word(&["", " --rsource", " --rdest"]);
            format!("-m recent {bang}{what} --name {name}{side}")
        }
        10 if c.table != "raw" => format!(
            "-m connlimit {} {}{}",
            rng.word(&["--connlimit-upto", "--connlimit-above"]),
            rng.below(3),
            rng.word(&["", " --connlimit-mask 24", " --connlimit-daddr"])
        ),
        _ => format!("-m connmark {bang}--mark 0x1/0x1"),
    }
}
