//! Sets of numbers (addresses, ports, protocols) as ranges: what a condition of a rule leaves of them.

/// Numbers as ranges, first and last: sorted, and none touches another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ranges(Vec<(u128, u128)>);

impl Ranges {
    /// From the first to the last.
    pub(super) fn span(first: u128, last: u128) -> Self {
        Self(if first <= last { vec![(first, last)] } else { Vec::new() })
    }

    /// Any of these.
    pub(super) fn of(mut all: Vec<(u128, u128)>) -> Self {
        all.retain(|(first, last)| first <= last);
        all.sort_unstable();
        let mut out: Vec<(u128, u128)> = Vec::with_capacity(all.len());
        for (first, last) in all {
            match out.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => out.push((first, last)),
            }
        }
        Self(out)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u128, u128)> + '_ {
        self.0.iter().copied()
    }

    pub(super) fn contains(&self, number: u128) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }

    /// What is in both.
    pub(super) fn and(&self, other: &Self) -> Self {
        let pairs = self.0.iter().flat_map(|a| other.0.iter().map(move |b| (a.0.max(b.0), a.1.min(b.1))));
        Self::of(pairs.collect())
    }

    /// What is not in it, up to the largest number that there is.
    pub(super) fn but(&self, max: u128) -> Self {
        let (mut out, mut next) = (Vec::new(), Some(0));
        for (first, last) in self.iter() {
            if let (Some(from), Some(to)) = (next, first.checked_sub(1)) {
                out.push((from, to));
            }
            next = last.checked_add(1);
        }
        out.extend(next.map(|from| (from, max)));
        Self::of(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_and_neither() {
        let ports = Ranges::of(vec![(80, 80), (443, 443), (81, 90), (7, 3)]);
        assert_eq!(ports.iter().collect::<Vec<_>>(), [(80, 90), (443, 443)]);
        assert_eq!(ports.and(&Ranges::span(85, 500)), Ranges::of(vec![(85, 90), (443, 443)]));
        assert_eq!(ports.but(65535), Ranges::of(vec![(0, 79), (91, 442), (444, 65535)]));
        assert_eq!(Ranges::span(0, u128::MAX).but(u128::MAX), Ranges::of(Vec::new()));
        assert_eq!(Ranges::of(Vec::new()).but(255), Ranges::span(0, 255));
        assert!(ports.contains(90) && !ports.contains(91) && ports.and(&Ranges::span(1, 2)).is_empty());
    }
}
