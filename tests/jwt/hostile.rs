//! What strangers send: floods on a small stack, forged and bent tokens, and headers and signatures that are none.

use crate::kit::{LONG_SECRET, NOW, at, base64url, key, ring_of, signed, signed_parts, token};
use countersign::Error;
use countersign::jwt::keys::{Hs384Key, Hs512Key, SigningKey, VerifyingKey};
use countersign::jwt::limits::MAX_JWT_LEN;
use countersign::jwt::{
    AuthenticJwt, ClaimValue, JwtBuilder, JwtError, KeySet, Policy, UnverifiedJwt, ValidityPeriod,
    authenticate_in_place,
};
use std::thread;

/// `{"alg":"HS256"}`
const HEADER: &str = "eyJhbGciOiJIUzI1NiJ9";
/// The longest header that a ring reads.
const MAX_HEADER: usize = 2048;

fn members(names: usize) -> String {
    let members: Vec<_> = (0..names).map(|i| format!("\"k{i}\":{i}")).collect();
    members.join(",")
}

/// Runs on a stack of 16 KiB, as small as threads come here. What is on the heap is made outside.
fn on_a_small_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        thread::Builder::new().stack_size(16 * 1024).spawn_scoped(scope, work).unwrap().join().unwrap()
    })
}

/// What the key says of a token, by every way to ask; all must agree. The claims as JSON, or [`JwtError::Invalid`].
pub(crate) fn verdict<K: VerifyingKey>(key: &K, ring: &KeySet<1>, token: &[u8]) -> Result<String, JwtError> {
    let buffers = [(); 3].map(|()| vec![0; token.len()]);
    judge(key, ring, token, buffers, token.to_vec())
}

/// The same on a small stack.
fn small_verdict<K: VerifyingKey + Sync>(key: &K, ring: &KeySet<1>, token: &[u8]) -> Result<String, JwtError> {
    let (buffers, copy) = ([(); 3].map(|()| vec![0; token.len()]), token.to_vec());
    on_a_small_stack(|| judge(key, ring, token, buffers, copy))
}

fn judge<K: VerifyingKey>(
    key: &K,
    ring: &KeySet<1>,
    token: &[u8],
    [mut a, mut b, mut c]: [Vec<u8>; 3],
    mut copy: Vec<u8>,
) -> Result<String, JwtError> {
    let claims = |token: AuthenticJwt<'_>| token.unchecked_claims().as_json().to_owned();
    let in_place = authenticate_in_place(key, &mut copy).map(claims);
    let Ok(unverified) = UnverifiedJwt::parse(token) else {
        assert_eq!(in_place, Err(JwtError::Invalid));
        return in_place;
    };
    let by_key = unverified.authenticate(key, &mut a).map(claims);
    assert_eq!(by_key, in_place);
    // A ring reads a header before it is known to be genuine, so it reads no long one.
    let by_ring = ring.authenticate(&unverified, at(1), &mut b).map(claims);
    let is_long = token.iter().position(|byte| *byte == b'.').is_some_and(|dot| dot > MAX_HEADER);
    assert_eq!(by_ring, if is_long { Err(JwtError::Invalid) } else { by_key.clone() });
    assert!(by_key.is_err() || unverified.authenticate_jws(key, &[], &mut c).is_ok());
    by_key
}

// ---------------------------------------------------------------------------------------------- floods

