//! The core allocates nothing, not once: minting, verifying, transcoding, keys, challenges, refusals.

use allocation_counter::measure;
use core::fmt::Write;
use core::hint::black_box;
use countersign::key::{DeviceKeys, KeyRing, KeyRole, KeyText, MacKey, MasterKey};
use countersign::token::{
    Channel, Profile, SignLen, TokenBuilder, TokenError, UnverifiedToken, Verifier, challenge,
    limits::{MAX_BINARY_LEN, MAX_MAC_INPUT_LEN, MAX_SCRATCH_LEN, MAX_TEXT_LEN},
    transcode,
};
use countersign::{Error, MonotonicClock, TimeWindow, UnixTime};

const KEY: &[u8; 32] = b"an obvious test key of 32 bytes!";
const NOW: UnixTime = UnixTime::from_secs(1_767_225_600);
const WINDOW: TimeWindow = TimeWindow { max_age: 300, max_future_skew: 60 };
/// Binary, so that every field of the text has to be escaped.
const UID: &[u8] = &[0x24, 0xA1, 0x60, 0xDE, 0xAD, 0xBE];
const PARAMS: &[(&str, &[u8])] = &[("site", b"berlin"), ("fw", b"1.2.3"), ("empty", b"")];

/// The counter counts the calling thread alone, so tests may run side by side.
#[track_caller]
fn assert_no_allocation(work: impl FnOnce()) {
    let counted = measure(work);
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
}

fn key() -> MacKey {
    MacKey::new(KEY).unwrap()
}

fn profile() -> Profile<'static> {
    Profile::new("mqtt").unwrap().with_sign_len(SignLen::N32)
}

fn draft() -> TokenBuilder<'static> {
    TokenBuilder::time(UID, NOW).params(PARAMS).binding(b"bound").key_slot(0).nonce(b"n")
}

#[test]
fn an_allocation_would_be_counted() {
    let counted = measure(|| drop(black_box(vec![0u8; 100])));
    assert_eq!((counted.count_total, counted.bytes_total), (1, 100));
    let counted = measure(|| drop(black_box(String::from_utf8_lossy(black_box(UID)))));
    assert!(counted.count_total > 0);
}

#[test]
fn keys_are_made_derived_written_and_read_without_a_heap() {
    assert_no_allocation(|| {
        let master = MasterKey::new(KEY).unwrap();
        let secret = master.derive_key_bytes("acme", UID, 7).unwrap();
        black_box(master.derive_key("acme", UID, 7).unwrap());
        let mut ring = KeyRing::<_, 2>::new(0, key());
        ring.insert(1, MacKey::from_key_bytes(&secret).unwrap()).unwrap();
        ring.rotate_to(1).unwrap();
        ring.retire(0).unwrap();
        let mut out = [0; KeyText::MAX_LEN];
        let text = KeyText { role: KeyRole::Device, slot: 255, key: secret };
        let line = text.encode(&mut out).unwrap();
        assert!(KeyText::parse(KeyRole::Device, line.as_bytes()).is_ok());
        let line = KeyText { role: KeyRole::Master, ..text }.encode_heapless::<{ KeyText::MAX_LEN }>().unwrap();
        assert!(KeyText::parse(KeyRole::Master, line.as_bytes()).is_ok());
        assert!(matches!(KeyText::parse(KeyRole::Device, b"no key"), Err(Error::KeyTextSyntax)));
    });
}

#[test]
fn tokens_are_minted_without_a_heap() {
    assert_no_allocation(|| {
        let (key, profile) = (key(), profile());
        let (mut text, mut binary, mut m) = ([0; MAX_TEXT_LEN], [0; MAX_BINARY_LEN], [0; MAX_MAC_INPUT_LEN]);
        for draft in [draft(), draft().detached(), TokenBuilder::sequence(UID, 7), TokenBuilder::time_reply(UID, NOW)] {
            draft.mint_text(&profile, &key, &mut text).unwrap();
            draft.mint_binary(&profile, &key, &mut binary).unwrap();
            draft.mac_input(&profile, &mut m).unwrap();
            draft.mint_text_heapless::<MAX_TEXT_LEN>(&profile, &key).unwrap();
            draft.mint_binary_heapless::<MAX_BINARY_LEN>(&profile, &key).unwrap();
            assert!(matches!(draft.mint_text(&profile, &key, &mut [0; 8]), Err(Error::BufferTooSmall { .. })));
        }
        draft().short_stamp().mint_binary(&profile, &key, &mut binary).unwrap();
    });
}

