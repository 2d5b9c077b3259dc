//! `FROM` and `TO` of a flow, and name patterns.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plumb_cli::endpoint::{From, To};

fuzz_target!(|text: &str| {
    let _ = text.parse::<From>();
    let _ = text.parse::<To>();
    if let Some((pattern, name)) = text.split_once('\n') {
        let _ = plumb_cli::glob::matches(pattern, name);
    }
});
