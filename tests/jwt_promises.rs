//! Promises of the JWT documentation that other tests pass by.
#![cfg(all(feature = "es256", feature = "std"))]
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
use countersign::jwt::claim::ClaimFault;
use countersign::jwt::keys::{Es256SigningKey, Hs256Key, SigningKey};
use countersign::jwt::{
    ClaimValue, FailedChecks, JwtBuilder, JwtError, KeySet, Policy, UnverifiedJwt, ValidityPeriod,
    authenticate_in_place,
};
use countersign::{ClockError, ClockReading, Error, MonotonicClock, UnixTime};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

fn key() -> Hs256Key {
    Hs256Key::new(b"an obvious test key of 32 bytes!").unwrap()
}

fn token(header: &str, payload: &str) -> Vec<u8> {
    let [header, payload] = [header, payload].map(|part| Base64UrlUnpadded::encode_string(part.as_bytes()));
    let message = format!("{header}.{payload}");
    let mut tag = [0; 32];
    key().sign(message.as_bytes(), &mut tag).unwrap();
    format!("{message}.{}", Base64UrlUnpadded::encode_string(&tag)).into_bytes()
}

/// RFC 7515 section 4.1.11: a list that names a parameter of the standard is malformed,
/// whatever the caller lists.
#[test]
fn crit_cannot_name_a_parameter_of_the_standard() {
    for name in ["alg", "typ"] {
        let mut token = token(&format!(r#"{{"alg":"HS256","typ":"JWT","crit":["{name}"]}}"#), r#"{"exp":1700000009}"#);
        let policy = Policy::new(0).with_known_crit(&["alg", "typ"]);
        let checked =
            authenticate_in_place(&key(), &mut token).unwrap().check(&policy, UnixTime::from_secs(1_700_000_000));
        assert!(checked.is_err_and(|error| error.failed_checks().unknown_crit), "{name}");
    }
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

/// p256 itself fills shorter ones up with zeros.
#[test]
fn a_p256_private_key_is_of_one_length() {
    for len in 0..64 {
        assert_eq!(Es256SigningKey::new(&vec![1; len]).is_ok(), len == 32, "{len} bytes");
    }
}

/// FIDO keys of OpenSSH too; and PEM behind a byte-order mark, a vertical tab or a line of text.
#[test]
fn text_of_a_public_key_is_no_hmac_key() {
    let body = "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tMCowBQYDK2Vw";
    for start in [
        "sk-ssh-ed25519@openssh.com ",
        "sk-ecdsa-sha2-nistp256@openssh.com ",
        "\u{FEFF}-----BEGIN PUBLIC KEY-----\n",
        "\u{B}-----BEGIN PUBLIC KEY-----\n",
        "Bag Attributes: <No Attributes>\n-----BEGIN PUBLIC KEY-----\n",
    ] {
        let made = Hs256Key::new(format!("{start}{body}").as_bytes());
        assert!(matches!(made, Err(Error::KeyLooksPublic)), "{start:?}");
    }
}

/// The end of time includes its last second.
#[test]
fn always_is_always() {
    let mut ring = KeySet::<1>::new();
    ring.insert("a", key(), ValidityPeriod::ALWAYS).unwrap();
    let token = token(r#"{"alg":"HS256"}"#, "{}");
    let token = UnverifiedJwt::parse(&token).unwrap();
    assert!(ring.authenticate(&token, UnixTime::from_secs(u64::MAX), &mut [0; 99]).is_ok());
}

/// The digits in front of the exponent need not fit into 64 bits if the date does.
#[test]
fn a_date_of_many_digits_and_a_negative_exponent_is_a_date() {
    for exp in ["100000000000000000000e-11", "0e99999999999999999999"] {
        let mut token = token(r#"{"alg":"HS256"}"#, &format!("{{\"exp\":{exp}}}"));
        assert!(authenticate_in_place(&key(), &mut token).unwrap().unchecked_claims().expires_at().is_some(), "{exp}");
    }
}

/// RFC 7519 section 4.1.3: a token that names an audience is for that audience alone.
#[test]
fn a_policy_without_an_audience_refuses_a_token_for_somebody() {
    let check = |policy: Policy<'_>| {
        let mut token = token(r#"{"alg":"HS256","typ":"JWT"}"#, r#"{"exp":1700000009,"aud":"somebody"}"#);
        authenticate_in_place(&key(), &mut token).unwrap().check(&policy, UnixTime::from_secs(1_700_000_000)).is_ok()
    };
    assert!(!check(Policy::new(0)) && !check(Policy::new(0).audience("else")));
    assert!(check(Policy::new(0).audience("somebody")) && check(Policy::new(0).allow_any_audience()));
}

#[test]
fn a_fraction_of_iat_does_not_make_a_token_younger() {
    let check = |iat: &str| {
        let mut token = token(r#"{"alg":"HS256","typ":"JWT"}"#, &format!(r#"{{"exp":1700000999,"iat":{iat}}}"#));
        let policy = Policy::new(0).max_age(60);
        authenticate_in_place(&key(), &mut token).unwrap().check(&policy, UnixTime::from_secs(1_700_000_161)).is_ok()
    };
    assert!(check("1700000101") && !check("1700000100") && !check("1700000100.5") && check("1700000101.5"));
}

#[test]
fn a_key_that_only_verifies_is_not_chosen_to_sign() {
    let public = Es256SigningKey::new(b"an obvious test key of 32 bytes!").unwrap().verifying_key();
    let mut ring = KeySet::<1>::new();
    ring.insert("public", public, ValidityPeriod::ALWAYS).unwrap();
    assert_eq!(ring.set_signing_key("public"), Err(Error::NoSigningKey));
}

/// A clock that was never set, or was set back, sees no token expire.
#[test]
fn no_time_is_judged_by_a_clock_that_is_not_set() {
    let judged = |payload: &str, policy: Policy<'_>, now: ClockReading| {
        let mut token = token(r#"{"alg":"HS256"}"#, payload);
        let checked = authenticate_in_place(&key(), &mut token).unwrap().check(&policy, now);
        checked.map_or_else(|error| error.failed_checks(), |_| FailedChecks::default())
    };
    let mut held = MonotonicClock::new(60);
    held.read(UnixTime::from_secs(1_800_000_000));
    let stepped_back = held.read(UnixTime::from_secs(1_700_000_000));
    let unusable = [0, 1, 1_000_000_000, 10_000_000_000, u64::MAX].map(|secs| UnixTime::from_secs(secs).into());
    let untimed = Policy::new(0).allow_missing_exp();
    for now in unusable.into_iter().chain([stepped_back]) {
        for (payload, policy) in [
            (r#"{"exp":1750000000}"#, Policy::new(0)),
            (r#"{"nbf":1}"#, untimed),
            (r#"{"iat":1}"#, untimed.max_age(u64::MAX)),
            (r#"{"iat":1}"#, untimed.reject_future_iat()),
        ] {
            let failed = judged(payload, policy, now);
            assert!(failed.clock_unusable && !failed.is_only_expired(), "{payload} {now:?}");
            assert!(JwtError::Policy(failed).is_server_fault() && !JwtError::Policy(failed).is_expired());
        }
        // Where nothing depends on time, nobody asks the clock.
        for payload in [r#"{"sub":"a"}"#, r#"{"iat":1}"#] {
            assert!(judged(payload, untimed, now).is_empty(), "{payload} {now:?}");
        }
    }
}

#[test]
fn a_key_with_a_validity_asks_the_clock_and_a_forger_does_not_learn_of_it() {
    let mut ring = KeySet::<1>::new();
    let validity = ValidityPeriod { from: UnixTime::from_secs(0), until: UnixTime::from_secs(1_800_000_000) };
    ring.insert("a", key(), validity).unwrap();
    let good = token(r#"{"alg":"HS256"}"#, "{}");
    let ask = |token: &[u8], now| {
        ring.authenticate(&UnverifiedJwt::parse(token).unwrap(), UnixTime::from_secs(now), &mut [0; 99]).map(|_| ())
    };
    assert_eq!(ask(&good, 1_799_999_999), Ok(()));
    assert_eq!(ask(&good, 1_800_000_000), Err(JwtError::Invalid));
    assert_eq!(ask(&good, 0), Err(JwtError::Clock(ClockError::NotSet)));
    let mut forged = good;
    forged[25] ^= 1;
    assert_eq!(ask(&forged, 0), Err(JwtError::Invalid));
}

#[test]
fn a_refresh_comes_within_its_grace_or_not_at_all() {
    let late = |payload: &str, policy: Policy<'_>, now: u64, grace: u64| {
        let mut token = token(r#"{"alg":"HS256"}"#, payload);
        let authentic = authenticate_in_place(&key(), &mut token).unwrap();
        authentic.check_expired(&policy, UnixTime::from_secs(now), grace).is_some()
    };
    // Last accepted at 1700000029: now is one second later.
    let exp = r#"{"exp":1700000000}"#;
    assert!(!late(exp, Policy::new(30), 1_700_000_030, 0) && late(exp, Policy::new(30), 1_700_000_030, 1));
    assert!(!late(exp, Policy::new(30), 1_700_000_130, 100) && late(exp, Policy::new(30), 1_700_000_130, 101));
    // Last accepted at 1700000090, by its age; the later of both counts.
    let both = r#"{"exp":1700000100,"iat":1700000000}"#;
    let policy = Policy::new(30).max_age(60);
    assert!(!late(both, policy, 1_700_000_091, 0) && late(both, policy, 1_700_000_091, 1));
    assert!(!late(both, policy, 1_700_000_200, 109) && late(both, policy, 1_700_000_200, 110));
}

/// What `with_known_crit` lets pass can be read.
#[test]
fn a_critical_parameter_has_a_value() {
    let header = r#"{"alg":"HS256","crit":["https://example.com/tenant"],"https://example.com/tenant":{"id":[1, 2]}}"#;
    let signed = token(header, r#"{"exp":1700000009}"#);
    let (name, unverified) = ("https://example.com/tenant", UnverifiedJwt::parse(&signed).unwrap());
    let (mut scratch, mut again) = ([0; 400], [0; 400]);
    let policy = Policy::new(0).with_known_crit(&["https://example.com/tenant"]);
    let now = UnixTime::from_secs(1_700_000_000);
    let verified = unverified.authenticate(&key(), &mut scratch).unwrap().check(&policy, now).unwrap();
    assert_eq!(verified.header().get_json(name), Some(r#"{"id":[1,2]}"#));
    assert_eq!((verified.header().get_json("alg"), verified.header().get_json("id")), (None, None));
    let bytes = unverified.authenticate_jws(&key(), &[name], &mut again).unwrap();
    assert_eq!(
        (bytes.header().get_json(name), bytes.payload()),
        (Some(r#"{"id":[1,2]}"#), &b"{\"exp\":1700000009}"[..])
    );
}

/// Dates and addresses of other crates are written piece by piece.
#[test]
fn what_is_displayed_is_a_string() {
    struct Quoted;
    impl fmt::Display for Quoted {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a\"b")?;
            f.write_str("\n")
        }
    }
    impl Serialize for Quoted {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }
    let mut out = [0; 192];
    let claims = BTreeMap::from([("at", Quoted)]);
    let token = JwtBuilder::new().subject("s").sign_with_claims(&claims, &key(), &mut out).unwrap().to_owned();
    let mut scratch = [0; 192];
    let authentic = UnverifiedJwt::parse(token.as_bytes()).unwrap().authenticate(&key(), &mut scratch).unwrap();
    assert_eq!(authentic.unchecked_claims().as_json(), r#"{"sub":"s","at":"a\"b\n"}"#);
}

/// What a number is not, by either method: absent, infinite, or too large. 1e300 is a double and no float.
#[test]
fn a_float_that_is_not_finite_is_refused() {
    #[derive(Deserialize)]
    struct Float<T> {
        x: T,
    }
    fn read<T: DeserializeOwned>(number: &str) -> [Result<T, ClaimFault>; 2] {
        let mut token = token(r#"{"alg":"HS256"}"#, &format!("{{\"x\":{number}}}"));
        let claims = *authenticate_in_place(&key(), &mut token).unwrap().unchecked_claims();
        [claims.deserialize::<Float<T>>(), claims.deserialize_no_alloc()].map(|read| match read {
            Ok(Float { x }) => Ok(x),
            Err(error) => {
                assert_eq!(error.name(), Some("x"));
                Err(error.fault())
            }
        })
    }
    for (number, single, double) in [
        ("1.5", Ok(1.5), Ok(1.5)),
        ("-2", Ok(-2.0), Ok(-2.0)),
        ("1e30", Ok(1e30), Ok(1e30)),
        ("-0.5e-3", Ok(-0.5e-3), Ok(-0.5e-3)),
        ("1e300", Err(ClaimFault::NotFinite), Ok(1e300)),
        ("-1e39", Err(ClaimFault::NotFinite), Ok(-1e39)),
        ("1e999", Err(ClaimFault::NotFinite), Err(ClaimFault::NotFinite)),
        ("-1e999", Err(ClaimFault::NotFinite), Err(ClaimFault::NotFinite)),
        ("null", Err(ClaimFault::NotFinite), Err(ClaimFault::NotFinite)),
        ("\"1\"", Err(ClaimFault::NotFinite), Err(ClaimFault::ExpectedNumber)),
        ("[1]", Err(ClaimFault::NotFinite), Err(ClaimFault::ExpectedNumber)),
    ] {
        for found in read::<f32>(number) {
            assert_eq!(found, single, "{number}");
        }
        for found in read::<f64>(number) {
            // Which of the two is said of infinity and of null depends on the library.
            assert!(found == double || found.is_err() && double.is_err(), "{number}: {found:?}");
        }
        assert_eq!(read::<Option<f64>>("null"), [Ok(None), Ok(None)]);
    }
}
