//! Any bytes as a JWT, with a single key, in place and in a ring: never admitted, never a panic.
#![no_main]

use countersign::UnixTime;
use countersign::jwt::keys::{Es256SigningKey, Hs256Key, Hs512Key};
use countersign::jwt::{KeySet, Policy, UnverifiedJwt, ValidityPeriod, authenticate_in_place};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

const KEY: &[u8; 64] = b"an obvious test key of 64 bytes, long enough for every algorithm";
static RING: LazyLock<KeySet<3>> = LazyLock::new(|| {
    let mut ring = KeySet::new();
    ring.insert("a", Hs256Key::new(KEY).unwrap(), ValidityPeriod::ALWAYS).unwrap();
    ring.insert("b", Hs512Key::new(KEY).unwrap(), ValidityPeriod::ALWAYS).unwrap();
    ring.insert("c", Es256SigningKey::new(&KEY[..32]).unwrap().verifying_key(), ValidityPeriod::ALWAYS).unwrap();
    ring
});
static SINGLE: LazyLock<Hs256Key> = LazyLock::new(|| Hs256Key::new(KEY).unwrap());

fuzz_target!(|input: (u64, &[u8])| {
    let (now, text) = (UnixTime::from_secs(input.0), input.1);
    let mut scratch = vec![0; text.len()];
    assert!(RING.verify(text, &Policy::new(0), now, &mut scratch).is_err());
    if let Ok(token) = UnverifiedJwt::parse(text) {
        assert!(token.authenticate(&*SINGLE, &mut scratch).is_err());
    }
    scratch.copy_from_slice(text);
    assert!(authenticate_in_place(&*SINGLE, &mut scratch).is_err());
    assert_eq!(scratch, text);
});
