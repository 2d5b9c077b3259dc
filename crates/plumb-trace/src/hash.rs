//! The kernel's Jenkins hash (include/linux/jhash.h; Bob Jenkins' lookup3, public domain).

const INITVAL: u32 = 0xdead_beef;

fn mix(a: &mut u32, b: &mut u32, c: &mut u32) {
    for (x, y, z, n) in [(0, 2, 1, 4), (1, 0, 2, 6), (2, 1, 0, 8), (0, 2, 1, 16), (1, 0, 2, 19), (2, 1, 0, 4)]
    {
        let mut v = [*a, *b, *c];
        v[x] = v[x].wrapping_sub(v[y]);
        v[x] ^= v[y].rotate_left(n);
        v[y] = v[y].wrapping_add(v[z]);
        [*a, *b, *c] = v;
    }
}

fn finish(a: &mut u32, b: &mut u32, c: &mut u32) {
    for (x, y, n) in [(2, 1, 14), (0, 2, 11), (1, 0, 25), (2, 1, 16), (0, 2, 4), (1, 0, 14), (2, 1, 24)] {
        let mut v = [*a, *b, *c];
        v[x] ^= v[y];
        v[x] = v[x].wrapping_sub(v[y].rotate_left(n));
        [*a, *b, *c] = v;
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    (0..4).map(|i| u32::from(bytes.get(at + i).copied().unwrap_or(0)) << (8 * i)).sum()
}

/// `jhash(key, length, initval)`.
pub(crate) fn jhash(key: &[u8], seed: u32) -> u32 {
    let start = INITVAL.wrapping_add(key.len() as u32).wrapping_add(seed);
    let (mut a, mut b, mut c) = (start, start, start);
    let mut rest = key;
    while rest.len() > 12 {
        a = a.wrapping_add(word(rest, 0));
        b = b.wrapping_add(word(rest, 4));
        c = c.wrapping_add(word(rest, 8));
        mix(&mut a, &mut b, &mut c);
        rest = rest.get(12..).unwrap_or(&[]);
    }
    if !rest.is_empty() {
        a = a.wrapping_add(word(rest, 0));
        b = b.wrapping_add(word(rest, 4));
        c = c.wrapping_add(word(rest, 8));
        finish(&mut a, &mut b, &mut c);
    }
    c
}

/// `reciprocal_scale`: spreads a 32-bit number over `0..n`.
pub(crate) fn scale(value: u32, n: u32) -> u32 {
    ((u64::from(value) * u64::from(n)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of lookup3's `hashlittle`, which the kernel's jhash equals with its own start value.
    #[test]
    fn empty_and_scale() {
        assert_eq!(jhash(&[], 0), INITVAL);
        assert_eq!(scale(u32::MAX, 10), 9);
        assert_eq!(scale(0, 10), 0);
        // lookup3.c, driver5: hashlittle("Four score and seven years ago", 30, 0).
        assert_eq!(jhash(b"Four score and seven years ago", 0), 0x1777_0551);
        assert_eq!(jhash(b"Four score and seven years ago", 1), 0xcd62_8161);
    }
}
