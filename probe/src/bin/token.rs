//! Mint and verify, text and binary, with everything that they can reach.
#![no_std]
#![no_main]

use core::hint::black_box;
use countersign::key::{DeviceKeys, KeyRing, MasterKey};
use countersign::token::{
    Channel, Profile, TokenBuilder, TokenError, Verifier,
    limits::{MAX_BINARY_LEN, MAX_SCRATCH_LEN, MAX_TEXT_LEN},
    transcode,
};
use countersign::{Result, TimeWindow, UnixTime};
use probe as _;

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    match sign_in() {
        Ok(Ok(admitted)) => black_box(admitted),
        Ok(Err(_)) => 1,
        Err(_) => 2,
    }
}

/// The device's part and the server's part, on inputs that the compiler cannot see through.
fn sign_in() -> Result<Result<i32, TokenError>> {
    let (master, uid, params) =
        black_box((&b"an obvious test key of 32 bytes!"[..], &b"dev-7"[..], [("fw", &b"1.2.3"[..])]));
    let (profile, now) = (Profile::new(black_box("mqtt"))?, UnixTime::from_secs(black_box(1_767_225_600)));
    let key = MasterKey::new(master)?.derive_key(black_box("acme"), uid, 0)?;
    let builder = TokenBuilder::time(uid, now).params(&params);
    let (mut text, mut binary, mut other) = ([0; MAX_TEXT_LEN], [0; MAX_BINARY_LEN], [0; MAX_TEXT_LEN]);
    let text = builder.mint_text(&profile, &key, &mut text)?;
    let binary = builder.detached().short_stamp().mint_binary(&profile, &key, &mut binary)?;
    black_box(transcode::binary_to_text(binary, Some(now), &mut other)?);

    let masters = KeyRing::<_, 2>::new(0, MasterKey::new(master)?);
    let window = TimeWindow { max_age: black_box(300), max_future_skew: black_box(60) };
    let verifier = Verifier::new(profile, DeviceKeys::new(masters, black_box("acme"))?, window);
    let channel = Channel { uid: Some(uid), binding: black_box(&[]) };
    let mut scratch = [0; MAX_SCRATCH_LEN];
    let verified = verifier.verify_text(text.as_bytes(), channel, now, &mut scratch);
    let params = verified.map(|token| token.params().len());
    let verified = verifier.verify_binary(binary, channel, now).map(|token| token.uid().len());
    Ok(params.and_then(|params| verified.map(|uid| i32::from(black_box(params == 1 && uid == 5)))))
}
