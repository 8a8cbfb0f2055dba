//! A JWT costs no allocation: signed, verified, checked, read and refused, by a key or a ring, with the HMAC algorithms.

use allocation_counter::measure;
use core::fmt::Write;
use core::hint::black_box;
use countersign::jwt::claim::RegisteredClaim;
use countersign::jwt::keys::{Hs256Key, Hs384Key, Hs512Key, SigningKey, VerifyingKey};
use countersign::jwt::{
    ClaimValue, JwtBuilder, JwtError, JwtKey, KeySet, Policy, UnverifiedJwt, ValidityPeriod, authenticate_in_place,
};
use countersign::{Error, UnixTime};
use serde::{Deserialize, Serialize};

const SECRET: &[u8; 64] = b"an obvious test key of 64 bytes, the same for all of the hashes!";
const NOW: UnixTime = UnixTime::from_secs(1_767_225_600);
const LATER: UnixTime = UnixTime::from_secs(1_767_229_200);
const ROOM: usize = 1024;
const POLICY: Policy<'_> = Policy::new(30).issuer("issuer").audience("b").max_age(60).require(RegisteredClaim::JwtId);

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
struct Reading<'a> {
    sensor: &'a str,
    degrees: [i16; 3],
    state: State<'a>,
    spare: Option<u64>,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
enum State<'a> {
    Idle,
    Failed { code: u8, text: &'a str },
}

const READING: Reading<'_> =
    Reading { sensor: "außen", degrees: [-3, 0, 21], state: State::Failed { code: 7, text: "x" }, spare: None };

fn claims() -> JwtBuilder<'static> {
    // Escapes to be written and to be compared.
    let claims = JwtBuilder::new().issuer("issuer").subject("a \"quoted\"\n name").audience(&["a", "b"]).jwt_id("1");
    let private =
        &[("fw", ClaimValue::Str("1.2.3")), ("roles", ClaimValue::StrList(&["reader"])), ("mv", ClaimValue::Int(-3))];
    claims.issued_at(NOW).not_before(NOW).expires_at(LATER).private_claims(private)
}

/// The counter counts the calling thread alone, so tests may run side by side.
#[track_caller]
fn assert_no_allocation(work: impl FnOnce()) {
    let counted = measure(work);
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
}

#[test]
fn an_allocation_would_be_counted() {
    let counted = measure(|| drop(black_box(vec![0u8; 100])));
    assert_eq!((counted.count_total, counted.bytes_total), (1, 100));
    let mut out = [0; ROOM];
    let token = claims().sign(&Hs256Key::new(SECRET).unwrap(), &mut out).unwrap();
    let counted = measure(|| drop(black_box(black_box(token).to_owned())));
    assert_eq!((counted.count_total, counted.bytes_total), (1, token.len() as u64));
}

