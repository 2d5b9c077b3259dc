//! `plumb check`: what is wrong, before anyone says which flow fails.

mod expect;
mod watch;

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;

use plumb_doctor::check::{CheckReport, Options, Severity, Sharing, Yardstick, check};
use plumb_doctor::render::{html, junit, terminal};
use plumb_kernel::Parts;
use plumb_model::{Between, Snapshot, join};
use plumb_trace::Network;

use super::known::{self, Known, Need};
use super::objects::Objects;
use super::{Context, lab, source};
use crate::cli::{CheckArgs, CheckFormat};
use crate::error::{Error, Status};
use crate::lang::Say;
use crate::progress::Progress;
use crate::{file, glob, lang, output};

pub(super) fn run(args: &CheckArgs, context: &Context) -> Result<Status, Error> {
    let expected = args.expect.as_deref().map(expect::read).transpose()?.unwrap_or_default();
    if args.watch {
        return watch::run(args, &expected, context);
    }
    let known = known::read(&args.manifests, &args.api, Need::Check, context)?;
    let asked = Asked { args, expected: &expected, known: &known };
    let looked = readings(args, context)?;
    let report = asked.check(looked.now, looked.before.as_ref(), looked.between.as_ref(), context)?.0;
    print(&report, args, context)?;
    Ok(status(&report, args.severity.into()))
}

/// What is asked, besides the snapshot that it is asked of.
struct Asked<'a> {
    args: &'a CheckArgs,
    expected: &'a [expect::Line],
    known: &'a Known,
}

impl Asked<'_> {
    /// The report, and the snapshot with the names that the objects give.
    fn check(
        &self,
        mut now: Snapshot,
        before: Option<&Snapshot>,
        between: Option<&Between>,
        context: &Context,
    ) -> Result<(CheckReport, Snapshot), Error> {
        let owners = self.known.name_owners(&mut now, context);
        let net = Network::compile(&now);
        let mut yardstick = self.yardstick(&net, context)?;
        yardstick.unread =
            self.known.unread.iter().map(|u| lang::notice::unread(context.lang(), u)).collect();
        if self.known.is_whole && yardstick.plain_host {
            yardstick.unread.push(context.say(&Say::NobodyKnown));
        } else {
            yardstick.leave_out(owners.nobodys);
        }
        let progress = Progress::new(&context.say(&Say::Walking));
        let tell = |done: usize, total: usize| progress.at(done, total, "");
        let sharing = if self.args.every_pair { Sharing::Never } else { Sharing::Auto };
        let mut report = check(
            &now,
            &yardstick,
            &Options { lang: context.lang(), before, between, sharing, progress: &tell },
        );
        if self.args.snapshots.is_empty() {
            lab::remedy::of_findings(&mut report);
        }
        Ok((report, now))
    }

    fn yardstick(&self, net: &Network, context: &Context) -> Result<Yardstick, Error> {
        let only = if self.args.netns.is_empty() {
            None
        } else {
            let chosen = source::chosen(context, net.snapshot, &self.args.netns)?;
            let ids: BTreeSet<usize> = chosen.iter().filter_map(|n| net.index_of(n.id)).collect();
            Some(ids)
        };
        let mut yardstick = Yardstick::of_snapshot(net, only);
        // An API tells all that there is: what a lab's topology would say is said by it.
        let is_labs = self.args.snapshots.is_empty() && !self.known.is_whole;
        if is_labs && !yardstick.plain_host {
            plumb_lab::add_labs(net, &mut yardstick)?;
        }
        if !self.known.is_empty() {
            yardstick.add_objects(&self.known.objects, "");
            yardstick.add_foreign(self.known.foreign.iter().cloned(), "");
            yardstick.known_from.insert(0, "objects".to_owned());
        }
        if !self.expected.is_empty() {
            let known = Objects { given: &self.known.objects, live: is_labs };
            yardstick.expectations = expect::resolve(self.expected, net, &known)?;
            yardstick.known_from.insert(0, "expect".to_owned());
        }
        Ok(yardstick)
    }
}

/// What is judged.
struct Looked {
    now: Snapshot,
    /// The reading before, where counters are compared.
    before: Option<Snapshot>,
    /// How the snapshots of several nodes were made one.
    between: Option<Between>,
}

fn readings(args: &CheckArgs, context: &Context) -> Result<Looked, Error> {
    let alone = |now| Looked { now, before: None, between: None };
    if args.snapshots.is_empty() {
        let only = source::connected(context, &args.netns)?;
        let first = source::live(context, only.clone(), Parts::default())?;
        let Some(interval) = args.interval else { return Ok(alone(first)) };
        thread::sleep(interval);
        let now = source::live(context, only, Parts::default())?;
        return Ok(Looked { now, before: Some(first), between: None });
    }
    if args.interval.is_some() {
        return Err(Error::Usage {
            problem: "--interval reads this machine twice, and snapshot files were given".to_owned(),
            help: "leave --interval out, or the files".to_owned(),
        });
    }
    if args.snapshots.iter().filter(|p| p.as_path() == Path::new("-")).count() > 1 {
        return Err(Error::Usage {
            problem: "`-` can be read once only".to_owned(),
            help: "write the snapshots to files".to_owned(),
        });
    }
    let progress = Progress::new(&context.say(&Say::Reading));
    let total = args.snapshots.len();
    let mut all = Vec::with_capacity(total);
    for (i, path) in args.snapshots.iter().enumerate() {
        all.push(file::read(path)?);
        progress.at(i + 1, total, &path.display().to_string());
    }
    if let [_] = &all[..] {
        return Ok(alone(all.remove(0)));
    }
    let joined = join(all).map_err(|e| Error::Usage {
        problem: e.to_string(),
        help: "check the files one by one, or take the snapshots anew without --redact".to_owned(),
    })?;
    Ok(Looked { now: joined.snapshot, before: None, between: Some(joined.between) })
}

fn print(report: &CheckReport, args: &CheckArgs, context: &Context) -> Result<(), Error> {
    let severity: Severity = args.severity.into();
    match args.output {
        CheckFormat::Json => output::print_json(report),
        CheckFormat::Junit => {
            let text = junit::check(report, severity, context.lang())
                .map_err(|e| Error::file("write to", "-")(std::io::Error::other(e)))?;
            output::print(&text)
        }
        CheckFormat::Html => {
            let text = html::check(report, severity, context.lang())
                .map_err(|e| Error::file("write to", "-")(std::io::Error::other(e)))?;
            output::print(&text)
        }
        CheckFormat::Text => {
            let mut text = Vec::new();
            let options = terminal::Options { lang: context.lang(), color: true };
            terminal::check(&mut text, report, severity, options).map_err(Error::file("write to", "-"))?;
            output::print(&String::from_utf8_lossy(&text))
        }
    }
}

fn status(report: &CheckReport, severity: Severity) -> Status {
    match report.exit_status(severity) {
        0 => Status::Good,
        1 => Status::No,
        _ => Status::CannotTell,
    }
}

/// Whether a pattern of `from` fits a name.
fn fits(pattern: &str, name: &str) -> bool {
    glob::matches(pattern, name)
}
