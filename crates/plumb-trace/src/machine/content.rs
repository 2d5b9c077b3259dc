//! Matches on bytes of the whole packet: `string`, `u32`, TCP options (net/netfilter/xt_string.c, xt_u32.c, xt_tcpudp.c,
//! xt_tcpmss.c, nft_exthdr.c). They count from the IP header on.

use plumb_model::Protocol;
use plumb_xtables::matches::{Bpf, StringMatch, Tcpmss, U32, U32Op};

use super::bpf;
use super::branch::Branch;
use super::headers::network_len;
use super::solve::Run;
use super::xt::Says;

/// A packet's bytes, from the network header to its end.
struct Whole {
    bytes: Vec<u8>,
    /// Bits that are not known.
    unknown: Vec<u8>,
    /// Where the headers end that the walk describes; what follows is the sender's to say.
    described: usize,
}

impl Whole {
    fn of(b: &mut Branch) -> Self {
        let network = network_len(&b.state.packet);
        let h = b.headers();
        let len = h.packet_len;
        let (mut bytes, mut unknown) = (vec![0; len], vec![0xff; len]);
        for (header, start) in [(&h.network, 0), (&h.transport, network)] {
            let known = header.len.min(len.saturating_sub(start));
            if let Some(room) = bytes.get_mut(start..start + known) {
                room.copy_from_slice(&header.bytes[..known]);
            }
            if let Some(room) = unknown.get_mut(start..start + known) {
                room.copy_from_slice(&header.unknown[..known]);
            }
        }
        let described = (network + h.transport.len).min(len);
        Self { bytes, unknown, described }
    }

    /// A word in network order, with the bits of it that are not known.
    fn word(&self, at: usize) -> Option<(u32, u32)> {
        self.number(at, 4)
    }

    /// So many bytes, up to four, as a number in network order.
    fn number(&self, at: usize, size: usize) -> Option<(u32, u32)> {
        let end = at.checked_add(size)?;
        let read = |v: &[u8]| Some(v.get(at..end)?.iter().fold(0, |w, b| w << 8 | u32::from(*b)));
        Some((read(&self.bytes)?, read(&self.unknown)?))
    }
}

/// The kernel takes no rule without one; a snapshot without addresses and names may hold such.
const TAKEN_OUT: &str = "what a rule compares the packet's bytes with, which was taken out of the snapshot";

/// Chance, in parts of a million, above which bytes that the kernel draws (identifications, sequence numbers, checksums)
/// may hold a pattern.
const CHANCE: f64 = 1000.0;

/// Whether a pattern is found in the bytes; `None`: it may be.
fn find(whole: &Whole, m: &StringMatch) -> Option<bool> {
    let pattern: &[u8] = &m.pattern.value;
    let same = |byte: u8, unknown: u8, want: u8| {
        let is = |want: u8| (byte ^ want) & !unknown == 0;
        is(want) || (m.ignore_case && (is(want.to_ascii_lowercase()) || is(want.to_ascii_uppercase())))
    };
    let to = usize::from(m.to).min(whole.bytes.len());
    let mut chance = 0.0;
    let last = to.checked_sub(pattern.len());
    for at in usize::from(m.from)..=last.unwrap_or(0) {
        if last.is_none() {
            break;
        }
        let (mut open_bits, mut content) = (0, false);
        let fits = pattern.iter().enumerate().all(|(i, want)| {
            let (byte, unknown) = (whole.bytes[at + i], whole.unknown[at + i]);
            open_bits += unknown.count_ones();
            content |= unknown != 0 && at + i >= whole.described;
            same(byte, unknown, *want)
        });
        match (fits, open_bits, content) {
            (false, ..) => {}
            (true, 0, _) => return Some(true),
            (true, _, true) => return None,
            (true, bits, false) => chance += 1e6 * 0.5_f64.powi(bits.cast_signed()),
        }
    }
    (chance <= CHANCE).then_some(false)
}

