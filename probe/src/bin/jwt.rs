//! HS256 with registered and private claims, without serde: sign, verify in place and with scratch, a policy.
#![no_std]
#![no_main]

use core::hint::black_box;
use countersign::jwt::keys::Hs256Key;
use countersign::jwt::{ClaimValue, JwtBuilder, JwtError, Policy, UnverifiedJwt, authenticate_in_place};
use countersign::{Result, UnixTime};
use probe as _;

const POLICY: Policy<'_> = Policy::new(30).issuer("issuer").audience("api").max_age(3600);

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    match sign_and_verify() {
        Ok(Ok(admitted)) => black_box(admitted),
        Ok(Err(_)) => 1,
        Err(_) => 2,
    }
}

/// Both directions, on inputs that the compiler cannot see through.
fn sign_and_verify() -> Result<Result<i32, JwtError>> {
    let secret = black_box(&b"an obvious test key of 32 bytes!"[..]);
    let (key, now) = (Hs256Key::new(secret)?, UnixTime::from_secs(black_box(1_767_225_600)));
    let private = black_box([
        ("fw", ClaimValue::Str("1.2.3")),
        ("n", ClaimValue::Int(-7)),
        ("l", ClaimValue::StrList(&["a", "b"])),
    ]);
    let claims = JwtBuilder::new()
        .issuer(black_box("issuer"))
        .audience(&["api", "b"])
        .subject(black_box("dev-7"))
        .private_claims(&private);
    let claims = claims.issued_at(now).expires_at(UnixTime::from_secs(black_box(1_767_229_200)));
    let (mut out, mut scratch) = ([0; 512], [0; 512]);
    let token = claims.sign(&key, &mut out)?;

    let verified = UnverifiedJwt::parse(token.as_bytes()).and_then(|token| token.authenticate(&key, &mut scratch));
    let verified = verified.and_then(|token| Ok(token.check(&POLICY, now)?));
    let subject = verified.map(|token| token.claims().subject().map_or(0, |subject| subject.chars().count()));

    let len = token.len();
    let place = out.get_mut(..len).unwrap_or_default();
    let in_place = authenticate_in_place(&key, place).and_then(|token| Ok(token.check(&POLICY, now)?));
    let in_place =
        in_place.map(|token| token.claims().audience().is_some_and(|audience| audience.contains(black_box("b"))));
    Ok(subject.and_then(|subject| Ok(i32::from(black_box(subject == 5 && in_place?)))))
}
