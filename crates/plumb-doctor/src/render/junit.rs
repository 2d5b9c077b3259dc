//! A check's report for CI systems: one test case a kind of looking and finding, in the JUnit XML that they read.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::terminal::locator;
use crate::check::{CheckFinding, CheckReport, Severity};
use crate::messages::{self, Lang};

/// A failure for each finding at or above the severity, a success for each step that found nothing. What could not be read
/// is an error of its own, so that a run that saw nothing is not taken for a healthy one.
///
/// # Errors
/// What writing gives.
pub fn check(
    report: &CheckReport,
    severity: Severity,
    lang: Lang,
) -> Result<String, quick_junit::SerializeError> {
    let mut suite = TestSuite::new("plumb check");
    for f in report.findings.iter().filter(|f| f.severity >= severity) {
        suite.add_test_case(failure(f, lang));
    }
    for out in &report.ruled_out {
        let mut case = TestCase::new(format!("{}: {}", out.what, out.why), TestCaseStatus::success());
        case.set_classname("plumb.check.in-order");
        suite.add_test_case(case);
    }
    for text in &report.scope.not_covered {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(text).set_type("not-covered");
        let mut case = TestCase::new(text.as_str(), status);
        case.set_classname("plumb.check.not-covered");
        suite.add_test_case(case);
    }
    let mut all = Report::new("plumb check");
    all.add_test_suite(suite);
    all.to_string()
}

fn failure(f: &CheckFinding, lang: Lang) -> TestCase {
    let place = locator(lang, &f.place);
    let mut text = format!("{}\n{place}\n{}\n", f.summary, f.effect);
    if let Some(p) = &f.pairs {
        text.push_str(&format!("{}\n", messages::pairs(lang, p)));
    }
    for e in &f.evidence {
        text.push_str(&format!("{}: {}\n", e.what, e.seen));
    }
    for r in &f.remedy {
        text.push_str(&format!("{}\n", r.command));
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status
        .set_message(f.summary.as_str())
        .set_type(messages::severity(Lang::En, f.severity))
        .set_description(text);
    let name = match &f.fault {
        Some(fault) => format!("{fault} {} {place}", f.id),
        None => format!("{} {place}", f.id),
    };
    let mut case = TestCase::new(name, status);
    case.set_classname(format!("plumb.check.{}", f.id));
    case
}
