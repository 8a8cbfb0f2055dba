//! Any bytes as a key text: what parses has one spelling and one role.
#![no_main]

use countersign::key::{KeyRole, KeyText};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let parsed = [KeyRole::Master, KeyRole::Device].map(|role| KeyText::parse(role, input));
    assert!(parsed.iter().filter(|outcome| outcome.is_ok()).count() < 2);
    for text in parsed.into_iter().flatten() {
        assert_eq!(text.encode_heapless::<{ KeyText::MAX_LEN }>().unwrap().as_bytes(), input);
    }
});
