//! Packets that are handed to sockets, and what rules ask of the sockets of packets.

use plumb_model::{Socket, SocketState};

use super::*;
use crate::packet::PacketSocket;

/// Finds the namespace's only socket, whatever is asked for.
struct One;

impl Lookups for One {
    fn addr_type(&self, _: NsIndex, _: IpAddr, _: Option<u32>) -> AddrType {
        AddrType::Unicast
    }
    fn fib_device(&self, _: NsIndex, _: &FibQuery) -> Option<u32> {
        None
    }
    fn connected(&self, _: NsIndex, _: &Tuple, _: Option<u32>) -> Option<Option<usize>> {
        Some(None)
    }
    fn listeners(&self, _: NsIndex, t: &Tuple, _: Option<u32>) -> Option<smallvec::SmallVec<[usize; 2]>> {
        // Of the address and port of its device, or of its own.
        Some(if matches!(t.dport, 15001 | 80) { smallvec::smallvec![0] } else { smallvec::SmallVec::new() })
    }
    fn tuple_holder(&self, _: NsIndex, _: u16, _: &Tuple) -> Option<u32> {
        None
    }
    fn masquerade_source(&self, _: NsIndex, _: u32, _: IpAddr, _: Option<IpAddr>) -> Option<IpAddr> {
        None
    }
    fn redirect_target(&self, _: NsIndex, _: IpFamily, _: u32) -> Option<IpAddr> {
        None
    }
}

/// A listener; whether it is bound to an address, and transparent.
fn listener(bound: bool, transparent: Option<bool>) -> Socket {
    Socket {
        family: IpFamily::V4,
        protocol: Protocol::TCP,
        state: SocketState::Listen,
        src: if bound { [10, 0, 0, 2].into() } else { IpFamily::V4.unspecified() },
        sport: 15001,
        dst: IpFamily::V4.unspecified(),
        dport: 0,
        bound_dev: None,
        receive_queue: 0,
        send_queue: 128,
        v6only: None,
        uid: 0,
        inode: 0,
        timer: None,
        receive_buffer: None,
        drops: None,
        transparent,
        mark: Some(9),
    }
}

fn run_rule(socket: Option<Socket>, policy: Verdict, exprs: Vec<Expr>) -> Outcome {
    let mut ns = namespace(vec![table(vec![base("in", policy, vec![exprs])], vec![])]);
    ns.sockets = Read::Got(socket.into_iter().collect());
    let none = ns.sockets.items().is_empty();
    let lookups: &dyn Lookups = if none { &NoLookups } else { &One };
    run_with(&ns, lookups, state(syn()))
}

/// `-j TPROXY --on-port 15001 --tproxy-mark 0x1/0x1`
fn target() -> Vec<Expr> {
    let mut info = [1_u32.to_le_bytes(), 1_u32.to_le_bytes()].concat();
    info.extend([0; 16]);
    info.extend(15001_u16.to_be_bytes());
    info.extend([0; 2]);
    vec![Expr::Target { name: "TPROXY".into(), revision: 1, info: info.into() }]
}

/// `tproxy to :15001 meta mark set 1 accept`
fn statement() -> Vec<Expr> {
    let port = imm(R1, &15001_u16.to_be_bytes());
    let tproxy = Expr::Tproxy { family: Family::Ip, addr: None, port: Some(R1) };
    [vec![port, tproxy], mark(1), vec![verdict(Verdict::Accept)]].concat()
}

#[test]
fn a_transparent_socket_takes_what_it_is_handed() {
    for rule in [target(), statement()] {
        let out = run_rule(Some(listener(false, Some(true))), Verdict::Drop, rule);
        assert!(out.accepts());
        let packet = &out.ends[0].0.packet;
        assert_eq!((packet.socket, packet.mark), (Some(PacketSocket::Of(0)), 1));
    }
}

#[test]
fn without_one_the_target_drops_and_the_statement_ends_its_rule() {
    for socket in [None, Some(listener(false, Some(false)))] {
        let out = run_rule(socket.clone(), Verdict::Accept, target());
        assert_eq!(out.dropped(), Share::ONE);
        let out = run_rule(socket, Verdict::Accept, statement());
        assert_eq!(out.marks(), [(0, Share::ONE)]);
    }
}

#[test]
fn what_the_kernel_does_not_say_is_named() {
    for rule in [target(), statement()] {
        let out = run_rule(Some(listener(false, None)), Verdict::Accept, rule);
        assert!(out.accepts());
        assert!(out.unknowns[0].what.contains("transparent"), "{}", out.unknowns[0].what);
    }
}

fn asks(key: SocketKey, value: &[u8], socket: Option<Socket>) -> bool {
    let load = Expr::Socket { key, dreg: R1, level: None };
    run_rule(socket, Verdict::Drop, vec![load, cmp(CmpOp::Eq, value), verdict(Verdict::Accept)]).accepts()
}

#[test]
fn what_a_socket_is() {
    let bound = || Some(listener(true, Some(true)));
    let any = || Some(listener(false, Some(false)));
    assert!(asks(SocketKey::Transparent, &[1], bound()) && asks(SocketKey::Transparent, &[0], any()));
    assert!(asks(SocketKey::Wildcard, &[0], bound()) && asks(SocketKey::Wildcard, &[1], any()));
    assert!(asks(SocketKey::Mark, &9_u32.to_ne_bytes(), bound()));
    assert!(!asks(SocketKey::Wildcard, &[0], None) && !asks(SocketKey::Wildcard, &[1], None));
    // xt_socket: flags 1 --transparent, 2 --nowildcard.
    let holds = |flags: u8, socket| {
        let expr = Expr::Match { name: "socket".into(), revision: 1, info: Bytes::from(&[flags][..]) };
        run_rule(socket, Verdict::Drop, vec![expr, verdict(Verdict::Accept)]).accepts()
    };
    assert!(holds(0, bound()) && !holds(0, any()) && holds(2, any()));
    assert!(holds(1, bound()) && !holds(3, any()) && !holds(0, None));
}

#[test]
fn queues_with_and_without_a_reader() {
    let queue = |flags| vec![Expr::Queue { num: Some(7), total: None, flags, sreg: None }];
    let run = |flags, readers: Read<Vec<plumb_model::PacketQueue>>| {
        let mut ns = namespace(vec![table(vec![base("in", Verdict::Drop, vec![queue(flags)])], vec![])]);
        ns.queues = readers;
        run_in(&ns, state(syn()))
    };
    let reader =
        |number, copy| Read::Got(vec![plumb_model::PacketQueue { number, port: 1, waiting: 0, copy }]);
    for nobody in [reader(8, 2), Read::Got(vec![]), Read::Absent { feature: "nfnetlink_queue".into() }] {
        let out = run(0, nobody.clone());
        assert_eq!((out.dropped(), out.unknowns.len()), (Share::ONE, 0));
        let out = run(1, nobody);
        assert!(out.accepts() && out.unknowns.is_empty());
    }
    let out = run(1, reader(7, 2));
    assert!(out.accepts() && out.unknowns.len() == 1);
    // One that takes no bytes gets none, and no bypass helps.
    assert_eq!(run(1, reader(7, 0)).dropped(), Share::ONE);
}
