//! Known attacks on tokens of this shape, one by one, against the token core.

use crate::kit::{KEY, NOW, OTHER_KEY, UID, WINDOW, at, binary_of, draft, hex, judge, judge_by, key, mqtt, text_of};
use core::cell::Cell;
use countersign::key::{DeviceKeys, KeyMatch, KeyProvider, KeyQuery, KeyRing, KeyRole, KeyText, MacKey, MasterKey};
use countersign::token::{
    Channel, MinIssuedAt, Profile, Revocations, SignLen, TokenBuilder, TokenError, TokenKind, UnverifiedToken,
    Verifier, challenge, expand_short_stamp,
    limits::{MAX_BINARY_LEN, MAX_COUNTER, MAX_MAC_INPUT_LEN, MAX_SCRATCH_LEN, MAX_TEXT_LEN},
    transcode,
};
use countersign::{ClockError, Error, TimeWindow, UnixTime};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

const SIGN_LENS: [SignLen; 4] = [SignLen::N8, SignLen::N10, SignLen::N16, SignLen::N32];

/// M, the input of the MAC.
fn m_of(draft: &TokenBuilder<'_>, profile: &Profile<'_>) -> Vec<u8> {
    draft.mac_input(profile, &mut [0; MAX_MAC_INPUT_LEN]).unwrap().to_vec()
}

fn hmac(key: &[u8], input: &[u8]) -> [u8; 32] {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(input).finalize().into_bytes().into()
}

/// Signs a text that no minting function would write; `m` is what its MAC would be over.
fn signed(text: &str, m: &[u8]) -> String {
    format!("{text}.{}", hex(&hmac(KEY, m)[..16]))
}

fn channel(uid: &[u8]) -> Channel<'_> {
    Channel { uid: Some(uid), binding: b"" }
}

/// A key store that counts how often it was asked.
#[derive(Default)]
struct Counting(Cell<u32>);

impl KeyProvider for Counting {
    fn find_key(&self, query: &KeyQuery<'_>, matches: &mut dyn FnMut(&MacKey) -> bool) -> Option<KeyMatch> {
        self.0.set(self.0.get() + 1);
        key().find_key(query, matches)
    }

    fn is_per_device(&self) -> bool {
        false
    }
}

/// Asserts that the token is refused, and that no key was touched for it.
fn assert_refused_before_any_key(token: impl AsRef<[u8]>) {
    let (keys, challenge_key, token) = (Counting::default(), MacKey::new(OTHER_KEY).unwrap(), token.as_ref());
    let verifier = Verifier::new(mqtt(), &keys, WINDOW).with_sequence_tokens().with_challenge_key(&challenge_key);
    let shown = String::from_utf8_lossy(token);
    assert_eq!(judge_by(&verifier, token, Channel::NONE, at(NOW)), Err(TokenError::Invalid), "{shown:?}");
    assert_eq!(keys.0.get(), 0, "{shown:?}");
}

// ---------------------------------------------------------------------------------------------- what is signed

