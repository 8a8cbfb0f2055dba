//! Any bytes as a text: what parses has one spelling, survives the way through binary, and is not admitted.
#![no_main]

use countersign::key::MacKey;
use countersign::token::{Carrier, MAX_FIELDS, MAX_TEXT, Profile, Verifier, transcode};
use countersign::{Error, Refusal, UnixTime, Window};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static KEY: LazyLock<MacKey> = LazyLock::new(|| MacKey::new(b"an obvious test key of 32 bytes!").unwrap());

fuzz_target!(|text: &[u8]| {
    let (mut binary, mut back) = ([0; MAX_TEXT], [0; MAX_TEXT]);
    match transcode::text_to_binary(text, &mut binary) {
        Ok(binary) => assert_eq!(transcode::binary_to_text(binary, None, &mut back).unwrap().as_bytes(), text),
        Err(error) => assert!(matches!(error, Error::Malformed | Error::NoBinaryForm)),
    }
    let window = Window { max_age: u64::MAX, skew_future: u64::MAX };
    let verifier =
        Verifier::new(Profile::new("fuzz").unwrap(), &*KEY, window).accepting_sequence().accepting_answers(&KEY);
    let carrier = Carrier { uid: Some(b"dev-7"), bind: b"" };
    let (now, mut scratch) = (UnixTime::from_secs(1_767_225_600), [0; MAX_FIELDS]);
    for carrier in [Carrier::NONE, carrier] {
        assert_eq!(verifier.verify_text(text, carrier, now.into(), &mut scratch), Err(Refusal::Invalid));
    }
});
