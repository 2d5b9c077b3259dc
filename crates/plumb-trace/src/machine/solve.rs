//! Carrying a packet through a base chain: the straight run, and the branches where it splits.

use smallvec::smallvec;

use super::branch::{Branch, Frame, Position, STACK};
use super::ends::{Ends, Out, accepted, alike, merge_ends, name, settle};
use super::eval::Step;
use super::ops::Verd;
use super::queue::Fate;
use super::{BaseChain, ChainEnd, Netfilter};
use crate::env::Env;
use crate::event::{Decider, Event, Stop, Unknown};
use crate::meter::Meter;
use crate::state::{RuleRef, State};

/// Rules that one packet may meet in one chain. The kernel refuses loops, a damaged snapshot may hold one.
const MAX_RULES: u32 = 2_000_000;
/// How often the two answers to something unknown are both run to the end.
const MAX_FORKS: u32 = 256;
/// How deep such runs nest.
const MAX_DEPTH: u32 = 24;
/// Branches that are told apart at once. Draws that are remembered (each nth packet) multiply them.
const MAX_BRANCHES: usize = 4096;

/// A run through one base chain.
pub(super) struct Run<'a> {
    pub nf: &'a Netfilter,
    pub env: &'a Env<'a>,
    pub base: &'a BaseChain,
    rules_left: u32,
    forks_left: u32,
    depth: u32,
    /// The object or element whose expressions are carried out.
    pub owner: Option<Meter>,
}

/// How far a branch got.
enum Advance {
    End(ChainEnd),
    /// It reached or passed the place where it was to wait.
    Paused,
    /// It became these.
    Split(Vec<Branch>),
    /// The rest of the rule depends on something unknown; this is the branch for which it matches.
    Maybe {
        unknown: u32,
        matched: Box<Branch>,
    },
}

pub(super) fn run(nf: &Netfilter, env: &Env<'_>, base: &BaseChain, mut state: State) -> Ends {
    if env.record {
        state.history.push(Event::Chain { chain: base.place, hook: env.hook });
    }
    let Some(chain) = nf.chains.get(base.chain as usize) else {
        return smallvec![(state, ChainEnd::Accept)];
    };
    let mut run = Run { nf, env, base, rules_left: MAX_RULES, forks_left: MAX_FORKS, depth: 0, owner: None };
    let mut branch = Branch::new(state, base.chain, chain.start);
    match run.advance(&mut branch, None) {
        Advance::End(end) => {
            settle(&mut branch, &end);
            smallvec![(branch.state, end)]
        }
        Advance::Paused => smallvec![(branch.state, ChainEnd::Accept)],
        Advance::Split(list) => run.finish(list),
        Advance::Maybe { unknown, matched } => {
            let mut work = Vec::new();
            let mut outs = Vec::new();
            run.maybe(unknown, *matched, branch, None, &mut work, &mut outs);
            let rest = run.solve(work, None);
            outs.extend(rest);
            merge_ends(outs)
        }
    }
}

