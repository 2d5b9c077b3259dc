//! Names of new slices: the Service's name and five characters (`k8s.io/apiserver/pkg/storage/names`).

use std::collections::HashMap;

/// Where the five characters come from.
pub trait Names {
    /// Five characters that make a name of this prefix; called again where the name is taken.
    fn suffix(&mut self, prefix: &str) -> String;
}

impl<F: FnMut(&str) -> String> Names for F {
    fn suffix(&mut self, prefix: &str) -> String {
        self(prefix)
    }
}

/// Letters and digits that spell no words (`k8s.io/apimachinery/pkg/util/rand`).
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
/// What the API server keeps of a prefix, so that names stay labels.
const MAX_PREFIX: usize = 58;

/// The five characters that a number stands for.
#[must_use]
pub fn spell(number: u64) -> String {
    let letter = |i: u32| {
        let digit = number / 27u64.pow(i) % 27;
        char::from(ALPHABET[usize::try_from(digit).unwrap_or(0)])
    };
    (0..5).map(letter).collect()
}

/// Names that are the same in every run: they follow from the prefix and how many it had before.
#[derive(Clone, Debug, Default)]
pub struct SteadyNames {
    given: HashMap<Box<str>, u64>,
}

impl Names for SteadyNames {
    fn suffix(&mut self, prefix: &str) -> String {
        let count = self.given.entry(prefix.into()).or_default();
        *count += 1;
        // FNV-1a, 64 bits
        let bytes = prefix.bytes().chain(count.to_le_bytes());
        spell(
            bytes.fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)),
        )
    }
}

/// `generateName` of the slices of this Service: with a hyphen, where that leaves it a name.
pub(super) fn prefix(service: &str) -> String {
    let with_hyphen = format!("{service}-");
    if with_hyphen.len() <= 253 { with_hyphen } else { service.to_owned() }
}

/// A name that is not taken.
pub(super) fn unused(prefix: &str, names: &mut dyn Names, taken: &dyn Fn(&str) -> bool) -> Box<str> {
    let kept = prefix.get(..MAX_PREFIX).unwrap_or(prefix);
    loop {
        let name = format!("{kept}{}", names.suffix(prefix));
        if !taken(&name) {
            return name.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_steady_and_not_taken() {
        let first = unused(&prefix("web"), &mut SteadyNames::default(), &|_| false);
        assert_eq!(first, unused(&prefix("web"), &mut SteadyNames::default(), &|_| false));
        assert!(first.len() == 9 && first.starts_with("web-"), "{first}");
        let second = unused(&prefix("web"), &mut SteadyNames::default(), &|n| *n == *first);
        assert_ne!(first, second);
        let long = "a".repeat(63);
        assert_eq!(unused(&prefix(&long), &mut |_: &str| "bbbbb".to_owned(), &|_| false).len(), 63);
    }
}
