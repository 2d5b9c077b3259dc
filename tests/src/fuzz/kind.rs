//! What rules a case is made of.

use std::fmt;
use std::str::FromStr;

/// Whose rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// nftables' own.
    Nft,
    /// Of iptables-nft, with ipsets.
    IptablesNft,
    /// Of iptables-legacy, with ipsets.
    IptablesLegacy,
    /// Of iptables-legacy, iptables-nft and nftables beside each other, with ipsets.
    Mixed,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Nft, Self::IptablesNft, Self::IptablesLegacy, Self::Mixed];

    /// The kind of a seed where all take turns, four seeds each.
    #[must_use]
    pub fn by_turns(seed: u64) -> Self {
        Self::ALL[usize::try_from(seed / 4 % 4).unwrap_or_default()]
    }

    /// As the command line has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nft => "nft",
            Self::IptablesNft => "iptables-nft",
            Self::IptablesLegacy => "iptables-legacy",
            Self::Mixed => "mixed",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|k| k.name() == text)
            .ok_or_else(|| format!("{text} is none of {}", names()))
    }
}
