//! What strangers send: floods on a small stack, clocks at their ends, forged, bent and confused tokens, keys that are none.
#![cfg(all(feature = "eddsa", feature = "es256", feature = "std"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test may panic"
)]

use base64ct::{Base64UrlUnpadded, Encoding};
use countersign::jwt::claim::RegisteredClaim;
use countersign::jwt::keys::{
    EdDsaSigningKey, Es256SigningKey, Hs256Key, Hs384Key, Hs512Key, SigningKey, VerifyingKey,
};
use countersign::jwt::limits::MAX_JWT_LEN;
use countersign::jwt::{
    AuthenticJwt, FailedChecks, JwksError, JwtBuilder, JwtError, JwtKey, KeySet, Policy, UnverifiedJwt, ValidityPeriod,
    authenticate_in_place,
};
use countersign::{ClockReading, Error, UnixTime};
use std::thread;

const SECRET: &[u8; 32] = b"an obvious test key of 32 bytes!";
const LONG_SECRET: &[u8; 64] = b"an obvious test key of 64 bytes, the same for all of the hashes!";
/// `{"alg":"HS256"}`
const HEADER: &str = "eyJhbGciOiJIUzI1NiJ9";
/// The longest header that a ring reads.
const MAX_HEADER: usize = 2048;
/// Points of RFC 7515 appendix A.3 and RFC 8037 appendix A.
const P256_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const P256_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn key() -> Hs256Key {
    Hs256Key::new(SECRET).unwrap()
}

fn ring_of(key: impl Into<JwtKey>) -> KeySet<1> {
    let mut ring = KeySet::new();
    ring.insert("k", key, ValidityPeriod::ALWAYS).unwrap();
    ring
}

const NOW: u64 = 1_700_000_000;

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

/// A token of any two parts, under a good signature.
fn signed_parts(key: &impl SigningKey, header: &str, payload: &str) -> Vec<u8> {
    fn signature<K: SigningKey>(key: &K, message: &str) -> String {
        let mut signature = vec![0; K::SIGNATURE_LEN];
        key.sign(message.as_bytes(), &mut signature).unwrap();
        base64url(signature)
    }
    let message = format!("{header}.{payload}");
    format!("{message}.{}", signature(key, &message)).into_bytes()
}

