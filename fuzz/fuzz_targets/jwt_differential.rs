//! Signed claims, against jsonwebtoken: every disagreement falls under a rule below.
#![no_main]

use countersign::jwt::{Policy, UnverifiedJwt};
use countersign::{ClockReading, UnixTime};
use countersign_fuzz::{Json, KEY, SECRET, signed};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static PEER: LazyLock<(DecodingKey, Validation)> = LazyLock::new(|| {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 0;
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    validation.set_issuer(&["issuer"]);
    validation.set_audience(&["audience"]);
    (DecodingKey::from_secret(SECRET), validation)
});

fuzz_target!(|input: (bool, &[u8])| {
    // Either the members that the policies are about, and any others behind them, or any bytes at all.
    let claims = match input {
        (true, rest) => [br#"{"iss":"issuer","aud":"audience""#, rest, b"}"].concat(),
        (false, claims) => claims.to_vec(),
    };
    let token = signed(br#"{"alg":"HS256","typ":"JWT"}"#, &claims);
    let mut scratch = vec![0; token.len()];
    let policy = Policy::new(0).issuer("issuer").audience("audience").allow_missing_exp();
    let Ok(parsed) = UnverifiedJwt::parse(token.as_bytes()) else { return };
    // Before all time, so that exp is never over; nbf is looked at by neither.
    let now = ClockReading::assume_set(UnixTime::from_secs(0));
    let ours = parsed.authenticate(&*KEY, &mut scratch).is_ok_and(|authentic| match authentic.check(&policy, now) {
        Ok(_) => true,
        Err(error) => error.failed_checks().mismatched.contains(countersign::jwt::claim::RegisteredClaim::NotBefore),
    });
    let theirs = jsonwebtoken::decode::<IgnoredAny>(&token, &PEER.0, &PEER.1).is_ok();
    if ours {
        assert!(theirs, "we accept what jsonwebtoken refuses: {}", String::from_utf8_lossy(&claims));
        // jsonwebtoken does not look into what it has no use for.
        serde_json::from_slice::<Json>(&claims).expect("what we accept is JSON");
    }
    if theirs && !ours {
        assert!(is_stricter(&claims), "refused without a rule: {}", String::from_utf8_lossy(&claims));
    }
});

/// Where this crate refuses and jsonwebtoken does not.
fn is_stricter(claims: &[u8]) -> bool {
    let text = String::from_utf8_lossy(claims);
    let is_deep = text.matches(['[', '{']).count() > 16;
    if is_deep {
        return true;
    }
    let Ok(object) = serde_json::from_slice::<BTreeMap<String, Json>>(claims) else { return true };
    // An expected claim that is absent, or of a wrong type, is let through there.
    let expected = ["iss", "aud"].iter().all(|name| object.contains_key(*name));
    let texts = ["iss", "sub", "jti"].iter().all(|name| object.get(*name).is_none_or(Json::is_text));
    let audience = object.get("aud").is_some_and(|aud| match aud {
        Json::Array(list) => list.iter().all(Json::is_text),
        aud => aud.is_text(),
    });
    let dates = ["exp", "nbf", "iat"].iter().all(|name| object.get(*name).is_none_or(is_date));
    let is_expired = object.get("exp").and_then(number).is_some_and(|exp| exp < 1.0);
    // A member twice, more than 128 of them.
    let members = count_members(&text);
    !expected || !texts || !audience || !dates || members > object.len() || object.len() > 128 || is_expired
}

fn is_date(value: &Json) -> bool {
    number(value).is_some_and(|number| number.is_sign_positive() && number < 1.8e19)
}

fn number(value: &Json) -> Option<f64> {
    match value {
        Json::Other(text) => text.parse().ok(),
        _ => None,
    }
}

/// At least as many as there are members at the top: every colon outside of strings.
fn count_members(text: &str) -> usize {
    let (mut colons, mut inside, mut escaped, mut depth) = (0, false, false, 0u32);
    for character in text.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => inside = !inside,
            '{' | '[' if !inside => depth += 1,
            '}' | ']' if !inside => depth = depth.saturating_sub(1),
            ':' if !inside && depth == 1 => colons += 1,
            _ => {}
        }
    }
    colons
}