/// Two tokens that differ only in where one field ends and the next begins.
#[test]
fn bytes_cannot_be_moved_from_one_field_into_the_next() {
    type Fields = (&'static str, &'static [(&'static str, &'static [u8])], &'static str);
    const PAIRS: [[Fields; 2]; 4] = [
        [("a", &[("bb", b"c&dd=e")], ""), ("a", &[("bb", b"c"), ("dd", b"e")], "")],
        [("a&bb=c", &[], ""), ("a", &[("bb", b"c")], "")],
        [("a", &[("bb", b"c")], "x"), ("a", &[], "bb=c&x")],
        [("a", &[], "b&c"), ("a&b", &[], "c")],
    ];
    let joined = |(uid, params, binding): Fields| {
        let pair = |(key, value): &(&str, &[u8])| format!("{key}={}&", str::from_utf8(value).unwrap());
        format!("{uid}&{}{binding}", params.iter().map(pair).collect::<String>())
    };
    for pair in PAIRS {
        // The control: a format that joins its fields does confuse these.
        assert_eq!(joined(pair[0]), joined(pair[1]));
        let [one, two] =
            pair.map(|(uid, params, binding)| draft(uid.as_bytes()).params(params).binding(binding.as_bytes()));
        assert_ne!(m_of(&one, &mqtt()), m_of(&two, &mqtt()), "{pair:?}");
        let (one, two) = (text_of(&one, &mqtt()), text_of(&two, &mqtt()));
        let (said, sign) = (two.rsplit_once('.').unwrap().0, one.rsplit_once('.').unwrap().1);
        let channel = Channel { uid: None, binding: pair[1].2.as_bytes() };
        assert_eq!(judge(two.as_bytes(), channel), Ok(()));
        assert_eq!(judge(format!("{said}.{sign}").as_bytes(), channel), Err(TokenError::Invalid), "{pair:?}");
    }
}

#[test]
fn purpose_and_uid_do_not_run_into_each_other() {
    let purposes = ["a", "ab", "abc", "mqtt", "mqtt/", "mqtt/login", "fleet-login", "fleet/login"];
    let profiles = purposes.map(|purpose| Profile::new(purpose).unwrap());
    // Joined, "ab" + "c" and "a" + "bc" are one string.
    assert_ne!(m_of(&draft(b"c"), &profiles[1]), m_of(&draft(b"bc"), &profiles[0]));
    for minting in &profiles {
        let token = text_of(&draft(UID), minting);
        for verifying in &profiles {
            let outcome = judge_by(&Verifier::new(*verifying, key(), WINDOW), token.as_bytes(), Channel::NONE, at(NOW));
            let expected = if minting == verifying { Ok(()) } else { Err(TokenError::Invalid) };
            assert_eq!(outcome, expected, "{} at {}", minting.purpose(), verifying.purpose());
        }
    }
}

#[test]
fn a_token_bound_to_one_context_is_worth_nothing_in_another() {
    let bindings: [&[u8]; 5] = [b"", b"\0", b"a", b"aa", &[b'a'; 64]];
    for minted in bindings {
        let token = text_of(&draft(UID).binding(minted), &mqtt());
        for binding in bindings {
            let expected = if minted == binding { Ok(()) } else { Err(TokenError::Invalid) };
            assert_eq!(judge(token.as_bytes(), Channel { uid: None, binding }), expected, "{minted:?} {binding:?}");
        }
    }
    // More than 64 bytes binding nothing, not even under a good sign.
    let mut m = m_of(&draft(UID), &mqtt());
    m.pop();
    let long = [b'a'; 65];
    let token = signed(&format!("cs1_dev-7.{NOW}"), &[m.as_slice(), &[65], &long].concat());
    assert_eq!(judge(token.as_bytes(), Channel { uid: None, binding: &long }), Err(TokenError::Invalid));
    assert_eq!(
        draft(UID).binding(&long).mint_text_heapless::<64>(&mqtt(), &key()),
        Err(Error::BindingLength { got: 65 })
    );
}

/// From the hash of a secret and a message, an attacker computes the hash of a longer message without the secret.
#[test]
fn a_sign_is_no_state_to_continue_from() {
    let profile = mqtt().with_sign_len(SignLen::N32);
    let (token, m) = (binary_of(&draft(UID), &profile), m_of(&draft(UID), &profile));
    let sign: [u8; 32] = *token.last_chunk().unwrap();

    let padded = |len: usize, data: &[u8]| {
        let mut block = data.to_vec();
        block.push(0x80);
        while block.len() % 64 != 56 {
            block.push(0);
        }
        block.extend((len as u64 * 8).to_be_bytes());
        block
    };
    let first = padded(KEY.len() + m.len(), &[KEY, m.as_slice()].concat());
    let extended = [first.as_slice(), b"&admin=1"].concat();
    let last = padded(extended.len(), b"&admin=1");
    let go_on_from = |digest: [u8; 32]| {
        let mut state = [0u32; 8];
        for (word, bytes) in state.iter_mut().zip(digest.chunks_exact(4)) {
            *word = u32::from_be_bytes(bytes.try_into().unwrap());
        }
        sha2::block_api::compress256(&mut state, &[*last.first_chunk().unwrap()]);
        state.map(u32::to_be_bytes).concat()
    };
    // The control: it works on a plain hash of key and message.
    let plain = Sha256::digest([KEY, m.as_slice()].concat()).into();
    assert_eq!(go_on_from(plain), Sha256::digest(&extended).to_vec());

    assert_ne!(sign, plain);
    assert_eq!(sign, hmac(KEY, &m));
    assert_ne!(go_on_from(sign), hmac(KEY, &extended[KEY.len()..]));
}

#[test]
fn what_derives_a_key_is_never_what_signs_a_token() {
    let master = MasterKey::new(KEY).unwrap();
    let derived = master.derive_key_bytes("acme", UID, 7).unwrap();
    assert_eq!(*derived.expose_secret(), hmac(KEY, b"CSv1K\x04acme\x05dev-7\0\0\0\x07\x01"));

    let eight = mqtt().with_sign_len(SignLen::N8);
    let question =
        challenge::issue(&eight, &key(), UID, at(NOW), &mut [0; challenge::CHALLENGE_LEN]).unwrap().to_owned();
    let answer = challenge::respond(question.as_bytes(), UID).unwrap();
    for draft in [draft(UID), answer, TokenBuilder::sequence(UID, 1), TokenBuilder::time_reply(UID, at(NOW))] {
        let m = m_of(&draft, &mqtt());
        assert!(m.starts_with(b"CSv1") && m[4] <= 4, "{m:?}");
    }
    let question = UnverifiedToken::parse_text(question.as_bytes(), &mut [0; 64])
        .map(|token| token.mac_input(&eight, channel(UID), &mut [0; MAX_MAC_INPUT_LEN]).unwrap()[..5].to_vec());
    assert_eq!(question.as_deref(), Ok(b"CSv1\x04".as_slice()));
}

// ---------------------------------------------------------------------------------------------- the sign

#[test]
fn a_long_sign_cut_short_is_no_short_sign() {
    for configured in SIGN_LENS {
        let profile = mqtt().with_sign_len(configured);
        let verifier = Verifier::new(profile, key(), WINDOW);
        let judge = |token: &[u8]| judge_by(&verifier, token, Channel::NONE, at(NOW));
        let whole = hmac(KEY, &m_of(&draft(UID), &profile));
        for sent in SIGN_LENS {
            let expected = if sent == configured { Ok(()) } else { Err(TokenError::Invalid) };
            // Minted for another length, then cut to the configured one.
            let token = text_of(&draft(UID), &mqtt().with_sign_len(sent));
            let cut = sent.bytes().saturating_sub(configured.bytes()) * 2;
            assert_eq!(judge(&token.as_bytes()[..token.len() - cut]), expected, "{sent:?} at {configured:?}");
            // Minted for the configured length, then cut: the token does not choose how much is compared.
            let token = format!("cs1_dev-7.{NOW}.{}", hex(&whole[..sent.bytes()]));
            assert_eq!(judge(token.as_bytes()), expected, "{sent:?} at {configured:?}");
        }
    }
}

#[test]
fn a_sign_of_no_configured_length_is_malformed() {
    let token = text_of(&draft(UID), &mqtt().with_sign_len(SignLen::N32));
    let (said, sign) = token.rsplit_once('.').unwrap();
    for characters in (0..=64).filter(|characters| ![16, 20, 32, 64].contains(characters)) {
        assert_refused_before_any_key(format!("{said}.{}", &sign[..characters]));
    }
    for too_long in 65..=70 {
        assert_refused_before_any_key(format!("{said}.{sign}{}", &sign[..too_long - 64]));
    }
    assert_refused_before_any_key(said);
}

#[test]
fn the_beginning_of_a_sign_is_not_enough() {
    for sign_len in SIGN_LENS {
        let profile = mqtt().with_sign_len(sign_len);
        let verifier = Verifier::new(profile, key(), WINDOW);
        let token = binary_of(&draft(UID), &profile);
        let said = token.len() - sign_len.bytes();
        assert_eq!(judge_by(&verifier, &token, Channel::NONE, at(NOW)), Ok(()));
        for good in said..token.len() {
            for rest in [0x01, 0x80, 0xFF] {
                // Every byte after the good ones is wrong, the last one alone included.
                let mut forged = token.clone();
                forged[good..].iter_mut().for_each(|byte| *byte ^= rest);
                assert_eq!(
                    judge_by(&verifier, &forged, Channel::NONE, at(NOW)),
                    Err(TokenError::Invalid),
                    "{sign_len:?}"
                );
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------- one spelling

#[test]
fn a_sign_has_one_spelling() {
    let token = text_of(&draft(UID), &mqtt());
    let (said, sign) = token.rsplit_once('.').unwrap();
    let rest = &sign[2..];
    assert!(sign.contains(|digit: char| digit.is_ascii_lowercase()));
    assert_refused_before_any_key(format!("{said}.{}", sign.to_ascii_uppercase()));
    for pair in ["+f", "-f", " f", "f ", "0x", "\0f", "f\0", "f\n", "g0", "0g", "/0", ":0", "@a", "`a", "\u{ff41}", "é"]
    {
        assert_refused_before_any_key(format!("{said}.{pair}{rest}"));
    }
    for sign in [format!("0x{sign}"), format!("0{sign}"), sign[1..].to_owned(), format!("{sign} "), format!(" {sign}")]
    {
        assert_refused_before_any_key(format!("{said}.{sign}"));
    }
}

#[test]
fn a_field_has_one_spelling() {
    let sign = "00".repeat(16);
    // `-MS4yLjM` is 1.2.3, `-` alone would be an empty field, `-YQ` an escaped `a`, which needs no escape.
    for field in "-MS4yLjM=|-MS4yLjM\n|-MS4y LjM|-MS4yLjN=|-+S4yLjM|-/S4yLjM|-LXh|-LXj|-L|-MS4yL|-|--|-YQ|-YWJj|-YV8t|\
        a b|a+b|a/b|a=|a%41|1,2|a\0|a\u{ff0e}b|é|\"a\"|a\\|a;b|-ME5|-MS4yLj|a:b"
        .split('|')
    {
        assert_refused_before_any_key(format!("cs1_{field}.{NOW}.{sign}"));
        assert_refused_before_any_key(format!("cs1_dev-7.{NOW}.fw_{field}.{sign}"));
    }
    // The control: the canonical spellings get as far as the key.
    for field in ["-MS4yLjM", "-LXg", "a_b-c9", "_", "a-"] {
        let keys = Counting::default();
        let token = format!("cs1_{field}.{NOW}.fw_{field}.{sign}");
        let outcome = judge_by(&Verifier::new(mqtt(), &keys, WINDOW), token.as_bytes(), Channel::NONE, at(NOW));
        assert_eq!((outcome, keys.0.get()), (Err(TokenError::Invalid), 1), "{field}");
    }
}

#[test]
fn a_stamp_has_one_spelling() {
    // Seconds of every kind that has them, then a counter; each with a sign of 8 bytes, which all kinds can have.
    let seconds = "|0|+1767225600|-1767225600| 1767225600|1767225600 |01767225600|176722560|17672256000|1_767_225_600|\
        1767225600.0|1.7672256e9|1e9|0x69559b00|999999999|10000000000|0000000000|9223372036854775807|\
        9223372036854775808|18446744073709551615|18446744073709551616|1767225600\0|１７６７２２５６００|1767225600\n|\
        1,767,225,600|184467440737095516160000000000";
    let counters = "|00|01|+1|-1|1_0|1e3|0x1| 1|1 |1\0|1099511627776|18446744073709551616|١";
    for (prefix, good, stamps) in [
        ("cs1_dev-7", "1767225600", seconds),
        ("cs1c_dev-7", "1767225600", seconds),
        ("cs1r_", "1767225600", seconds),
        ("cs1q_", "1767225600", seconds),
        ("cs1s_dev-7", "1099511627775", counters),
    ] {
        let parse = |stamp: &str| {
            let text = format!("{prefix}.{stamp}.0123456789abcdef");
            UnverifiedToken::parse_text(text.as_bytes(), &mut [0; MAX_SCRATCH_LEN]).map(drop)
        };
        assert_eq!(parse(good), Ok(()));
        for stamp in stamps.split('|') {
            assert_eq!(parse(stamp), Err(TokenError::Invalid), "{prefix}.{stamp}");
        }
    }
}

/// One token can be carried as text, binary, attached, detached, full and short. Whoever remembers one keeps the sign.
#[test]
fn every_spelling_of_a_token_has_one_sign() {
    let (key, plain) = (key(), draft(UID));
    let verifier = Verifier::new(mqtt(), &key, WINDOW);
    let mut signs = Vec::new();
    for draft in [plain, plain.detached()] {
        let mut scratch = [0; MAX_SCRATCH_LEN];
        let text = text_of(&draft, &mqtt());
        let token = verifier.verify_text(text.as_bytes(), channel(UID), at(NOW), &mut scratch).unwrap();
        signs.push(token.sign().to_vec());
        for draft in [draft, draft.short_stamp()] {
            let binary = binary_of(&draft, &mqtt());
            let token = verifier.verify_binary(&binary, channel(UID), at(NOW)).unwrap();
            signs.push(token.sign().to_vec());
        }
    }
    assert_eq!(signs.len(), 6);
    assert!(signs.iter().all(|sign| *sign == hmac(KEY, &m_of(&plain, &mqtt()))[..16]));
}

#[test]
fn nothing_may_stand_before_or_behind_a_token() {
    let params = [("fw", b"1.2.3".as_slice())];
    for draft in [draft(UID), draft(UID).params(&params), draft(UID).detached()] {
        let channel = channel(UID);
        for token in [text_of(&draft, &mqtt()).into_bytes(), binary_of(&draft, &mqtt())] {
            assert_eq!(judge(&token, channel), Ok(()));
            for byte in 0..=u8::MAX {
                for joined in [[&[byte], token.as_slice()].concat(), [token.as_slice(), &[byte]].concat()] {
                    assert_eq!(judge(&joined, channel), Err(TokenError::Invalid), "{byte:#04x}");
                }
            }
            for between in ["", ".", ",", " ", "\n", "\r\n", "\0"] {
                let joined = [token.as_slice(), between.as_bytes(), &token].concat();
                assert_eq!(judge(&joined, channel), Err(TokenError::Invalid), "{between:?}");
            }
        }
    }
}

#[test]
fn params_come_in_one_order_and_each_once() {
    let sign = "00".repeat(16);
    for params in "bb_1.bb_1|bb_1.bb_2|bb_1.aa_1|b1_1.b_1|Fw_1|fW_1|ninechars_1|1a_1|_1|_|fw|fw-1||a-b_1|é_1|\
        aa_1.aa1_1.ab_1.aa2_1|aa_.ab_.ac_.ad_.ae_.af_.ag_.ah_.ai_|fw_1.|.fw_1|fw_1..gw_1"
        .split('|')
    {
        assert_refused_before_any_key(format!("cs1_dev-7.{NOW}.{params}.{sign}"));
    }
    // A reserved param of another form.
    for params in "k_|k_256|k_01|k_+1|k_-1|k_x|g_4294967296|g_00|g_|s_1099511627776|s_01|s_|q_4|q_|q_00|c_|c_1234567|\
        c_123456789"
        .split('|')
    {
        assert_refused_before_any_key(format!("cs1_dev-7.{NOW}.{params}.{sign}"));
    }
    let value = "a".repeat(65);
    assert_refused_before_any_key(format!("cs1_dev-7.{NOW}.fw_{value}.{sign}"));

    let binary = |params: &[u8]| [b"\xA6\x00\x69\x55\xB9\x00", params, &[0; 16]].concat();
    for params in [
        b"\x00".as_slice(),
        b"\x02\x02bb\x00\x02bb\x00",
        b"\x02\x02bb\x00\x02aa\x00",
        b"\x01\x02Fw\x00",
        b"\x01\x00\x00",
        b"\x01\x09ninechars\x00",
        b"\x01\x02fw\x41",
        b"\x09\x01a\0\x01b\0\x01d\0\x01e\0\x01f\0\x01h\0\x01i\0\x01j\0\x01l\0",
        b"\x01\x01k\x03256",
        b"\x01\x01c\x07\0\0\0\0\0\0\0",
        b"\x02\x02fw\x00",
        b"\xFF\x02fw\x00",
    ] {
        let (keys, token) = (Counting::default(), binary(params));
        let verifier = Verifier::new(mqtt(), &keys, WINDOW);
        assert_eq!(judge_by(&verifier, &token, channel(UID), at(NOW)), Err(TokenError::Invalid), "{params:?}");
        assert_eq!(keys.0.get(), 0, "{params:?}");
    }
    // The control: this one is well formed.
    assert!(UnverifiedToken::parse_binary(&binary(b"\x02\x02aa\x00\x02ab\x01x"), None).is_ok());
}

#[test]
fn a_draft_never_writes_params_that_no_parser_takes() {
    let long = [0; 65];
    let nine: Vec<_> = ["aa", "ab", "ac", "ad", "ae", "af", "ag", "ah", "ai"].map(|key| (key, b"".as_slice())).into();
    for (params, error) in [
        ([("fw", b"1".as_slice()), ("fw", b"2")].as_slice(), Error::DuplicateParam),
        (&[("k", b"1")], Error::ParamKey),
        (&[("Fw", b"1")], Error::ParamKey),
        (&[("", b"1")], Error::ParamKey),
        (&[("ninechars", b"1")], Error::ParamKey),
        (&[("a_b", b"1")], Error::ParamKey),
        (&[("fw", &long)], Error::ParamValueLength { got: 65 }),
        (&nine, Error::ParamCount),
    ] {
        let minted = draft(UID).params(params).mint_text_heapless::<MAX_TEXT_LEN>(&mqtt(), &key());
        assert_eq!(minted, Err(error), "{params:?}");
    }
    let eight_and_a_slot = draft(UID).params(&nine[..8]).key_slot(0);
    assert_eq!(eight_and_a_slot.mint_text_heapless::<MAX_TEXT_LEN>(&mqtt(), &key()), Err(Error::ParamCount));
}

// ---------------------------------------------------------------------------------------------- time

#[test]
fn an_answer_lives_a_minute_whatever_the_settings() {
    let challenge_key = MacKey::new(OTHER_KEY).unwrap();
    let mut out = [0; challenge::CHALLENGE_LEN];
    let question = challenge::issue(&mqtt(), &challenge_key, UID, at(NOW), &mut out).unwrap();
    let answer = text_of(&challenge::respond(question.as_bytes(), UID).unwrap(), &mqtt());
    for window in [
        WINDOW,
        TimeWindow { max_age: 0, max_future_skew: 0 },
        TimeWindow { max_age: u64::MAX, max_future_skew: u64::MAX },
    ] {
        let verifier = Verifier::new(mqtt(), key(), window).with_challenge_key(&challenge_key);
        for (now, expected) in [
            (NOW - 1, Err(TokenError::FromFuture { by: 1 })),
            (NOW, Ok(())),
            (NOW + 60, Ok(())),
            (NOW + 61, Err(TokenError::Expired { by: 1 })),
        ] {
            assert_eq!(judge_by(&verifier, answer.as_bytes(), Channel::NONE, at(now)), expected, "{now} {window:?}");
        }
        // Someone else's challenge key, or none: no Answer at all.
        let (stranger, none) = (key(), Verifier::new(mqtt(), key(), window));
        let stranger = Verifier::new(mqtt(), key(), window).with_challenge_key(&stranger);
        assert_eq!(judge_by(&stranger, answer.as_bytes(), Channel::NONE, at(NOW)), Err(TokenError::Invalid));
        assert_eq!(judge_by(&none, answer.as_bytes(), Channel::NONE, at(NOW)), Err(TokenError::Invalid));
    }
}

#[test]
fn a_short_stamp_wraps_to_a_refusal_and_never_to_an_acceptance() {
    let (key, wide) = (key(), TimeWindow { max_age: u64::MAX, max_future_skew: u64::MAX });
    let verifier = Verifier::new(mqtt(), &key, wide);
    for draft in [draft(UID).short_stamp(), draft(UID).short_stamp().detached()] {
        let token = binary_of(&draft, &mqtt());
        for distance in [0, 1, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 131_072, 1 << 24, 1 << 32] {
            // However wide the window: a stamp that resolves to another time is another M.
            for (now, near) in
                [(NOW + distance, distance <= 32_768), (NOW.saturating_sub(distance), distance <= 32_767)]
            {
                let outcome = verifier.verify_binary(&token, channel(UID), at(now));
                assert_eq!(
                    outcome.map(|token| token.issued_at()),
                    if near { Ok(Some(at(NOW))) } else { Err(TokenError::Invalid) }
                );
            }
        }
    }
    for now in [0, 1, 999_960_000, 10_000_040_000, u64::MAX] {
        assert_eq!(expand_short_stamp(at(now), 0x1234), None, "{now}");
    }
    assert_eq!(
        TokenBuilder::time(UID, UnixTime::UNSET).short_stamp().mint_binary_heapless::<64>(&mqtt(), &key),
        Err(Error::ShortStamp)
    );
    assert_eq!(
        TokenBuilder::sequence(UID, 7).short_stamp().mint_binary_heapless::<64>(&mqtt(), &key),
        Err(Error::ShortStamp)
    );
    assert_eq!(
        TokenBuilder::time_reply(UID, at(NOW)).short_stamp().mint_binary_heapless::<64>(&mqtt(), &key),
        Err(Error::ShortStamp)
    );
}

// ---------------------------------------------------------------------------------------------- a verifier's time

/// Only the very reply that this device's last attempt asked for may move its clock.
#[test]
fn a_time_reply_is_worth_something_to_one_attempt_of_one_device() {
    let master = MasterKey::new(OTHER_KEY).unwrap();
    let [own, other] = [UID, b"dev-8"].map(|uid| master.derive_key("acme", uid, 0).unwrap());
    let sign = |nonce: &[u8]| hmac(KEY, nonce)[..16].to_vec();
    let (refused, earlier) = (sign(b"this attempt"), sign(b"an earlier attempt"));
    let bound = |uid, binding| TokenBuilder::time_reply(uid, at(NOW)).binding(binding);
    let radio = mqtt().with_sign_len(SignLen::N8);
    let login = Profile::new("login").unwrap();
    let expects = Channel { uid: Some(UID), binding: &refused };
    for (what, draft, profile, key, expected) in [
        ("the reply", bound(UID, &refused), mqtt(), &own, true),
        ("to an earlier attempt", bound(UID, &earlier), mqtt(), &own, false),
        ("unbound", TokenBuilder::time_reply(UID, at(NOW)), mqtt(), &own, false),
        ("to half the sign", bound(UID, &refused[..8]), mqtt(), &own, false),
        ("to another device", bound(b"dev-8", &refused), mqtt(), &own, false),
        ("under another device's key", bound(UID, &refused), mqtt(), &other, false),
        ("under another purpose", bound(UID, &refused), login, &own, false),
        ("with a shorter sign", bound(UID, &refused), radio, &own, false),
    ] {
        let text = draft.mint_text_heapless::<64>(&profile, key).unwrap();
        let mut scratch = [0; 64];
        let token = UnverifiedToken::parse_text(text.as_bytes(), &mut scratch).unwrap();
        assert_eq!(token.authenticate(&mqtt(), &own, expects).is_ok(), expected, "{what}");
        let binary = draft.mint_binary_heapless::<64>(&profile, key).unwrap();
        let token = UnverifiedToken::parse_binary(&binary, None).unwrap();
        assert_eq!(token.authenticate(&mqtt(), &own, expects).is_ok(), expected, "{what}");
    }
    // A replay with the time edited.
    let text =
        bound(UID, &refused).mint_text_heapless::<64>(&mqtt(), &own).unwrap().replace("1767225600", "1767225601");
    let mut scratch = [0; 64];
    let token = UnverifiedToken::parse_text(text.as_bytes(), &mut scratch).unwrap();
    assert_eq!(token.authenticate(&mqtt(), &own, expects), Err(TokenError::Invalid));
}

#[test]
fn a_device_far_in_the_future_comes_back_with_one_reply() {
    let (key, ahead) = (key(), NOW + 80 * 365 * 86400);
    let verifier = Verifier::new(mqtt(), &key, WINDOW);
    let attempt = text_of(&TokenBuilder::time(UID, at(ahead)).nonce(b"1"), &mqtt());
    let outcome = judge_by(&verifier, attempt.as_bytes(), Channel::NONE, at(NOW));
    assert_eq!(outcome, Err(TokenError::FromFuture { by: ahead - NOW - 60 }));

    let mut scratch = [0; MAX_SCRATCH_LEN];
    let refused = UnverifiedToken::parse_text(attempt.as_bytes(), &mut scratch).unwrap();
    let refused = refused.authenticate(&mqtt(), &key, Channel::NONE).unwrap();
    let reply = text_of(&TokenBuilder::time_reply(refused.uid(), at(NOW)).binding(refused.sign()), &mqtt());

    let mut scratch = [0; 64];
    let reply = UnverifiedToken::parse_text(reply.as_bytes(), &mut scratch).unwrap();
    assert_eq!(reply.kind(), TokenKind::TimeReply);
    let reply = reply.authenticate(&mqtt(), &key, Channel { uid: Some(UID), binding: refused.sign() }).unwrap();
    let retry = text_of(&TokenBuilder::time(UID, reply.issued_at().unwrap()), &mqtt());
    assert_eq!(judge_by(&verifier, retry.as_bytes(), Channel::NONE, at(NOW + 2)), Ok(()));
}

// ---------------------------------------------------------------------------------------------- who it is for

#[test]
fn a_uid_is_one_to_sixty_four_bytes_of_any_value() {
    let every: Vec<u8> = (0..=u8::MAX).collect();
    let alone = every.chunks(1);
    for uid in alone.chain(every.chunks(64)).chain([b"\0".as_slice(), b"a\0", b"\xFF\xFE", b"..", b"-", &[b'x'; 64]]) {
        let draft = draft(uid);
        for token in [text_of(&draft, &mqtt()).into_bytes(), binary_of(&draft, &mqtt())] {
            assert_eq!(judge(&token, Channel::NONE), Ok(()), "{uid:?}");
            assert_eq!(judge(&token, channel(uid)), Ok(()), "{uid:?}");
        }
    }
    for got in [0, 65, 66, 255, 256, 1000] {
        let uid = vec![b'x'; got];
        let error = Error::UidLength { got };
        assert_eq!(draft(&uid).mint_text_heapless::<MAX_TEXT_LEN>(&mqtt(), &key()), Err(error));
        assert_eq!(draft(&uid).detached().mint_binary_heapless::<MAX_BINARY_LEN>(&mqtt(), &key()), Err(error));
        assert_eq!(MasterKey::new(KEY).unwrap().derive_key_bytes("acme", &uid, 0).unwrap_err(), error);
        let detached = text_of(&draft(UID).detached(), &mqtt());
        assert_eq!(judge(detached.as_bytes(), channel(&uid)), Err(TokenError::Invalid));
    }
    // Not even under a good sign.
    for uid in [&b""[..], &[b'x'; 65]] {
        let mut m = m_of(&draft(b"?"), &mqtt());
        let place = m.iter().position(|byte| *byte == b'?').unwrap();
        m.splice(place - 1..=place, [&[uid.len() as u8], uid].concat());
        let token = signed(&format!("cs1_.{NOW}"), &m);
        assert_eq!(judge(token.as_bytes(), channel(uid)), Err(TokenError::Invalid), "{uid:?}");
    }
    let sign = "00".repeat(16);
    assert_refused_before_any_key(format!("cs1_{}.{NOW}.{sign}", "x".repeat(65)));
    assert_refused_before_any_key([b"\xA0\x00\x00\x69\x55\xB9\x00".as_slice(), &[0; 16]].concat());
    assert_refused_before_any_key([b"\xA0\x41".as_slice(), &[b'x'; 65], b"\x00\x69\x55\xB9\x00", &[0; 16]].concat());
}

/// Percent signs, capitals, blanks, and an e with an accent in one code point or two: all different, none folded.
#[test]
fn uids_that_look_alike_are_different() {
    let uids =
        ["A", "a", "%41", "%61", "a ", " a", "a\0", "a\n", "\u{e9}", "e\u{301}", "\u{ff21}", "\u{430}", "%C3%A9", "a."];
    for minted in uids {
        let attached = text_of(&draft(minted.as_bytes()), &mqtt());
        let detached = text_of(&draft(minted.as_bytes()).detached(), &mqtt());
        for named in uids {
            let expected = if minted == named { Ok(()) } else { Err(TokenError::Invalid) };
            assert_eq!(judge(attached.as_bytes(), channel(named.as_bytes())), expected, "{minted:?} {named:?}");
            assert_eq!(judge(detached.as_bytes(), channel(named.as_bytes())), expected, "{minted:?} {named:?}");
        }
    }
}

#[test]
fn the_password_of_one_device_does_not_open_the_account_of_another() {
    let masters = KeyRing::<_, 1>::new(0, MasterKey::new(OTHER_KEY).unwrap());
    let per_device = Verifier::new(mqtt(), DeviceKeys::new(masters, "acme").unwrap(), WINDOW);
    let shared = Verifier::new(mqtt(), key(), WINDOW);
    let own = MasterKey::new(OTHER_KEY).unwrap().derive_key("acme", UID, 0).unwrap();
    for draft in [draft(UID), draft(UID).detached()] {
        for (uid, expected) in [(UID, Ok(())), (b"dev-8", Err(TokenError::Invalid)), (b"", Err(TokenError::Invalid))] {
            let password = text_of(&draft, &mqtt());
            assert_eq!(judge_by(&shared, password.as_bytes(), channel(uid), at(NOW)), expected);
            let password = draft.mint_text_heapless::<64>(&mqtt(), &own).unwrap();
            assert_eq!(judge_by(&per_device, password.as_bytes(), channel(uid), at(NOW)), expected);
        }
    }
    // A detached token needs someone to name the holder.
    let detached = text_of(&draft(UID).detached(), &mqtt());
    assert_eq!(judge_by(&shared, detached.as_bytes(), Channel::NONE, at(NOW)), Err(TokenError::Invalid));
    // A device that puts another's name into its own token signs with the wrong key.
    let forged = draft(b"dev-8").mint_text_heapless::<64>(&mqtt(), &own).unwrap();
    assert_eq!(judge_by(&per_device, forged.as_bytes(), Channel::NONE, at(NOW)), Err(TokenError::Invalid));
}

// ---------------------------------------------------------------------------------------------- what it is for

const PREFIXES: [(&str, TokenKind); 5] = [
    ("cs1_", TokenKind::Time),
    ("cs1c_", TokenKind::Answer),
    ("cs1s_", TokenKind::Sequence),
    ("cs1r_", TokenKind::TimeReply),
    ("cs1q_", TokenKind::Challenge),
];

/// Detached, without params, with a stamp that is a fine counter too: nothing but the kind differs.
#[test]
fn a_token_of_one_kind_is_none_of_any_other() {
    let (key, profile) = (key(), mqtt().with_sign_len(SignLen::N8));
    let m = m_of(&draft(UID), &profile);
    let mut refused = 0;
    for (code, (prefix, kind)) in PREFIXES.into_iter().enumerate() {
        let mut m = m.clone();
        m[4] = code as u8;
        let sign = &hmac(KEY, &m)[..8];
        for (other_code, (other_prefix, other)) in PREFIXES.into_iter().enumerate() {
            let text = format!("{other_prefix}.{NOW}.{}", hex(sign));
            let mut scratch = [0; 64];
            let token = UnverifiedToken::parse_text(text.as_bytes(), &mut scratch).unwrap();
            assert_eq!(token.kind(), other);
            let genuine = token.authenticate(&profile, &key, channel(UID)).is_ok();
            assert_eq!(genuine, kind == other, "{prefix} as {other_prefix}");
            refused += usize::from(!genuine);
            if other != TokenKind::Challenge {
                let binary = [&[0xA2 | (other_code as u8) << 3][..], &NOW.to_be_bytes()[3..], sign].concat();
                let token = UnverifiedToken::parse_binary(&binary, None).unwrap();
                assert_eq!(token.kind(), other);
                assert_eq!(token.authenticate(&profile, &key, channel(UID)).is_ok(), kind == other);
            }
        }
    }
    assert_eq!(refused, 20);
}

#[test]
fn what_a_verifier_says_is_never_a_login() {
    let profile = mqtt().with_sign_len(SignLen::N8);
    let challenge_key = key();
    // Even where, by mistake, one key does everything.
    let verifier = Verifier::new(profile, key(), WINDOW).with_sequence_tokens().with_challenge_key(&challenge_key);
    let mut out = [0; challenge::CHALLENGE_LEN];
    let question = challenge::issue(&profile, &challenge_key, UID, at(NOW), &mut out).unwrap();
    let reply = text_of(&TokenBuilder::time_reply(UID, at(NOW)), &profile);
    for said in [question, &reply] {
        assert_eq!(judge_by(&verifier, said.as_bytes(), channel(UID), at(NOW)), Err(TokenError::Invalid), "{said}");
    }
    let reply = binary_of(&TokenBuilder::time_reply(UID, at(NOW)), &profile);
    assert_eq!(judge_by(&verifier, &reply, channel(UID), at(NOW)), Err(TokenError::Invalid));
}

/// Always detached and without params, a challenge of 8 bytes only; and a short stamp is for holders alone.
#[test]
fn what_a_verifier_says_has_one_shape() {
    let parse = |text: &str| UnverifiedToken::parse_text(text.as_bytes(), &mut [0; MAX_SCRATCH_LEN]).map(drop);
    let (eight, sixteen) = ("00".repeat(8), "00".repeat(16));
    for good in [format!("cs1r_.{NOW}.{sixteen}"), format!("cs1r_.{NOW}.{eight}"), format!("cs1q_.{NOW}.{eight}")] {
        assert_eq!(parse(&good), Ok(()), "{good}");
        assert_eq!(parse(&good.replacen("_.", "_dev-7.", 1)), Err(TokenError::Invalid), "{good}");
        assert_eq!(parse(&good.replacen("600.", "600.fw_1.", 1)), Err(TokenError::Invalid), "{good}");
    }
    assert_eq!(parse(&format!("cs1q_.{NOW}.{sixteen}")), Err(TokenError::Invalid));

    let stamp = &NOW.to_be_bytes()[3..];
    let parse = |parts: &[&[u8]]| {
        UnverifiedToken::parse_binary(&[parts.concat(), vec![0; 8]].concat(), Some(at(NOW))).map(drop)
    };
    assert_eq!(parse(&[b"\xBA", stamp]), Ok(()));
    assert_eq!(parse(&[b"\xA3", &stamp[3..]]), Ok(()));
    assert_eq!(parse(&[b"\xB8\x05dev-7", stamp]), Err(TokenError::Invalid), "a reply with a uid");
    assert_eq!(parse(&[b"\xBE", stamp, b"\x01\x02fw\0"]), Err(TokenError::Invalid), "a reply with a param");
    assert_eq!(parse(&[b"\xBB", &stamp[3..]]), Err(TokenError::Invalid), "a reply with a short stamp");
    assert_eq!(parse(&[b"\xB3", &stamp[3..]]), Err(TokenError::Invalid), "a sequence with a short stamp");
}

#[test]
fn a_kind_that_was_not_asked_for_is_refused_before_any_key() {
    let sign = "00".repeat(16);
    let keys = Counting::default();
    let verifier = Verifier::new(mqtt(), &keys, WINDOW).without_time_tokens();
    for text in [
        format!("cs1_dev-7.{NOW}.{sign}"),
        format!("cs1s_dev-7.1.{sign}"),
        format!("cs1c_dev-7.{NOW}.c_12345678.{sign}"),
    ] {
        assert_eq!(judge_by(&verifier, text.as_bytes(), Channel::NONE, at(NOW)), Err(TokenError::Invalid));
    }
    assert_eq!(keys.0.get(), 0);
}

#[test]
fn an_answer_without_its_challenge_or_with_another_is_refused() {
    let (key, challenge_key) = (key(), MacKey::new(OTHER_KEY).unwrap());
    let verifier = Verifier::new(mqtt(), &key, WINDOW).with_challenge_key(&challenge_key);
    let ask = |profile: &Profile<'_>, key: &MacKey, uid: &[u8], stamp| {
        challenge::issue(profile, key, uid, at(stamp), &mut [0; challenge::CHALLENGE_LEN]).unwrap().to_owned()
    };
    let login = Profile::new("login").unwrap();
    for (question, expected) in [
        (ask(&mqtt(), &challenge_key, UID, NOW), Ok(())),
        (ask(&mqtt(), &challenge_key, b"dev-8", NOW), Err(TokenError::Invalid)),
        (ask(&mqtt(), &key, UID, NOW), Err(TokenError::Invalid)),
        (ask(&login, &challenge_key, UID, NOW), Err(TokenError::Invalid)),
        (ask(&mqtt(), &challenge_key, UID, NOW - 1).replace("1767225599", "1767225600"), Err(TokenError::Invalid)),
        (format!("cs1q_.{NOW}.0000000000000000"), Err(TokenError::Invalid)),
    ] {
        let answer = text_of(&challenge::respond(question.as_bytes(), UID).unwrap(), &mqtt());
        assert_eq!(judge_by(&verifier, answer.as_bytes(), Channel::NONE, at(NOW)), expected, "{question}");
    }
    // Every byte of the proof counts.
    let question = ask(&mqtt(), &challenge_key, UID, NOW);
    for place in question.len() - 16..question.len() {
        let mut edited = question.clone().into_bytes();
        edited[place] = if edited[place] == b'0' { b'1' } else { b'0' };
        let answer = text_of(&challenge::respond(&edited, UID).unwrap(), &mqtt());
        assert_eq!(judge_by(&verifier, answer.as_bytes(), Channel::NONE, at(NOW)), Err(TokenError::Invalid), "{place}");
    }
    // A good MAC over an Answer that carries no proof.
    let mut m = m_of(&draft(UID), &mqtt());
    m[4] = 1;
    let bare = signed(&format!("cs1c_dev-7.{NOW}"), &m);
    let mut scratch = [0; 64];
    let token = UnverifiedToken::parse_text(bare.as_bytes(), &mut scratch).unwrap();
    assert!(token.authenticate(&mqtt(), &key, Channel::NONE).is_ok());
    assert_eq!(judge_by(&verifier, bare.as_bytes(), Channel::NONE, at(NOW)), Err(TokenError::Invalid));
}

/// Each as long as a challenge is, and well formed but for the last two.
#[test]
fn nothing_but_a_challenge_is_answered() {
    assert!(challenge::respond(b"cs1q_.1767225600.0123456789abcdef", UID).is_ok());
    for text in [
        "cs1r_.1767225600.0123456789abcdef",
        "cs1c_.1767225600.0123456789abcdef",
        "cs1s_.1767225600.0123456789abcdef",
        "cs1_a.1767225600.0123456789abcdef",
        "cs1q_.1767225600.0123456789ABCDEF",
        "cs1q_a.176722560.0123456789abcdef",
    ] {
        assert_eq!(text.len(), challenge::CHALLENGE_LEN);
        assert_eq!(challenge::respond(text.as_bytes(), UID).unwrap_err(), Error::Malformed, "{text}");
    }
}

// ---------------------------------------------------------------------------------------------- transcoding

#[test]
fn a_gateway_without_keys_changes_the_form_and_nothing_else() {
    let params = [("fw", b"1.2.3".as_slice()), ("empty", b""), ("site", b"berlin"), ("raw", &[0, 255])];
    for uid in [UID, b"\x24\xA1\x60\xDE\xAD\xBE", b"-", &[0; 64]] {
        for draft in [
            draft(uid),
            draft(uid).params(&params).key_slot(0).key_generation(u32::MAX).nonce(b"").sequence_number(MAX_COUNTER),
            draft(uid).detached(),
            TokenBuilder::sequence(uid, 0),
            TokenBuilder::sequence(uid, MAX_COUNTER),
        ] {
            let (text, binary) = (text_of(&draft, &mqtt()), binary_of(&draft, &mqtt()));
            assert_eq!(transcode::text_to_binary_heapless::<MAX_BINARY_LEN>(text.as_bytes()).unwrap(), *binary);
            assert_eq!(transcode::binary_to_text_heapless::<MAX_TEXT_LEN>(&binary, None).unwrap(), *text);
        }
    }
    let short = binary_of(&draft(UID).short_stamp(), &mqtt());
    assert_eq!(transcode::binary_to_text_heapless::<MAX_TEXT_LEN>(&short, None), Err(Error::MissingClock));
    assert_eq!(
        transcode::binary_to_text_heapless::<MAX_TEXT_LEN>(&short, Some(at(NOW + 9))).unwrap(),
        *text_of(&draft(UID), &mqtt())
    );
}

#[test]
fn a_gateway_does_not_repair_what_is_malformed() {
    let sign = "00".repeat(16);
    for text in [
        format!("cs1_dev-7.{NOW}.fw_-YQ.{sign}"),
        format!("cs1_dev-7.0{NOW}.{sign}"),
        format!("CS1_dev-7.{NOW}.{sign}"),
    ] {
        assert_eq!(
            transcode::text_to_binary_heapless::<MAX_BINARY_LEN>(text.as_bytes()),
            Err(Error::Malformed),
            "{text}"
        );
    }
    for first in (0..=u8::MAX).filter(|first| first >> 5 != 0b101) {
        let binary = [&[first][..], b"\x05dev-7\x00\x69\x55\xB9\x00", &[0; 16]].concat();
        assert_eq!(transcode::binary_to_text_heapless::<MAX_TEXT_LEN>(&binary, None), Err(Error::Malformed), "{first}");
    }
}

// ---------------------------------------------------------------------------------------------- revocation

struct Map {
    generation: u32,
    min_issued_at: MinIssuedAt,
}

impl Revocations for Map {
    fn min_generation(&self, _: &[u8]) -> u32 {
        self.generation
    }

    fn min_issued_at(&self, _: &[u8]) -> MinIssuedAt {
        self.min_issued_at
    }
}

/// An old epoch of one level never masks a newer one of another.
#[test]
fn the_latest_of_three_epochs_holds_in_every_order() {
    let token = text_of(&draft(UID), &mqtt());
    for [global, realm, uid] in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for (newest, expected) in [(NOW, Ok(())), (NOW + 1, Err(TokenError::Revoked))] {
            let epoch = |rank| [0, NOW - 1000, newest][rank];
            let min_issued_at = MinIssuedAt { global: epoch(global), realm: epoch(realm), uid: epoch(uid) };
            assert_eq!(min_issued_at.latest(), newest);
            let map = Map { generation: 0, min_issued_at };
            let verifier = Verifier::new(mqtt(), key(), WINDOW).with_revocations(&map);
            assert_eq!(judge_by(&verifier, token.as_bytes(), Channel::NONE, at(NOW)), expected, "{min_issued_at:?}");
        }
    }
}

#[test]
fn everything_issued_so_far_is_revoked_by_the_epoch_that_the_documentation_names() {
    let uid = NOW + WINDOW.max_future_skew + 1;
    let map = Map { generation: 0, min_issued_at: MinIssuedAt { uid, ..MinIssuedAt::default() } };
    let verifier = Verifier::new(mqtt(), key(), WINDOW).with_revocations(&map);
    for stamp in [NOW - 300, NOW, NOW + 60] {
        let token = text_of(&TokenBuilder::time(UID, at(stamp)), &mqtt());
        for later in 0..=WINDOW.max_age + WINDOW.max_future_skew + 1 {
            let outcome = judge_by(&verifier, token.as_bytes(), Channel::NONE, at(NOW + later));
            assert!(
                matches!(outcome, Err(TokenError::Revoked | TokenError::Expired { .. })),
                "{stamp} {later} {outcome:?}"
            );
        }
    }
}

#[test]
fn a_replaced_device_key_stays_replaced() {
    let master = || MasterKey::new(OTHER_KEY).unwrap();
    let verdict = |map_generation, key_generation, named: Option<u32>| {
        let key = master().derive_key("acme", UID, key_generation).unwrap();
        let draft = named.map_or(draft(UID), |generation| draft(UID).key_generation(generation));
        let token = draft.mint_text_heapless::<96>(&mqtt(), &key).unwrap();
        let map = Map { generation: map_generation, min_issued_at: MinIssuedAt::default() };
        let keys = DeviceKeys::new(KeyRing::<_, 1>::new(0, master()), "acme").unwrap();
        let verifier = Verifier::new(mqtt(), keys, WINDOW).with_revocations(map);
        judge_by(&verifier, token.as_bytes(), Channel::NONE, at(NOW))
    };
    for (map, key, named, expected) in [
        (0, 0, None, Ok(())),
        (2, 2, None, Ok(())),
        (2, 2, Some(2), Ok(())),
        (2, 3, Some(3), Ok(())),
        (2, 1, Some(1), Err(TokenError::Revoked)),
        (u32::MAX, 0, Some(0), Err(TokenError::Revoked)),
        // The old key under a new name, the old key without a name, a new key that the map does not know yet.
        (2, 1, Some(2), Err(TokenError::Invalid)),
        (2, 1, None, Err(TokenError::Invalid)),
        (2, 3, None, Err(TokenError::Invalid)),
    ] {
        assert_eq!(verdict(map, key, named), expected, "map {map} key {key} named {named:?}");
    }
}

// ---------------------------------------------------------------------------------------------- what a forger learns

/// Tokens that are stale, revoked, or early as well: none of it shows unless the sign is good.
#[test]
fn everything_before_the_sign_fails_with_one_answer() {
    let map = Map { generation: 0, min_issued_at: MinIssuedAt { global: u64::MAX, ..MinIssuedAt::default() } };
    let verifier = Verifier::new(mqtt(), key(), WINDOW).with_revocations(&map);
    for (stamp, reason) in [
        (NOW, TokenError::Revoked),
        (NOW - 1000, TokenError::Expired { by: 700 }),
        (NOW + 1000, TokenError::FromFuture { by: 940 }),
        (1_000_000_000, TokenError::HolderClockUnset),
    ] {
        for clock in [at(NOW), at(0)] {
            let reason = if clock == at(NOW) { reason } else { TokenError::Clock(ClockError::NotSet) };
            let token = text_of(&TokenBuilder::time(UID, at(stamp)), &mqtt());
            assert_eq!(judge_by(&verifier, token.as_bytes(), Channel::NONE, clock), Err(reason));
            let (said, sign) = token.rsplit_once('.').unwrap();
            for forged in [
                format!("{said}.{}", "0".repeat(32)),
                format!("{said}.{}", sign.chars().rev().collect::<String>()),
                format!("{said}.k_9.{sign}"),
                said.replacen("cs1_", "cs1s_", 1) + "." + sign,
                token.replacen("dev-7", "dev-8", 1),
                token.replacen("dev-7", "", 1),
                token.to_ascii_uppercase(),
                String::new(),
            ] {
                let outcome = judge_by(&verifier, forged.as_bytes(), Channel::NONE, clock);
                assert_eq!(outcome, Err(TokenError::Invalid), "{forged}");
            }
        }
    }
}

#[test]
fn floods_of_junk_are_refused_before_any_key() {
    let dots = vec![b'.'; 1 << 20];
    assert_refused_before_any_key(&dots);
    assert_eq!(UnverifiedToken::parse_binary(&dots, None), Err(TokenError::Invalid));
    assert_eq!(challenge::respond(&dots, UID).unwrap_err(), Error::Malformed);
    assert_eq!(KeyText::parse(KeyRole::Device, &dots).unwrap_err(), Error::KeyTextSyntax);
    assert_refused_before_any_key([b"cs1_".as_slice(), &dots].concat());
    for byte in 0..=u8::MAX {
        for len in [0, 1, 2, 11, 33, 255, 696, 697, 947, 948] {
            let junk = vec![byte; len];
            assert_refused_before_any_key(&junk);
            assert_eq!(transcode::text_to_binary_heapless::<MAX_BINARY_LEN>(&junk), Err(Error::Malformed));
            let rewritten = transcode::binary_to_text_heapless::<MAX_TEXT_LEN>(&junk, Some(at(NOW)));
            // Eleven bytes a3 are a token, if a forged one: detached, short, N = 8.
            assert!(rewritten == Err(Error::Malformed) || byte >> 5 == 0b101, "{byte:#04x} {len}");
        }
    }
}

#[test]
fn a_lower_cap_is_kept() {
    let (token, binary) = (text_of(&draft(UID), &mqtt()), binary_of(&draft(UID), &mqtt()));
    for (less, expected) in [(0, Ok(())), (1, Err(TokenError::Invalid)), (binary.len(), Err(TokenError::Invalid))] {
        let verifier = Verifier::new(mqtt(), key(), WINDOW)
            .with_max_text_len(token.len() - less)
            .with_max_binary_len(binary.len() - less);
        assert_eq!(judge_by(&verifier, token.as_bytes(), Channel::NONE, at(NOW)), expected, "{less}");
        assert_eq!(judge_by(&verifier, &binary, Channel::NONE, at(NOW)), expected, "{less}");
    }
    let m = m_of(&draft(UID), &mqtt()).len();
    for (cap, expected) in [(m, Ok(())), (m - 1, Err(TokenError::Invalid))] {
        let profile = mqtt().with_max_mac_input_len(cap);
        let verifier = Verifier::new(profile, key(), WINDOW);
        assert_eq!(judge_by(&verifier, token.as_bytes(), Channel::NONE, at(NOW)), expected, "{cap}");
        let minted = draft(UID).mint_text_heapless::<64>(&profile, &key());
        assert_eq!(minted.map(drop), if cap == m { Ok(()) } else { Err(Error::MacInputTooLong { length: m, cap }) });
    }
}
