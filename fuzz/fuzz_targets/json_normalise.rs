//! Any bytes as a signed claims set, against serde_json: what we accept, it accepts, with equal values; normalising twice changes nothing.
#![no_main]

use countersign::jwt::UnverifiedJwt;
use countersign_fuzz::{Json, KEY, signed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|claims: &[u8]| {
    let Some(normalised) = normalised(claims) else { return };
    let ours: Json = serde_json::from_str(&normalised).expect("normalised text is JSON");
    let theirs: Json = serde_json::from_slice(claims).expect("what we accept is JSON");
    assert_eq!(ours, theirs);
    assert_eq!(self::normalised(normalised.as_bytes()).as_ref(), Some(&normalised));
});

fn normalised(claims: &[u8]) -> Option<String> {
    let token = signed(br#"{"alg":"HS256","typ":"JWT"}"#, claims);
    let mut scratch = vec![0; token.len()];
    let authentic = UnverifiedJwt::parse(token.as_bytes()).ok()?.authenticate(&*KEY, &mut scratch).ok()?;
    Some(authentic.unchecked_claims().as_json().to_owned())
}
