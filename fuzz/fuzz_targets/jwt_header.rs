//! Any bytes as the header of a token that a key did sign: what is admitted has the key's algorithm, as serde_json reads it.
#![no_main]

use countersign::jwt::UnverifiedJwt;
use countersign::jwt::keys::{Hs256Key, JwsAlgorithm};
use countersign_fuzz::{Json, KEY, signed};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

fuzz_target!(|header: &[u8]| {
    let token = signed(header, b"{}");
    let mut scratch = vec![0; token.len()];
    let Ok(parsed) = UnverifiedJwt::parse(token.as_bytes()) else { return };
    if parsed.authenticate(&*KEY, &mut scratch).is_ok() {
        let header: BTreeMap<String, Json> = serde_json::from_slice(header).expect("what is admitted is JSON");
        assert_eq!(header["alg"].as_text(), Some(Hs256Key::ALG));
    }
});
