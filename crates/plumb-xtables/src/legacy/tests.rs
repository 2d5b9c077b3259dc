//! Tables built byte by byte, and bytes of no sense.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::NoSetNames;

const STANDARD: usize = 40;

/// The conditions of an IPv4 entry that the tests vary.
#[derive(Clone, Debug, Default)]
struct Wanted {
    src: (u32, u32),
    dst: (u32, u32),
    iniface: (String, bool),
    proto: u8,
    flags: u8,
    inverted: u8,
}

fn ifname(name: &str, prefix: bool) -> ([u8; 16], [u8; 16]) {
    let (mut bytes, mut mask) = ([0; 16], [0; 16]);
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    let compared = if name.is_empty() || prefix { name.len() } else { name.len() + 1 };
    mask[..compared].fill(0xff);
    (bytes, mask)
}

fn extension(name: &str, revision: u8, info: &[u8]) -> Vec<u8> {
    let mut out = ((32 + info.len()) as u16).to_le_bytes().to_vec();
    let mut bytes = [0; 29];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    out.extend(bytes);
    out.push(revision);
    out.extend(info);
    out
}

fn standard(verdict: i32) -> Vec<u8> {
    extension("", 0, &[&verdict.to_le_bytes()[..], &[0; 4]].concat())
}

fn head(name: &str) -> Vec<u8> {
    let mut info = [0; 32];
    info[..name.len()].copy_from_slice(name.as_bytes());
    extension("ERROR", 0, &info)
}

fn entry(w: &Wanted, matches: &[u8], target: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for a in [w.src.0, w.dst.0, w.src.1, w.dst.1] {
        out.extend(a.to_be_bytes());
    }
    let (name, mask) = ifname(&w.iniface.0, w.iniface.1);
    out.extend(name);
    out.extend([0; 16]);
    out.extend(mask);
    out.extend([0; 16]);
    out.extend(u16::from(w.proto).to_le_bytes());
    out.extend([w.flags, w.inverted]);
    out.extend([0; 4]);
    out.extend(((112 + matches.len()) as u16).to_le_bytes());
    out.extend(((112 + matches.len() + target.len()) as u16).to_le_bytes());
    out.extend([0; 4]);
    out.extend(7_u64.to_le_bytes());
    out.extend(420_u64.to_le_bytes());
    out.extend(matches);
    out.extend(target);
    out
}

/// A filter table: `rules` in INPUT, a chain `web` with `inner`.
fn filter(rules: &[Vec<u8>], inner: &[Vec<u8>]) -> (Vec<u8>, [u32; 5], [u32; 5]) {
    let plain = Wanted::default();
    let mut bytes: Vec<u8> = Vec::new();
    let (mut hooks, mut underflow) = ([0; 5], [0; 5]);
    bytes.extend(rules.concat());
    underflow[1] = bytes.len() as u32;
    bytes.extend(entry(&plain, &[], &standard(DROP)));
    for h in [2, 3] {
        hooks[h] = bytes.len() as u32;
        underflow[h] = bytes.len() as u32;
        bytes.extend(entry(&plain, &[], &standard(ACCEPT)));
    }
    bytes.extend(entry(&plain, &[], &head("web")));
    bytes.extend(inner.concat());
    bytes.extend(entry(&plain, &[], &standard(RETURN)));
    bytes.extend(entry(&plain, &[], &head("ERROR")));
    (bytes, hooks, underflow)
}

fn read(bytes: &[u8], hook_entry: [u32; 5], underflow: [u32; 5]) -> Result<Table, LegacyError> {
    let of = Entries {
        family: XtFamily::Ip,
        name: "filter",
        valid_hooks: 0b1110,
        hook_entry,
        underflow,
        entries: bytes,
    };
    table(&of)
}

fn lines(t: &Table) -> Vec<String> {
    let rules = t.chains.iter().flat_map(|c| c.rules.iter().map(move |r| (c, r)));
    rules.map(|(c, r)| rule(XtFamily::Ip, &c.name, &r.exprs).unwrap().text(&NoSetNames)).collect()
}

