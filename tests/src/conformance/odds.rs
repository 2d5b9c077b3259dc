//! How likely counts are where each outcome is as likely as the others.

/// What is less likely than this is no accident.
const LEAST: f64 = 1e-6;

/// `Some` where the counts are less even than chance makes them once in a million times: how likely they are at most.
///
/// Each count by itself is binomial, exactly; the bound for all of them together is the sum of theirs.
#[must_use]
pub fn uneven(counts: &[u32]) -> Option<f64> {
    let total: u32 = counts.iter().sum();
    let outcomes = u32::try_from(counts.len()).unwrap_or(u32::MAX);
    if outcomes < 2 || total == 0 {
        return None;
    }
    let least = counts.iter().map(|c| two_sided(total, *c, 1.0 / f64::from(outcomes))).fold(1.0, f64::min);
    let p = (least * f64::from(outcomes)).min(1.0);
    (p < LEAST).then_some(p)
}

/// Twice the chance of a count at least as far out as this one, on its side.
fn two_sided(total: u32, count: u32, chance: f64) -> f64 {
    let factorials = log_factorials(total);
    let term = |k: u32| {
        let [n, k, rest] = [total, k, total - k];
        let ways = factorials[n as usize] - factorials[k as usize] - factorials[rest as usize];
        (ways + f64::from(k) * chance.ln() + f64::from(rest) * (1.0 - chance).ln()).exp()
    };
    let low: f64 = (0..=count).map(term).sum();
    let high: f64 = (count..=total).map(term).sum();
    (2.0 * low.min(high)).min(1.0)
}

/// The logarithms of 0! to n!.
fn log_factorials(n: u32) -> Vec<f64> {
    let mut all = vec![0.0];
    let mut sum = 0.0;
    for k in 1..=n {
        sum += f64::from(k).ln();
        all.push(sum);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomial_tails() {
        // 10 tosses, at most 1 head: 11 of 1024.
        assert!((two_sided(10, 1, 0.5) - 22.0 / 1024.0).abs() < 1e-12);
        assert!((two_sided(10, 9, 0.5) - 22.0 / 1024.0).abs() < 1e-12);
        assert!((two_sided(10, 5, 0.5) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn only_what_is_no_accident_is_uneven() {
        assert_eq!(uneven(&[500, 500]), None);
        assert_eq!(uneven(&[560, 440]), None);
        assert!(uneven(&[600, 400]).is_some());
        assert!(uneven(&[0, 1000]).is_some());
        assert_eq!(uneven(&[0, 15]), None);
        assert_eq!(uneven(&[1000]), None);
    }
}
