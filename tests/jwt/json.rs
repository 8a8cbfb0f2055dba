//! JSON in a token: what is taken, what comes out, and that `serde_json` says the same.

use crate::kit::{key, signed, token};
use countersign::UnixTime;
use countersign::jwt::{JwtError, UnverifiedJwt, authenticate_in_place};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::HashSet;

/// Nothing is written to disk; a failure prints its smallest input.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

pub(crate) fn any_text() -> impl Strategy<Value = String> {
    let awkward = select(vec![
        '"',
        '\\',
        '/',
        '\0',
        '\u{1F}',
        ' ',
        '\u{7F}',
        '\n',
        '\r',
        '\t',
        '\u{8}',
        '\u{C}',
        'u',
        'é',
        '\u{2028}',
        '\u{FFFF}',
        '😀',
        '\u{10FFFF}',
    ]);
    prop_oneof![
        any::<String>(),
        "[a-z]{0,12}",
        vec(prop_oneof![awkward, any::<char>(), proptest::char::range(' ', '~')], 0..200).prop_map(String::from_iter),
    ]
}

pub(crate) fn is_escaped(character: char) -> bool {
    matches!(character, '"' | '\\' | '\0'..='\u{1F}')
}

/// The payload as it comes out, if it is taken.
pub(crate) fn normalised(payload: impl AsRef<[u8]>) -> Option<String> {
    let mut token = token(payload);
    authenticate_in_place(&key(), &mut token).ok().map(|token| token.unchecked_claims().as_json().to_owned())
}

/// Another spelling of a JSON text: inside of strings some characters, or all, as `\uXXXX`, with surrogate pairs.
pub(crate) fn escaped(json: &str, mut seed: u64, all: bool) -> String {
    let (mut out, mut chars, mut inside) = (String::new(), json.chars(), false);
    while let Some(character) = chars.next() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match character {
            '"' => {
                inside = !inside;
                out.push('"');
            }
            '\\' => {
                out.push('\\');
                out.push(chars.next().unwrap());
                if out.ends_with('u') {
                    out.extend(chars.by_ref().take(4));
                }
            }
            other if inside && (all || seed >> 63 == 1) => {
                let upper = seed >> 62 & 1 == 1;
                for unit in other.encode_utf16(&mut [0; 2]) {
                    out += &if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
                }
            }
            other => out.push(other),
        }
    }
    out
}

// ---------------------------------------------------------------------------------------------- against serde_json

