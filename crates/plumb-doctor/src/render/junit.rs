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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::check::report::{FoundBy, Scope};
    use crate::report::{Layer, Place, Remedy, RuledOut};

    fn finding(severity: Severity, summary: &str) -> CheckFinding {
        CheckFinding {
            fault: Some("F01".to_owned()),
            id: "netfilter-drop".to_owned(),
            severity,
            symptom: "times_out".to_owned(),
            place: Place::new(),
            layer: Layer::Netfilter,
            summary: summary.to_owned(),
            evidence: Vec::new(),
            effect: "fails".to_owned(),
            affects: Vec::new(),
            remedy: vec![Remedy::of("nft -a list ruleset && true".to_owned())],
            pairs: None,
            found_by: FoundBy::Reach,
            path: None,
        }
    }

    /// Read back by another parser: counts that CI systems sum up, and text as it was.
    #[test]
    fn what_is_written_can_be_read() {
        let hostile = "a rule with \"<>&' ]]> \u{1b}[31m\u{0} and 中文";
        let report = CheckReport {
            findings: vec![finding(Severity::Error, hostile), finding(Severity::Info, "a fact")],
            scope: Scope { not_covered: vec!["sockets of ns".to_owned()], ..Scope::default() },
            ruled_out: vec![RuledOut { what: "links".to_owned(), why: "3 looked at".to_owned() }],
            version: 1,
            unknowns: Vec::new(),
            assumptions: Vec::new(),
            incomplete: false,
        };
        let text = check(&report, Severity::Warning, Lang::En).unwrap();
        let read = Report::deserialize_from_str(&text).unwrap();
        assert_eq!((read.tests, read.failures, read.errors), (3, 1, 1));
        let suite = &read.test_suites[0];
        assert_eq!((suite.tests, suite.failures, suite.errors), (3, 1, 1));
        let TestCaseStatus::NonSuccess { message, description, ty, .. } = &suite.test_cases[0].status else {
            panic!("{suite:?}");
        };
        // XML 1.0 has no place for control characters, however they are escaped.
        let told = message.as_ref().unwrap().as_str();
        assert!(told.starts_with("a rule with \"<>&' ]]> ") && told.ends_with(" and 中文"), "{told}");
        assert!(!text.contains(['\u{1b}', '\u{0}']));
        assert!(description.as_ref().unwrap().as_str().contains("nft -a list ruleset && true"));
        assert_eq!(ty.as_ref().unwrap().as_str(), "error");
    }
}