#[test]
fn tokens_are_verified_and_refused_without_a_heap() {
    assert_no_allocation(|| {
        let (key, profile, mut clock) = (key(), profile(), MonotonicClock::new(60));
        let channel = Channel { uid: None, binding: b"bound" };
        let verifier = Verifier::new(profile, &key, WINDOW).with_sequence_tokens();
        let mut scratch = [0; MAX_SCRATCH_LEN];

        let text = draft().mint_text_heapless::<MAX_TEXT_LEN>(&profile, &key).unwrap();
        let token = verifier.verify_text(text.as_bytes(), channel, clock.read(NOW), &mut scratch).unwrap();
        assert_eq!((token.uid(), token.params().get("fw")), (UID, Some(b"1.2.3".as_slice())));

        let binary = draft().short_stamp().mint_binary_heapless::<MAX_BINARY_LEN>(&profile, &key).unwrap();
        let token = verifier.verify_binary(&binary, channel, clock.read(NOW)).unwrap();
        assert_eq!((token.params().iter().count(), token.nonce()), (5, Some(b"n".as_slice())));

        let unverified = UnverifiedToken::parse_binary(&binary, Some(NOW)).unwrap();
        assert!(unverified.authenticate(&profile, &key, channel).is_ok());

        let junk = [b'.'; 4096];
        for (token, clock) in
            [(text.as_bytes(), UnixTime::MAX), (text.as_bytes(), UnixTime::UNSET), (&junk, NOW), (b"", NOW)]
        {
            assert!(verifier.verify_text(token, channel, clock, &mut scratch).is_err());
        }
        let small = &mut scratch[..text.len() - 1];
        let refused = verifier.verify_text(text.as_bytes(), channel, NOW, small);
        assert_eq!(refused, Err(TokenError::TooLong { needed: text.len() }));
        assert_eq!(verifier.verify_binary(&binary, Channel::NONE, NOW), Err(TokenError::Invalid));
        assert_eq!(verifier.verify_binary(&junk, channel, NOW), Err(TokenError::Invalid));
    });
}

#[test]
fn a_fleet_is_verified_without_a_heap() {
    assert_no_allocation(|| {
        let device_key = MasterKey::new(KEY).unwrap().derive_key("acme", UID, 0).unwrap();
        let masters = KeyRing::<_, 1>::new(0, MasterKey::new(KEY).unwrap());
        let verifier = Verifier::new(profile(), DeviceKeys::new(masters, "acme").unwrap(), WINDOW);
        let text = TokenBuilder::time(UID, NOW).mint_text_heapless::<MAX_TEXT_LEN>(&profile(), &device_key).unwrap();
        assert!(verifier.verify_text(text.as_bytes(), Channel::NONE, NOW, &mut [0; MAX_SCRATCH_LEN]).is_ok());
    });
}

#[test]
fn a_gateway_transcodes_without_a_heap() {
    assert_no_allocation(|| {
        let text = draft().mint_text_heapless::<MAX_TEXT_LEN>(&profile(), &key()).unwrap();
        let (mut binary, mut back) = ([0; MAX_BINARY_LEN], [0; MAX_TEXT_LEN]);
        let binary = transcode::text_to_binary(text.as_bytes(), &mut binary).unwrap();
        assert_eq!(transcode::binary_to_text(binary, None, &mut back).unwrap(), text.as_str());
        let copy = transcode::text_to_binary_heapless::<MAX_BINARY_LEN>(text.as_bytes()).unwrap();
        assert_eq!(transcode::binary_to_text_heapless::<MAX_TEXT_LEN>(&copy, None).unwrap(), text);
        assert_eq!(transcode::text_to_binary(b"no token", &mut back), Err(Error::Malformed));
    });
}

#[test]
fn a_challenge_is_asked_and_answered_without_a_heap() {
    assert_no_allocation(|| {
        let (key, challenge_key) = (key(), MacKey::new(b"another obvious test key, again!").unwrap());
        let mut question = [0; challenge::CHALLENGE_LEN];
        let question = challenge::issue(&profile(), &challenge_key, UID, NOW, &mut question).unwrap();
        let answer = challenge::respond(question.as_bytes(), UID).unwrap();
        let answer = answer.mint_text_heapless::<MAX_TEXT_LEN>(&profile(), &key).unwrap();
        let verifier = Verifier::new(profile(), &key, WINDOW).with_challenge_key(&challenge_key);
        assert!(verifier.verify_text(answer.as_bytes(), Channel::NONE, NOW, &mut [0; MAX_SCRATCH_LEN]).is_ok());
    });
}

#[test]
fn errors_and_refusals_are_shown_without_a_heap() {
    assert_no_allocation(|| {
        let mut line = heapless::String::<200>::new();
        write!(line, "{} / {}", Error::BufferTooSmall { needed: 947 }, TokenError::Expired { by: u64::MAX }).unwrap();
        assert!(line.contains("947") && line.contains("18446744073709551615"));
    });
}