#[test]
fn jumps_gotos_returns_and_rules_without_a_target() {
    let w = Wanted { src: (0x0a00_0000, 0xff00_0000), proto: 6, ..Wanted::default() };
    let plain = Wanted::default();
    let one = 112 + STANDARD;
    // Four rules and three policies come before the chain, whose head is 112 + 64 bytes long.
    let web = (7 * one + 112 + 64) as i32;
    let rules = [
        entry(&w, &[], &standard(web)),
        entry(&Wanted { flags: 2, ..plain.clone() }, &[], &standard(web)),
        entry(&plain, &[], &standard((3 * one) as i32)),
        entry(&plain, &[], &standard(QUEUE)),
    ];
    let inner = [entry(&plain, &[], &standard(ACCEPT))];
    let (bytes, hooks, underflow) = filter(&rules, &inner);
    let t = read(&bytes, hooks, underflow).unwrap();
    assert_eq!(
        lines(&t),
        [
            "-A INPUT -s 10.0.0.0/8 -p tcp -j web",
            "-A INPUT -g web",
            "-A INPUT",
            "-A INPUT -j QUEUE",
            "-A web -j ACCEPT",
        ]
    );
    let base = t.chain("INPUT").unwrap().base.as_ref().unwrap();
    assert_eq!((&base.policy, base.priority, base.counters), (&plumb_nft::Verdict::Drop, 0, Some((7, 420))));
    assert!(t.chain("web").unwrap().base.is_none());
    assert_eq!(t.chains.len(), 4);
}

#[test]
fn what_is_not_laid_out_so_is_an_error() {
    let plain = Wanted::default();
    let (good, hooks, underflow) = filter(&[entry(&plain, &[], &standard(ACCEPT))], &[]);
    assert!(read(&good, hooks, underflow).is_ok());
    for cut in [1, 50, 111, 120, good.len() - 1] {
        assert!(read(&good[..cut], hooks, underflow).is_err(), "{cut}");
    }
    let (bad, hooks, underflow) = filter(&[entry(&plain, &[], &standard(8))], &[]);
    assert!(matches!(read(&bad, hooks, underflow), Err(LegacyError::Verdict { verdict: 8, .. })));
    let mut long = good.clone();
    long[90] = 0xff;
    long[91] = 0xff;
    assert!(matches!(read(&long, hooks, underflow), Err(LegacyError::Length { .. })));
    let odd = Wanted { flags: 0x80, ..plain.clone() };
    let (bytes, hooks, underflow) = filter(&[entry(&odd, &[], &standard(ACCEPT))], &[]);
    assert!(matches!(read(&bytes, hooks, underflow), Err(LegacyError::Entry { .. })));
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let net = || (any::<u32>(), 0_u32..=32);
    let name = (prop::sample::select(vec!["", "eth0", "veth-with-15-ch"]), any::<bool>());
    (net(), net(), name, 0_u8..=255, 0_u8..=1, any::<[bool; 4]>()).prop_map(
        |(s, d, name, proto, frag, inv)| {
            let net = |(a, len): (u32, u32)| {
                let mask = u32::MAX.checked_shl(32 - len).unwrap_or(0);
                (a & mask, mask)
            };
            let bit = |on: bool, b: u8| if on { b } else { 0 };
            Wanted {
                src: net(s),
                dst: net(d),
                iniface: (name.0.to_owned(), name.1 && !name.0.is_empty()),
                proto,
                flags: frag,
                inverted: bit(inv[0], INV_SRC)
                    | bit(inv[1] && proto != 0, INV_PROTOCOL)
                    | bit(inv[2] && frag == 1, INV_FRAGMENT)
                    | bit(inv[3] && !name.0.is_empty(), INV_IN),
            }
        },
    )
}

const INV_SRC: u8 = entry::INV_SRCIP;
const INV_PROTOCOL: u8 = entry::INV_PROTO;
const INV_FRAGMENT: u8 = entry::INV_FRAG;
const INV_IN: u8 = entry::INV_VIA_IN;

