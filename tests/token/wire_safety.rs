//! Token text and key text travel unescaped through every channel that they may meet, and a leak scanner finds them.

use axum::http::{HeaderValue, Uri};
use countersign::UnixTime;
use countersign::key::{KeyBytes, KeyRole, KeyText, MacKey};
use countersign::token::{
    Profile, SignLen, TokenBuilder, challenge,
    limits::{MAX_COUNTER, MAX_TEXT_LEN},
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::process::Command;

// ---------------------------------------------------------------------------------------------- what is sent

fn any_field(least: usize) -> impl Strategy<Value = Vec<u8>> {
    // Bytes that some channel would have to escape are the likely ones.
    let awkward = select(b" \t\r\n\0,;:=&%+#?/\\\"'`$*!~<>|()[]{}@.-_aZ9\x7F\x80\xFF".as_slice());
    prop_oneof![vec(any::<u8>(), least..=64), vec(awkward.clone(), least..=64), vec(awkward, least..=2)]
}

/// A text of any kind, of any content.
fn any_text() -> impl Strategy<Value = String> {
    let key = "fw|site|a1|zzzzzzzz|x0|model|hw|b2".split('|').map(str::to_owned).collect::<Vec<_>>();
    let lens = [SignLen::N8, SignLen::N10, SignLen::N16, SignLen::N32];
    let stamp = prop_oneof![1_000_000_000..=9_999_999_999u64, Just(1_000_000_000), Just(9_999_999_999)];
    let counter = prop_oneof![0..=MAX_COUNTER, Just(0), Just(MAX_COUNTER)];
    let params = btree_map(select(key), any_field(0), 0..=7);
    (0..5, any_field(1), stamp, counter, params, any_field(0), select(lens.to_vec()), any::<bool>()).prop_map(
        |(kind, uid, stamp, counter, params, nonce, sign_len, detached)| {
            let key = MacKey::new(b"an obvious test key of 32 bytes!").unwrap();
            let profile = Profile::new("fleet/login").unwrap().with_sign_len(sign_len);
            let params: Vec<_> = params.iter().map(|(key, value)| (key.as_str(), value.as_slice())).collect();
            let stamp = UnixTime::from_secs(stamp);
            // A verifier whose clock is not set says nothing.
            let verifiers = stamp.max(UnixTime::from_secs(1_000_000_001));
            let mut question = [0; challenge::CHALLENGE_LEN];
            let question = challenge::issue(&profile, &key, &uid, verifiers, &mut question).unwrap();
            let draft = match kind {
                0 => TokenBuilder::time(&uid, stamp).params(&params).nonce(&nonce),
                1 => challenge::respond(question.as_bytes(), &uid).unwrap().params(&params),
                2 => TokenBuilder::sequence(&uid, counter).params(&params).key_slot(255),
                3 => TokenBuilder::time_reply(&uid, verifiers),
                _ => return question.to_owned(),
            };
            let draft = if detached { draft.detached() } else { draft };
            draft.mint_text_heapless::<MAX_TEXT_LEN>(&profile, &key).unwrap().as_str().to_owned()
        },
    )
}

fn any_key_text() -> impl Strategy<Value = String> {
    (any::<[u8; 32]>(), any::<u8>(), any::<bool>()).prop_map(|(bytes, slot, is_master)| {
        let key_type = if is_master { KeyRole::Master } else { KeyRole::Device };
        let secret = KeyBytes::new(&bytes).unwrap();
        KeyText { role: key_type, slot, key: secret }
            .encode_heapless::<{ KeyText::MAX_LEN }>()
            .unwrap()
            .as_str()
            .to_owned()
    })
}

fn samples(count: usize, strategy: impl Strategy<Value = String>) -> impl Iterator<Item = String> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(move |_| strategy.new_tree(&mut runner).unwrap().current())
}

