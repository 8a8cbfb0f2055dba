//! Verifying a token as text.
#![no_std]
#![no_main]

use board::entry;
use chip::claims::{KEY, NOW, PURPOSE, UID};
use chip::{TOKEN, counted, report};
use core::hint::black_box;
use countersign::Window;
use countersign::key::MacKey;
use countersign::token::{Carrier, Profile, Verifier};

#[entry]
fn main() -> ! {
    report(|| {
        let (key, profile) = (MacKey::new(black_box(KEY)).ok()?, Profile::new(black_box(PURPOSE)).ok()?);
        let mut scratch = [0; TOKEN.len()];
        counted(|| {
            let verifier =
                Verifier::new(profile, &key, Window { max_age: 300, skew_future: 60 }).with_max_text(TOKEN.len());
            let token = black_box(TOKEN).as_bytes();
            let verified = verifier.verify_text(token, Carrier::NONE, black_box(NOW).into(), &mut scratch).ok()?;
            (verified.uid() == UID).then_some(())
        })
    })
}