proptest! {
    /// What a header asks for is what the rule that is read back asks for.
    #[test]
    fn headers_come_back(w in wanted()) {
        let (bytes, hooks, underflow) = filter(&[entry(&w, &[], &standard(ACCEPT))], &[]);
        let t = read(&bytes, hooks, underflow).unwrap();
        let rule = &t.chain("INPUT").unwrap().rules[0];
        let xt = super::rule(XtFamily::Ip, "INPUT", &rule.exprs).unwrap();
        let net = |n: Option<crate::Inv<crate::AddrMask>>| n.map(|n| (n.value.addr, n.value.mask, n.invert));
        let want = |(a, m): (u32, u32), inv: bool| {
            (a != 0 || m != 0 || inv).then(|| (std::net::Ipv4Addr::from(a).into(), std::net::Ipv4Addr::from(m).into(), inv))
        };
        prop_assert_eq!(net(xt.src), want(w.src, w.inverted & INV_SRC != 0));
        prop_assert_eq!(net(xt.dst), want(w.dst, false));
        let proto = xt.proto.map(|p| (p.value, p.invert));
        prop_assert_eq!(proto, (w.proto != 0).then_some((w.proto, w.inverted & INV_PROTOCOL != 0)));
        prop_assert_eq!(xt.fragment.map(|f| f.invert), (w.flags == 1).then_some(w.inverted & INV_FRAGMENT != 0));
        let iface = xt.in_iface.map(|i| (i.value.name, i.value.prefix, i.invert));
        let named = !w.iniface.0.is_empty();
        prop_assert_eq!(iface, named.then(|| (w.iniface.0.clone(), w.iniface.1, w.inverted & INV_IN != 0)));
    }

    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..600), at in 0_u32..400, v6: bool) {
        let family = if v6 { XtFamily::Ip6 } else { XtFamily::Ip };
        let of = Entries {
            family, name: "filter", valid_hooks: 14, hook_entry: [at; 5], underflow: [at; 5], entries: &bytes,
        };
        let _ = table(&of);
    }

    /// The same for tables of which a byte was changed.
    #[test]
    fn no_byte_breaks_it(at in 0_usize..900, value: u8) {
        let (mut bytes, hooks, underflow) = filter(&[entry(&Wanted::default(), &[], &standard(ACCEPT))], &[]);
        if let Some(b) = bytes.get_mut(at) {
            *b = value;
        }
        if let Ok(t) = read(&bytes, hooks, underflow) {
            for c in &t.chains {
                for r in &c.rules {
                    let _ = rule(XtFamily::Ip, &c.name, &r.exprs).map(|r| r.text(&NoSetNames));
                }
            }
        }
    }
}

#[test]
fn a_hook_without_an_entry_of_its_own_is_an_error() {
    let plain = Wanted::default();
    let (bytes, mut hooks, underflow) = filter(&[entry(&plain, &[], &standard(ACCEPT))], &[]);
    // Between two entries, and where another hook starts.
    for at in [8, hooks[1]] {
        hooks[2] = at;
        let error = read(&bytes, hooks, underflow).unwrap_err();
        assert!(
            matches!(error, LegacyError::Hook { hook: "FORWARD", .. } | LegacyError::Shape { .. }),
            "{error}"
        );
    }
}

/// The header of an IPv6 entry for a protocol, with flags and inversions.
fn header6(proto: u8, flags: u8, inverted: u8) -> Vec<u8> {
    let mut out = vec![0; 128];
    out.extend(u16::from(proto).to_le_bytes());
    out.extend([0, flags, inverted, 0, 0, 0]);
    out.extend([0; 4]);
    out.extend(168_u16.to_le_bytes());
    out.extend((168_u16 + STANDARD as u16).to_le_bytes());
    out.extend([0; 8 + 16]);
    out.extend(standard(ACCEPT));
    out
}

#[test]
fn without_its_flag_a_protocol_of_ipv6_is_not_looked_at() {
    let read = |proto, flags, inverted| {
        let bytes = header6(proto, flags, inverted);
        let h = entry::all(XtFamily::Ip6, &bytes).unwrap().remove(0).header;
        (h.proto, h.inverted)
    };
    assert_eq!(read(6, 1, 0), (Some(6), 0));
    assert_eq!(read(6, 1, INV_PROTOCOL), (Some(6), INV_PROTOCOL));
    assert_eq!(read(6, 0, 0), (None, 0));
    assert_eq!(read(6, 0, INV_PROTOCOL), (None, 0));
    assert!(entry::all(XtFamily::Ip6, &header6(0, 1, INV_PROTOCOL)).is_err());
}
