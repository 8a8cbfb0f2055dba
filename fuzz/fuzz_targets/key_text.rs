//! Any bytes as a key text: what parses has one spelling and one type.
#![no_main]

use countersign::key::text::{self, KeyType, MAX_KEY_TEXT};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let parsed = [KeyType::Master, KeyType::Device].map(|key_type| (key_type, text::parse(key_type, input)));
    assert!(parsed.iter().filter(|(_, outcome)| outcome.is_ok()).count() < 2);
    for (key_type, outcome) in parsed {
        if let Ok((slot, secret)) = outcome {
            let written = text::write_heapless::<MAX_KEY_TEXT>(key_type, slot, &secret).unwrap();
            assert_eq!(written.as_bytes(), input);
        }
    }
});