fn all_of_a_key<K: SigningKey + VerifyingKey>(new: impl Fn(&[u8]) -> Result<K, Error>) {
    assert_no_allocation(|| {
        let key = new(SECRET).unwrap();
        let (mut out, mut scratch) = ([0; ROOM], [0; ROOM]);

        let token = claims().sign(&key, &mut out).unwrap();
        let unverified = UnverifiedJwt::parse(token.as_bytes()).unwrap();
        let authentic = unverified.authenticate(&key, &mut scratch).unwrap();
        let verified = authentic.check(&POLICY, NOW).unwrap();
        let found = verified.claims();
        assert!(found.subject().unwrap() == "a \"quoted\"\n name" && found.get_str("fw").unwrap() == "1.2.3");
        assert_eq!((found.get_json("mv"), found.audience().unwrap().iter().count()), (Some("-3"), 2));
        assert!(matches!(authentic.check(&POLICY, LATER), Err(error) if error.failed_checks().too_old));
        assert!(unverified.authenticate_jws(&key, &[], &mut scratch).is_ok());

        let token = claims().key_id("k").typ("at+jwt").sign_with_claims(&READING, &key, &mut out).unwrap();
        let len = token.len();
        let authentic = authenticate_in_place(&key, &mut out[..len]).unwrap();
        let verified = authentic.check(&POLICY.typ("AT+jwt"), NOW).unwrap();
        assert_eq!(verified.claims().deserialize_no_alloc::<Reading<'_>>(), Ok(READING));
        assert!(verified.claims().deserialize_no_alloc::<State<'_>>().is_err());
        assert_eq!(claims().sign_heapless::<ROOM, _>(&key).unwrap().matches('.').count(), 2);
    });
}

#[test]
fn hs256_allocates_nothing() {
    all_of_a_key(Hs256Key::new);
}

#[test]
fn hs384_allocates_nothing() {
    all_of_a_key(Hs384Key::new);
}

#[test]
fn hs512_allocates_nothing() {
    all_of_a_key(Hs512Key::new);
}

#[test]
fn a_ring_allocates_nothing() {
    assert_no_allocation(|| {
        let mut ring = KeySet::<3>::new();
        ring.insert("a", Hs256Key::new(SECRET).unwrap(), ValidityPeriod::ALWAYS).unwrap();
        ring.insert("b", Hs384Key::new(SECRET).unwrap(), ValidityPeriod { from: NOW, until: LATER }).unwrap();
        ring.insert("c", JwtKey::Hs512(Hs512Key::new(SECRET).unwrap()), ValidityPeriod::ALWAYS).unwrap();
        assert!(matches!(
            ring.insert("d", Hs256Key::new(SECRET).unwrap(), ValidityPeriod::ALWAYS),
            Err(Error::KeyRingFull)
        ));
        let (mut out, mut scratch) = ([0; ROOM], [0; ROOM]);
        for kid in ["a", "b", "c"] {
            ring.set_signing_key(kid).unwrap();
            let token = ring.sign(&claims(), &mut out).unwrap();
            let unverified = UnverifiedJwt::parse(token.as_bytes()).unwrap();
            assert!(ring.authenticate(&unverified, NOW, &mut scratch).is_ok());
            assert!(ring.authenticate_jws(&unverified, &[], NOW, &mut scratch).is_ok());
            let verified = ring.verify(token.as_bytes(), &POLICY, NOW, &mut scratch).unwrap();
            assert!(verified.key_id().unwrap() == kid && verified.claims().issuer().unwrap() == "issuer");
        }
        ring.remove("b").unwrap();
        assert!(matches!(ring.set_signing_key("b"), Err(Error::UnknownKeyId)));
    });
}

#[test]
fn a_refusal_allocates_nothing() {
    assert_no_allocation(|| {
        let key = Hs256Key::new(SECRET).unwrap();
        let mut ring = KeySet::<1>::new();
        ring.insert("a", Hs256Key::new(SECRET).unwrap(), ValidityPeriod::ALWAYS).unwrap();
        let (mut out, mut scratch, mut line) = ([0; ROOM], [0; ROOM], heapless::String::<512>::new());
        let token = claims().sign(&key, &mut out).unwrap().as_bytes();
        let unverified = UnverifiedJwt::parse(token).unwrap();
        assert!(matches!(unverified.authenticate(&key, &mut []), Err(JwtError::TooLong { .. })));
        let other = Hs256Key::new(&SECRET[1..]).unwrap();
        assert!(matches!(unverified.authenticate(&other, &mut scratch), Err(JwtError::Invalid)));
        for junk in [&[b'.'; 4096][..], &[b'e'; 4096], b"", b"e30.e30.AA", &token[..token.len() - 1]] {
            assert!(matches!(ring.verify(junk, &POLICY, NOW, &mut [0; 8192]), Err(JwtError::Invalid)));
        }
        let refusal = ring.verify(token, &POLICY.issuer("other").typ("x"), LATER, &mut scratch).unwrap_err();
        write!(line, "{refusal} / {refusal:?}").unwrap();
        assert!(line.contains("iss"));
        assert!(matches!(claims().sign(&key, &mut [0; 99]), Err(Error::BufferTooSmall { .. })));
        assert!(matches!(claims().sign_with_claims(&[1], &key, &mut [0; ROOM]), Err(Error::InvalidClaims(_))));
        assert!(Hs256Key::new(b"short").is_err() && Hs256Key::new(&[b'-'; 5]).is_err());
    });
}
