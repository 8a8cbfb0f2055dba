//! One operation of the token, as often as asked: `token OPERATION ROUNDS`. Callgrind counts its instructions (`cargo xtask instructions`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, reason = "a measurement may stop")]

use countersign::key::MacKey;
use countersign::token::{Channel, Profile, TokenBuilder, Verifier, limits::MAX_SCRATCH_LEN};
use countersign::{TimeWindow, UnixTime};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::hint::black_box;
use std::time::Instant;

const KEY: &[u8; 32] = b"an obvious test key of 32 bytes!";
const UID: &[u8] = b"dev-0123456789ab";
/// As long as M of this token: 38 bytes, so one block, and another one for the outer hash.
const MESSAGE: [u8; 38] = [0x5A; 38];
const OPERATIONS: [&str; 6] = ["compress", "hmac", "mint-text", "verify-text", "mint-binary", "verify-binary"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [operation, rounds] if OPERATIONS.contains(&operation.as_str()) => {
            repeat(operation, rounds.parse().expect("a number"));
        }
        // What `cargo bench` itself passes: nanoseconds, to be read as ratios.
        _ => OPERATIONS.iter().for_each(|operation| report(operation)),
    }
}

fn report(operation: &str) {
    const ROUNDS: u32 = 20_000;
    repeat(operation, ROUNDS);
    let best = (0..10).map(|_| {
        let start = Instant::now();
        repeat(operation, ROUNDS);
        start.elapsed()
    });
    println!("{operation:<14} {:>6.0} ns", best.min().unwrap_or_default().as_nanos() as f64 / f64::from(ROUNDS));
}

fn repeat(operation: &str, rounds: u32) {
    let key = MacKey::new(KEY).unwrap();
    let profile = Profile::new("mqtt").unwrap();
    let now = UnixTime::from_secs(1_767_225_600);
    let text = TokenBuilder::time(UID, now).mint_text_heapless::<64>(&profile, &key).unwrap();
    let binary = TokenBuilder::time(UID, now).mint_binary_heapless::<39>(&profile, &key).unwrap();
    let verifier = Verifier::new(profile, &key, TimeWindow { max_age: 300, max_future_skew: 60 }).with_max_text_len(64);
    let prepared = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
    let mut out = [0u8; 64];
    let mut scratch = [0u8; MAX_SCRATCH_LEN];
    for _ in 0..rounds {
        match operation {
            "compress" => {
                let mut state = [0u32; 8];
                sha2::block_api::compress256(black_box(&mut state), black_box(&[[0x5A; 64]; 2]));
                black_box(state);
            }
            "hmac" => {
                let mut mac = black_box(&prepared).clone();
                mac.update(black_box(&MESSAGE));
                black_box(mac.finalize().into_bytes());
            }
            "mint-text" => {
                black_box(TokenBuilder::time(black_box(UID), now).mint_text(&profile, &key, &mut out).unwrap());
            }
            "mint-binary" => {
                black_box(TokenBuilder::time(black_box(UID), now).mint_binary(&profile, &key, &mut out).unwrap());
            }
            "verify-text" => {
                let token = verifier.verify_text(black_box(text.as_bytes()), Channel::NONE, now, &mut scratch);
                black_box(token.unwrap());
            }
            _ => {
                let token = verifier.verify_binary(black_box(&binary), Channel::NONE, now);
                black_box(token.unwrap());
            }
        }
    }
}
