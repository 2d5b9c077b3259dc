//! Manifests, the objects that are in them, and the slices that follow from those.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plumb_api::endpointslice::{Controller, SteadyNames};
use plumb_api::manifest::{merge, parse};
use plumb_api::{Change, Kind, Object};

fuzz_target!(|text: &str| {
    for name in ["fuzz.yaml", "fuzz.json", "stdin"] {
        let parsed = match parse(text, name) {
            Ok(parsed) => parsed,
            Err(error) => {
                let _ = (error.to_string(), error.place.offset(text));
                continue;
            }
        };
        let manifest = merge([parsed]);
        for warning in &manifest.warnings {
            let _ = (warning.to_string(), warning.place.offset(text));
        }
        let mut controller = Controller::new(SteadyNames::default());
        for object in manifest.objects {
            // What was read is written as the same object.
            let json = object.value.to_json().expect("an object has a JSON form");
            let again = Object::from_json(json).expect("its JSON form is an object");
            assert!(again == object.value, "{:?} is not {again:?}", object.value);
            controller.apply(Change::Applied(Box::new(object.value)));
        }
        Kind::ALL.into_iter().for_each(|kind| controller.apply(Change::Listed(kind)));
        controller.reconcile(None);
        let again = controller.reconcile(None);
        assert!(again.is_empty(), "a second look writes {again:?}");
    }
});
