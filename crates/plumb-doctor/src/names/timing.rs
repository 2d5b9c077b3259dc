//! How long a look-up takes and whether it succeeds, by what each server does (glibc, `resolv/res_send.c`,
//! `__res_context_send` and `send_dg`).

use plumb_trace::share::Share;

use super::plan::Plan;

/// What asking a server comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Does {
    /// It answers.
    Answers,
    /// The client learns at once that it does not: ECONNREFUSED, no route.
    Fails,
    /// Nothing comes back.
    Silent,
    /// Not known.
    Open,
}

/// A way that asking for one name can go.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Share of the look-ups.
    pub share: Share,
    /// The server that answers, by its place in the list.
    pub by: Option<usize>,
    /// Seconds waited for servers that say nothing.
    pub seconds: u32,
    /// It depends on something that is not known.
    pub open: bool,
    /// Nobody was waited for: the search list is not gone through then.
    pub at_once: bool,
}

/// Each way that asking for one name can go; `servers` has the shares of what each does. What a server does holds for all
/// rounds of one name, since its socket is kept.
#[must_use]
pub fn ask(plan: &Plan, servers: &[Vec<(Share, Does)>]) -> Vec<Asked> {
    let n = servers.len();
    if n == 0 {
        return Vec::new();
    }
    let starts = if plan.options.rotate { n } else { 1 };
    let each = Share::new(1, starts as u128);
    let mut all: Vec<Asked> = Vec::new();
    for (share, does) in combinations(servers) {
        for start in 0..starts {
            let asked = Asked { share: share * each, ..rounds(plan, &does, start) };
            match all.iter_mut().find(|a| Asked { share: asked.share, ..(*a).clone() } == asked) {
                Some(same) => same.share = same.share + asked.share,
                None => all.push(asked),
            }
        }
    }
    all
}

fn rounds(plan: &Plan, does: &[Does], start: usize) -> Asked {
    // Over TCP each server is asked once.
    let rounds = if plan.options.use_vc { 1 } else { plan.options.attempts.max(1) };
    let mut asked = Asked { share: Share::ONE, by: None, seconds: 0, open: false, at_once: true };
    for _ in 0..rounds {
        for i in 0..does.len() {
            let server = (start + i) % does.len();
            match does[server] {
                Does::Answers => return Asked { by: Some(server), ..asked },
                Does::Open => return Asked { open: true, ..asked },
                Does::Fails => {}
                Does::Silent => {
                    asked.seconds = asked.seconds.saturating_add(plan.patience(server));
                    asked.at_once = false;
                }
            }
        }
    }
    asked
}

fn combinations(servers: &[Vec<(Share, Does)>]) -> Vec<(Share, Vec<Does>)> {
    let mut all = vec![(Share::ONE, Vec::new())];
    for server in servers {
        all = all
            .iter()
            .flat_map(|(share, does)| {
                server.iter().map(move |(s, d)| {
                    let mut does = does.clone();
                    does.push(*d);
                    (*share * *s, does)
                })
            })
            .collect();
    }
    all
}

/// Seconds until the client gives up a name when nobody answers: the name itself is asked for beside the first of the
/// search list, the others are not (`__res_context_search`).
#[must_use]
pub fn until_given_up(plan: &Plan, one: &Asked) -> u32 {
    let times = if one.at_once { 1 } else { plan.queries.len().clamp(1, 2) };
    one.seconds.saturating_mul(u32::try_from(times).unwrap_or(1))
}
