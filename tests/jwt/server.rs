//! The short path of a server: what it signs, what it admits, and what is refused on the way in as on the way out.

use base64ct::{Base64UrlUnpadded, Encoding};
use core::time::Duration;
use countersign::jwt::claim::ClaimFault;
use countersign::jwt::keys::{Hs256Key, Hs384Key, Hs512Key, SigningKey};
use countersign::jwt::{JwtBuilder, JwtError, KeySet, Policy, SignJwt, ValidityPeriod, VerifyJwt};
use countersign::{ClockError, Error, UnixTime};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::error::Error as _;

const NOW: UnixTime = UnixTime::from_secs(1_767_225_600);
const HOUR: Duration = Duration::from_secs(3600);
const POLICY: Policy<'_> = Policy::new(30);

fn key() -> Hs256Key {
    Hs256Key::new(b"an obvious test key of 32 bytes!").unwrap()
}

fn key_set(period: ValidityPeriod) -> KeySet<2> {
    let mut keys = KeySet::new();
    keys.insert("a", key(), period).unwrap();
    keys.set_signing_key("a").unwrap();
    keys
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Access {
    sub: String,
    exp: u64,
    roles: Vec<String>,
}

fn access() -> Access {
    Access { sub: "alice".into(), exp: NOW.as_secs() + 60, roles: vec!["admin".into(); 200] }
}

#[test]
fn a_struct_comes_back_as_it_was_by_a_key_and_by_a_key_set() {
    let keys = key_set(ValidityPeriod::ALWAYS);
    for token in [key().sign_claims(&access()).unwrap(), keys.sign_claims(&access()).unwrap()] {
        assert!(token.len() > 2048, "longer than the first buffer");
        let by_key: Access = key().verify_claims(&token, &POLICY, NOW).unwrap();
        let by_set: Access = keys.verify_claims(&token, &POLICY, NOW).unwrap();
        assert_eq!((&by_key, &by_set), (&access(), &access()));
        let late = NOW + Duration::from_secs(100);
        assert!(key().verify_jwt(&token, &POLICY, late).unwrap_err().is_expired());
        assert!(keys.verify_jwt(&token, &POLICY, late).unwrap_err().is_expired());
    }
}

#[test]
fn what_is_owned_keeps_the_header() {
    let builder = JwtBuilder::new().typ("at+jwt").header_parameters(&[("tenant", "acme")]).expires_at(NOW + HOUR);
    let jwt = key_set(ValidityPeriod::ALWAYS).sign_jwt(&builder).unwrap();
    let owned = key().verify_jwt(&jwt, &POLICY.typ("at+jwt"), NOW).unwrap();
    assert_eq!(owned.header().key_id().unwrap(), "a");
    assert_eq!(owned.header().get_str("tenant").unwrap(), "acme");
    let plain = key().sign_jwt(&JwtBuilder::new().expires_at(NOW + HOUR)).unwrap();
    let owned = key().verify_jwt(&plain, &POLICY, NOW).unwrap();
    assert!(owned.header().key_id().is_none() && owned.header().get_json("typ") == Some("\"JWT\""));
}

#[test]
fn a_refusal_says_of_which_claim_and_why() {
    let token = key().sign_claims(&json!({"exp": NOW.as_secs() + 60, "roles": "admin"})).unwrap();
    let error = key().verify_claims::<Access>(&token, &POLICY, NOW).unwrap_err();
    let JwtError::Claims(claim) = error else { panic!("{error}") };
    assert_eq!((claim.name(), claim.fault()), (Some("roles"), ClaimFault::ExpectedArray));
    let error = key().verify_jwt(&token, &POLICY.issuer("i"), NOW).unwrap_err();
    assert_eq!(error.to_string(), "the JWT is authentic but fails its policy: missing: iss");
    assert_eq!(key().verify_jwt("no token", &POLICY, NOW).unwrap_err(), JwtError::Invalid);

    let january = ValidityPeriod { from: NOW, until: NOW + HOUR };
    let error = key_set(january).verify_jwt(&token, &POLICY, UnixTime::UNSET).unwrap_err();
    assert_eq!(error, JwtError::Clock(ClockError::NotSet));
    assert_eq!(error.source().unwrap().to_string(), ClockError::NotSet.to_string());
}

/// Every document that the signer lets pass, a check lets pass too, and the other way round: nobody finds out in production.
#[test]
fn what_every_check_refuses_is_not_signed() {
    let values = [
        json!(null),
        json!(true),
        json!("soon"),
        json!(""),
        json!(0),
        json!(-1),
        json!(-0.5),
        json!(1.5),
        json!(1e30),
        json!(u64::MAX),
        json!([]),
        json!(["a"]),
        json!(["a", 1]),
        json!({}),
    ];
    let any = POLICY.allow_missing_exp().allow_any_audience();
    let mut verdicts = [0; 2];
    for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "tenant", "is", "isss"] {
        for value in &values {
            let signed = key().sign_claims(&json!({name: value}));
            verdicts[usize::from(signed.is_ok())] += 1;
            let wrong_type = unchecked(name, value).has_wrong_type(&any);
            assert_eq!(signed.is_err(), wrong_type, "{name}: {value}");
            if let Err(error) = signed {
                let Error::InvalidClaims(error) = error else { panic!("{error}") };
                assert_eq!(error.name(), Some(name));
            }
        }
    }
    assert_eq!(verdicts, [79, 61]);
    let error = key().sign_claims(&json!({"nbf": null})).unwrap_err();
    assert_eq!(error.to_string(), "claims: `nbf`: expected a date: a number of seconds since 1970, from 0 to 2^64 - 1");
}