/// A JSON value as it is written.
#[derive(Clone, Debug)]
enum Node {
    Plain(String),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

fn any_node() -> impl Strategy<Value = Node> {
    let number = prop_oneof![
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?",
        select(vec!["1e400".to_owned(), "-0".to_owned()])
    ];
    let word = select(vec!["true".to_owned(), "false".to_owned(), "null".to_owned()]);
    let leaf = prop_oneof![number.prop_map(Node::Plain), word.prop_map(Node::Plain), any_text().prop_map(Node::Text)];
    leaf.prop_recursive(18, 40, 4, |inner| {
        let deep =
            (inner.clone(), 0..17usize).prop_map(|(node, n)| (0..n).fold(node, |node, _| Node::List(vec![node])));
        prop_oneof![2 => vec(inner.clone(), 0..5).prop_map(Node::List), 2 => any_object(inner), 1 => deep]
    })
}

fn any_object(node: impl Strategy<Value = Node>) -> impl Strategy<Value = Node> {
    vec((prop_oneof!["[a-c]", any_text()], node), 0..5).prop_map(Node::Object)
}

impl Node {
    /// Without white space, each string in the one spelling; or with as much of both as there is in `noise`.
    fn write(&self, noise: &mut Option<u64>, out: &mut String) {
        let blank = |noise: &mut Option<u64>, out: &mut String| {
            if let Some(seed) = noise {
                *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                out.push_str(["", "", "", " ", "\n", "\t\r ", "", "    "][(*seed >> 61) as usize]);
            }
        };
        let text = |text: &str, noise: &Option<u64>| {
            let plain = serde_json::to_string(text).unwrap();
            noise.map_or(plain.clone(), |seed| escaped(&plain, seed, false))
        };
        blank(noise, out);
        match self {
            Self::Plain(plain) => out.push_str(plain),
            Self::Text(string) => out.push_str(&text(string, noise)),
            Self::List(nodes) => {
                out.push('[');
                for (i, node) in nodes.iter().enumerate() {
                    out.push_str(if i > 0 { "," } else { "" });
                    node.write(noise, out);
                }
                blank(noise, out);
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (i, (name, node)) in members.iter().enumerate() {
                    out.push_str(if i > 0 { "," } else { "" });
                    blank(noise, out);
                    out.push_str(&text(name, noise));
                    blank(noise, out);
                    out.push(':');
                    node.write(noise, out);
                }
                blank(noise, out);
                out.push('}');
            }
        }
        blank(noise, out);
    }
}

/// The members of the top object, those that are there twice included.
struct Top(Vec<(String, serde_json::Value)>);

impl<'de> Deserialize<'de> for Top {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Top;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Top(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// Levels of a valid document. Of its text, for a value does not tell what a member of the same name has replaced.
fn depth(document: &[u8]) -> usize {
    let (mut level, mut deepest, mut inside, mut bytes) = (0usize, 0, false, document.iter());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => inside = !inside,
            b'\\' => drop(bytes.next()),
            b'{' | b'[' if !inside => level += 1,
            b'}' | b']' if !inside => level -= 1,
            _ => {}
        }
        deepest = deepest.max(level);
    }
    deepest
}

/// Holds what becomes of a document against what `serde_json` says; the normalised text, if it was taken.
fn compare(document: &[u8]) -> Option<String> {
    let shown = || String::from_utf8_lossy(document).into_owned();
    let found = normalised(document);
    match serde_json::from_slice::<Top>(document) {
        Ok(Top(members)) => {
            let names: HashSet<_> = members.iter().map(|(name, _)| name).collect();
            let expected = names.len() == members.len() && members.len() <= 128 && depth(document) <= 16;
            assert_eq!(found.is_some(), expected, "{}", shown());
            if let Some(found) = &found {
                assert_eq!(serde_json::from_str::<Top>(found).unwrap().0, members, "{}", shown());
            }
        }
        // A number that no double holds: here it stays text.
        Err(error) if error.to_string().starts_with("number out of range") => {}
        Err(error) => assert_eq!(found, None, "{error}: {}", shown()),
    }
    if let Some(found) = &found {
        assert_eq!(normalised(found).as_ref(), Some(found), "a fixed point");
        assert!(found.len() <= document.len());
    }
    found
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn any_spelling_of_a_document_comes_out_in_the_one(node in any_object(any_node()), seed in any::<u64>()) {
        let (mut plain, mut noisy) = (String::new(), String::new());
        node.write(&mut None, &mut plain);
        node.write(&mut Some(seed), &mut noisy);
        let found = compare(noisy.as_bytes());
        prop_assert_eq!(&found, &compare(plain.as_bytes()));
        prop_assert!(found.is_none_or(|found| found == plain));
    }

    #[test]
    fn a_damaged_document_is_taken_only_where_it_is_still_a_document(
        node in any_object(any_node()), seed in any::<u64>(), is_noisy in any::<bool>(),
        damage in vec((any::<prop::sample::Index>(), 0..4u8, prop_oneof![select(b"{}[]\",:\\u0eE.+-tn \x1F\x80\xFF\xED".as_slice()), any::<u8>()]), 1..4),
    ) {
        let mut text = String::new();
        node.write(&mut is_noisy.then_some(seed), &mut text);
        let mut document = text.into_bytes();
        for (place, how, byte) in damage {
            let place = place.index(document.len().max(1));
            match how {
                _ if document.is_empty() => document.push(byte),
                0 => document.insert(place, byte),
                1 => drop(document.remove(place)),
                2 => document.truncate(place),
                _ => document[place] = byte,
            }
        }
        compare(&document);
    }

    #[test]
    fn any_text_of_the_letters_of_json_meets_the_verdict_of_serde_json(
        text in "[\\[\\]{}\",:\\\\u0-9eE+. tn-]{0,12}", value in "([\\[{]|[\\]}]|,|:|\"a\"|1|-|0|\\.5|e1|true|null|\"\\\\[u\"n]){0,10}",
    ) {
        for document in [text.clone(), format!("{{\"a\":{text}}}"), format!("{{\"a\":\"{text}\"}}"), format!("{{\"a\":{value}}}"), format!("{{{value}}}")] {
            compare(document.as_bytes());
        }
    }

    #[test]
    fn any_escape_and_any_byte_in_a_string_meet_the_verdict_of_serde_json(
        units in vec(prop_oneof![0xD7F0..0xE010u32, 0..0x80u32, any::<u16>().prop_map(u32::from)], 1..5), bytes in vec(any::<u8>(), 0..6),
    ) {
        let escapes: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
        compare(format!("{{\"a\":\"{escapes}\"}}").as_bytes());
        compare(format!("{{\"{escapes}\":1,\"\\u0061\":2}}").as_bytes());
        compare(&[b"{\"a\":\"", bytes.as_slice(), b"\"}"].concat());
        compare(&[b"{\"a\":\"\\u00e9", bytes.as_slice(), b"\\n\"}"].concat());
    }
}

#[test]
fn limits_of_a_document_are_where_they_are_said_to_be() {
    let keys = |n: usize| {
        let members: Vec<_> = (0..n).map(|i| format!("\"{i}\":0")).collect();
        compare(format!("{{{}}}", members.join(",")).as_bytes()).is_some()
    };
    assert!([0, 1, 127, 128].into_iter().all(keys) && ![129, 500].into_iter().any(keys));
    for (document, is_good) in [
        ("{\"a\":1,\"b\":1}", true),
        ("{\"a\":1,\"a\":1}", false),
        ("{\"a\":1,\"\\u0061\":1}", false),
        ("{\"\\n\":1,\"\\u000a\":1}", false),
        ("{\"\\u00e9\":1,\"é\":1}", false),
        ("{\"a\":{\"b\":1,\"b\":1}}", true),
        ("{\"a\":[{\"a\":1}],\"b\":{\"a\":1}}", true),
        ("{\"\":1,\"\":1}", false),
        ("{\"a\\\"\":1,\"a\\\"\":2}", false),
        ("\u{FEFF}{}", false),
        ("{\"a\":1}\u{0}", false),
        ("{\"a\":\"\u{1F}\"}", false),
        ("{\"a\":\"\u{7F}\"}", true),
        ("", false),
        ("[]", false),
        ("null", false),
        ("\"a\"", false),
    ] {
        assert_eq!(compare(document.as_bytes()).is_some(), is_good, "{document:?}");
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn verifying_in_place_is_verifying(node in any_object(any_node()), seed in any::<u64>()) {
        let mut text = String::new();
        node.write(&mut Some(seed), &mut text);
        let good = token(&text);
        let (mut scratch, mut buffer) = (vec![0; good.len()], good.clone());
        let there = UnverifiedJwt::parse(&good).unwrap().authenticate(&key(), &mut scratch);
        let here = authenticate_in_place(&key(), &mut buffer);
        let claims = |token: &countersign::jwt::AuthenticJwt<'_>| token.unchecked_claims().as_json().to_owned();
        prop_assert_eq!(there.as_ref().map(claims), here.as_ref().map(claims));
        let needed = UnverifiedJwt::parse(&good).unwrap().scratch_len();
        prop_assert_eq!(
            UnverifiedJwt::parse(&good).unwrap().authenticate(&key(), &mut vec![0; needed - 1]).map(|_| ()),
            Err(JwtError::TooLong { needed })
        );
    }
}

// ---------------------------------------------------------------------------------------------- dates and text

#[test]
fn a_date_is_any_number_of_seconds_and_rounded_to_the_safe_side() {
    for (json, down, up) in [
        ("0", 0, 0),
        ("1700003600", 1_700_003_600, 1_700_003_600),
        ("1700003600.0", 1_700_003_600, 1_700_003_600),
        ("1700003600.000001", 1_700_003_600, 1_700_003_601),
        ("0.999999999999999999999999", 0, 1),
        ("1.7000036e9", 1_700_003_600, 1_700_003_600),
        ("1.7000036E+9", 1_700_003_600, 1_700_003_600),
        ("1.7000036e+09", 1_700_003_600, 1_700_003_600),
        ("17000036e2", 1_700_003_600, 1_700_003_600),
        ("17000036000e-1", 1_700_003_600, 1_700_003_600),
        ("17000036001e-1", 1_700_003_600, 1_700_003_601),
        ("1.70000360005e9", 1_700_003_600, 1_700_003_601),
        ("1e-1", 0, 1),
        ("0e5", 0, 0),
        ("18446744073709551615", u64::MAX, u64::MAX),
        ("1.8446744073709551615e19", u64::MAX, u64::MAX),
        ("9007199254740993", 9_007_199_254_740_993, 9_007_199_254_740_993),
    ] {
        let mut token = token(format!("{{\"exp\":{json},\"nbf\":{json},\"iat\":{json}}}"));
        let claims = *authenticate_in_place(&key(), &mut token).unwrap().unchecked_claims();
        let found =
            [claims.expires_at(), claims.not_before(), claims.issued_at()].map(|date| date.map(UnixTime::as_secs));
        assert_eq!(found, [Some(down), Some(up), Some(up)], "{json}");
    }
}

/// The digits in front of the exponent need not fit into 64 bits if the date does.
#[test]
fn a_date_of_many_digits_and_a_negative_exponent_is_a_date() {
    for exp in ["100000000000000000000e-11", "0e99999999999999999999"] {
        let mut token = signed(&key(), r#"{"alg":"HS256"}"#, format!("{{\"exp\":{exp}}}"));
        assert!(authenticate_in_place(&key(), &mut token).unwrap().unchecked_claims().expires_at().is_some(), "{exp}");
    }
}

#[test]
fn equal_text_is_equal_whatever_its_spelling() {
    for (spelling, text) in [
        ("a", "a"),
        ("\\u0061", "a"),
        ("\\u00E9\\/", "é/"),
        ("\\ud83d\\ude00", "😀"),
        ("\\u0022\\u005c", "\"\\"),
        ("\\b\\f\\n\\r\\t", "\u{8}\u{C}\n\r\t"),
        ("\\u0008\\u000C\\u000a\\u000D\\u0009", "\u{8}\u{C}\n\r\t"),
        ("\\u0000\\u001f\\u007f", "\0\u{1F}\u{7F}"),
        ("\\\\n", "\\n"),
        ("\\\\u0041", "\\u0041"),
    ] {
        let mut token = token(format!("{{\"sub\":\"{spelling}\",\"jti\":{}}}", serde_json::to_string(text).unwrap()));
        let claims = *authenticate_in_place(&key(), &mut token).unwrap().unchecked_claims();
        let (one, other) = (claims.subject().unwrap(), claims.jwt_id().unwrap());
        assert!(one == other && one == text && one == *text && one != "b" && one != "", "{spelling}");
        assert_eq!((one.to_string(), String::from_iter(one.chars())), (text.to_owned(), text.to_owned()));
        assert_eq!(one.to_str(), (!text.contains(is_escaped)).then_some(text), "{spelling}");
        assert!(!text.contains(is_escaped) || one != spelling, "raw text is not its meaning: {spelling}");
    }
}
