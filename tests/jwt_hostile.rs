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
use countersign::jwt::{
    Claim, Claims, EdDsaSigningKey, Es256SigningKey, FailedChecks, Hs256Key, Hs384Key, Hs512Key, JwkSetError, KeyRing,
    MAX_TOKEN, Policy, RingKey, Sign, Unverified, Validity, Verify, authenticate_in_place, read_jwk_set,
};
use countersign::{Error, Refusal, UnixTime};
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

fn ring_of(key: impl Into<RingKey>) -> KeyRing<1> {
    let mut ring = KeyRing::new();
    ring.insert("k", key, Validity::ALWAYS).unwrap();
    ring
}

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

/// A token of any two parts, under a good signature.
fn signed_parts(key: &impl Sign, header: &str, payload: &str) -> Vec<u8> {
    fn signature<K: Sign>(key: &K, message: &str) -> String {
        let mut signature = vec![0; K::SIGNATURE_LEN];
        key.sign(message.as_bytes(), &mut signature).unwrap();
        base64url(signature)
    }
    let message = format!("{header}.{payload}");
    format!("{message}.{}", signature(key, &message)).into_bytes()
}

fn signed(key: &impl Sign, header: &str, payload: impl AsRef<[u8]>) -> Vec<u8> {
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

/// What the key says of a token, by every way to ask; all must agree. The claims as JSON, or [`Refusal::Invalid`].
fn verdict<K: Verify + Sync>(key: &K, ring: &KeyRing<1>, token: &[u8]) -> Result<String, Refusal> {
    let [mut scratch, mut other, mut third] = [(); 3].map(|()| vec![0; token.len()]);
    let mut copy = token.to_vec();
    let [by_key, in_place, by_ring, bytes] = on_a_small_stack(|| {
        let unverified = Unverified::parse(token).map_err(|error| assert_eq!(error, Error::Malformed));
        let by_key = unverified.map_err(|()| Refusal::Invalid).and_then(|token| token.authenticate(key, &mut scratch));
        let by_ring =
            unverified.map_err(|()| Refusal::Invalid).and_then(|token| ring.authenticate(&token, at(1), &mut other));
        let bytes =
            unverified.map_err(|()| Refusal::Invalid).and_then(|token| token.authenticate_bytes(key, &[], &mut third));
        let in_place = authenticate_in_place(key, &mut copy);
        let claims = [by_key, in_place, by_ring].map(|token| token.map(|token| token.unchecked_claims().as_json()));
        let [by_key, in_place, by_ring] = claims;
        [by_key, in_place, by_ring, bytes.map(|_| "")]
    });
    assert_eq!(by_key, in_place);
    // A ring reads a header before it is known to be genuine, so it reads no long one.
    if token.iter().position(|byte| *byte == b'.').is_some_and(|dot| dot <= MAX_HEADER) {
        assert_eq!(by_key, by_ring);
    }
    assert!(by_key.is_err() || bytes.is_ok(), "what is good for claims is good for bytes");
    by_key.map(str::to_owned)
}

// ---------------------------------------------------------------------------------------------- floods

#[test]
fn a_mebibyte_of_anything_is_refused_on_a_small_stack() {
    let (key, ring) = (key(), ring_of(key()));
    for pattern in [".", "[", "{\"a\":", "\\", "\"", "{", "[{\"a\":[", "{\"\\u", "\u{0}", "e30.", "é", "A", "0", " "] {
        for size in [1 << 20, MAX_TOKEN * 3 / 4 - 80, 40_000, MAX_HEADER] {
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
                for len in [token.len(), MAX_TOKEN, MAX_TOKEN + 1] {
                    let token = &token.as_bytes()[..len.min(token.len())];
                    if token.len() > MAX_TOKEN {
                        assert_eq!(Unverified::parse(token).unwrap_err(), Error::Malformed);
                    }
                    assert_eq!(verdict(&key, &ring, token), Err(Refusal::Invalid), "{size} of {pattern:?}");
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
    assert_eq!(longest.len(), MAX_TOKEN);
    assert_eq!(verdict(&key(), &ring_of(key()), &longest), Ok(claims(49_090)));
    let longer = signed(&key(), header, claims(49_091));
    assert_eq!(longer.len(), MAX_TOKEN + 1);
    assert_eq!(verdict(&key(), &ring_of(key()), &longer), Err(Refusal::Invalid));
    assert!(Unverified::parse_up_to(&longest, MAX_TOKEN - 1).is_err());
    assert!(Unverified::parse_up_to(&longer, usize::MAX).is_err());
}

#[test]
fn what_is_too_long_to_be_verified_is_not_signed() {
    let mut out = vec![0; 100_000];
    let subject = "s".repeat(60_000);
    let claims = |n: usize| Claims::new().subject(&subject[..n]);
    let too_long = |length, cap| Err(Error::TokenTooLong { length, cap });
    assert_eq!(claims(49_080).sign(&key(), &mut out).map(str::len), Ok(MAX_TOKEN));
    assert_eq!(claims(49_081).sign(&key(), &mut out).map(str::len), too_long(MAX_TOKEN + 1, MAX_TOKEN));
    assert_eq!(claims(49_081).sign(&key(), &mut []).map(str::len), too_long(MAX_TOKEN + 1, MAX_TOKEN));
    assert_eq!(claims(60_000).sign(&key(), &mut out).map(str::len), too_long(80_096, MAX_TOKEN));
    let mut ring = ring_of(key());
    ring.sign_with_key("k").unwrap();
    assert!(matches!(ring.sign(&claims(60_000), &mut out), Err(Error::TokenTooLong { cap: MAX_TOKEN, .. })));

    // `{"alg":"HS256","typ":"JWT","cty":"…"}` is 36 bytes and the text.
    let typed = |n: usize| Claims::new().content_type(&subject[..n]);
    let token = typed(1500).sign(&key(), &mut out).unwrap().to_owned();
    assert_eq!(token.find('.'), Some(MAX_HEADER));
    assert_eq!(verdict(&key(), &ring, token.as_bytes()), Ok("{}".to_owned()));
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
        let verdict = verdict(&key, &ring, &token);
        assert_eq!(verdict.is_ok(), *is_good, "{start}");
        let Ok(normal) = verdict else { continue };
        assert!(normal.len() <= payload.len(), "{start}");
        if let Ok(expected) = serde_json::from_str::<serde_json::Value>(payload) {
            assert_eq!(serde_json::from_str::<serde_json::Value>(&normal).unwrap(), expected, "{start}");
        }
        let (mut scratch, token) = (vec![0; token.len()], Unverified::parse(&token).unwrap());
        let chars = on_a_small_stack(|| {
            let authentic = token.authenticate(&key, &mut scratch).unwrap();
            assert!(authentic.check(&Policy::new(0), at(1)).is_err(), "exp is missing");
            authentic.unchecked_claims().text("a").map_or(0, |text| text.chars().count())
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
        let unverified = Unverified::parse(&token).unwrap();
        let found = on_a_small_stack(|| ring.authenticate(&unverified, at(1), &mut scratch).map(|_| ()));
        assert_eq!(found, if is_good { Ok(()) } else { Err(Refusal::Invalid) }, "{header}");
    }
    // 2049 characters are no base64url, but the ring does not come to that.
    let header = format!("{}A", base64url(padded(1536)));
    assert_eq!(
        (header.len(), verdict(&key, &ring, &signed_parts(&key, &header, "e30"))),
        (2049, Err(Refusal::Invalid))
    );
}

// ---------------------------------------------------------------------------------------------- clocks

const TIMES: [u64; 8] = [0, 1, (1 << 31) - 1, 1 << 31, 1 << 32, 1 << 53, 1 << 63, u64::MAX];

/// The same rules in arithmetic that cannot overflow.
fn expected_failures(times: [u64; 3], leeway: u64, max_age: Option<u64>, now: u64) -> FailedChecks {
    let [exp, nbf, iat, leeway, now] = [times[0], times[1], times[2], leeway, now].map(u128::from);
    let mut failed = FailedChecks::default();
    if now >= exp + leeway {
        failed.refused = failed.refused.with(Claim::ExpirationTime);
    }
    if nbf > now + leeway {
        failed.refused = failed.refused.with(Claim::NotBefore);
    }
    if let Some(max_age) = max_age {
        failed.too_old = now > iat + u128::from(max_age) + leeway;
        if iat > now + leeway {
            failed.refused = failed.refused.with(Claim::IssuedAt);
        }
    }
    failed
}

#[test]
fn clocks_at_their_ends_get_the_verdict_of_wide_arithmetic() {
    let key = key();
    let mut seen = [0usize; 2];
    for times in TIMES.iter().flat_map(|exp| TIMES.iter().flat_map(|nbf| TIMES.map(|iat| [*exp, *nbf, iat]))) {
        let claims = Claims::new().expires_at(at(times[0])).not_before(at(times[1])).issued_at(at(times[2]));
        let mut out = [0; 256];
        let len = claims.sign(&key, &mut out).unwrap().len();
        let authentic = authenticate_in_place(&key, &mut out[..len]).unwrap();
        for leeway in TIMES {
            for max_age in TIMES.map(Some).into_iter().chain([None]) {
                let policy = max_age.map_or(Policy::new(leeway), |max_age| Policy::new(leeway).max_age(max_age));
                for now in TIMES {
                    let found = authentic
                        .check(&policy, at(now))
                        .map_or_else(|unfit| unfit.failed(), |_| FailedChecks::default());
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
    let token = signed(&key(), r#"{"alg":"HS256"}"#, format!("{{\"exp\":{}}}", u64::MAX));
    let expires = |leeway, now| {
        authenticate_in_place(&key(), &mut token.clone()).unwrap().check(&Policy::new(leeway), at(now)).is_err()
    };
    assert_eq!([expires(0, u64::MAX), expires(0, u64::MAX - 1), expires(1, u64::MAX)], [true, false, false]);
}

// ---------------------------------------------------------------------------------------------- bent tokens

/// Every one-bit flip, truncation, byte behind and byte in front; how many.
fn bend<K: Sign + Verify + Sync>(key: &K, ring: KeyRing<1>) -> usize {
    let mut out = [0; 256];
    let token = Claims::new().subject("a").sign(key, &mut out).unwrap().as_bytes().to_vec();
    assert_eq!(verdict(key, &ring, &token), Ok(r#"{"sub":"a"}"#.to_owned()));
    let flips = (0..token.len() * 8).map(|bit| {
        let mut bent = token.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        bent
    });
    let cuts = (0..token.len()).map(|len| token[..len].to_vec());
    let heads = (1..token.len()).map(|start| token[start..].to_vec());
    let longer =
        (0..=u8::MAX).flat_map(|byte| [[token.as_slice(), &[byte]].concat(), [&[byte], token.as_slice()].concat()]);
    let bent: Vec<_> = flips.chain(cuts).chain(heads).chain(longer).collect();
    for bent in &bent {
        let mut scratch = [0; 512];
        let found = Unverified::parse(bent).map(|bent| bent.authenticate(key, &mut scratch).map(|_| ()));
        assert!(
            matches!(found, Err(Error::Malformed) | Ok(Err(Refusal::Invalid))),
            "{:?}",
            String::from_utf8_lossy(bent)
        );
    }
    bent.len()
}

#[test]
fn every_bent_hmac_token_is_refused() {
    let expected = |signature: usize| 10 * (36 + 1 + 15 + 1 + signature) - 1 + 512;
    let (hs384, hs512) = (|| Hs384Key::new(LONG_SECRET).unwrap(), || Hs512Key::new(LONG_SECRET).unwrap());
    assert_eq!(bend(&key(), ring_of(key())), expected(43));
    assert_eq!(bend(&hs384(), ring_of(hs384())), expected(64));
    assert_eq!(bend(&hs512(), ring_of(hs512())), expected(86));
}

/// A key that signs and verifies, as one type.
struct Pair<S, V>(S, V);

impl<S: Sign, V> countersign::jwt::Algorithm for Pair<S, V> {
    const ALG: &'static str = S::ALG;
    const SIGNATURE_LEN: usize = S::SIGNATURE_LEN;
    const HEADER: &'static str = S::HEADER;
}

impl<S: Sign, V> Sign for Pair<S, V> {
    fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<(), Error> {
        self.0.sign(message, signature)
    }
}

impl<S: Sign, V: Verify> Verify for Pair<S, V> {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.1.verify(message, signature)
    }
}

#[test]
fn every_bent_token_of_a_public_key_is_refused() {
    let expected = 10 * (36 + 1 + 15 + 1 + 86) - 1 + 512;
    let es256 = Es256SigningKey::new(SECRET).unwrap();
    let ring = ring_of(es256.verifying_key());
    assert_eq!(bend(&Pair(es256.verifying_key(), es256).flip(), ring), expected);
    let eddsa = EdDsaSigningKey::new(SECRET).unwrap();
    let ring = ring_of(eddsa.verifying_key());
    assert_eq!(bend(&Pair(eddsa.verifying_key(), eddsa).flip(), ring), expected);
}

impl<S, V> Pair<S, V> {
    fn flip(self) -> Pair<V, S> {
        Pair(self.1, self.0)
    }
}