// ---------------------------------------------------------------------------------------------- what a scanner sees

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_field_char(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn has_length(text: &str, allowed: impl Fn(usize) -> bool, is_member: impl Fn(u8) -> bool) -> bool {
    allowed(text.len()) && text.bytes().all(is_member)
}

/// `cs1[crsq]?_[A-Za-z0-9_-]{0,87}\.[0-9]{1,13}`, then `(\.[a-z][a-z0-9]{0,7}_[A-Za-z0-9_-]{0,87}){0,8}`, then
/// `\.([0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{20}|[0-9a-f]{16})`
fn is_token(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("cs1") else { return false };
    let Some(rest) = rest.strip_prefix(['c', 'r', 's', 'q']).unwrap_or(rest).strip_prefix('_') else { return false };
    let segments: Vec<_> = rest.split('.').collect();
    let [uid, stamp, params @ .., sign] = segments.as_slice() else { return false };
    let is_field = |field: &str| has_length(field, |n| n <= 87, is_field_char);
    let is_param = |param: &&str| {
        param.split_once('_').is_some_and(|(key, value)| {
            key.starts_with(|first: char| first.is_ascii_lowercase())
                && has_length(key, |n| n <= 8, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
                && is_field(value)
        })
    };
    is_field(uid)
        && has_length(stamp, |n| (1..=13).contains(&n), |byte| byte.is_ascii_digit())
        && params.len() <= 8
        && params.iter().all(is_param)
        && matches!(sign.len(), 16 | 20 | 32 | 64)
        && is_hex(sign)
}

/// `csk1[md]_[0-9]{1,3}_[A-Za-z0-9_-]{43}[0-9a-f]{6}`
fn is_key_text(text: &str) -> bool {
    let rest = text.strip_prefix("csk1m_").or_else(|| text.strip_prefix("csk1d_"));
    let Some((slot, tail)) = rest.and_then(|rest| rest.split_once('_')) else { return false };
    has_length(slot, |n| (1..=3).contains(&n), |byte| byte.is_ascii_digit())
        && has_length(tail, |n| n == 49, is_field_char)
        && is_hex(&tail[43..])
}

#[test]
fn the_scanner_is_no_rubber_stamp() {
    let sign = "0123456789abcdef";
    assert!(is_token(&format!("cs1_dev-7.1767225600.fw_-MS4yLjM.{sign}")));
    for text in [
        format!("cs2_dev-7.1767225600.{sign}"),
        format!("cs1x_dev-7.1767225600.{sign}"),
        format!("cs1_dev 7.1767225600.{sign}"),
        format!("cs1_dev-7..{sign}"),
        format!("cs1_dev-7.12345678901234.{sign}"),
        format!("cs1_dev-7.1767225600.fw.{sign}"),
        format!("cs1_dev-7.1767225600.Fw_1.{sign}"),
        format!("cs1_dev-7.1767225600.{}0", sign),
        format!("cs1_dev-7.1767225600.{}", sign.to_uppercase()),
        format!("cs1_{}.1767225600.{sign}", "a".repeat(88)),
        format!("cs1_dev-7.1767225600{}.{sign}", ".a_1".repeat(9)),
    ] {
        assert!(!is_token(&text), "{text}");
    }
    let key = "csk1d_0_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh89b3f82";
    assert!(is_key_text(key));
    for text in [&key[..key.len() - 1], &key.replace("k1d", "k1x"), &key.replace("_0_", "_0000_"), &key.to_uppercase()]
    {
        assert!(!is_key_text(text), "{text}");
    }
}

#[test]
fn a_scanner_for_leaks_finds_every_token() {
    let (mut found, mut kinds) = (0, std::collections::BTreeSet::new());
    for text in samples(4000, any_text()) {
        assert!(is_token(&text), "{text}");
        kinds.insert(text[..text.find('_').unwrap()].to_owned());
        found += 1;
    }
    println!("{found} tokens found, of the kinds {kinds:?}");
    assert_eq!(kinds.len(), 5);
}

#[test]
fn a_scanner_for_leaks_finds_every_key() {
    for text in samples(2000, any_key_text()) {
        assert!(is_key_text(&text));
        assert!(!is_token(&text), "a key was taken for a token");
    }
}

// ---------------------------------------------------------------------------------------------- what a channel does

/// Every channel at once, as each defines what it takes without an escape.
fn assert_survives(text: &str) {
    // Ours.
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{text}");

    // RFC 9110: a field value; and a token68, as after `Bearer `.
    let header = HeaderValue::from_str(&format!("Bearer {text}")).unwrap();
    assert_eq!(header.to_str().unwrap().strip_prefix("Bearer "), Some(text));
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte)));

    // RFC 6265: cookie-octet.
    let is_cookie_octet = |byte| matches!(byte, 0x21 | 0x23..=0x2B | 0x2D..=0x3A | 0x3C..=0x5B | 0x5D..=0x7E);
    assert!(text.bytes().all(is_cookie_octet), "{text}");

    // RFC 3986: unreserved, in a query and in a path; a real parser agrees.
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)), "{text}");
    let uri: Uri = format!("https://host.example/{text}?token={text}&next=1").parse().unwrap();
    assert_eq!((uri.path().strip_prefix('/'), uri.query()), (Some(text), Some(&*format!("token={text}&next=1"))));

    // application/x-www-form-urlencoded (WHATWG): these alone are not percent-encoded.
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"*-._".contains(&byte)), "{text}");

    // RFC 8259: a JSON string without a single escape.
    let json = serde_json::to_string(text).unwrap();
    assert_eq!(json, format!("\"{text}\""));
    assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);

    // MQTT 5, sections 1.5.4 and 4.7: UTF-8 without NUL, one topic level, no wildcard, not a `$` topic.
    assert!(!text.contains(['\0', '/', '+', '#', '$']), "{text}");

    // 3GPP TS 27.007: a string parameter ends at a quote, a parameter at a comma, a line at CR or `;`.
    assert!(!text.contains(['"', ',', '\\', ';', '\r', '\n']), "{text}");

    // A word of a shell, a CSV cell, an INI value, an XML attribute, a log line: nothing that any of them knows.
    assert!(
        !text.contains([' ', '\t', '\'', '`', '~', '*', '?', '[', '{', '(', '|', '&', '<', '>', '!', '=', '%', ':'])
    );
    // No option of a command line.
    assert!(!text.starts_with('-'));
}

#[test]
fn no_carrier_has_to_escape_a_token() {
    samples(4000, any_text()).for_each(|text| assert_survives(&text));
}

#[test]
fn no_carrier_has_to_escape_a_key() {
    samples(2000, any_key_text()).for_each(|text| assert_survives(&text));
}

#[cfg(unix)]
#[test]
fn a_real_shell_passes_them_on_unquoted() {
    for text in samples(20, any_text()).chain(samples(5, any_key_text())) {
        let output = Command::new("sh").arg("-c").arg(format!("printf %s {text}")).output().unwrap();
        assert_eq!(output.stdout, text.as_bytes());
    }
    // The control: a shell does change what is not safe.
    let output = Command::new("sh").arg("-c").arg("printf %s a\\b").output().unwrap();
    assert_eq!(output.stdout, b"ab");
}
