//! Mint and verify, text and binary, with everything that they can reach.
#![no_std]
#![no_main]

use core::hint::black_box;
use countersign::key::{DeviceKeys, KeyRing, MasterKey};
use countersign::token::{Carrier, Draft, MAX_BINARY, MAX_FIELDS, MAX_TEXT, Profile, Verifier, transcode};
use countersign::{Refusal, Result, UnixTime, Window};
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
fn sign_in() -> Result<Result<i32, Refusal>> {
    let (master, uid, params) =
        black_box((&b"an obvious test key of 32 bytes!"[..], &b"dev-7"[..], [("fw", &b"1.2.3"[..])]));
    let (profile, now) = (Profile::new(black_box("mqtt"))?, UnixTime::from_secs(black_box(1_767_225_600)));
    let key = MasterKey::new(master)?.derive(black_box("acme"), uid, 0)?;
    let draft = Draft::time(uid, now).params(&params);
    let (mut text, mut binary, mut other) = ([0; MAX_TEXT], [0; MAX_BINARY], [0; MAX_TEXT]);
    let text = draft.mint_text(&profile, &key, &mut text)?;
    let binary = draft.detached().short().mint_binary(&profile, &key, &mut binary)?;
    black_box(transcode::binary_to_text(binary, Some(now), &mut other)?);

    let masters = KeyRing::<_, 2>::new(0, MasterKey::new(master)?);
    let window = Window { max_age: black_box(300), skew_future: black_box(60) };
    let verifier = Verifier::new(profile, DeviceKeys::new(masters, black_box("acme"))?, window);
    let carrier = Carrier { uid: Some(uid), bind: black_box(&[]) };
    let mut scratch = [0; MAX_FIELDS];
    let verified = verifier.verify_text(text.as_bytes(), carrier, now.into(), &mut scratch);
    let params = verified.map(|token| token.params().len());
    let verified = verifier.verify_binary(binary, carrier, now.into()).map(|token| token.uid().len());
    Ok(params.and_then(|params| verified.map(|uid| i32::from(black_box(params == 1 && uid == 5)))))
}
