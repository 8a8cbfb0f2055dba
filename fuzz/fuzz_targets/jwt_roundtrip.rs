//! Any claims: what is signed verifies and says the same; one changed character and it is refused.
#![no_main]

use countersign::jwt::keys::Hs256Key;
use countersign::jwt::{ClaimValue, JwtBuilder, Policy, UnverifiedJwt};
use countersign::{ClockReading, UnixTime};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static KEY: LazyLock<Hs256Key> = LazyLock::new(|| Hs256Key::new(b"an obvious test key of 32 bytes!").unwrap());

type Input<'a> = (&'a str, &'a str, &'a str, &'a str, u64, u64, u16, &'a str, &'a str, i64);

fuzz_target!(|input: Input<'_>| {
    let (issuer, subject, audience, id, exp, iat, flip, name, text, number) = input;
    let audiences = [audience, subject];
    let private = [(name, ClaimValue::Str(text)), ("number", ClaimValue::Int(number))];
    let claims =
        JwtBuilder::new().issuer(issuer).subject(subject).audience(&audiences).jwt_id(id).private_claims(&private);
    let claims = claims.expires_at(UnixTime::from_secs(exp)).issued_at(UnixTime::from_secs(iat));
    let mut out = vec![0; 16_384];
    let Ok(token) = claims.sign(&*KEY, &mut out) else { return };
    let (token, mut scratch) = (token.to_owned(), vec![0; 16_384]);

    let authentic = UnverifiedJwt::parse(token.as_bytes()).unwrap().authenticate(&*KEY, &mut scratch).unwrap();
    let read = authentic.unchecked_claims();
    assert!(read.issuer().unwrap() == issuer && read.subject().unwrap() == subject && read.jwt_id().unwrap() == id);
    assert!(read.audience().unwrap().contains(audience) && read.get_str(name).unwrap() == text);
    assert_eq!(read.get_json("number").unwrap(), number.to_string());
    assert_eq!((read.expires_at(), read.issued_at()), (Some(UnixTime::from_secs(exp)), Some(UnixTime::from_secs(iat))));
    let policy = Policy::new(0).issuer(issuer).subject(subject).audience(audience);
    assert_eq!(authentic.check(&policy, ClockReading::assume_set(UnixTime::from_secs(iat))).is_ok(), iat < exp);

    let mut changed = token.into_bytes();
    let place = usize::from(flip) / 8 % changed.len();
    changed[place] ^= 1 << (flip % 8);
    let outcome = UnverifiedJwt::parse(&changed).map(|token| token.authenticate(&*KEY, &mut scratch).is_ok());
    assert_ne!(outcome, Ok(true));
});