/// A token that somebody else has signed.
struct Foreign(String);

fn unchecked(name: &str, value: &Value) -> Foreign {
    let encoded = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    let claims = json!({name: value}).to_string();
    let message = format!("{}.{}", encoded(br#"{"alg":"HS256"}"#), encoded(claims.as_bytes()));
    let mut signature = [0; 32];
    key().sign(message.as_bytes(), &mut signature).unwrap();
    Foreign(format!("{message}.{}", encoded(&signature)))
}

impl Foreign {
    /// True if a check finds a claim of a wrong type in it.
    fn has_wrong_type(&self, policy: &Policy<'_>) -> bool {
        match key().verify_jwt(&self.0, policy, NOW) {
            Err(JwtError::Policy(failed)) => !failed.wrong_type.is_empty(),
            Err(other) => panic!("{other}"),
            Ok(_) => false,
        }
    }
}

#[test]
fn one_of_several_audiences_is_enough() {
    let signed =
        |audience: &[&str]| key().sign_jwt(&JwtBuilder::new().audience(audience).expires_at(NOW + HOUR)).unwrap();
    let policy = POLICY.audiences(&["api", "api.example"]);
    for (audience, is_meant) in [
        (&["api"][..], true),
        (&["api.example"], true),
        (&["other", "api.example"], true),
        (&["API"], false),
        (&["other"], false),
        (&[], false),
    ] {
        assert_eq!(key().verify_jwt(&signed(audience), &policy, NOW).is_ok(), is_meant, "{audience:?}");
    }
    assert!(key().verify_jwt(&signed(&["b"]), &policy.audience("b"), NOW).is_ok(), "both setters count");
}

#[test]
fn a_private_claim_can_be_asked_for() {
    let policy = POLICY.require_private(&["tenant", "plan"]);
    let verdict = |claims: Value, policy: &Policy<'_>| {
        key().verify_jwt(&key().sign_claims(&claims).unwrap(), policy, NOW).map(drop)
    };
    let exp = NOW.as_secs() + 60;
    assert_eq!(verdict(json!({"exp": exp, "tenant": null, "plan": 1}), &policy), Ok(()));
    let Err(JwtError::Claims(error)) = verdict(json!({"exp": exp, "tenant": "t"}), &policy) else { panic!() };
    assert_eq!((error.name(), error.fault()), (Some("plan"), ClaimFault::Missing));
    // What is registered comes first: an expired token is told to be one.
    let expired = verdict(json!({"exp": exp - 600}), &policy).unwrap_err();
    assert!(expired.is_expired() && matches!(expired, JwtError::Policy(_)));
}

#[test]
fn a_placeholder_is_no_key() {
    for byte in [0, b'x', 0xFF] {
        for len in [32, 64, 65, 200] {
            assert_eq!(Hs256Key::new(&vec![byte; len]).unwrap_err(), Error::KeyRepeated);
        }
        assert_eq!(Hs384Key::new(&[byte; 48]).unwrap_err(), Error::KeyRepeated);
        assert_eq!(Hs512Key::new(&[byte; 64]).unwrap_err(), Error::KeyRepeated);
        assert!(Hs256Key::for_test_vectors(&[byte; 32]).is_ok());
    }
    let mut nearly = [0; 32];
    nearly[31] = 1;
    assert!(Hs256Key::new(&nearly).is_ok());
}