/// `u32_match_it`; `None`: it hangs on bytes that are not known.
fn u32_holds(whole: &Whole, m: &U32) -> Option<bool> {
    let mut open = false;
    for test in &m.0.value {
        let Some((mut value, mut unknown)) = whole.word(test.start as usize) else { return Some(false) };
        let mut at = 0_usize;
        for op in &test.ops {
            let shift = |v: u32, n: u32, left: bool| {
                if left { v.checked_shl(n) } else { v.checked_shr(n) }.unwrap_or(0)
            };
            match *op {
                U32Op::And(n) => (value, unknown) = (value & n, unknown & n),
                U32Op::LeftShift(n) => (value, unknown) = (shift(value, n, true), shift(unknown, n, true)),
                U32Op::RightShift(n) => (value, unknown) = (shift(value, n, false), shift(unknown, n, false)),
                U32Op::At(_) if unknown != 0 => return None,
                U32Op::At(n) => {
                    at = at.saturating_add(value as usize);
                    match whole.word(at.saturating_add(n as usize)) {
                        Some(word) => (value, unknown) = word,
                        None => return Some(false),
                    }
                }
            }
        }
        let (lowest, highest) = (value & !unknown, value | unknown);
        let surely = test.values.iter().any(|r| r.min <= lowest && highest <= r.max);
        let maybe = test.values.iter().any(|r| {
            let one = r.min == r.max;
            if one { (value ^ r.min) & !unknown == 0 } else { r.min <= highest && lowest <= r.max }
        });
        match (surely, maybe) {
            (true, _) => {}
            (false, false) => return Some(false),
            (false, true) => open = true,
        }
    }
    (!open).then_some(true)
}

/// An option of a TCP header.
pub(super) enum TcpOption {
    /// There is none.
    Absent,
    /// It begins at this byte of the header and is so long.
    At(usize, usize),
    /// The header's options are not known.
    Unknown,
}

/// The options of a TCP header, from its 21st byte on (`nft_exthdr_tcp_eval`, `tcp_find_option`).
pub(super) fn tcp_option(b: &mut Branch, kind: u8) -> TcpOption {
    let h = &b.headers().transport;
    // The length is known wherever options may be.
    if h.unknown.get(12).is_none_or(|u| u & 0xf0 != 0) {
        return TcpOption::Unknown;
    }
    let end = usize::from(h.bytes[12] >> 4) * 4;
    let mut at = 20;
    while at < end {
        let (Some(byte), Some(0)) = (h.bytes.get(at), h.unknown.get(at)) else { return TcpOption::Unknown };
        if at >= h.len {
            return TcpOption::Unknown;
        }
        let len = if *byte < 2 { 1 } else { usize::from(h.bytes.get(at + 1).copied().unwrap_or(1)).max(1) };
        if *byte == kind {
            return TcpOption::At(at, len);
        }
        at += len;
    }
    TcpOption::Absent
}

