//! Patterns for names: `*` any text, `?` one character, everything else as it is.

/// Whether the whole of `text` fits `pattern`.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut i, mut j) = (0, 0);
    // Where to go on after the last star: behind it, and one character further in the text each time.
    let mut retry: Option<(usize, usize)> = None;
    while j < t.len() {
        match p.get(i) {
            Some('*') => {
                retry = Some((i + 1, j));
                i += 1;
            }
            Some(c) if *c == '?' || Some(c) == t.get(j) => {
                i += 1;
                j += 1;
            }
            _ => match retry {
                Some((after, from)) => {
                    retry = Some((after, from + 1));
                    i = after;
                    j = from + 1;
                }
                None => return false,
            },
        }
    }
    p.iter().skip(i).all(|c| *c == '*')
}

/// Whether the namespace is one of those that the patterns name; all are where there is no pattern.
#[must_use]
pub fn selects(patterns: &[String], ns: &plumb_model::Namespace) -> bool {
    let fits = |p: &String| {
        let names = std::iter::once(&ns.name).chain(&ns.aliases).chain(&ns.path);
        names.into_iter().any(|n| matches(p, n)) || ns.id.to_string() == *p
    };
    patterns.is_empty() || patterns.iter().any(fits)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "a"),
            ("a*", "abc"),
            ("*c", "abc"),
            ("a*b*c", "axxbbyc"),
            ("a?c", "abc"),
            ("net:[7]", "net:[7]"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("", "a"), ("a", "A"), ("a?", "a"), ("*b", "abc"), ("a*b", "acbc"), ("??", "é")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
        // Many stars take no exponential time.
        assert!(!matches(&"*a".repeat(40), &"a".repeat(39)));
    }
}