fn signed(key: &impl SigningKey, header: &str, payload: impl AsRef<[u8]>) -> Vec<u8> {
    signed_parts(key, &base64url(header), &base64url(payload))
}

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
fn verdict<K: VerifyingKey>(key: &K, ring: &KeySet<1>, token: &[u8]) -> Result<String, JwtError> {
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

// ---------------------------------------------------------------------------------------------- clocks

const TIMES: [u64; 8] = [0, 1, (1 << 31) - 1, 1 << 31, 1 << 32, 1 << 53, 1 << 63, u64::MAX];

/// The same rules in arithmetic that cannot overflow.
fn expected_failures(times: [u64; 3], leeway: u64, max_age: Option<u64>, now: u64) -> FailedChecks {
    let [exp, nbf, iat, leeway, now] = [times[0], times[1], times[2], leeway, now].map(u128::from);
    let mut failed = FailedChecks::default();
    if now <= 1_000_000_000 || now > 9_999_999_999 {
        failed.clock_unusable = true;
        return failed;
    }
    if now >= exp + leeway {
        failed.mismatched = failed.mismatched.with(RegisteredClaim::ExpirationTime);
    }
    if nbf > now + leeway {
        failed.mismatched = failed.mismatched.with(RegisteredClaim::NotBefore);
    }
    if let Some(max_age) = max_age {
        failed.too_old = now > iat + u128::from(max_age) + leeway;
        if iat > now + leeway {
            failed.mismatched = failed.mismatched.with(RegisteredClaim::IssuedAt);
        }
    }
    failed
}

#[test]
fn clocks_at_their_ends_get_the_verdict_of_wide_arithmetic() {
    let key = key();
    let mut seen = [0usize; 2];
    for times in TIMES.iter().flat_map(|exp| TIMES.iter().flat_map(|nbf| TIMES.map(|iat| [*exp, *nbf, iat]))) {
        let claims = JwtBuilder::new().expires_at(at(times[0])).not_before(at(times[1])).issued_at(at(times[2]));
        let mut out = [0; 256];
        let len = claims.sign(&key, &mut out).unwrap().len();
        let authentic = authenticate_in_place(&key, &mut out[..len]).unwrap();
        for leeway in TIMES {
            for max_age in TIMES.map(Some).into_iter().chain([None]) {
                let policy = max_age.map_or(Policy::new(leeway), |max_age| Policy::new(leeway).max_age(max_age));
                for now in TIMES {
                    let found = authentic
                        .check(&policy, at(now))
                        .map_or_else(|error| error.failed_checks(), |_| FailedChecks::default());
                    let expected = expected_failures(times, leeway, max_age, now);
                    assert_eq!(found, expected, "{times:?} leeway {leeway} max_age {max_age:?} now {now}");
                    seen[usize::from(found.is_empty())] += 1;
                }
            }
        }
    }
    assert!(seen[0] > 1_000 && seen[1] > 1_000, "{seen:?}");
}

#[test]
fn leeway_counts_to_the_last_second() {
    let last = UnixTime::MAX.as_secs();
    let token = signed(&key(), r#"{"alg":"HS256"}"#, format!("{{\"exp\":{last}}}"));
    let expires = |leeway, now| {
        authenticate_in_place(&key(), &mut token.clone()).unwrap().check(&Policy::new(leeway), at(now)).is_err()
    };
    assert_eq!([expires(0, last), expires(0, last - 1), expires(1, last)], [true, false, false]);
}

// ---------------------------------------------------------------------------------------------- bent tokens

/// Every one-bit flip, truncation, byte behind and byte in front; how many.
fn bend<K: VerifyingKey>(signer: &impl SigningKey, key: &K, ring: &KeySet<1>) -> usize {
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
const fn bent(signature: usize) -> usize {
    10 * (36 + 1 + 3 + 1 + signature) + 512
}

#[test]
fn every_bent_hmac_token_is_refused() {
    let (hs384, hs512) = (|| Hs384Key::new(LONG_SECRET).unwrap(), || Hs512Key::new(LONG_SECRET).unwrap());
    assert_eq!(bend(&key(), &key(), &ring_of(key())), bent(43));
    assert_eq!(bend(&hs384(), &hs384(), &ring_of(hs384())), bent(64));
    assert_eq!(bend(&hs512(), &hs512(), &ring_of(hs512())), bent(86));
}

#[test]
fn every_bent_es256_token_is_refused() {
    let signer = Es256SigningKey::new(SECRET).unwrap();
    assert_eq!(bend(&signer, &signer.verifying_key(), &ring_of(signer.verifying_key())), bent(86));
}

#[test]
fn every_bent_eddsa_token_is_refused() {
    let signer = EdDsaSigningKey::new(SECRET).unwrap();
    assert_eq!(bend(&signer, &signer.verifying_key(), &ring_of(signer.verifying_key())), bent(86));
}

// ---------------------------------------------------------------------------------------------- confused tokens

/// JSON for `alg`, or nothing at all.
const ALGS: &str = r#""HS256"|"HS384"|"HS512"|"ES256"|"EdDSA"|"none"|"None"|"NONE"|"nOnE"|""|"hs256"|"Hs384"|"HS512 "|" HS256"|"HS256\u0000"|"es256"|"ES256K"|"ES384"|"eddsa"|"EDDSA"|"Ed25519"|"RS256"|"PS256"|"HS"|null|256|true|{}|[]|["HS256"]|["ES256"]|"#;

/// Signs with a key whatever the header says; the headers that it took.
fn taken_algs<K: VerifyingKey>(signer: &impl SigningKey, key: &K, ring: &KeySet<1>) -> Vec<&'static str> {
    let taken = |alg: &&str| {
        let header =
            if alg.is_empty() { r#"{"typ":"JWT"}"#.to_owned() } else { format!("{{\"typ\":\"JWT\",\"alg\":{alg}}}") };
        let token = signed(signer, &header, "{}");
        let last = token.iter().rposition(|byte| *byte == b'.').unwrap();
        for unsigned in [&token[..=last], &[&token[..=last], b"AA"].concat(), &token[..last]] {
            assert_eq!(verdict(key, ring, unsigned), Err(JwtError::Invalid), "{alg}");
        }
        verdict(key, ring, &token).is_ok()
    };
    ALGS.split('|').filter(taken).collect()
}

#[test]
fn a_header_is_believed_only_where_it_agrees_with_the_key() {
    let (hs384, hs512) = (|| Hs384Key::new(LONG_SECRET).unwrap(), || Hs512Key::new(LONG_SECRET).unwrap());
    assert_eq!(taken_algs(&key(), &key(), &ring_of(key())), ["\"HS256\""]);
    assert_eq!(taken_algs(&hs384(), &hs384(), &ring_of(hs384())), ["\"HS384\""]);
    assert_eq!(taken_algs(&hs512(), &hs512(), &ring_of(hs512())), ["\"HS512\""]);
    let es256 = Es256SigningKey::new(SECRET).unwrap();
    assert_eq!(taken_algs(&es256, &es256.verifying_key(), &ring_of(es256.verifying_key())), ["\"ES256\""]);
    let eddsa = EdDsaSigningKey::new(SECRET).unwrap();
    assert_eq!(taken_algs(&eddsa, &eddsa.verifying_key(), &ring_of(eddsa.verifying_key())), ["\"EdDSA\""]);
}

#[test]
fn a_public_key_forges_no_hmac() {
    let [x, y, ed] = [P256_X, P256_Y, ED25519_X].map(|text| Base64UrlUnpadded::decode_vec(text).unwrap());
    let set = jwk_set(&[&ec("e", ""), &okp("o", "")]);
    let ring: KeySet<2> = KeySet::from_jwks(&set).unwrap();
    let secrets = [
        [&[4], x.as_slice(), &y].concat(),
        [x.as_slice(), &y].concat(),
        x.clone(),
        ed.clone(),
        P256_X.as_bytes().to_vec(),
        ED25519_X.as_bytes().to_vec(),
    ];
    for text in [ec("e", ""), set] {
        assert_eq!(Hs256Key::new(text.as_bytes()).unwrap_err(), Error::KeyLooksPublic);
    }
    for secret in &secrets {
        let forger = Hs256Key::new(secret).unwrap();
        for (alg, kid) in ["HS256", "ES256", "EdDSA"].into_iter().flat_map(|alg| ["e", "o", "?"].map(|kid| (alg, kid)))
        {
            for header in [format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#), format!(r#"{{"alg":"{alg}"}}"#)] {
                let token = signed(&forger, &header, "{}");
                let mut scratch = vec![0; token.len()];
                let found = ring.authenticate(&UnverifiedJwt::parse(&token).unwrap(), at(1), &mut scratch).map(|_| ());
                assert_eq!(found, Err(JwtError::Invalid), "{header}");
            }
        }
    }
}

#[test]
fn a_ring_takes_a_token_only_by_the_key_that_it_names() {
    let mut ring = KeySet::<3>::new();
    ring.insert("a", key(), ValidityPeriod::ALWAYS).unwrap();
    ring.insert("b", Hs256Key::new(LONG_SECRET).unwrap(), ValidityPeriod { from: at(10), until: at(20) }).unwrap();
    ring.insert("c", Hs512Key::new(LONG_SECRET).unwrap(), ValidityPeriod::ALWAYS).unwrap();
    let takes = |header: &str, now| {
        let token = signed(&Hs256Key::new(LONG_SECRET).unwrap(), header, "{}");
        ring.authenticate(
            &UnverifiedJwt::parse(&token).unwrap(),
            ClockReading::assume_set(at(now)),
            &mut vec![0; token.len()],
        )
        .is_ok()
    };
    for (header, is_good) in [
        (r#"{"alg":"HS256","kid":"b"}"#, true),
        (r#"{"alg":"HS256","kid":"\u0062"}"#, true),
        (r#"{"alg":"HS256"}"#, true),
        (r#"{"alg":"HS512","kid":"b"}"#, false),
        (r#"{"alg":"HS256","kid":"a"}"#, false),
        (r#"{"alg":"HS256","kid":"c"}"#, false),
        (r#"{"alg":"HS256","kid":"B"}"#, false),
        (r#"{"alg":"HS256","kid":""}"#, false),
        (r#"{"alg":"HS256","kid":"b\u0000"}"#, false),
        (r#"{"alg":"HS256","kid":"b","kid":"b"}"#, false),
        (r#"{"alg":"HS256","kid":null}"#, false),
        (r#"{"alg":"HS256","kid":["b"]}"#, false),
    ] {
        assert_eq!([9, 10, 19, 20].map(|now| takes(header, now)), [false, is_good, is_good, false], "{header}");
    }
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
fn typ_is_compared_as_a_media_type() {
    for (header, expected, is_good) in [
        (r#"{"alg":"HS256","typ":"JWT"}"#, "JWT", true),
        (r#"{"alg":"HS256","typ":"JWT"}"#, "application/jwt", true),
        (r#"{"alg":"HS256","typ":"APPLICATION/At+JWT"}"#, "at+jwt", true),
        (r#"{"alg":"HS256","typ":"at\u002bjwt"}"#, "at+jwt", true),
        (r#"{"alg":"HS256","typ":"JWT"}"#, "at+jwt", false),
        (r#"{"alg":"HS256","typ":"at+jwt"}"#, "JWT", false),
        (r#"{"alg":"HS256","typ":"text/jwt"}"#, "JWT", false),
        (r#"{"alg":"HS256","typ":"application/x/jwt"}"#, "x/jwt", false),
        (r#"{"alg":"HS256","typ":"at+jwt "}"#, "at+jwt", false),
        (r#"{"alg":"HS256","typ":""}"#, "JWT", false),
        (r#"{"alg":"HS256"}"#, "JWT", false),
    ] {
        let mut token = signed(&key(), header, r#"{"exp":1700000009}"#);
        let checked = authenticate_in_place(&key(), &mut token).unwrap().check(&Policy::new(0).typ(expected), at(NOW));
        let failed = checked.map_or_else(|error| error.failed_checks(), |_| FailedChecks::default());
        assert!(failed.wrong_typ != is_good && failed.is_empty() == is_good, "{header} for {expected}");
    }
}

#[test]
fn what_is_critical_must_be_there_once_and_understood() {
    // The rest of the header, what the caller lists, and whether that is in order. `None`: no header.
    let cases: &[(&str, &[&str], Option<bool>)] = &[
        ("", &["x"], Some(true)),
        (r#","crit":["x"],"x":1"#, &["x"], Some(true)),
        (r#","x":1,"crit":["x"]"#, &["y", "x"], Some(true)),
        (r#","crit":["\u0078"],"x":null"#, &["x"], Some(true)),
        (r#","crit":["x"],"\u0078":null"#, &["x"], Some(true)),
        (r#","crit":["x","y"],"x":1,"y":2"#, &["x", "y"], Some(true)),
        (r#","crit":["x","y"],"x":1,"y":2"#, &["x"], Some(false)),
        (r#","crit":["x"],"x":1"#, &[], Some(false)),
        (r#","crit":["x"],"x":1"#, &["X"], Some(false)),
        (r#","crit":["x"]"#, &["x"], Some(false)),
        (r#","crit":["x"],"y":{"x":1}"#, &["x"], Some(false)),
        (r#","crit":["x"],"y":"x""#, &["x"], Some(false)),
        (r#","crit":["x","x"],"x":1"#, &["x"], Some(false)),
        (r#","crit":["x","\u0078"],"x":1"#, &["x"], Some(false)),
        (r#","crit":[]"#, &[], Some(false)),
        (r#","crit":[]"#, &["x"], Some(false)),
        (r#","crit":[ ],"x":1"#, &["x"], Some(false)),
        (r#","crit":[[]],"x":1"#, &["x"], Some(false)),
        (r#","crit":["x",1],"x":1"#, &["x"], Some(false)),
        (r#","crit":["x",null],"x":1"#, &["x"], Some(false)),
        (r#","crit":"x","x":1"#, &["x"], Some(false)),
        (r#","crit":{"x":1},"x":1"#, &["x"], Some(false)),
        (r#","crit":null"#, &["x"], Some(false)),
        (r#","crit":true,"x":1"#, &["x"], Some(false)),
        (r#","crit":[""]"#, &["x"], Some(false)),
        (r#","crit":["b64"],"b64":false"#, &["b64"], Some(false)),
        (r#","crit":["b64"],"b64":true"#, &["b64"], Some(false)),
        (r#","crit":["x","b64"],"b64":false,"x":1"#, &["b64", "x"], Some(false)),
        (r#","crit":["alg"]"#, &[], Some(false)),
        (r#","crit":["exp"],"exp":9"#, &[], Some(false)),
        (r#","crit":["x"],"crit":["x"],"x":1"#, &["x"], None),
        (r#","crit":["x"],"\u0063rit":["x"],"x":1"#, &["x"], None),
        (r#","crit":["x"],"x":1,"x":1"#, &["x"], None),
        (r#","crit":["x",],"x":1"#, &["x"], None),
    ];
    let ring = ring_of(key());
    for (rest, listed, expected) in cases {
        let token = signed(&key(), &format!("{{\"alg\":\"HS256\"{rest}}}"), r#"{"exp":1700000009}"#);
        let (unverified, mut scratch) = (UnverifiedJwt::parse(&token).unwrap(), vec![0; token.len()]);
        let policy = Policy::new(0).with_known_crit(listed);
        let found = unverified.authenticate(&key(), &mut scratch).ok().map(|authentic| {
            let crit = authentic
                .check(&policy, at(NOW))
                .map_or_else(|error| error.failed_checks(), |_| FailedChecks::default());
            assert_eq!(crit.is_empty(), !crit.unknown_crit, "{rest}");
            !crit.unknown_crit
        });
        assert_eq!(found, *expected, "{rest} for {listed:?}");
        let expected = expected.unwrap_or(false);
        assert_eq!(unverified.authenticate_jws(&key(), listed, &mut scratch).is_ok(), expected, "{rest}");
        assert_eq!(ring.authenticate_jws(&unverified, listed, at(1), &mut scratch).is_ok(), expected, "{rest}");
        assert_eq!(ring.verify(&token, &policy, at(NOW), &mut scratch).is_ok(), expected, "{rest}");
    }
}

// ---------------------------------------------------------------------------------------------- keys

#[test]
fn text_of_another_kind_of_key_is_no_hmac_key() {
    let starts =
        "-----BEGIN PUBLIC KEY-----|-----BEGIN|---- BEGIN SSH2 PUBLIC KEY ----|ssh-rsa A|ssh-ed25519 |ecdsa-sha2-n";
    for start in starts.split('|') {
        for blank in ["", " ", "\t", "\n", "\r\n", "\u{C}", " \n\t \r\n  "] {
            let text = format!("{blank}{start}{}", "\nMCowBQYDK2Vw".repeat(20));
            let text = text.as_bytes();
            assert_eq!(Hs256Key::new(text).unwrap_err(), Error::KeyLooksPublic, "{blank:?}{start}");
            assert_eq!(Hs384Key::new(text).unwrap_err(), Error::KeyLooksPublic);
            assert_eq!(Hs512Key::new(text).unwrap_err(), Error::KeyLooksPublic);
        }
        // Nor behind a line of text: a secret of random bytes never holds these letters.
        assert!(Hs256Key::new(format!("a secret, then {start}, and more of it").as_bytes()).is_err());
    }
}

#[test]
fn a_key_is_at_least_as_long_as_its_hash() {
    fn check<K: core::fmt::Debug>(new: impl Fn(&[u8]) -> Result<K, Error>, least: usize) {
        for len in 0..1100 {
            let key: Vec<u8> = (0..len).map(|i| [0xA5, 0x5A][i % 2]).collect();
            let made = new(&key).map(|_| ());
            assert_eq!(made, if len < least { Err(Error::KeyTooShort { got: len, least }) } else { Ok(()) });
        }
    }
    check(Hs256Key::new, 32);
    check(Hs384Key::new, 48);
    check(Hs512Key::new, 64);
    for secret in [&[0; 32][..], &[0xFF; 32], &[1; 33], &[]] {
        assert_eq!(Es256SigningKey::new(secret).unwrap_err(), Error::PrivateKey, "{secret:?}");
    }
    for seed in [0, 31, 33, 64] {
        assert_eq!(EdDsaSigningKey::new(&vec![1; seed]).unwrap_err(), Error::PrivateKey);
    }
}

fn jwk_set(keys: &[&str]) -> String {
    format!("{{\"keys\":[{}]}}", keys.join(","))
}

fn ec(kid: &str, rest: &str) -> String {
    format!(r#"{{"kty":"EC","crv":"P-256","kid":"{kid}","x":"{P256_X}","y":"{P256_Y}"{rest}}}"#)
}

fn okp(kid: &str, rest: &str) -> String {
    format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{ED25519_X}"{rest}}}"#)
}

fn oct(kid: &str, secret: &[u8], rest: &str) -> String {
    format!(r#"{{"kty":"oct","alg":"HS256","kid":"{kid}","k":"{}"{rest}}}"#, base64url(secret))
}

#[test]
fn a_jwk_set_is_taken_whole_or_not_at_all() {
    use JwksError::{Key, KeySet as NotTaken, Malformed, Mixed};
    let rsa = r#"{"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"}"#;
    let [e, o, s] = [ec("e", ""), okp("o", ""), oct("s", SECRET, "")];
    let cases: &[(&str, &[&str], Result<usize, JwksError>)] = &[
        ("an empty set", &[], Ok(0)),
        ("an RSA key is passed over", &[rsa, &e, rsa, &o], Ok(2)),
        ("what is no key we know is passed over", &["{}", r#"{"kty":5}"#, r#"{"kty":"EC","crv":"P-384"}"#, &e], Ok(1)),
        ("an element that is no object", &[&e, "5"], Err(Malformed)),
        ("a member twice", &[&ec("e", r#","kid":"f""#)], Err(Malformed)),
        ("a member twice by an escape", &[&ec("e", r#","\u006bid":"f""#)], Err(Malformed)),
        ("EC and OKP are both public", &[&e, &o], Ok(2)),
        ("a secret among public keys", &[&e, &s], Err(Mixed)),
        ("a public key among secrets", &[&s, &o], Err(Mixed)),
        ("a key id twice", &[&e, &okp("e", "")], Err(NotTaken(Error::KeyIdTaken))),
        ("an empty key id", &[&ec("", "")], Err(NotTaken(Error::InvalidKeyId))),
        ("a key id too long", &[&ec(&"k".repeat(65), "")], Err(NotTaken(Error::InvalidKeyId))),
        ("more keys than there is room for", &[&e, &o, &ec("f", ""), &ec("g", "")], Err(NotTaken(Error::KeyRingFull))),
        ("no key id", &[rsa, &e.replace("\"kid\":\"e\",", "")], Err(Key(1))),
        ("a key id of another type", &[&e.replace("\"kid\":\"e\"", "\"kid\":1")], Err(Key(0))),
        ("alg of another type", &[&ec("e", r#","alg":5"#)], Err(Key(0))),
        ("alg of another curve", &[&ec("e", r#","alg":"ES384""#), &ec("e", r#","alg":"HS256""#)], Ok(0)),
        ("alg that fits", &[&ec("e", r#","alg":"ES256""#), &okp("o", r#","alg":"EdDSA""#)], Ok(2)),
        ("x missing", &[&o, &e.replace("\"x\"", "\"z\"")], Err(Key(1))),
        ("no point of the curve", &[&e.replace(P256_X, P256_Y)], Err(Key(0))),
        ("a short x", &[&e.replace(P256_X, &P256_X[..40])], Err(Key(0))),
        ("a padded x", &[&e.replace(P256_X, &format!("{P256_X}="))], Err(Key(0))),
        ("x in ordinary base64", &[&e.replace(P256_Y, &P256_Y.replace('_', "/"))], Err(Key(0))),
        ("a point of small order", &[&o.replace(ED25519_X, &base64url([0; 32]))], Err(Key(0))),
        ("a secret too short", &[&s, &oct("t", &SECRET[..31], "")], Err(Key(1))),
        ("PEM as a secret", &[&oct("s", b" -----BEGIN PUBLIC KEY-----\nMCowBQYDK2Vw", "")], Err(Key(0))),
        ("a secret of no algorithm is passed over", &[&s.replace("\"alg\":\"HS256\",", ""), &s], Ok(1)),
        ("use", &[&ec("e", r#","use":"sig""#), &okp("o", r#","use":"enc""#)], Ok(1)),
        ("use of another type", &[&ec("e", r#","use":["sig"]"#)], Ok(0)),
        ("key_ops", &[&ec("e", r#","key_ops":["sign","verify"]"#), &okp("o", r#","key_ops":["sign"]"#)], Ok(1)),
        ("empty key_ops", &[&ec("e", r#","key_ops":[]"#), &okp("o", r#","key_ops":"verify""#)], Ok(0)),
        ("use and key_ops", &[&ec("e", r#","use":"enc","key_ops":["verify"]"#)], Ok(0)),
    ];
    for (what, keys, expected) in cases {
        let found = KeySet::<3>::from_jwks(&jwk_set(keys)).map(|ring| ring.len());
        assert_eq!(found, *expected, "{what}");
    }
    let sets = r#"|[]|{}|{"keys":{}}|{"keys":null}|{"keys":[],"keys":[]}|{"keys":[]} x|{"keys":[}|{"keys":[{},]}"#;
    for set in sets.split('|') {
        assert_eq!(KeySet::<3>::from_jwks(set).map(|ring| ring.len()), Err(Malformed), "{set}");
    }
    assert_eq!(KeySet::<3>::from_jwks(&"[".repeat(1 << 20)).map(|ring| ring.len()), Err(Malformed));
    assert_eq!(KeySet::<3>::from_jwks(r#" {"a":1, "keys" : [ ] , "b":[{}]} "#).map(|ring| ring.len()), Ok(0));
}
