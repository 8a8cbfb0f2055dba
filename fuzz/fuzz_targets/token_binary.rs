//! Any bytes as a binary token, at any time: what parses has one spelling, and is not admitted.
#![no_main]

use countersign::key::MacKey;
use countersign::token::{
    Channel, Profile, TokenError, Verifier,
    limits::{MAX_BINARY_LEN, MAX_TEXT_LEN},
    transcode,
};
use countersign::{TimeWindow, UnixTime};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static KEY: LazyLock<MacKey> = LazyLock::new(|| MacKey::new(b"an obvious test key of 32 bytes!").unwrap());
/// The flag of a short stamp, which a text does not have.
const SHORT: u8 = 1;

fuzz_target!(|input: (u64, &[u8])| {
    let (now, bytes) = (UnixTime::from_secs(input.0), input.1);
    let (mut text, mut back) = ([0; MAX_TEXT_LEN], [0; MAX_BINARY_LEN]);
    if let Ok(text) = transcode::binary_to_text(bytes, Some(now), &mut text) {
        let back = transcode::text_to_binary(text.as_bytes(), &mut back).unwrap();
        assert!(back == bytes || bytes[0] & SHORT == SHORT);
    }
    let window = TimeWindow { max_age: u64::MAX, max_future_skew: u64::MAX };
    let verifier =
        Verifier::new(Profile::new("fuzz").unwrap(), &*KEY, window).with_sequence_tokens().with_challenge_key(&KEY);
    let channel = Channel { uid: Some(b"dev-7"), binding: b"" };
    for channel in [Channel::NONE, channel] {
        assert_eq!(verifier.verify_binary(bytes, channel, now), Err(TokenError::Invalid));
    }
});
