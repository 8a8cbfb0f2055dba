//! Every board runs the vectors that fit it: a compiler for another processor is another compiler.

use crate::Fault;
use countersign::jwt::keys::Hs256Key;
use countersign::jwt::{Policy, authenticate_in_place};
use countersign::key::MacKey;
use countersign::token::{Channel, Profile, SignLen, Verifier, limits::MAX_SCRATCH_LEN};
use countersign::{ClockReading, TimeWindow, UnixTime};

pub(crate) struct TokenCase {
    purpose: &'static str,
    binding: &'static [u8],
    sign_len: u8,
    uid: Option<&'static [u8]>,
    now: u64,
    max_age: u64,
    max_future_skew: u64,
    key: [u8; 32],
    input: &'static str,
    is_admitted: bool,
}

pub(crate) struct JwtCase {
    key: &'static [u8],
    now: u64,
    leeway: u64,
    issuer: Option<&'static str>,
    audience: Option<&'static str>,
    subject: Option<&'static str>,
    token: &'static str,
    is_admitted: bool,
}

include!(concat!(env!("OUT_DIR"), "/vectors.rs"));

/// Runs all of them; the first one with another outcome stops the device.
pub(crate) fn run() -> Result<(), Fault> {
    check(TOKENS, |case| Ok(token_is_admitted(case)? == case.is_admitted))?;
    check(JWTS, |case| Ok(jwt_is_admitted(case)? == case.is_admitted))?;
    let admitted = TOKENS.iter().filter(|case| case.is_admitted).count();
    let admitted = admitted + JWTS.iter().filter(|case| case.is_admitted).count();
    defmt::info!(
        "vectors: {=usize} tokens, {=usize} JWTs, all right, {=usize} of them admitted",
        TOKENS.len(),
        JWTS.len(),
        admitted
    );
    Ok(())
}

fn check<T>(cases: &[T], is_right: impl Fn(&T) -> Result<bool, Fault>) -> Result<(), Fault> {
    for (place, case) in cases.iter().enumerate() {
        if !is_right(case)? {
            return Err(Fault::Vector(place));
        }
    }
    Ok(())
}

fn token_is_admitted(case: &TokenCase) -> Result<bool, Fault> {
    let sign_len = match case.sign_len {
        8 => SignLen::N8,
        10 => SignLen::N10,
        16 => SignLen::N16,
        _ => SignLen::N32,
    };
    let (profile, key) = (Profile::new(case.purpose)?.with_sign_len(sign_len), MacKey::new(&case.key)?);
    let verifier =
        Verifier::new(profile, key, TimeWindow { max_age: case.max_age, max_future_skew: case.max_future_skew });
    let channel = Channel { uid: case.uid, binding: case.binding };
    let now = UnixTime::from_secs(case.now);
    Ok(verifier.verify_text(case.input.as_bytes(), channel, now, &mut [0; MAX_SCRATCH_LEN]).is_ok())
}

fn jwt_is_admitted(case: &JwtCase) -> Result<bool, Fault> {
    let mut policy = Policy::new(case.leeway).allow_missing_exp();
    policy = case.issuer.map_or(policy, |issuer| policy.issuer(issuer));
    policy = case.subject.map_or(policy, |subject| policy.subject(subject));
    policy = case.audience.map_or(policy.allow_any_audience(), |audience| policy.audience(audience));
    let (mut buffer, key) = ([0; 640], Hs256Key::new(case.key)?);
    let token = buffer.get_mut(..case.token.len()).ok_or(Fault::Http)?;
    token.copy_from_slice(case.token.as_bytes());
    // Some vectors count from zero.
    let now = ClockReading::assume_set(UnixTime::from_secs(case.now));
    Ok(authenticate_in_place(&key, token).is_ok_and(|authentic| authentic.check(&policy, now).is_ok()))
}
