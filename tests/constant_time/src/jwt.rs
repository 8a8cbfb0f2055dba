//! JWTs are verified under secret keys of HMAC: whether the signature fits may be known. ES256 and EdDSA verify with a public key.

use crate::keys::{KEY, OTHER_KEY};
use crate::memcheck::secret;
use crate::{Operation, verdicts};
use countersign::UnixTime;
use countersign::jwt::keys::{Hs256Key, Hs384Key, Hs512Key, SigningKey, VerifyingKey};
use countersign::jwt::{JwtBuilder, JwtError, KeySet, Policy, UnverifiedJwt, ValidityPeriod, authenticate_in_place};

const NOW: UnixTime = UnixTime::from_secs(1_767_225_600);
const POLICY: Policy<'_> = Policy::new(0);
/// Questions that the preparation of a key asks.
const PREPARED: u32 = 9;

pub const OPERATIONS: &[Operation] = &[
    ("a JWT of HS256 is accepted", verdicts(PREPARED + 1), || accept(&hs256(KEY), &secret_hs256(KEY))),
    ("a JWT of HS384 is accepted", verdicts(PREPARED + 1), || {
        let long = KEY.repeat(2);
        accept(&Hs384Key::new(&long).unwrap(), &Hs384Key::new(&secret(&long)).unwrap());
    }),
    ("a JWT of HS512 is accepted", verdicts(PREPARED + 1), || {
        let long = KEY.repeat(2);
        accept(&Hs512Key::new(&long).unwrap(), &Hs512Key::new(&secret(&long)).unwrap());
    }),
    ("a JWT is accepted in place", verdicts(PREPARED + 1), || {
        let mut text = signed(&hs256(KEY));
        assert!(authenticate_in_place(&secret_hs256(KEY), &mut text).unwrap().check(&POLICY, NOW).is_ok());
    }),
    ("a signature over bytes is accepted", verdicts(PREPARED + 1), || {
        let mut signature = [0; 32];
        hs256(KEY).sign(b"a message", &mut signature).unwrap();
        assert!(secret_hs256(KEY).verify(b"a message", &signature));
    }),
    ("a JWT is refused, wrong in the first byte of its signature", verdicts(PREPARED + 1), || refuse(0)),
    ("a JWT is refused, wrong in the middle of its signature", verdicts(PREPARED + 1), || refuse(20)),
    ("a JWT is refused, wrong at the end of its signature", verdicts(PREPARED + 1), || refuse(41)),
    ("a JWT of the second key of a ring is accepted", verdicts(2 * PREPARED + 2), || {
        let mut ring = KeySet::<2>::new();
        ring.insert("first", secret_hs256(OTHER_KEY), ValidityPeriod::ALWAYS).unwrap();
        ring.insert("second", secret_hs256(KEY), ValidityPeriod::ALWAYS).unwrap();
        assert!(ring.verify(&signed(&hs256(KEY)), &POLICY, NOW, &mut [0; 256]).is_ok());
    }),
];

/// That of who signs: memcheck does not watch it.
fn hs256(key: &[u8]) -> Hs256Key {
    Hs256Key::new(key).unwrap()
}

fn secret_hs256(key: &[u8]) -> Hs256Key {
    Hs256Key::new(&secret(key)).unwrap()
}

fn signed(key: &impl SigningKey) -> Vec<u8> {
    let claims = JwtBuilder::new().subject("alice").expires_at(UnixTime::from_secs(NOW.as_secs() + 600));
    claims.sign(key, &mut [0; 256]).unwrap().as_bytes().to_vec()
}

fn verify(key: &impl VerifyingKey, text: &[u8]) -> Result<(), JwtError> {
    let mut scratch = [0; 256];
    let token = UnverifiedJwt::parse(text).unwrap().authenticate(key, &mut scratch)?;
    token.check(&POLICY, NOW).map(|_| ()).map_err(JwtError::from)
}

fn accept(signing: &impl SigningKey, verifying: &impl VerifyingKey) {
    assert_eq!(verify(verifying, &signed(signing)), Ok(()));
}

/// With one character of the signature another one.
fn refuse(place: usize) {
    let mut text = signed(&hs256(KEY));
    let place = text.len() - 43 + place;
    text[place] = if text[place] == b'A' { b'B' } else { b'A' };
    assert_eq!(verify(&secret_hs256(KEY), &text), Err(JwtError::Invalid));
}
