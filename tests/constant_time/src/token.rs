//! Tokens are verified under secret keys: whether the sign fits may be known. Token and sign are public, as whoever sends one knows it.

use crate::keys::{KEY, OTHER_KEY};
use crate::memcheck::secret;
use crate::{Operation, verdicts};
use countersign::key::{DeviceKeys, KeyProvider, KeyRing, MacKey, MasterKey};
use countersign::token::{Channel, Profile, TokenBuilder, TokenError, Verifier, challenge, limits::MAX_SCRATCH_LEN};
use countersign::{TimeWindow, UnixTime};

const NOW: UnixTime = UnixTime::from_secs(1_767_225_600);
const WINDOW: TimeWindow = TimeWindow { max_age: 300, max_future_skew: 60 };
const UID: &[u8] = b"dev-0123456789ab";
/// Characters of the sign at the end of a text.
const SIGN: usize = 32;

pub const OPERATIONS: &[Operation] = &[
    ("a token is accepted", verdicts(2), || assert_eq!(verify(&secret_key(), &minted()), Ok(()))),
    ("a token is refused, wrong in the first byte of its sign", verdicts(2), || refuse(0)),
    ("a token is refused, wrong in the middle of its sign", verdicts(2), || refuse(SIGN / 2)),
    ("a token is refused, wrong in the last byte of its sign", verdicts(2), || refuse(SIGN - 1)),
    ("a binary token is accepted", verdicts(2), || {
        let binary = TokenBuilder::time(UID, NOW).mint_binary_heapless::<64>(&profile(), &key()).unwrap();
        assert!(Verifier::new(profile(), secret_key(), WINDOW).verify_binary(&binary, Channel::NONE, NOW).is_ok());
    }),
    ("a token of the second key of a ring is accepted", verdicts(4), || {
        let mut ring = KeyRing::<_, 2>::new(0, secret_key());
        ring.insert(1, MacKey::new(&secret(OTHER_KEY)).unwrap()).unwrap();
        ring.rotate_to(1).unwrap();
        assert_eq!(verify(&ring, &minted()), Ok(()));
    }),
    ("a token under a derived key is accepted", verdicts(3), || {
        let minted_by = MasterKey::new(KEY).unwrap().derive_key("acme", UID, 0).unwrap();
        let text = TokenBuilder::time(UID, NOW).mint_text_heapless::<64>(&profile(), &minted_by).unwrap();
        let masters = KeyRing::<_, 1>::new(0, MasterKey::new(&secret(KEY)).unwrap());
        assert_eq!(verify(&DeviceKeys::new(masters, "acme").unwrap(), &text), Ok(()));
    }),
    ("an answer to a challenge is accepted", verdicts(4), || {
        let asked_by = MacKey::new(OTHER_KEY).unwrap();
        let question = challenge::issue_heapless(&profile(), &asked_by, UID, NOW).unwrap();
        let answer = challenge::respond(question.as_bytes(), UID).unwrap();
        let answer = answer.mint_text_heapless::<96>(&profile(), &key()).unwrap();
        let (asked_by, mut scratch) = (MacKey::new(&secret(OTHER_KEY)).unwrap(), [0; MAX_SCRATCH_LEN]);
        let verifier = Verifier::new(profile(), secret_key(), WINDOW).with_challenge_key(&asked_by);
        assert!(verifier.verify_text(answer.as_bytes(), Channel::NONE, NOW, &mut scratch).is_ok());
    }),
];

fn profile() -> Profile<'static> {
    Profile::new("mqtt").unwrap()
}

/// That of who mints: memcheck does not watch it.
fn key() -> MacKey {
    MacKey::new(KEY).unwrap()
}

fn secret_key() -> MacKey {
    MacKey::new(&secret(KEY)).unwrap()
}

fn minted() -> String {
    TokenBuilder::time(UID, NOW).mint_text_heapless::<64>(&profile(), &key()).unwrap().as_str().to_owned()
}

fn verify(keys: impl KeyProvider, text: &str) -> Result<(), TokenError> {
    let verifier = Verifier::new(profile(), keys, WINDOW);
    verifier.verify_text(text.as_bytes(), Channel::NONE, NOW, &mut [0; MAX_SCRATCH_LEN]).map(|_| ())
}

/// With one character of the sign another one.
fn refuse(place: usize) {
    let mut text = minted().into_bytes();
    let place = text.len() - SIGN + place;
    text[place] = if text[place] == b'0' { b'1' } else { b'0' };
    assert_eq!(verify(&secret_key(), &String::from_utf8(text).unwrap()), Err(TokenError::Invalid));
}
