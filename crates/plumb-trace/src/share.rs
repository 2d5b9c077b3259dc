//! Shares of a flow's mass: exact fractions between 0 and 1.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, Mul, Sub};

/// A fraction, always reduced. Exact as long as numerator and denominator fit 128 bits; beyond that (dozens of
/// independent draws in a row) the last bits are rounded, never so that a fraction becomes 0 or 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Share {
    num: u128,
    den: u128,
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Share {
    /// Nothing.
    pub const ZERO: Self = Self { num: 0, den: 1 };
    /// All.
    pub const ONE: Self = Self { num: 1, den: 1 };

    /// `num / den`; zero where `den` is zero.
    #[must_use]
    pub fn new(num: u128, den: u128) -> Self {
        if den == 0 || num == 0 {
            return Self::ZERO;
        }
        if num == den {
            return Self::ONE;
        }
        let g = gcd(num, den);
        Self { num: num / g, den: den / g }
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.num == 0
    }

    /// Whether it is all.
    #[must_use]
    pub fn is_one(self) -> bool {
        self.num == self.den
    }

    /// As a floating-point number.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "for people; the exact value stays")]
    pub fn as_f64(self) -> f64 {
        self.num as f64 / self.den as f64
    }

    /// With three decimals; 0 and 1 only where it is exactly that.
    #[must_use]
    pub fn rounded(self) -> f64 {
        if self.is_zero() || self.is_one() {
            return self.as_f64();
        }
        ((self.as_f64() * 1000.0).round() / 1000.0).clamp(0.001, 0.999)
    }

    /// Drops low bits until both parts fit 63 bits, so that the next operation cannot overflow.
    fn shortened(self) -> Self {
        let bits = 128 - self.den.max(self.num).leading_zeros();
        if bits <= 63 {
            return self;
        }
        let shift = bits - 63;
        let den = (self.den >> shift).max(2);
        let mut num = self.num >> shift;
        if self.num != 0 && num == 0 {
            num = 1;
        }
        if self.num != self.den && num >= den {
            num = den - 1;
        }
        Self::new(num, den)
    }
}

impl Mul for Share {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        if self.is_one() {
            return o;
        }
        if o.is_one() {
            return self;
        }
        match (self.num.checked_mul(o.num), self.den.checked_mul(o.den)) {
            (Some(n), Some(d)) => Self::new(n, d),
            _ => {
                let (a, b) = (self.shortened(), o.shortened());
                Self::new(a.num * b.num, a.den * b.den)
            }
        }
    }
}

impl Share {
    fn combine(self, o: Self, f: impl Fn(u128, u128) -> Option<u128>) -> Self {
        let exact = |a: Self, b: Self| {
            let den = (a.den / gcd(a.den, b.den)).checked_mul(b.den)?;
            let n = f(a.num.checked_mul(den / a.den)?, b.num.checked_mul(den / b.den)?)?;
            Some(Self::new(n, den))
        };
        exact(self, o).or_else(|| exact(self.shortened(), o.shortened())).unwrap_or(self)
    }
}

impl Add for Share {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        self.combine(o, u128::checked_add)
    }
}

impl Sub for Share {
    type Output = Self;
    /// The difference; never below zero.
    fn sub(self, o: Self) -> Self {
        self.combine(o, |a, b| Some(a.saturating_sub(b)))
    }
}

impl std::iter::Sum for Share {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl PartialOrd for Share {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Share {
    fn cmp(&self, o: &Self) -> Ordering {
        match (self.num.checked_mul(o.den), o.num.checked_mul(self.den)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => self.as_f64().total_cmp(&o.as_f64()),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_thirds() {
        let third = Share::new(1, 3);
        assert_eq!(third + third + third, Share::ONE);
        assert_eq!(Share::ONE - third, Share::new(2, 3));
        assert!((third.rounded() - 0.333).abs() < 1e-9);
        assert_eq!(third * Share::new(3, 2), Share::new(1, 2));
    }

    #[test]
    fn never_rounds_to_all_or_nothing() {
        let tiny = Share::new(1, 1 << 31);
        let mut s = Share::ONE;
        for _ in 0..12 {
            s = s * tiny;
            assert!(!s.is_zero());
        }
        let mut nearly = Share::ONE;
        for _ in 0..12 {
            nearly = nearly * (Share::ONE - tiny);
            assert!(!nearly.is_one());
        }
        assert!((nearly.rounded() - 0.999).abs() < 1e-9);
    }
}
