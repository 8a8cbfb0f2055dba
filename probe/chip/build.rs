//! Signs what the programs verify, with a key that they share.

use countersign::jwt::keys::{EdDsaSigningKey, Es256SigningKey, Hs256Key};
use countersign::key::MacKey;
use countersign::token::{Profile, TokenBuilder};

#[path = "src/claims.rs"]
mod claims;

fn main() {
    println!("cargo:rerun-if-changed=src/claims.rs");
    let jwt_key = Hs256Key::new(claims::KEY).expect("the key is long enough");
    let mut out = [0; 512];
    let jwt = claims::registered().sign(&jwt_key, &mut out).expect("there is room");
    println!("cargo:rustc-env=JWT={jwt}");

    let (es256, eddsa) = (Es256SigningKey::new(claims::KEY), EdDsaSigningKey::new(claims::KEY));
    let (es256, eddsa) = (es256.expect("a scalar"), eddsa.expect("a seed"));
    let mut out = [0; 512];
    let jwt = claims::registered().sign(&es256, &mut out).expect("there is room");
    println!("cargo:rustc-env=ES256_JWT={jwt}\ncargo:rustc-env=ES256_KEY={}", hex(&es256.verifying_key().to_sec1()));
    let jwt = claims::registered().sign(&eddsa, &mut out).expect("there is room");
    println!("cargo:rustc-env=EDDSA_JWT={jwt}\ncargo:rustc-env=EDDSA_KEY={}", hex(&eddsa.verifying_key().to_bytes()));

    let (key, profile) = (MacKey::new(claims::KEY), Profile::new(claims::PURPOSE));
    let (key, profile) = (key.expect("a key"), profile.expect("a name"));
    let mut out = [0; 128];
    let token =
        TokenBuilder::time(claims::UID, claims::NOW).mint_text(&profile, &key, &mut out).expect("there is room");
    println!("cargo:rustc-env=TOKEN={token}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
