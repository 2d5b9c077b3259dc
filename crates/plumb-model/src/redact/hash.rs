//! A small keyed hash (SipHash-2-4, Aumasson and Bernstein 2012): what the replacements of addresses are drawn from.

/// A key; whoever has it can undo the replacement of addresses by trying.
pub type Key = [u8; 16];

pub(super) fn keyed(key: &Key, data: &[u8]) -> u64 {
    let word = |bytes: &[u8]| {
        let mut w = [0; 8];
        w.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(w)
    };
    let (k0, k1) = key.split_at(8);
    let (k0, k1) = (word(k0), word(k1));
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let mut chunks = data.chunks_exact(8);
    for chunk in &mut chunks {
        absorb(&mut v, word(chunk));
    }
    let last = word(chunks.remainder()) | (data.len() as u64) << 56;
    absorb(&mut v, last);
    v[2] ^= 0xff;
    (0..4).for_each(|_| round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn absorb(v: &mut [u64; 4], m: u64) {
    v[3] ^= m;
    round(v);
    round(v);
    v[0] ^= m;
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::keyed;

    /// The first vectors of the authors' reference implementation: key 00 01 … 0f, message 00 01 ….
    #[test]
    fn as_the_reference_does() {
        let key: [u8; 16] = std::array::from_fn(|i| i as u8);
        let message: Vec<u8> = (0..15).collect();
        assert_eq!(keyed(&key, &[]), 0x726f_db47_dd0e_0e31);
        assert_eq!(keyed(&key, &message), 0xa129_ca61_49be_45e5);
    }
}
