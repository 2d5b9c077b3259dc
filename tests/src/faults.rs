//! What a check must say of the faults that the lab makes, where that is not simply the fault's own number.

/// Faults that are told under other numbers of the catalogue than the lab gives them, or by more than one finding, and why.
pub const TOLD_AS: &[(&str, &[&str])] = &[
    // One dead endpoint of several is a port that nobody listens on.
    ("S07", &["T01"]),
    // Two rules, one for questions and one for answers.
    ("N06", &["N06", "N06"]),
    // That the rule stands in another table, or is reached by goto, is how the packet got there: the rule decides.
    ("F04", &["F01"]),
    ("F05", &["F02"]),
    // Only the object that the rule was made for tells these from any other drop.
    ("S06", &["F01"]),
    ("P04", &["F01", "F01"]),
    // That TCP is needed only an answer tells that is cut off: `diagnose --probe` asks for it.
    ("D05", &["F01"]),
    // The place is what keeps the error from its sender, a rule, and such rules are F13; the narrow link is evidence.
    ("M01", &["F13"]),
];

/// Faults that a check does not find, and why.
pub const NOT_FOUND: &[(&str, &str)] = &[
    (
        "F09",
        "one attempt passes a limit that has run dry for nobody yet: plumb diagnose --connections finds it",
    ),
    ("C03", "an entry is of one client's port alone: plumb diagnose --source-port finds it"),
    ("D03", "what a server answers is known once it is asked: plumb diagnose HOST:PORT --probe finds it"),
];

/// Faults of which `diagnose` blames another place than `check`, and why.
pub const BLAMED_ELSEWHERE: &[(&str, &str)] =
    &[("H-04", "an address that nobody has is missing; whose it was only the objects or the topology know")];

/// The numbers under which a check may tell this fault; of one, exactly one finding.
#[must_use]
pub fn told_as(fault: &str) -> Vec<&str> {
    match TOLD_AS.iter().find(|(id, _)| *id == fault) {
        Some((_, numbers)) => numbers.to_vec(),
        None if NOT_FOUND.iter().any(|(id, _)| *id == fault) => Vec::new(),
        None => vec![fault],
    }
}