#[test]
fn a_mebibyte_of_anything_is_refused_on_a_small_stack() {
    let (key, ring) = (key(), ring_of(key()));
    for pattern in [".", "[", "{\"a\":", "\\", "\"", "{", "[{\"a\":[", "{\"\\u", "\u{0}", "e30.", "é", "A", "0", " "] {
        for size in [1 << 20, MAX_JWT_LEN * 3 / 4 - 80, 40_000, MAX_HEADER] {
            let flood = pattern.repeat(size.div_ceil(pattern.len()));
            let encoded = base64url(&flood);
            let opened = base64url(format!("{{\"alg\":\"HS256\",\"a\":{flood}"));
            for token in [
                flood.clone(),
                encoded.clone(),
                format!("{flood}.e30.AA"),
                format!("{encoded}.e30.AA"),
                format!("{opened}.e30.AA"),
                format!("{HEADER}.{flood}.AA"),
                format!("{HEADER}.{encoded}.AA"),
                format!("{HEADER}.e30.{flood}"),
                format!("{HEADER}.e30.{encoded}"),
            ] {
                for len in [token.len(), MAX_JWT_LEN, MAX_JWT_LEN + 1] {
                    let token = &token.as_bytes()[..len.min(token.len())];
                    if token.len() > MAX_JWT_LEN {
                        assert_eq!(UnverifiedJwt::parse(token).unwrap_err(), JwtError::Invalid);
                    }
                    assert_eq!(small_verdict(&key, &ring, token), Err(JwtError::Invalid), "{size} of {pattern:?}");
                }
            }
        }
    }
}

#[test]
fn the_longest_token_is_verified_and_one_character_more_is_not() {
    // 36 characters of header, 43 of signature, two dots: 65 454 are left for 49 090 bytes.
    let claims = |len: usize| format!("{{\"s\":\"{}\"}}", "x".repeat(len - 8));
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    let longest = signed(&key(), header, claims(49_090));
    assert_eq!(longest.len(), MAX_JWT_LEN);
    assert_eq!(small_verdict(&key(), &ring_of(key()), &longest), Ok(claims(49_090)));
    let longer = signed(&key(), header, claims(49_091));
    assert_eq!(longer.len(), MAX_JWT_LEN + 1);
    assert_eq!(small_verdict(&key(), &ring_of(key()), &longer), Err(JwtError::Invalid));
    assert!(UnverifiedJwt::parse_with_max_len(&longest, MAX_JWT_LEN - 1).is_err());
    assert!(UnverifiedJwt::parse_with_max_len(&longer, usize::MAX).is_err());
}

#[test]
fn what_is_too_long_to_be_verified_is_not_signed() {
    let mut out = vec![0; 100_000];
    let subject = "s".repeat(60_000);
    let claims = |n: usize| JwtBuilder::new().subject(&subject[..n]);
    let too_long = |length, cap| Err(Error::TokenTooLong { length, cap });
    assert_eq!(claims(49_080).sign(&key(), &mut out).map(str::len), Ok(MAX_JWT_LEN));
    assert_eq!(claims(49_081).sign(&key(), &mut out).map(str::len), too_long(MAX_JWT_LEN + 1, MAX_JWT_LEN));
    assert_eq!(claims(49_081).sign(&key(), &mut []).map(str::len), too_long(MAX_JWT_LEN + 1, MAX_JWT_LEN));
    assert_eq!(claims(60_000).sign(&key(), &mut out).map(str::len), too_long(80_095, MAX_JWT_LEN));
    let mut ring = ring_of(key());
    ring.set_signing_key("k").unwrap();
    assert!(matches!(ring.sign(&claims(60_000), &mut out), Err(Error::TokenTooLong { cap: MAX_JWT_LEN, .. })));

    // `{"alg":"HS256","typ":"JWT","cty":"…"}` is 36 bytes and the text.
    let typed = |n: usize| JwtBuilder::new().content_type(&subject[..n]);
    let token = typed(1500).sign(&key(), &mut out).unwrap().to_owned();
    assert_eq!(token.find('.'), Some(MAX_HEADER));
    assert_eq!(small_verdict(&key(), &ring, token.as_bytes()), Ok("{}".to_owned()));
    assert_eq!(typed(1501).sign(&key(), &mut out).map(str::len), too_long(MAX_HEADER + 2, MAX_HEADER));
}

