//! A device without a heap: a token to sign in with, and a JWT about what it has measured, each in a buffer of a fixed size.

use countersign::jwt::keys::Hs256Key;
use countersign::jwt::{JwtBuilder, JwtError, Policy, UnverifiedJwt};
use countersign::key::MacKey;
use countersign::token::limits::{MAX_SCRATCH_LEN, max_text_len};
use countersign::token::{Channel, Profile, SignLen, TokenBuilder, TokenError, Verifier};
use countersign::{Error, TimeWindow, UnixTime};
use serde::{Deserialize, Serialize};

const UID: &str = "dev-0123456789ab";
const TEXT_LEN: usize = max_text_len(UID.len(), &[("fw".len(), 8)], SignLen::N16);
const JWT_LEN: usize = 256;
const POLICY: Policy<'_> = Policy::new(30).subject(UID).max_age(300).allow_missing_exp();

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Reading<'a> {
    sensor: &'a str,
    place: Place,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Place {
    floor: i8,
    room: u16,
}

fn sign_in<'b>(profile: &Profile<'_>, key: &MacKey, now: UnixTime, out: &'b mut [u8]) -> Result<&'b str, Error> {
    TokenBuilder::time(UID.as_bytes(), now).params(&[("fw", b"1.2.3")]).mint_text(profile, key, out)
}

fn admit(profile: Profile<'_>, key: &MacKey, text: &str, now: UnixTime) -> Result<usize, TokenError> {
    let verifier = Verifier::new(profile, key, TimeWindow { max_age: 300, max_future_skew: 60 });
    let mut scratch = [0; MAX_SCRATCH_LEN];
    let token = verifier.verify_text(text.as_bytes(), Channel::NONE, now, &mut scratch)?;
    Ok(token.params().len())
}

fn report<'b>(reading: &Reading<'_>, key: &Hs256Key, now: UnixTime, out: &'b mut [u8]) -> Result<&'b str, Error> {
    JwtBuilder::new().subject(UID).issued_at(now).sign_with_claims(reading, key, out)
}

fn read<'b>(jwt: &str, key: &Hs256Key, now: UnixTime, scratch: &'b mut [u8]) -> Result<Reading<'b>, JwtError> {
    let verified = UnverifiedJwt::parse(jwt.as_bytes())?.authenticate(key, scratch)?.check(&POLICY, now)?;
    Ok(verified.claims().deserialize_no_alloc()?)
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = MacKey::new(b"an obvious test key of 32 bytes!")?;
    let jwt_key = Hs256Key::new(b"another obvious test key, again!")?;
    let (profile, now) = (Profile::new("fleet/login")?, UnixTime::from_secs(1_767_225_600));

    let mut text = [0; TEXT_LEN];
    let text = sign_in(&profile, &key, now, &mut text)?;
    assert_eq!(admit(profile, &key, text, now)?, 1);

    let reading = Reading { sensor: "außen", place: Place { floor: -1, room: 12 } };
    let (mut jwt, mut scratch) = ([0; JWT_LEN], [0; JWT_LEN]);
    let jwt = report(&reading, &jwt_key, now, &mut jwt)?;
    assert_eq!(read(jwt, &jwt_key, now, &mut scratch)?, reading);
    Ok(())
}
