//! The kernel's hash of words (include/linux/jhash.h; Bob Jenkins' lookup3, public domain).

const INITVAL: u32 = 0xdead_beef;

fn step(x: &mut u32, y: &mut u32, z: u32, by: u32) {
    *x = x.wrapping_sub(*y) ^ y.rotate_left(by);
    *y = y.wrapping_add(z);
}

fn mix(a: &mut u32, b: &mut u32, c: &mut u32) {
    step(a, c, *b, 4);
    step(b, a, *c, 6);
    step(c, b, *a, 8);
    step(a, c, *b, 16);
    step(b, a, *c, 19);
    step(c, b, *a, 4);
}

fn last(a: u32, b: u32, c: u32) -> u32 {
    let (mut a, mut b, mut c) = (a, b, c);
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

/// `jhash2`: a hash of 32-bit words.
pub(crate) fn jhash2(words: &[u32], seed: u32) -> u32 {
    let length = u32::try_from(words.len()).unwrap_or(u32::MAX);
    let start = INITVAL.wrapping_add(length.wrapping_shl(2)).wrapping_add(seed);
    let (mut a, mut b, mut c) = (start, start, start);
    let mut rest = words;
    while let [x, y, z, more @ ..] = rest {
        if more.is_empty() {
            break;
        }
        a = a.wrapping_add(*x);
        b = b.wrapping_add(*y);
        c = c.wrapping_add(*z);
        mix(&mut a, &mut b, &mut c);
        rest = more;
    }
    match rest {
        [] => c,
        [x] => last(a.wrapping_add(*x), b, c),
        [x, y] => last(a.wrapping_add(*x), b.wrapping_add(*y), c),
        [x, y, z, ..] => last(a.wrapping_add(*x), b.wrapping_add(*y), c.wrapping_add(*z)),
    }
}
