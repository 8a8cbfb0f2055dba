//! Small promises of the documentation that no attack and no vector is about.

use countersign::key::MacKey;
use countersign::token::limits::*;
use countersign::token::*;
use countersign::{Error, TimeWindow, UnixTime};

const NOW: UnixTime = UnixTime::from_secs(1_767_225_600);
const WINDOW: TimeWindow = TimeWindow { max_age: 1, max_future_skew: 1 };

fn key() -> MacKey {
    MacKey::new(b"an obvious test key of 32 bytes!").unwrap()
}

fn mqtt() -> Profile<'static> {
    Profile::new("mqtt").unwrap()
}

#[test]
fn a_server_whose_clock_is_not_set_makes_no_challenge() {
    let made = challenge::issue(&mqtt(), &key(), b"dev-7", UnixTime::UNSET, &mut [0; 33]).map(drop);
    assert_eq!(made, Err(Error::StampRange));
}

#[test]
fn a_time_reply_never_says_that_the_clock_is_not_set() {
    assert!(TokenBuilder::time_reply(b"dev-7", UnixTime::UNSET).mint_text_heapless::<64>(&mqtt(), &key()).is_err());
}

#[test]
fn the_generation_is_zero_where_keys_have_none() {
    let key = key();
    let text = TokenBuilder::time(b"dev-7", NOW).key_generation(7).mint_text_heapless::<80>(&mqtt(), &key).unwrap();
    let verifier = Verifier::new(mqtt(), &key, WINDOW);
    let mut scratch = [0; MAX_SCRATCH_LEN];
    let token = verifier.verify_text(text.as_bytes(), Channel::NONE, NOW, &mut scratch).unwrap();
    assert_eq!(token.key_generation(), 0);
}

#[cfg(feature = "std")]
#[test]
fn an_owned_copy_equals_what_it_was_made_from() {
    let key = key();
    let text = TokenBuilder::time(b"dev-7", NOW).detached().mint_text_heapless::<80>(&mqtt(), &key).unwrap();
    let verifier = Verifier::new(mqtt(), &key, WINDOW);
    let mut scratch = [0; MAX_SCRATCH_LEN];
    let channel = Channel { uid: Some(b"dev-7"), binding: b"" };
    let token = verifier.verify_text(text.as_bytes(), channel, NOW, &mut scratch).unwrap();
    assert_eq!(OwnedToken::from(token).as_verified(), token);
}

#[test]
fn a_draft_does_not_show_the_refused_sign_that_it_is_bound_to() {
    let shown = format!("{:?}", TokenBuilder::time_reply(b"dev-7", NOW).binding(&[0xAB; 16]));
    assert!(!shown.contains("171, 171"), "{shown}");
}

#[test]
fn params_do_not_show_their_values() {
    let key = key();
    let text = TokenBuilder::time(b"dev-7", NOW).nonce(&[0xAB; 16]).mint_text_heapless::<99>(&mqtt(), &key).unwrap();
    let mut scratch = [0; MAX_SCRATCH_LEN];
    let token = UnverifiedToken::parse_text(text.as_bytes(), &mut scratch).unwrap();
    let shown = format!("{:?}", token.authenticate(&mqtt(), &key, Channel::NONE).unwrap().params());
    assert!(!shown.contains("171, 171"), "{shown}");
}

#[test]
fn a_sequence_token_has_one_counter() {
    let minted = TokenBuilder::sequence(b"dev-7", 1).sequence_number(1).mint_text_heapless::<64>(&mqtt(), &key());
    assert_eq!(minted, Err(Error::ParamNotAllowed));
}
