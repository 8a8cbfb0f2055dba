//! What the tests of tokens, keys and time share: a key, a purpose, a holder, and a verifier's verdict on either form.

#![allow(dead_code, reason = "no test program needs all of it")]

use countersign::key::{KeyProvider, MacKey};
use countersign::token::limits::{MAX_BINARY_LEN, MAX_SCRATCH_LEN, MAX_TEXT_LEN};
use countersign::token::{Channel, Profile, Revocations, TokenBuilder, TokenError, Verifier};
use countersign::{ClockReading, Error, TimeWindow, UnixTime};
use proptest::test_runner::Config as ProptestConfig;

pub(crate) const KEY: &[u8; 32] = b"an obvious test key of 32 bytes!";

pub(crate) const OTHER_KEY: &[u8; 32] = b"another obvious test key, again!";

pub(crate) const NOW: u64 = 1_767_225_600;

pub(crate) const UID: &[u8] = b"dev-7";

pub(crate) const WINDOW: TimeWindow = TimeWindow { max_age: 300, max_future_skew: 60 };

pub(crate) fn key() -> MacKey {
    MacKey::new(KEY).unwrap()
}

pub(crate) fn mqtt() -> Profile<'static> {
    Profile::new("mqtt").unwrap()
}

pub(crate) fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}

pub(crate) fn draft(uid: &[u8]) -> TokenBuilder<'_> {
    TokenBuilder::time(uid, at(NOW))
}

pub(crate) fn text_of(draft: &TokenBuilder<'_>, profile: &Profile<'_>) -> String {
    draft.mint_text(profile, &key(), &mut [0; MAX_TEXT_LEN]).unwrap().to_owned()
}

pub(crate) fn binary_of(draft: &TokenBuilder<'_>, profile: &Profile<'_>) -> Vec<u8> {
    draft.mint_binary(profile, &key(), &mut [0; MAX_BINARY_LEN]).unwrap().to_vec()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Judges either form, told apart as the format says: by the top bits 101 of the first byte.
pub(crate) fn judge_by<K: KeyProvider, R: Revocations>(
    verifier: &Verifier<'_, K, R>,
    token: &[u8],
    channel: Channel<'_>,
    clock: impl Into<ClockReading>,
) -> Result<(), TokenError> {
    if token.first().is_some_and(|first| first >> 5 == 0b101) {
        verifier.verify_binary(token, channel, clock).map(drop)
    } else {
        verifier.verify_text(token, channel, clock, &mut [0; MAX_SCRATCH_LEN]).map(drop)
    }
}

/// Judges by the most generous verifier there is: every kind, the right key, the right time.
pub(crate) fn judge(token: &[u8], channel: Channel<'_>) -> Result<(), TokenError> {
    let (key, challenge_key) = (key(), MacKey::new(OTHER_KEY).unwrap());
    let verifier = Verifier::new(mqtt(), &key, WINDOW).with_sequence_tokens().with_challenge_key(&challenge_key);
    judge_by(&verifier, token, channel, at(NOW))
}

/// Nothing is written to disk; a failure prints its smallest input.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Every size below what is needed is refused with what is needed, and that then suffices, to the byte.
pub(crate) fn check_every_size(expected: &[u8], write: impl Fn(&mut [u8]) -> Result<Vec<u8>, Error>) {
    let needed = expected.len();
    let mut out = vec![0xAA; needed + 1];
    for size in 0..needed {
        assert_eq!(write(&mut out[..size]), Err(Error::BufferTooSmall { needed }), "{size}");
        assert_eq!(out[size..needed], vec![0xAA; needed - size], "wrote behind the buffer");
    }
    assert_eq!(write(&mut out[..needed]).as_deref(), Ok(expected));
    assert_eq!(write(&mut out).as_deref(), Ok(expected));
}
