//! Signs what the programs verify, with a key that they share.

use countersign::jwt::Hs256Key;
use countersign::key::MacKey;
use countersign::token::{Draft, Profile};

#[path = "src/claims.rs"]
mod claims;

fn main() {
    println!("cargo:rerun-if-changed=src/claims.rs");
    let jwt_key = Hs256Key::new(claims::KEY).expect("the key is long enough");
    let mut out = [0; 512];
    let jwt = claims::registered().sign(&jwt_key, &mut out).expect("there is room");
    println!("cargo:rustc-env=JWT={jwt}");

    let (key, profile) = (MacKey::new(claims::KEY), Profile::new(claims::PURPOSE));
    let (key, profile) = (key.expect("a key"), profile.expect("a name"));
    let mut out = [0; 128];
    let token = Draft::time(claims::UID, claims::NOW).mint_text(&profile, &key, &mut out).expect("there is room");
    println!("cargo:rustc-env=TOKEN={token}");
}
