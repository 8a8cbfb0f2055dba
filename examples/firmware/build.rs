//! Burns the keys of one device in, and the vectors that every board is to run.

#[path = "build/vectors.rs"]
mod vectors;

use countersign::key::{KeyRole, KeyText};
use std::error::Error;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    for input in ["build.rs", "build", "../../tests/data"] {
        println!("cargo:rerun-if-changed={input}");
    }
    let out = env::var("OUT_DIR")?;
    let built_at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    match (is_set("DEVICE_KEY"), is_set("DEVICE_JWT_KEY")) {
        (true, true) => {}
        (false, false) => println!("cargo:warning=published test keys are burnt in: for a look alone"),
        _ => return Err("DEVICE_KEY and DEVICE_JWT_KEY are set together, or neither".into()),
    }
    let identity = format!(
        "/// The name of this device.\npub(crate) const UID: &str = {:?};\n\
         /// Signs tokens.\npub(crate) const TOKEN_KEY: [u8; 32] = {:?};\n\
         /// Signs JWTs, and verifies those of the server.\npub(crate) const JWT_KEY: [u8; 32] = {:?};\n\
         /// When this was built, in Unix seconds.\npub(crate) const BUILT_AT: u64 = {built_at};\n",
        variable("DEVICE_UID", "dev-0123456789ab"),
        key("DEVICE_KEY", "csk1d_0_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh89b3f82")?,
        key("DEVICE_JWT_KEY", "csk1d_3_1KVUugQDDEaFDX6yaJCq4R-jkCDkyZppCQ5vspkfsho6e2aba")?,
    );
    fs::write(Path::new(&out).join("identity.rs"), identity)?;
    fs::write(Path::new(&out).join("vectors.rs"), vectors::generate(Path::new("../../tests/data"))?)?;
    Ok(())
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some()
}

fn variable(name: &str, default: &str) -> String {
    println!("cargo:rerun-if-env-changed={name}");
    env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// The bytes of a key text: a mistyped one stops the build, not the device.
fn key(name: &str, default: &str) -> Result<[u8; 32], Box<dyn Error>> {
    let text = variable(name, default);
    let text = KeyText::parse(KeyRole::Device, text.trim().as_bytes()).map_err(|error| format!("{name}: {error}"))?;
    Ok(*text.key.expose_secret())
}
