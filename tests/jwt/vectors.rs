//! Third-party vectors that need no feature: HMAC, base64url, JSON.

use base64ct::{Base64UrlUnpadded, Encoding};
use countersign::jwt::keys::{Hs256Key, Hs384Key, Hs512Key, JwsAlgorithm, SigningKey, VerifyingKey};
use countersign::jwt::{JwtError, Policy, UnverifiedJwt};
use countersign::{Error, UnixTime};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) fn lines(file: &str) -> Vec<String> {
    let path = format!("{}/tests/data/{file}.jsonl", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

pub(crate) fn cases(file: &str) -> Vec<Value> {
    lines(file).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn id(case: &Value) -> &str {
    case["id"].as_str().unwrap()
}

pub(crate) fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

pub(crate) fn repeated(parts: &Value) -> Vec<u8> {
    let parts = parts.as_array().unwrap().iter();
    parts.flat_map(|part| part[0].as_str().unwrap().repeat(part[1].as_u64().unwrap() as usize).into_bytes()).collect()
}

pub(crate) fn to_base64url(bytes: &[u8]) -> String {
    let mut text = vec![0; Base64UrlUnpadded::encoded_len(bytes)];
    Base64UrlUnpadded::encode(bytes, &mut text).unwrap().to_owned()
}

pub(crate) fn parsed(json: &[u8]) -> Value {
    serde_json::from_slice(json).unwrap()
}

// ---------------------------------------------------------------------------------------------- HMAC

/// What a key says about a tag of any length: whole tags through `verify`; a shorter one is never verified, but shows what `sign` makes.
fn hmac_says<K: SigningKey + VerifyingKey>(key: Result<K, Error>, message: &[u8], tag: &[u8]) -> bool {
    let key = key.unwrap();
    let mut whole = vec![0; K::SIGNATURE_LEN];
    key.sign(message, &mut whole).unwrap();
    let is_good = key.verify(message, tag);
    assert_eq!(is_good, whole == tag);
    is_good || tag.len() < whole.len() && whole.starts_with(tag)
}

/// Vectors have keys that are short, or zeros alone: no key for a token, and one for HMAC.
fn of_vector<K: JwsAlgorithm>(
    key: &[u8],
    new: fn(&[u8]) -> Result<K, Error>,
    for_test_vectors: fn(&[u8]) -> Result<K, Error>,
) -> Result<K, Error> {
    let least = K::SIGNATURE_LEN;
    let is_placeholder = key.iter().all(|byte| *byte == key[0]);
    let refused = if key.len() < least {
        Some(Error::KeyTooShort { got: key.len(), least })
    } else {
        is_placeholder.then_some(Error::KeyRepeated)
    };
    assert_eq!(new(key).err(), refused);
    for_test_vectors(key)
}

fn check_hmac(file: &str, total: usize, whole: usize, cut: usize, short: usize) {
    let cases = cases(file);
    let mut counts = [0; 3];
    for case in &cases {
        let (key, message, tag) = (hex(&case["key_hex"]), hex(&case["msg_hex"]), hex(&case["tag_hex"]));
        let (len, is_good) = match case["hash"].as_str().unwrap() {
            "SHA-256" => (32, hmac_says(of_vector(&key, Hs256Key::new, Hs256Key::for_test_vectors), &message, &tag)),
            "SHA-384" => (48, hmac_says(of_vector(&key, Hs384Key::new, Hs384Key::for_test_vectors), &message, &tag)),
            _ => (64, hmac_says(of_vector(&key, Hs512Key::new, Hs512Key::for_test_vectors), &message, &tag)),
        };
        assert_eq!(case["tag_bits"], 8 * tag.len(), "{}", id(case));
        assert_eq!(is_good, case["expected"] == "accept", "{}", id(case));
        counts[0] += usize::from(tag.len() == len);
        counts[1] += usize::from(tag.len() < len);
        counts[2] += usize::from(key.len() < len);
    }
    assert_eq!((cases.len(), counts), (total, [whole, cut, short]), "{file}");
    println!(
        "{file}: {total} rows, {whole} verified, {cut} cut tags compared with what is signed, {short} keys too short"
    );
}

#[test]
fn hmac_tags_meet_their_verdict() {
    check_hmac("wycheproof/hmac", 339, 168, 171, 8);
    check_hmac("rfc/rfc4231", 21, 18, 3, 15);
}

// ---------------------------------------------------------------------------------------------- base64url and JSON

const HS256: &str = r#"{"alg":"HS256"}"#;

/// A token over any text, well formed or not.
fn signed(key: &Hs256Key, payload: &str) -> String {
    let message = format!("{}.{payload}", to_base64url(HS256.as_bytes()));
    let mut tag = [0; 32];
    key.sign(message.as_bytes(), &mut tag).unwrap();
    format!("{message}.{}", to_base64url(&tag))
}

#[test]
fn base64url_of_rfc_4648_is_what_a_payload_is_decoded_with() {
    let key = Hs256Key::new(b"an obvious test key of 32 bytes!").unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for case in cases("rfc/rfc4648") {
        let (plain, padded) = (case["base64url_nopad"].as_str().unwrap(), case["base64"].as_str().unwrap());
        for (payload, is_good) in [(plain, true), (padded, plain == padded)] {
            let token = signed(&key, payload);
            let mut scratch = [0; 128];
            let bytes = UnverifiedJwt::parse(token.as_bytes()).unwrap().authenticate_jws(&key, &[], &mut scratch);
            let expected = if is_good { Ok(hex(&case["text_hex"])) } else { Err(JwtError::Invalid) };
            assert_eq!(bytes.map(|signed| signed.payload().to_vec()), expected, "{}: {payload}", id(&case));
            *if is_good { &mut accepted } else { &mut refused } += 1;
        }
    }
    assert_eq!((accepted, refused), (10 + 3, 7));
    println!("rfc/rfc4648: 10 rows, {accepted} texts decoded, {refused} refused for padding or a foreign alphabet");
}

#[test]
fn json_of_the_test_suite_is_taken_as_claims_where_it_is_valid() {
    const POLICY: Policy<'_> = Policy::new(0).allow_missing_exp();
    let key = Hs256Key::new(b"JSON-test-suite-key-32-bytes---!").unwrap();
    let cases = cases("json/jsontestsuite");
    let (mut counts, mut wrong) = (BTreeMap::new(), Vec::new());
    for case in &cases {
        let document = if case["doc_hex"].is_string() { hex(&case["doc_hex"]) } else { repeated(&case["doc_parts"]) };
        let Some(token_payload) = case["token_payload"].as_str() else {
            // Too long for a token: refused as it is, and as the part of it that fits into one.
            assert_eq!(id(case), "jsontestsuite/n_structure_open_array_object");
            let whole = signed(&key, &to_base64url(&document));
            assert_eq!(UnverifiedJwt::parse(whole.as_bytes()).err(), Some(JwtError::Invalid));
            let part = signed(&key, &to_base64url(&document[..48_000]));
            let part = UnverifiedJwt::parse(part.as_bytes()).unwrap().authenticate(&key, &mut vec![0; 65_535]).err();
            assert_eq!(part, Some(JwtError::Invalid));
            *counts.entry("too long for a token").or_insert(0usize) += 1;
            continue;
        };
        for (field, token) in [("token_payload", token_payload), ("token_claim", case["token_claim"].as_str().unwrap())]
        {
            let mut scratch = vec![0; token.len()];
            let authentic = UnverifiedJwt::parse(token.as_bytes()).unwrap().authenticate(&key, &mut scratch);
            let verified = match authentic {
                Ok(authentic) => match authentic.check(&POLICY, UnixTime::from_secs(1_700_000_000)) {
                    Ok(verified) => Ok(verified.claims().as_json().to_owned()),
                    Err(error) => Err(error.to_string()),
                },
                Err(refusal) => Err(refusal.to_string()),
            };
            if let Ok(claims) = &verified {
                assert_eq!(claims.as_bytes()[0], b'{');
                if let Ok(document) = serde_json::from_slice::<Value>(&document) {
                    let expected = if field == "token_payload" { document } else { json!({"sub": "s", "x": document}) };
                    assert_eq!(parsed(claims.as_bytes()), expected, "{} {field}", id(case));
                }
            }
            let expected = case[format!("{field}_expected")].as_str().unwrap();
            let is_right = match expected {
                "accept" => verified.is_ok(),
                "reject" => verified.is_err(),
                _ => true,
            };
            if is_right {
                *counts.entry(if expected == "either" { expected } else { "right" }).or_insert(0usize) += 1;
            } else {
                wrong.push(format!("{} {field} ({expected}): {verified:?}", id(case)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!((cases.len(), counts["right"], counts["either"]), (222, 411, 31));
    println!("json/jsontestsuite: {} rows, two tokens each, {counts:?}", cases.len());
}