/// What is signed is within the limits of verifiers.
#[test]
fn no_token_is_signed_that_has_too_many_claims_to_be_verified() {
    let names: Vec<String> = (0..129).map(|i| format!("k{i}")).collect();
    let private: Vec<_> = names.iter().map(|name| (name.as_str(), ClaimValue::Bool(true))).collect();
    let mut out = [0; 4096];
    if let Ok(token) = JwtBuilder::new().private_claims(&private).sign(&key(), &mut out) {
        let token = UnverifiedJwt::parse(token.as_bytes()).unwrap();
        assert!(token.authenticate(&key(), &mut [0; 4096]).is_ok());
    }
}

/// The same for a header: `alg`, `typ` and 31 are 33.
#[test]
fn no_token_is_signed_that_has_too_many_header_parameters_to_be_verified() {
    let names: Vec<String> = (0..31).map(|i| format!("k{i}")).collect();
    let parameters: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
    let mut out = [0; 4096];
    if let Ok(token) = JwtBuilder::new().header_parameters(&parameters).sign(&key(), &mut out) {
        let token = UnverifiedJwt::parse(token.as_bytes()).unwrap();
        assert!(token.authenticate(&key(), &mut [0; 4096]).is_ok());
    }
}

#[test]
fn hostile_json_under_a_good_signature_meets_its_verdict_on_a_small_stack() {
    let arrays = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
    let objects = |n: usize| format!("{}1{}", "{\"a\":".repeat(n), "}".repeat(n));
    let text = |text: &str, bytes: usize| format!("{{\"a\":\"{}\"}}", text.repeat(bytes / text.len()));
    let cases = [
        (true, arrays(15)),
        (false, arrays(16)),
        (false, arrays(20_000)),
        (true, objects(16)),
        (false, objects(17)),
        (false, objects(8_000)),
        (true, format!("{{\"a\":[{}1]}}", "[],".repeat(15_000))),
        (true, format!("{{\"a\":[{}1]}}", "{\"b\":[]},".repeat(5_000))),
        (false, format!("{{\"a\":{}", "[".repeat(45_000))),
        (true, text("\\u0041", 45_000)),
        (true, text("\\ud83d\\ude00", 45_000)),
        (true, text("\\u0000", 45_000)),
        (true, text("\\n", 45_000)),
        (true, text("\\\\", 45_000)),
        (true, text("\\\"", 45_000)),
        (true, text("\\/", 45_000)),
        (true, text("plain", 45_000)),
        (true, text("é😀", 45_000)),
        (false, text("\\ud83d", 45_000)),
        (false, text("\\ude00\\ud83d", 45_000)),
        (false, text("\\x", 45_000)),
        (false, format!("{{\"a\":\"{}", "\\".repeat(45_000))),
        (true, format!("{{{}}}", members(128))),
        (false, format!("{{{}}}", members(129))),
        (false, format!("{{{}}}", members(3_000))),
        (true, format!("{{\"a\":{{{}}}}}", members(3_000))),
        (true, format!("{{\"{}\":1,\"{}\":2}}", "k".repeat(20_000), "k".repeat(20_001))),
        (false, format!("{{\"{}\":1,\"{}\":2}}", "k".repeat(20_000), "k".repeat(20_000))),
        (false, format!("{{\"{}\":1,\"{}\":2}}", "k".repeat(2_000), "\\u006b".repeat(2_000))),
        (true, format!("{{\"a\":{}}}", "9".repeat(45_000))),
        (true, format!("{{\"a\":-1.{}e-{}}}", "0".repeat(20_000), "9".repeat(20_000))),
        (true, format!("{}{{}}{}", " ".repeat(20_000), "\n".repeat(20_000))),
    ];
    let (key, ring) = (key(), ring_of(key()));
    for (is_good, payload) in &cases {
        let start: String = payload.chars().take(40).collect();
        let token = signed(&key, r#"{"alg":"HS256"}"#, payload);
        let verdict = small_verdict(&key, &ring, &token);
        assert_eq!(verdict.is_ok(), *is_good, "{start}");
        let Ok(normal) = verdict else { continue };
        assert!(normal.len() <= payload.len(), "{start}");
        if let Ok(expected) = serde_json::from_str::<serde_json::Value>(payload) {
            assert_eq!(serde_json::from_str::<serde_json::Value>(&normal).unwrap(), expected, "{start}");
        }
        let (mut scratch, token) = (vec![0; token.len()], UnverifiedJwt::parse(&token).unwrap());
        let chars = on_a_small_stack(|| {
            let authentic = token.authenticate(&key, &mut scratch).unwrap();
            assert!(authentic.check(&Policy::new(0), at(1)).is_err(), "exp is missing");
            authentic.unchecked_claims().get_str("a").map_or(0, |text| text.chars().count())
        });
        let expected = serde_json::from_str::<serde_json::Value>(payload).ok();
        let expected = expected.and_then(|value| Some(value["a"].as_str()?.chars().count()));
        assert_eq!(chars, expected.unwrap_or(0), "{start}");
    }
}

#[test]
fn every_control_character_in_a_string_is_refused_wherever_it_stands() {
    for byte in 0..=0x7Fu8 {
        let is_good = byte >= 0x20;
        for place in 0..20 {
            let mut text = [b'x'; 20];
            text[place] = if matches!(byte, b'"' | b'\\') { b'!' } else { byte };
            let text = core::str::from_utf8(&text).unwrap();
            for payload in
                [format!("{{\"a\":\"{text}\"}}"), format!("{{\"{text}\":1}}"), format!("{{\"\\n{text}\":1}}")]
            {
                let token = signed(&key(), r#"{"alg":"HS256"}"#, payload);
                assert_eq!(authenticate_in_place(&key(), &mut token.clone()).is_ok(), is_good, "{byte:#x} at {place}");
            }
        }
    }
}

#[test]
fn a_ring_reads_no_more_of_a_header_than_it_must() {
    let (key, ring) = (key(), ring_of(key()));
    let padded = |n: usize| format!("{{\"alg\":\"HS256\",\"p\":\"{}\"}}", "x".repeat(n - 22));
    let nested = |n: usize| format!("{{\"alg\":\"HS256\",\"p\":{}{}}}", "[".repeat(n), "]".repeat(n));
    // 31 and `alg` are 32; 1536 bytes are 2048 characters, and one byte more is two.
    for (is_good, header) in [
        (true, format!("{{\"alg\":\"HS256\",{}}}", members(31))),
        (false, format!("{{\"alg\":\"HS256\",{}}}", members(32))),
        (false, format!("{{{},\"alg\":\"HS256\"}}", members(32))),
        (true, nested(15)),
        (false, nested(16)),
        (false, nested(700)),
        (false, format!("{{\"alg\":\"HS256\",\"p\":{}", "{\"a\":".repeat(300))),
        (true, padded(1536)),
        (false, padded(1537)),
    ] {
        let token = signed(&key, &header, "{}");
        let mut scratch = vec![0; token.len()];
        let unverified = UnverifiedJwt::parse(&token).unwrap();
        let found = on_a_small_stack(|| ring.authenticate(&unverified, at(1), &mut scratch).map(|_| ()));
        assert_eq!(found, if is_good { Ok(()) } else { Err(JwtError::Invalid) }, "{header}");
    }
    // 2049 characters are no base64url, but the ring does not come to that.
    let header = format!("{}A", base64url(padded(1536)));
    assert_eq!(
        (header.len(), small_verdict(&key, &ring, &signed_parts(&key, &header, "e30"))),
        (2049, Err(JwtError::Invalid))
    );
}

// ---------------------------------------------------------------------------------------------- bent tokens

/// Every one-bit flip, truncation, byte behind and byte in front; how many.
pub(crate) fn bend<K: VerifyingKey>(signer: &impl SigningKey, key: &K, ring: &KeySet<1>) -> usize {
    let mut out = [0; 256];
    let token = JwtBuilder::new().sign(signer, &mut out).unwrap().as_bytes().to_vec();
    assert_eq!(verdict(key, ring, &token), Ok("{}".to_owned()));
    let flips = (0..token.len() * 8).map(|bit| {
        let mut bent = token.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        bent
    });
    let cuts = (0..token.len()).flat_map(|place| [token[..place].to_vec(), token[place + 1..].to_vec()]);
    let longer =
        (0..=u8::MAX).flat_map(|byte| [[token.as_slice(), &[byte]].concat(), [&[byte], token.as_slice()].concat()]);
    let bent: Vec<_> = flips.chain(cuts).chain(longer).collect();
    for bent in &bent {
        let mut scratch = [0; 512];
        let found = UnverifiedJwt::parse(bent).map(|bent| bent.authenticate(key, &mut scratch).map(|_| ()));
        let is_refused = matches!(found, Err(JwtError::Invalid) | Ok(Err(JwtError::Invalid)));
        assert!(is_refused, "{}", String::from_utf8_lossy(bent));
    }
    bent.len()
}

/// 36 characters of header, 3 of payload, two dots; each bent in ten ways.
pub(crate) fn bent(signature: usize) -> usize {
    10 * (36 + 1 + 3 + 1 + signature) + 512
}

#[test]
fn every_bent_hmac_token_is_refused() {
    let (hs384, hs512) = (|| Hs384Key::new(LONG_SECRET).unwrap(), || Hs512Key::new(LONG_SECRET).unwrap());
    assert_eq!(bend(&key(), &key(), &ring_of(key())), bent(43));
    assert_eq!(bend(&hs384(), &hs384(), &ring_of(hs384())), bent(64));
    assert_eq!(bend(&hs512(), &hs512(), &ring_of(hs512())), bent(86));
}

// ---------------------------------------------------------------------------------------------- headers

#[test]
fn a_header_parameter_of_a_wrong_type_is_refused() {
    for name in ["typ", "cty", "kid"] {
        for value in ["null", "5", "true", "[]", "[\"k\"]", "{}", "\"k\""] {
            let header = format!("{{\"alg\":\"HS256\",\"{name}\":{value}}}");
            let found = verdict(&key(), &ring_of(key()), &signed(&key(), &header, "{}"));
            assert_eq!(found.is_ok(), value == "\"k\"", "{header}");
        }
    }
}

#[test]
fn a_bad_signature_is_told_alone_and_leaves_the_buffer_as_it_was() {
    let mut ring = KeySet::<1>::new();
    ring.insert("k", key(), ValidityPeriod::ALWAYS).unwrap();
    let policy = Policy::new(0).issuer("i");
    for payload in [r#"{"iss":"i","exp":1700000009}"#, r#"{"exp":1}"#, "[]", "{", "{\"sub\":\"\\u00e9\"}", ""] {
        let good = token(payload);
        let signature = good.len() - 43;
        for place in [0, 1, 20, 21, 22, signature, good.len() - 2] {
            let mut bad = good.clone();
            bad[place] = if bad[place] == b'A' { b'B' } else { b'A' };
            let before = bad.clone();
            let mut scratch = vec![0; good.len()];
            let refused = JwtError::Invalid;
            assert_eq!(authenticate_in_place(&key(), &mut bad).unwrap_err(), refused, "{payload} {place}");
            assert_eq!(bad, before, "{payload} {place}");
            assert_eq!(ring.verify(&bad, &policy, at(NOW), &mut scratch).unwrap_err(), refused, "{payload} {place}");
            if let Ok(bad) = UnverifiedJwt::parse(&bad) {
                assert_eq!(bad.authenticate(&key(), &mut scratch).unwrap_err(), refused, "{payload} {place}");
            }
        }
    }
    // The same token, well signed, is refused for its claims.
    assert!(matches!(ring.verify(&token(r#"{"exp":1}"#), &policy, at(NOW), &mut [0; 99]), Err(JwtError::Policy(_))));
}
