//! Sentences of `plumb lab`, a module a language. What is said is decided elsewhere; every match is exhaustive, so that
//! a new sentence does not compile before each language can say it. JSON has the lab's own words in every language.

mod en;
mod zh;

#[cfg(test)]
mod tests;

use plumb_doctor::messages::{self, Lang};
use plumb_lab::faults::look_alike::LookAlike;
use plumb_lab::faults::{Fault, find};
use plumb_lab::{Outcome, Step};

/// A heading or a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the English module says what each is")]
pub enum Word {
    Node,
    Namespace,
    Addresses,
    PodRanges,
    Outside,
    Pod,
    Serves,
    Process,
    Dead,
    Ended,
    ProxyOf,
    AskProxy,
    Service,
    Port,
    Endpoints,
    Fault,
    Name,
    Does,
    Target,
    Ready,
    Starting,
    SupervisorDead,
    Broken,
    NothingBroken,
    LooksLike,
    LookAlikeDoes,
    InTruth,
    Nothing,
}

/// A sentence. Texts in it may have colours.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the English module says what each is")]
pub enum Say<'a> {
    Up { lab: &'a str, nodes: usize, pods: usize, seconds: f64 },
    Next { command: &'a str },
    Meanwhile { command: &'a str },
    Gone { lab: &'a str },
    Supervised { lab: &'a str, state: &'a str, supervisor: u32 },
    Orphaned { lab: &'a str, state: &'a str, command: &'a str },
    Active { broken: &'a str, fault: &'a str, target: &'a str, effect: &'a str },
    Failed { outcome: &'a str, errno: &'a str, stage: &'a str },
    Answered { outcome: &'a str, server: &'a str, client: &'a str },
    Single { flow: &'a str, told: &'a str, milliseconds: f64 },
    Several { flow: &'a str, outcome: &'a str, connections: usize },
    Alike { connections: usize, told: &'a str, milliseconds: f64 },
    Made { fault: &'a str, target: &'a str, effect: &'a str },
    Done { command: &'a str },
    Expect { from: &'a str, to: &'a str, outcome: &'a str },
    Undone { fault: &'a str, target: &'a str },
    Listens { name: &'a str, protocol: &'a str, port: u16 },
    ListensNoMore { name: &'a str, protocol: &'a str, port: u16 },
    Restarted { name: &'a str },
    Held { name: &'a str, connections: u32, to: &'a str, held: &'a str },
    Released { name: &'a str, held: &'a str },
    Resolves { name: &'a str, usual: bool },
    Sound { file: &'a str, nodes: usize, pods: usize },
}

/// Says it.
#[must_use]
pub fn say(lang: Lang, what: &Say<'_>) -> String {
    match lang {
        Lang::En => en::say(what),
        Lang::Zh => zh::say(what),
    }
}

/// Says a word.
#[must_use]
pub fn word(lang: Lang, word: Word) -> &'static str {
    match lang {
        Lang::En => en::word(word),
        Lang::Zh => zh::word(word),
    }
}

/// What is being done while a lab is built.
#[must_use]
pub fn step(lang: Lang, step: Step) -> &'static str {
    match lang {
        Lang::En => en::step(step),
        Lang::Zh => zh::step(step),
    }
}

/// What a client sees: in English the word of the report's `outcome`.
#[must_use]
pub fn outcome(lang: Lang, outcome: Outcome) -> String {
    match lang {
        Lang::En => outcome.word().to_owned(),
        Lang::Zh => messages::outcome(lang, outcome.word()),
    }
}

/// Name of a fault, and what it does.
#[must_use]
pub fn fault(lang: Lang, fault: &Fault) -> (&'static str, &'static str) {
    let own = (fault.name, fault.does);
    match lang {
        Lang::En => own,
        Lang::Zh => zh::fault(fault.id).unwrap_or(own),
    }
}

/// What a state does that looks like a fault.
#[must_use]
pub fn look_alike(lang: Lang, look_alike: &LookAlike) -> &'static str {
    match lang {
        Lang::En => look_alike.does,
        Lang::Zh => zh::look_alike(look_alike.of).unwrap_or(look_alike.does),
    }
}

/// What a fault that was made does, or its look-alike. `effect` is what the lab says; other languages say what it does
/// anywhere.
#[must_use]
pub fn effect<'a>(lang: Lang, id: &str, alike: bool, effect: &'a str) -> &'a str {
    match (lang, find(id)) {
        (Lang::Zh, Some(found)) if alike => found.look_alike().map_or(effect, |l| look_alike(lang, &l)),
        (Lang::Zh, Some(found)) => fault(lang, &found).1,
        _ => effect,
    }
}
