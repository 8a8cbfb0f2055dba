//! Promises of the JWT documentation that other tests pass by.
#![cfg(feature = "es256")]
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
    Claims, Es256SigningKey, Hs256Key, KeyRing, Policy, Sign, Unverified, Validity, Value, authenticate_in_place,
};
use countersign::{Error, UnixTime};

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
        let mut token = token(&format!(r#"{{"alg":"HS256","typ":"JWT","crit":["{name}"]}}"#), r#"{"exp":9}"#);
        let policy = Policy::new(0).understands(&["alg", "typ"]);
        let checked = authenticate_in_place(&key(), &mut token).unwrap().check(&policy, UnixTime::from_secs(1));
        assert!(checked.is_err_and(|unfit| unfit.failed().crit), "{name}");
    }
}

/// What is signed is within the limits of verifiers.
#[test]
fn no_token_is_signed_that_has_too_many_claims_to_be_verified() {
    let names: Vec<String> = (0..129).map(|i| format!("k{i}")).collect();
    let private: Vec<_> = names.iter().map(|name| (name.as_str(), Value::Bool(true))).collect();
    let mut out = [0; 4096];
    if let Ok(token) = Claims::new().private(&private).sign(&key(), &mut out) {
        let token = Unverified::parse(token.as_bytes()).unwrap();
        assert!(token.authenticate(&key(), &mut [0; 4096]).is_ok());
    }
}

/// The same for a header: `alg`, `typ` and 31 are 33.
#[test]
fn no_token_is_signed_that_has_too_many_header_parameters_to_be_verified() {
    let names: Vec<String> = (0..31).map(|i| format!("k{i}")).collect();
    let parameters: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
    let mut out = [0; 4096];
    if let Ok(token) = Claims::new().header_parameters(&parameters).sign(&key(), &mut out) {
        let token = Unverified::parse(token.as_bytes()).unwrap();
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
    let mut ring = KeyRing::<1>::new();
    ring.insert("a", key(), Validity::ALWAYS).unwrap();
    let token = token(r#"{"alg":"HS256"}"#, "{}");
    let token = Unverified::parse(&token).unwrap();
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
        let mut token = token(r#"{"alg":"HS256","typ":"JWT"}"#, r#"{"exp":9,"aud":"somebody"}"#);
        authenticate_in_place(&key(), &mut token).unwrap().check(&policy, UnixTime::from_secs(1)).is_ok()
    };
    assert!(!check(Policy::new(0)) && !check(Policy::new(0).audience("else")));
    assert!(check(Policy::new(0).audience("somebody")) && check(Policy::new(0).any_audience()));
}

#[test]
fn a_fraction_of_iat_does_not_make_a_token_younger() {
    let check = |iat: &str| {
        let mut token = token(r#"{"alg":"HS256","typ":"JWT"}"#, &format!(r#"{{"exp":999,"iat":{iat}}}"#));
        let policy = Policy::new(0).max_age(60);
        authenticate_in_place(&key(), &mut token).unwrap().check(&policy, UnixTime::from_secs(161)).is_ok()
    };
    assert!(check("101") && !check("100") && !check("100.5") && check("101.5"));
}

#[test]
fn a_key_that_only_verifies_is_not_chosen_to_sign() {
    let public = Es256SigningKey::new(b"an obvious test key of 32 bytes!").unwrap().verifying_key();
    let mut ring = KeyRing::<1>::new();
    ring.insert("public", public, Validity::ALWAYS).unwrap();
    assert_eq!(ring.sign_with_key("public"), Err(Error::Signer));
}
