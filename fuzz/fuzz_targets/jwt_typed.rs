//! Any bytes as a signed claims set, into types by either library: both say the same, but for strings that one has no room for.
#![no_main]

use countersign::Error;
use countersign::jwt::{ClaimFault, Unverified};
use countersign_fuzz::{KEY, signed};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Debug;

#[derive(Debug, Deserialize, PartialEq)]
struct All {
    #[serde(default)]
    a: Option<u8>,
    #[serde(default)]
    b: Option<i64>,
    #[serde(default)]
    c: Option<f32>,
    #[serde(default)]
    d: Option<f64>,
    #[serde(default)]
    e: Vec<String>,
    #[serde(default)]
    f: BTreeMap<String, Kind>,
    #[serde(default)]
    g: Option<(bool, char, ())>,
    #[serde(default)]
    h: BTreeMap<i16, Option<Box<All>>>,
}

#[derive(Debug, Deserialize, PartialEq)]
enum Kind {
    A,
    B(u64),
    C(i8, String),
    D { x: Option<f64> },
}

fuzz_target!(|claims: &[u8]| {
    let token = signed(br#"{"alg":"HS256","typ":"JWT"}"#, claims);
    let mut scratch = vec![0; token.len()];
    let Ok(authentic) = Unverified::parse(token.as_bytes()).unwrap().authenticate(&*KEY, &mut scratch) else { return };
    let claims = authentic.unchecked_claims();
    agree(claims.deserialize::<All>(), claims.deserialize_no_alloc());
    agree(claims.deserialize::<Kind>(), claims.deserialize_no_alloc());
    agree(claims.deserialize::<BTreeMap<String, f64>>(), claims.deserialize_no_alloc());
    agree(claims.deserialize::<BTreeMap<String, String>>(), claims.deserialize_no_alloc());
    agree(claims.deserialize::<BTreeMap<String, Kind>>(), claims.deserialize_no_alloc());
});

fn agree<T: Debug + PartialEq>(heap: Result<T, Error>, no_heap: Result<T, Error>) {
    let is_too_long = matches!(no_heap, Err(Error::Claim(error)) if error.fault() == ClaimFault::TooLong);
    assert!(is_too_long || heap.is_err() && no_heap.is_err() || heap == no_heap, "{heap:?} {no_heap:?}");
}
