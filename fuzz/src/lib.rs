//! What the targets share: signing claims that the crate itself would not write, reading JSON as others do, and records of sessions.

mod json;
pub mod record;

pub use json::Json;

use countersign::jwt::keys::{Hs256Key, SigningKey};
use std::sync::LazyLock;

/// Obviously a test key.
pub const SECRET: &[u8; 32] = b"an obvious test key of 32 bytes!";

/// The key of all targets.
pub static KEY: LazyLock<Hs256Key> = LazyLock::new(|| Hs256Key::new(SECRET).unwrap());

/// A token of any header and payload, genuinely signed.
pub fn signed(header: &[u8], payload: &[u8]) -> String {
    let message = format!("{}.{}", base64url(header), base64url(payload));
    let mut signature = [0; 32];
    KEY.sign(message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", base64url(&signature))
}

/// Slow and plain: not the code under test.
pub fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for i in 0..=group.len() {
            text.push(char::from(ALPHABET[(word >> (18 - 6 * i)) as usize & 63]));
        }
    }
    text
}
