//! What each library lets through, found by asking it: a hostile token per row, signed with the right key.

use crate::claims::{AUDIENCE, ISSUER, KEY};
use countersign::UnixTime;
use countersign::jwt::keys::{Hs256Key, SigningKey};
use countersign::jwt::{Policy, UnverifiedJwt};
use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Encoder};
use serde_json::Value;

/// A library as it is used to check issuer, audience and expiry, everything else at its default.
type Verify = fn(&str) -> bool;

const LIBRARIES: [(&str, Verify); 5] = [
    ("countersign", countersign),
    ("jsonwebtoken 11", jsonwebtoken),
    ("jwt-simple 0.15", jwt_simple),
    ("jwt-compact 0.9", jwt_compact),
    ("jwt 0.16", jwt),
];

const PLAIN: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// What is refused by whom: prints one row a question.
pub fn print_table() {
    println!("hostile tokens, signed with the right key: who lets them through");
    print!("  {:<44}", "");
    LIBRARIES.iter().for_each(|(name, _)| print!("{name:>17}"));
    println!();
    let now = i64::try_from(UnixTime::now().as_secs()).unwrap();
    let claims = |extra: &str| format!(r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","exp":{}{extra}}}"#, now + 300);
    let without = |claims: &str| format!(r#"{{"exp":{}{claims}}}"#, now + 300);
    let good = signed(PLAIN, &claims(""));
    let rows = [
        ("(a good one, which all must accept)", good.clone()),
        (
            "an unknown critical header parameter",
            signed(r#"{"alg":"HS256","crit":["unknown"],"unknown":1}"#, &claims("")),
        ),
        (
            "exp is a string",
            signed(PLAIN, &format!(r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","exp":"{}"}}"#, now + 300)),
        ),
        ("exp is absent", signed(PLAIN, &format!(r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}"}}"#))),
        ("iss is expected and a number", signed(PLAIN, &without(&format!(r#","iss":7,"aud":"{AUDIENCE}""#)))),
        ("iss is expected and absent", signed(PLAIN, &without(&format!(r#","aud":"{AUDIENCE}""#)))),
        ("aud is expected and absent", signed(PLAIN, &without(&format!(r#","iss":"{ISSUER}""#)))),
        (
            "expired for 30 seconds, no leeway asked for",
            signed(PLAIN, &claims("").replace(&(now + 300).to_string(), &(now - 30).to_string())),
        ),
        ("a claim twice", signed(PLAIN, &claims(&format!(r#","exp":{}"#, now + 600)))),
        ("a signature with other trailing bits", respelled(&good)),
    ];
    for (question, token) in rows {
        print!("  {question:<44}");
        for (_, verify) in LIBRARIES {
            let accepted = std::panic::catch_unwind(|| verify(&token));
            print!("{:>17}", accepted.map_or("panics", |accepted| if accepted { "accepts" } else { "refuses" }));
        }
        println!();
    }
    println!();
}

fn signed(header: &str, claims: &str) -> String {
    let encode = |bytes: &[u8]| Base64UrlSafeNoPadding::encode_to_string(bytes).unwrap();
    let message = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
    let mut signature = [0; 32];
    Hs256Key::new(KEY).unwrap().sign(message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", encode(&signature))
}

/// The same signature in another spelling: its last character stands for four bits and two that must be zero.
fn respelled(token: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (head, last) = token.split_at(token.len() - 1);
    let place = ALPHABET.find(last).unwrap() + 1;
    format!("{head}{}", &ALPHABET[place..=place])
}

fn countersign(token: &str) -> bool {
    let policy = Policy::new(0).issuer(ISSUER).audience(AUDIENCE);
    let mut scratch = vec![0; token.len()];
    let token = UnverifiedJwt::parse(token.as_bytes()).and_then(|token| {
        let authentic = token.authenticate(&Hs256Key::new(KEY).unwrap(), &mut scratch);
        Ok(authentic.is_ok_and(|authentic| authentic.check(&policy, UnixTime::now()).is_ok()))
    });
    token == Ok(true)
}

fn jsonwebtoken(token: &str) -> bool {
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    jsonwebtoken::decode::<Value>(token, &jsonwebtoken::DecodingKey::from_secret(KEY), &validation).is_ok()
}

fn jwt_simple(token: &str) -> bool {
    use jwt_simple::prelude::{HS256Key, MACLike, NoCustomClaims, VerificationOptions};
    let options = VerificationOptions {
        allowed_issuers: Some([ISSUER.to_owned()].into()),
        allowed_audiences: Some([AUDIENCE.to_owned()].into()),
        ..Default::default()
    };
    HS256Key::from_bytes(KEY).verify_token::<NoCustomClaims>(token, Some(options)).is_ok()
}

/// It checks times alone; issuer and audience are the caller's, so those rows say nothing against it.
fn jwt_compact(token: &str) -> bool {
    use jwt_compact::AlgorithmExt;
    let Ok(token) = jwt_compact::UntrustedToken::new(token) else { return false };
    let key = jwt_compact::alg::Hs256Key::new(KEY);
    let validated = jwt_compact::alg::Hs256.validator::<Value>(&key).validate(&token);
    validated.is_ok_and(|token| token.claims().validate_expiration(&jwt_compact::TimeOptions::default()).is_ok())
}

/// It checks the signature alone.
fn jwt(token: &str) -> bool {
    let key: hmac_012::Hmac<sha2_010::Sha256> = hmac_012::Mac::new_from_slice(KEY).unwrap();
    jwt::VerifyWithKey::<Value>::verify_with_key(token, &key).is_ok()
}