impl Run<'_> {
    /// `string_mt`
    pub(super) fn xt_string(&self, b: &mut Branch, m: &StringMatch) -> Says {
        if m.pattern.value.is_empty() {
            return Says::Unknown(TAKEN_OUT.to_owned());
        }
        match find(&Whole::of(b), m) {
            Some(found) => (found != m.pattern.invert).into(),
            None => Says::Unknown("what the packet carries".to_owned()),
        }
    }

    /// `u32_mt`
    pub(super) fn xt_u32(&self, b: &mut Branch, m: &U32) -> Says {
        if m.0.value.is_empty() {
            return Says::Unknown(TAKEN_OUT.to_owned());
        }
        match u32_holds(&Whole::of(b), m) {
            Some(holds) => (holds != m.0.invert).into(),
            None => Says::Unknown("bytes of the packet that are not known".to_owned()),
        }
    }

    /// `bpf_mt`: the program holds where it returns anything but 0.
    pub(super) fn xt_bpf(&self, b: &mut Branch, m: &Bpf) -> Says {
        let program = match m {
            Bpf::Bytecode(program) if !program.is_empty() => program,
            Bpf::Bytecode(_) => return Says::Unknown(TAKEN_OUT.to_owned()),
            _ => return Says::Unknown("a BPF program that is not in the rule".to_owned()),
        };
        let whole = Whole::of(b);
        let len = u32::try_from(whole.bytes.len()).unwrap_or(u32::MAX);
        match bpf::holds(program, len, &|at, size| whole.number(at, size)) {
            Some(holds) => holds.into(),
            None => Says::Unknown("what a BPF program makes of bytes that are not known".to_owned()),
        }
    }

    /// `tcp_find_option`
    pub(super) fn xt_tcp_option(&self, b: &mut Branch, kind: u8, invert: bool) -> Says {
        match tcp_option(b, kind) {
            TcpOption::Absent => invert.into(),
            TcpOption::At(..) => (!invert).into(),
            TcpOption::Unknown => Says::Unknown(format!("TCP option {kind}")),
        }
    }

    /// `tcpmss_mt`: the size itself is known where a payload is asked about.
    pub(super) fn xt_tcpmss(&self, b: &mut Branch, m: &Tcpmss) -> Says {
        if b.state.packet.protocol != Protocol::TCP {
            return Says::No;
        }
        match tcp_option(b, 2) {
            TcpOption::Absent => m.0.invert.into(),
            _ => match b.state.packet.sizing.mss {
                Some(mss) => m.0.holds(|r| r.contains(mss)).into(),
                None => Says::Unknown("the maximum segment size that a SYN offers".to_owned()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use plumb_xtables::matches::U32Test;
    use plumb_xtables::{Inv, Range32};

    use super::*;

    fn whole(bytes: &[u8], unknown: &[u8], described: usize) -> Whole {
        Whole { bytes: bytes.to_vec(), unknown: unknown.to_vec(), described }
    }

    fn pattern(text: &[u8], from: u16, to: u16, ignore_case: bool) -> StringMatch {
        let pattern = Inv::new(text.into(), false);
        StringMatch { pattern, algorithm: "bm".into(), from, to, ignore_case }
    }

    #[test]
    fn a_pattern_lies_wholly_within_the_bounds() {
        let w = whole(b"..GET /..", &[0; 9], 9);
        assert_eq!(find(&w, &pattern(b"GET", 0, 65535, false)), Some(true));
        assert_eq!(find(&w, &pattern(b"get", 0, 65535, false)), Some(false));
        assert_eq!(find(&w, &pattern(b"get", 0, 65535, true)), Some(true));
        assert_eq!(find(&w, &pattern(b"GET", 3, 65535, false)), Some(false));
        assert_eq!(find(&w, &pattern(b"GET", 2, 5, false)), Some(true));
        assert_eq!(find(&w, &pattern(b"GET", 2, 4, false)), Some(false));
        assert_eq!(find(&w, &pattern(b"far too long to fit", 0, 65535, false)), Some(false));
    }

    #[test]
    fn what_is_carried_may_hold_it_and_what_is_drawn_hardly() {
        let hidden = [0, 0, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(find(&whole(&[1; 6], &hidden, 2), &pattern(b"abc", 0, 65535, false)), None);
        assert_eq!(find(&whole(&[1; 6], &hidden, 6), &pattern(b"abc", 0, 65535, false)), Some(false));
        assert_eq!(find(&whole(&[1; 6], &hidden, 6), &pattern(b"a", 0, 65535, false)), None);
    }

    #[test]
    fn words_of_the_packet() {
        let test = |start, ops: Vec<U32Op>, min, max| {
            let values = vec![Range32 { min, max }];
            U32(Inv::new(vec![U32Test { start, ops, values }], false))
        };
        let w = whole(&[0x45, 0, 0, 60, 9, 9, 0, 0, 64, 6], &[0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0], 10);
        assert_eq!(u32_holds(&w, &test(6, vec![U32Op::And(0xff)], 6, 6)), Some(true));
        assert_eq!(u32_holds(&w, &test(6, vec![U32Op::And(0xff)], 17, 17)), Some(false));
        assert_eq!(u32_holds(&w, &test(2, vec![], 60 << 16, 61 << 16)), Some(true));
        assert_eq!(u32_holds(&w, &test(2, vec![U32Op::And(0xffff)], 7, 7)), None);
        // The header's length in words leads to what follows it, which is not there.
        let ops = vec![U32Op::RightShift(22), U32Op::And(0x3c), U32Op::At(0)];
        assert_eq!(u32_holds(&w, &test(0, ops, 0, u32::MAX)), Some(false));
        assert_eq!(u32_holds(&w, &test(7, vec![], 0, u32::MAX)), Some(false));
    }
}
