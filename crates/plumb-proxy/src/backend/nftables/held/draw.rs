//! Shares of endpoints from the slots that they are in and the draws that the rules make.

use crate::explain::{Rest, Share};

/// What draws give.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Drawn {
    /// Share of each filled slot, in the order that they were given; where there is a rest, of what it leaves.
    pub(super) shares: Vec<Share>,
    /// What hit empty slots every time, and whether slot 0 takes it.
    pub(super) rest: Option<(Rest, bool)>,
}

/// Draws a slot for each modulus in turn until one is filled. The last modulus is 1: slot 0 takes what is left.
pub(super) fn draw(moduli: &[u32], filled: &[u32]) -> Drawn {
    let has_first = filled.contains(&0);
    let Some(slots) = moduli.first().copied() else {
        return Drawn { shares: vec![Share::NONE; filled.len()], rest: None };
    };
    let ends_with_first = moduli.last() == Some(&1);
    // One slot alone is drawn once, whatever is in it.
    let draws = if slots == 1 { 1 } else { moduli.iter().filter(|m| **m == slots).count() };
    let hit = filled.iter().filter(|s| **s < slots).count();
    let hits = u32::try_from(hit).unwrap_or(u32::MAX).min(slots);
    let empty = slots - hits;
    let takes_rest = has_first && ends_with_first;
    let even = |over: u32| -> Vec<Share> {
        let share = |s: &u32| if *s < slots { Share::new(1, over.into()) } else { Share::NONE };
        filled.iter().map(share).collect()
    };
    if empty == 0 {
        return Drawn { shares: even(slots), rest: None };
    }
    if draws == 1 && takes_rest {
        let mut shares = even(slots);
        for (share, _) in shares.iter_mut().zip(filled).filter(|(_, s)| **s == 0) {
            *share = Share::new(u64::from(empty) + 1, slots.into());
        }
        return Drawn { shares, rest: None };
    }
    let times = i32::try_from(draws).unwrap_or(i32::MAX);
    let share = (f64::from(empty) / f64::from(slots)).powi(times);
    let draws = u32::try_from(draws).unwrap_or(u32::MAX);
    Drawn { shares: even(hits), rest: Some((Rest { empty, slots, draws, share, to: None }, takes_rest)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(moduli: &[u32], filled: &[u32]) -> String {
        draw(moduli, filled).shares.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn full_slots_have_equal_shares() {
        assert_eq!(shares(&[1], &[0]), "1");
        assert_eq!(shares(&[3, 1], &[0, 1, 2]), "1/3 1/3 1/3");
        let eight: Vec<u32> = [vec![8; 16], vec![1]].concat();
        let drawn = draw(&eight, &[0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!((drawn.shares[0], drawn.rest), (Share::new(1, 8), None));
    }

    #[test]
    fn slot_0_takes_what_falls_into_holes() {
        // One draw: the missing slot's third is slot 0's as well.
        assert_eq!(shares(&[3, 1], &[0, 2]), "2/3 1/3");
        // Sixteen draws: nearly nothing is left.
        let eight: Vec<u32> = [vec![8; 16], vec![1]].concat();
        let drawn = draw(&eight, &[0, 1, 2, 3, 4]);
        assert!(drawn.shares.iter().all(|s| *s == Share::new(1, 5)));
        let Some((rest, to_first)) = drawn.rest else { panic!("a rest") };
        assert!(to_first && rest.share < 2e-5 * 0.5f64.max(rest.share), "{rest:?}");
        assert_eq!((rest.empty, rest.slots, rest.draws), (3, 8, 16));
    }

    #[test]
    fn without_slot_0_something_is_lost() {
        let Some((rest, false)) = draw(&[1], &[]).rest else { panic!("lost") };
        assert!((rest.share - 1.0).abs() < f64::EPSILON);
        let drawn = draw(&[2, 1], &[1]);
        let Some((rest, false)) = drawn.rest else { panic!("lost") };
        assert!((rest.share - 0.5).abs() < f64::EPSILON);
        assert_eq!(drawn.shares, [Share::ALL]);
    }

    #[test]
    fn slots_behind_the_size_are_never_drawn() {
        assert_eq!(shares(&[1], &[0, 1]), "1 0");
        assert_eq!(shares(&[], &[0]), "0");
    }
}
