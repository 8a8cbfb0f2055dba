//! Every board runs the vectors that fit it: a compiler for another processor is another compiler.

use crate::Fault;
use countersign::jwt::{Hs256Key, Policy, authenticate_in_place};
use countersign::key::MacKey;
use countersign::token::{Carrier, MAX_FIELDS, Profile, SignLen, Verifier};
use countersign::{ClockReading, UnixTime, Window};

pub(crate) struct TokenCase {
    purpose: &'static str,
    bind: &'static [u8],
    sign_len: u8,
    uid: Option<&'static [u8]>,
    now: u64,
    max_age: u64,
    skew_future: u64,
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
    check(TOKENS, |case| token_is_admitted(case) == case.is_admitted)?;
    check(JWTS, |case| jwt_is_admitted(case) == case.is_admitted)?;
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

fn check<T>(cases: &[T], is_right: impl Fn(&T) -> bool) -> Result<(), Fault> {
    cases.iter().position(|case| !is_right(case)).map_or(Ok(()), |place| Err(Fault::Vector(place)))
}

fn token_is_admitted(case: &TokenCase) -> bool {
    let verify = || {
        let sign_len = match case.sign_len {
            8 => SignLen::N8,
            10 => SignLen::N10,
            16 => SignLen::N16,
            _ => SignLen::N32,
        };
        let profile = Profile::new(case.purpose).ok()?.with_sign_len(sign_len);
        let window = Window { max_age: case.max_age, skew_future: case.skew_future };
        let verifier = Verifier::new(profile, MacKey::new(&case.key).ok()?, window);
        let carrier = Carrier { uid: case.uid, bind: case.bind };
        let now = UnixTime::from_secs(case.now).into();
        verifier.verify_text(case.input.as_bytes(), carrier, now, &mut [0; MAX_FIELDS]).ok().map(|_| ())
    };
    verify().is_some()
}

fn jwt_is_admitted(case: &JwtCase) -> bool {
    let verify = || {
        let mut policy = Policy::new(case.leeway).without_expiration();
        policy = case.issuer.map_or(policy, |issuer| policy.issuer(issuer));
        policy = case.subject.map_or(policy, |subject| policy.subject(subject));
        policy = case.audience.map_or(policy.any_audience(), |audience| policy.audience(audience));
        let (mut buffer, key) = ([0; 640], Hs256Key::new(case.key).ok()?);
        let token = buffer.get_mut(..case.token.len())?;
        token.copy_from_slice(case.token.as_bytes());
        // Some vectors count from zero.
        let now = ClockReading::assume_set(UnixTime::from_secs(case.now));
        authenticate_in_place(&key, token).ok()?.check(&policy, now).ok().map(|_| ())
    };
    verify().is_some()
}
