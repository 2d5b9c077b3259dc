//! Classic BPF programs of the match `bpf` (net/netfilter/xt_bpf.c, net/core/filter.c), on the bytes of a packet from its IP
//! header on.

use plumb_xtables::matches::BpfInsn;

/// A number, and its bits that are not known.
type Number = (u32, u32);

/// `BPF_MEMWORDS`
const MEMORY: usize = 16;

/// What a program returns is not 0; `None`: it hangs on something that is not known. `load` gives so many bytes at an
/// offset, `None` beyond the packet's end, where a program returns 0.
pub(super) fn holds(
    program: &[BpfInsn],
    len: u32,
    load: &dyn Fn(usize, usize) -> Option<Number>,
) -> Option<bool> {
    let (mut a, mut x): (Number, Number) = ((0, 0), (0, 0));
    let mut memory = [(0, 0); MEMORY];
    let mut at = 0;
    // Jumps only lead on (`bpf_check_classic`), so that a program ends.
    while let Some(i) = program.get(at) {
        at += 1;
        let cell = (i.k as usize).min(MEMORY - 1);
        match i.code & 7 {
            // BPF_LD, BPF_LDX
            class @ (0 | 1) => {
                let size = match i.code & 0x18 {
                    0x00 => 4,
                    0x08 => 2,
                    _ => 1,
                };
                let loaded = match i.code & 0xe0 {
                    0x00 => (i.k, 0),
                    0x20 | 0x40 => {
                        let base = if i.code & 0xe0 == 0x40 { x } else { (0, 0) };
                        // Above this lie things beside the packet (`SKF_LL_OFF`, `SKF_AD_OFF`).
                        if base.1 != 0 || i.k >= 0xffe0_0000 {
                            return None;
                        }
                        match base.0.checked_add(i.k).and_then(|offset| load(offset as usize, size)) {
                            Some(loaded) => loaded,
                            None => return Some(false),
                        }
                    }
                    0x60 => memory[cell],
                    0x80 => (len, 0),
                    // BPF_MSH: the length of an IP header.
                    0xa0 => match load(i.k as usize, 1) {
                        Some((value, unknown)) => ((value & 0xf) << 2, (unknown & 0xf) << 2),
                        None => return Some(false),
                    },
                    _ => return None,
                };
                if class == 0 { a = loaded } else { x = loaded }
            }
            2 => memory[cell] = a,
            3 => memory[cell] = x,
            4 => a = alu(i.code & 0xf0, a, if i.code & 8 == 0 { (i.k, 0) } else { x })?,
            5 => {
                let other = if i.code & 8 == 0 { (i.k, 0) } else { x };
                let taken = match i.code & 0xf0 {
                    0x00 => {
                        at += i.k as usize;
                        continue;
                    }
                    op => jump(op, a, other)?,
                };
                at += usize::from(if taken { i.jt } else { i.jf });
            }
            6 => {
                let (value, unknown) = if i.code & 0x18 == 0x10 { a } else { (i.k, 0) };
                return if value & !unknown != 0 { Some(true) } else { (unknown == 0).then_some(false) };
            }
            // BPF_TAX, BPF_TXA
            _ if i.code & 0x80 == 0 => x = a,
            _ => a = x,
        }
    }
    Some(false)
}

/// `None`: what is not computed here (a division by zero, which ends a program).
fn alu(op: u16, (a, hidden): Number, (b, also): Number) -> Option<Number> {
    let bits = |f: &dyn Fn(u32) -> u32| (f(a), f(hidden));
    Some(match op {
        // What is 0 on one side is 0, what is 1 on one side is 1.
        0x50 => (a & b, (hidden | also) & (a | hidden) & (b | also)),
        0x40 => (a | b, (hidden | also) & !(a & !hidden) & !(b & !also)),
        0xa0 => (a ^ b, hidden | also),
        0x60 if also == 0 => bits(&|v| v.checked_shl(b).unwrap_or(0)),
        0x70 if also == 0 => bits(&|v| v.checked_shr(b).unwrap_or(0)),
        _ if hidden | also != 0 => (0, u32::MAX),
        0x00 => (a.wrapping_add(b), 0),
        0x10 => (a.wrapping_sub(b), 0),
        0x20 => (a.wrapping_mul(b), 0),
        0x30 => (a.checked_div(b)?, 0),
        0x90 => (a.checked_rem(b)?, 0),
        0x80 => (a.wrapping_neg(), 0),
        _ => return None,
    })
}

fn jump(op: u16, (a, hidden): Number, (b, also): Number) -> Option<bool> {
    let open = hidden | also;
    let (lowest, highest) = ((a & !hidden, b & !also), (a | hidden, b | also));
    match op {
        0x10 if (a ^ b) & !open != 0 => Some(false),
        0x10 => (open == 0).then_some(true),
        // Greater, and greater or equal.
        0x20 if lowest.0 > highest.1 => Some(true),
        0x20 => (highest.0 <= lowest.1).then_some(false),
        0x30 if lowest.0 >= highest.1 => Some(true),
        0x30 => (highest.0 < lowest.1).then_some(false),
        0x40 if a & b & !open != 0 => Some(true),
        0x40 => ((a | hidden) & (b | also) == 0).then_some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(program: &[(u16, u8, u8, u32)]) -> Option<bool> {
        let program: Vec<_> = program.iter().map(|&(code, jt, jf, k)| BpfInsn { code, jt, jf, k }).collect();
        // An IPv4 header of which the identification is not known, and two ports.
        let bytes =
            [0x45, 0, 0, 24, 9, 9, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x9c, 0x40, 0x1f, 0x90];
        let load = |at: usize, size: usize| {
            let word = |v: &dyn Fn(usize) -> u8| (at..at + size).fold(0, |w, i| w << 8 | u32::from(v(i)));
            (at + size <= bytes.len())
                .then(|| (word(&|i| bytes[i]), word(&|i| if (4..6).contains(&i) { 0xff } else { 0 })))
        };
        holds(&program, 24, &load)
    }

    #[test]
    fn programs() {
        // ldb [9]; jeq #6, 0, 1; ret 1; ret 0
        assert_eq!(run(&[(48, 0, 0, 9), (21, 0, 1, 6), (6, 0, 0, 1), (6, 0, 0, 0)]), Some(true));
        assert_eq!(run(&[(48, 0, 0, 9), (21, 0, 1, 17), (6, 0, 0, 1), (6, 0, 0, 0)]), Some(false));
        // ldx 4*([0]&0xf); ldh [x + 2]; jeq #8080
        let port = [(0xb1, 0, 0, 0), (0x48, 0, 0, 2), (21, 0, 1, 8080), (6, 0, 0, 1), (6, 0, 0, 0)];
        assert_eq!(run(&port), Some(true));
        // Behind the end a program is over; what is not known stays open.
        assert_eq!(run(&[(0x28, 0, 0, 40), (6, 0, 0, 1)]), Some(false));
        assert_eq!(run(&[(0x28, 0, 0, 4), (21, 0, 1, 5), (6, 0, 0, 1), (6, 0, 0, 0)]), None);
        // Of a number that is not known the masked part is.
        assert_eq!(
            run(&[(0x20, 0, 0, 4), (0x54, 0, 0, 0xffff), (21, 0, 1, 0), (6, 0, 0, 1), (6, 0, 0, 0)]),
            Some(true)
        );
        assert_eq!(run(&[(0x80, 0, 0, 0), (0x16, 0, 0, 0)]), Some(true));
        assert_eq!(run(&[(0x20, 0, 0, 0xffff_f000), (6, 0, 0, 1)]), None);
    }
}