impl Run<'_> {
    fn rank(&self, chain: u32) -> u32 {
        self.nf.chains.get(chain as usize).map_or(0, |c| c.rank)
    }

    fn position(&self, b: &Branch) -> Position {
        b.position(|c| self.rank(c))
    }

    pub(super) fn rule_ref(&self, chain: u32, rule: u32) -> RuleRef {
        let (place, start) =
            self.nf.chains.get(chain as usize).map_or((self.base.place, 0), |c| (c.place, c.start));
        RuleRef { ns: place.ns, table: place.table, chain: place.chain, rule: rule.saturating_sub(start) }
    }

    /// The rule that a branch is at.
    pub(super) fn rule_of(&self, b: &Branch) -> RuleRef {
        self.rule_ref(b.chain, b.rule)
    }

    /// Index of something unknown in the rule that a branch is at.
    pub(super) fn unknown(&self, b: &Branch, what: impl Into<String>) -> u32 {
        let rule = self.rule_of(b);
        self.env.unknown(Unknown { ns: rule.ns, rule: Some(rule), device: None, what: what.into() })
    }

    /// Names something unknown that the branch passes.
    pub(super) fn pass(&self, b: &mut Branch, what: impl Into<String>) {
        let unknown = self.unknown(b, what);
        self.told(b, unknown);
        name(&mut b.state, unknown);
    }

    fn told(&self, b: &mut Branch, unknown: u32) {
        if self.env.record {
            b.state.history.push(Event::Unknown { unknown });
        }
    }

    fn verdict(&self, b: &mut Branch, by: Decider, accept: bool) -> ChainEnd {
        if self.env.record {
            b.state.history.push(Event::Verdict { by, accept });
        }
        if accept {
            ChainEnd::Accept
        } else {
            ChainEnd::Stop(Stop::Dropped { by, hook: self.env.hook, queue: None })
        }
    }

    /// Runs a branch until it ends, splits, or (having done something) stands at or behind `pause`.
    fn advance(&mut self, b: &mut Branch, pause: Option<&Position>) -> Advance {
        let nf = self.nf;
        loop {
            let end = nf.chains.get(b.chain as usize).map_or(0, |c| c.end);
            if pause.is_none() && b.resume.is_none() {
                self.pass_over(b, end);
            }
            let Some(rule) = nf.rules.get(b.rule as usize).filter(|_| b.rule < end) else {
                match b.frames.pop() {
                    Some(f) => (b.chain, b.rule) = (f.chain, f.rule + 1),
                    None => {
                        return Advance::End(self.verdict(
                            b,
                            Decider::Policy(self.base.place),
                            self.base.policy_accept,
                        ));
                    }
                }
                if pause.is_some_and(|p| self.position(b).cmp(p).is_ge()) {
                    return Advance::Paused;
                }
                continue;
            };
            if self.rules_left == 0 {
                let what = format!("chain {}: too many rules; does it lead back to itself?", self.name(b));
                return Advance::End(ChainEnd::Stop(Stop::Unmodelled { ns: nf.ns, what }));
            }
            self.rules_left -= 1;
            let (mut at, mut verdict) = match b.resume.take() {
                Some(resume) => resume,
                None => {
                    b.regs.reset();
                    b.draws.clear();
                    (rule.start, Verd::Continue)
                }
            };
            if verdict == Verd::Continue {
                while let Some(op) = nf.ops.get(at as usize).filter(|_| at < rule.end) {
                    match self.eval(b, at, op) {
                        Step::Next => at += 1,
                        Step::Verdict(Verd::Continue) => at += 1,
                        Step::Verdict(v) => {
                            verdict = v;
                            break;
                        }
                        Step::Stop(stop) => {
                            self.matched(b);
                            return Advance::End(ChainEnd::Stop(stop));
                        }
                        Step::Split(list) => return Advance::Split(list),
                        Step::Maybe { unknown, matched } => {
                            let mut yes = b.clone();
                            yes.resume = Some((at + 1, matched));
                            b.rule += 1;
                            return Advance::Maybe { unknown, matched: Box::new(yes) };
                        }
                    }
                }
            }
            if verdict == Verd::Break {
                b.rule += 1;
            } else {
                if verdict != Verd::Continue || rule.effect {
                    self.matched(b);
                }
                if let Some(end) = self.apply(b, verdict) {
                    return Advance::End(end);
                }
            }
            if pause.is_some_and(|p| self.position(b).cmp(p).is_ge()) {
                return Advance::Paused;
            }
        }
    }

    /// Passes over rules whose first questions are surely answered with "no".
    fn pass_over(&mut self, b: &mut Branch, end: u32) {
        let nf = self.nf;
        let rules = nf.rules.get(b.rule as usize..end as usize).unwrap_or(&[]);
        for rule in rules {
            let (first, last) = rule.questions;
            let asked = nf.questions.get(first as usize..last as usize).unwrap_or(&[]);
            if self.rules_left == 0 || !asked.iter().any(|q| q.refuses(b)) {
                return;
            }
            b.rule += 1;
            self.rules_left -= 1;
        }
    }

    fn name(&self, b: &Branch) -> &str {
        self.nf.chains.get(b.chain as usize).map_or("", |c| &c.name)
    }

    fn matched(&self, b: &mut Branch) {
        if self.env.record {
            let rule = self.rule_of(b);
            b.state.history.push(Event::Rule { rule });
        }
    }

    /// Carries out the verdict of the rule that a branch is at.
    fn apply(&mut self, b: &mut Branch, verdict: Verd) -> Option<ChainEnd> {
        let by = Decider::Rule(self.rule_of(b));
        match verdict {
            Verd::Continue | Verd::Break => b.rule += 1,
            Verd::Accept => return Some(self.verdict(b, by, true)),
            Verd::Drop => return Some(self.verdict(b, by, false)),
            Verd::Queue(to) => {
                let accept = match self.queue(to) {
                    Fate::Passes => true,
                    Fate::Ends => false,
                    Fate::Unknown(what) => {
                        self.pass(b, what);
                        true
                    }
                };
                let end = self.verdict(b, by, accept);
                let hook = self.env.hook;
                let unread = ChainEnd::Stop(Stop::Dropped { by, hook, queue: Some(to.first) });
                return Some(if accept { end } else { unread });
            }
            Verd::Return => b.rule = self.nf.chains.get(b.chain as usize).map_or(u32::MAX, |c| c.end),
            Verd::Jump(chain) | Verd::Goto(chain) => {
                if let Verd::Jump(_) = verdict {
                    // nftables checks the depth when rules are loaded, and drops beyond it; iptables-legacy makes its stack
                    // as deep as its tables need (`xt_jumpstack_alloc`), and refuses loops.
                    if b.frames.len() >= STACK && self.rule_of(b).table < self.nf.nft_tables {
                        return Some(self.verdict(b, by, false));
                    }
                    b.frames.push(Frame { chain: b.chain, rule: b.rule });
                }
                b.chain = chain;
                b.rule = self.nf.chains.get(chain as usize).map_or(u32::MAX, |c| c.start);
            }
            Verd::Broken => {
                let what = format!("chain {}: a verdict that leads nowhere", self.name(b));
                return Some(ChainEnd::Stop(Stop::Unmodelled { ns: self.nf.ns, what }));
            }
        }
        None
    }

    fn finish(&mut self, list: Vec<Branch>) -> Ends {
        let outs = self.solve(list, None);
        merge_ends(outs)
    }

    /// Adds a branch to the work, or its mass to one that goes on alike.
    fn insert(work: &mut Vec<Branch>, branch: Branch) {
        if branch.state.share.is_zero() {
            return;
        }
        match work.iter_mut().find(|w| w.same(&branch)) {
            Some(w) => w.state.share = w.state.share + branch.state.share,
            None => work.push(branch),
        }
    }

    /// Runs branches in the order of the program, so that those that can merge do, until each ended or reached
    /// `until`.
    fn solve(&mut self, start: Vec<Branch>, until: Option<&Position>) -> Vec<Out> {
        let mut work: Vec<Branch> = Vec::with_capacity(start.len());
        for b in start {
            Self::insert(&mut work, b);
        }
        let mut outs: Vec<Out> = Vec::new();
        loop {
            let positions: Vec<Position> = work.iter().map(|b| self.position(b)).collect();
            let Some(first) = (0..positions.len()).min_by(|a, b| positions[*a].cmp(&positions[*b])) else {
                return outs;
            };
            let mut branch = work.swap_remove(first);
            if work.len() >= MAX_BRANCHES {
                let what = format!("chain {}: more than {MAX_BRANCHES} branches", self.name(&branch));
                outs.push(Out::End(branch, ChainEnd::Stop(Stop::Unmodelled { ns: self.nf.ns, what })));
                continue;
            }
            if until.is_some_and(|u| branch.resume.is_none() && positions[first].cmp(u).is_ge()) {
                outs.push(Out::Joined(branch));
                continue;
            }
            // The others stand at or behind it. It runs on until it has reached the next of them.
            let next = positions
                .iter()
                .enumerate()
                .filter(|(i, _)| *i != first)
                .map(|(_, p)| p)
                .chain(until)
                .min_by(|a, b| a.cmp(b));
            match self.advance(&mut branch, next) {
                Advance::End(end) => outs.push(Out::End(branch, end)),
                Advance::Paused => Self::insert(&mut work, branch),
                Advance::Split(list) => list.into_iter().for_each(|b| Self::insert(&mut work, b)),
                Advance::Maybe { unknown, matched } => {
                    self.maybe(unknown, *matched, branch, until, &mut work, &mut outs);
                }
            }
        }
    }

    /// Carries on to the end what waits.
    fn run_out(&mut self, outs: Vec<Out>) -> Vec<Out> {
        let (mut ends, mut waiting) = (Vec::new(), Vec::new());
        for out in outs {
            match out {
                Out::Joined(b) => waiting.push(b),
                end @ Out::End(..) => ends.push(end),
            }
        }
        if !waiting.is_empty() {
            ends.extend(self.solve(waiting, None));
        }
        ends
    }

    /// Something unknown decides whether a rule goes on: `yes` is the branch if it matches, `no` if not.
    fn maybe(
        &mut self,
        unknown: u32,
        yes: Branch,
        mut no: Branch,
        until: Option<&Position>,
        work: &mut Vec<Branch>,
        outs: &mut Vec<Out>,
    ) {
        if self.forks_left == 0 || self.depth >= MAX_DEPTH {
            self.told(&mut no, unknown);
            name(&mut no.state, unknown);
            Self::insert(work, no);
            return;
        }
        self.forks_left -= 1;
        self.depth += 1;
        let join = self.position(&no);
        let near = self.solve(vec![yes], Some(&join));
        if let [Out::Joined(b)] = near.as_slice()
            && b.same(&no)
        {
            // It changes nothing.
            Self::insert(work, no);
        } else if near.iter().all(|o| matches!(o, Out::End(_, ChainEnd::Stop(Stop::Dropped { .. })))) {
            self.told(&mut no, unknown);
            if let Err(at) = no.doubts.binary_search(&unknown) {
                no.doubts.insert(at, unknown);
            }
            Self::insert(work, no);
        } else {
            let (mut with, mut joined) = (Vec::new(), Vec::new());
            for out in near {
                match out {
                    Out::Joined(b) => joined.push(b),
                    end @ Out::End(..) => with.push(end),
                }
            }
            let mut without = self.solve(vec![no], until);
            let rest = self.solve(joined, until);
            with.extend(rest);
            if !alike(&with, &without) {
                // Which answer lets the packet pass shows at the end of the chain, not where others wait.
                (with, without) = (self.run_out(with), self.run_out(without));
            }
            if alike(&with, &without) {
                outs.extend(without);
            } else {
                let chosen = if accepted(&with) > accepted(&without) { with } else { without };
                for mut out in chosen {
                    let (Out::End(b, _) | Out::Joined(b)) = &mut out;
                    self.told(b, unknown);
                    name(&mut b.state, unknown);
                    outs.push(out);
                }
            }
        }
        self.depth -= 1;
    }
}
