//! Any bytes as a signed claims set, into types by either library: both say the same, but for strings that one has no room for.
#![no_main]

use countersign::jwt::UnverifiedJwt;
use countersign::jwt::claim::{ClaimError, ClaimFault};
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
struct C<T> {
    c: T,
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
    let Ok(authentic) = UnverifiedJwt::parse(token.as_bytes()).unwrap().authenticate(&*KEY, &mut scratch) else {
        return;
    };
    let claims = authentic.unchecked_claims();
    let json = claims.as_json();
    agree(json, claims.deserialize::<All>(), claims.deserialize_no_alloc());
    agree(json, claims.deserialize::<C<Kind>>(), claims.deserialize_no_alloc());
    agree(json, claims.deserialize::<BTreeMap<String, f64>>(), claims.deserialize_no_alloc());
    agree(json, claims.deserialize::<BTreeMap<String, String>>(), claims.deserialize_no_alloc());
    agree(json, claims.deserialize::<BTreeMap<String, Kind>>(), claims.deserialize_no_alloc());
    // A third party, which reads the whole at once, and takes a number that is too large for infinity.
    let (ours, theirs) = (claims.deserialize::<All>(), serde_json::from_str::<All>(json));
    let is_too_large = matches!(ours, Err(error) if error.fault() == ClaimFault::NotFinite);
    assert!(json.contains("$serde_json") || is_too_large || theirs.ok() == ours.ok());
});

/// Where the documentation of `deserialize_no_alloc` says that they differ: strings that there is no room for, structs as arrays, and `-0`.
fn agree<T: Debug + PartialEq>(json: &str, heap: Result<T, ClaimError>, no_heap: Result<T, ClaimError>) {
    let is_too_long = matches!(no_heap, Err(error) if error.fault() == ClaimFault::TooLong);
    let may_differ = is_too_long
        || heap.is_ok() && no_heap.is_err() && json.contains(":[")
        || heap.is_err() && no_heap.is_ok() && json.contains("-0");
    assert!(may_differ || heap.is_err() && no_heap.is_err() || heap == no_heap, "{heap:?} {no_heap:?}");
}
