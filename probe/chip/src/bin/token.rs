//! Minting a token as text, and verifying it.
#![no_std]
#![no_main]

use board::entry;
use chip::claims::{KEY, NOW, PURPOSE, UID};
use chip::{TOKEN, counted, report};
use core::hint::black_box;
use countersign::Window;
use countersign::key::MacKey;
use countersign::token::{Carrier, Draft, Profile, SignLen, Verifier, max_text_len};

#[entry]
fn main() -> ! {
    report(|| {
        let (key, profile) = (MacKey::new(black_box(KEY)).ok()?, Profile::new(black_box(PURPOSE)).ok()?);
        let mut out = [0; max_text_len(UID.len(), &[], SignLen::N16)];
        let mut scratch = [0; TOKEN.len()];
        counted(|| {
            let verifier =
                Verifier::new(profile, &key, Window { max_age: 300, skew_future: 60 }).with_max_text(TOKEN.len());
            let token = Draft::time(black_box(UID), black_box(NOW)).mint_text_bytes(&profile, &key, &mut out).ok()?;
            let verified = verifier.verify_text(token, Carrier::NONE, NOW.into(), &mut scratch).ok()?;
            (verified.uid() == UID).then_some(())
        })
    })
}
