//! DNS messages, and a server's answers to them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plumb_api::Object;
use plumb_dns::{Kind, Message, Zone, addresses_of, answer};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Message::decode(bytes) {
        let _ = addresses_of(&message, message.id, "a.cluster.local", Kind::A);
        if let Ok(again) = message.encode() {
            assert_eq!(Message::decode(&again).as_ref(), Ok(&message));
        }
    }
    let zone = Zone::new("cluster.local", &[] as &[Object]);
    if let Some(reply) = answer(&zone, bytes, true) {
        assert!(reply.len() <= 1232);
        Message::decode(&reply).expect("an answer is a message");
    }
});
