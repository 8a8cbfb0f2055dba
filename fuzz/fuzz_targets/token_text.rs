//! Any bytes as a text: what parses has one spelling, survives the way through binary, and is not admitted.
#![no_main]

use countersign::key::MacKey;
use countersign::token::{
    Channel, Profile, TokenError, Verifier,
    limits::{MAX_SCRATCH_LEN, MAX_TEXT_LEN},
    transcode,
};
use countersign::{Error, TimeWindow, UnixTime};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static KEY: LazyLock<MacKey> = LazyLock::new(|| MacKey::new(b"an obvious test key of 32 bytes!").unwrap());

fuzz_target!(|text: &[u8]| {
    let (mut binary, mut back) = ([0; MAX_TEXT_LEN], [0; MAX_TEXT_LEN]);
    match transcode::text_to_binary(text, &mut binary) {
        Ok(binary) => assert_eq!(transcode::binary_to_text(binary, None, &mut back).unwrap().as_bytes(), text),
        Err(error) => assert!(matches!(error, Error::Malformed | Error::NoBinaryForm)),
    }
    let window = TimeWindow { max_age: u64::MAX, max_future_skew: u64::MAX };
    let verifier =
        Verifier::new(Profile::new("fuzz").unwrap(), &*KEY, window).with_sequence_tokens().with_challenge_key(&KEY);
    let channel = Channel { uid: Some(b"dev-7"), binding: b"" };
    let (now, mut scratch) = (UnixTime::from_secs(1_767_225_600), [0; MAX_SCRATCH_LEN]);
    for channel in [Channel::NONE, channel] {
        assert_eq!(verifier.verify_text(text, channel, now, &mut scratch), Err(TokenError::Invalid));
    }
});
