//! Verifying a token as text.
#![no_std]
#![no_main]

use board::entry;
use chip::claims::{KEY, NOW, PURPOSE, UID};
use chip::{TOKEN, counted, report};
use core::hint::black_box;
use countersign::TimeWindow;
use countersign::key::MacKey;
use countersign::token::{Channel, Profile, Verifier};

#[entry]
fn main() -> ! {
    report(|| {
        let (key, profile) = (MacKey::new(black_box(KEY)).ok()?, Profile::new(black_box(PURPOSE)).ok()?);
        let mut scratch = [0; TOKEN.len()];
        counted(|| {
            let verifier = Verifier::new(profile, &key, TimeWindow { max_age: 300, max_future_skew: 60 })
                .with_max_text_len(TOKEN.len());
            let token = black_box(TOKEN).as_bytes();
            let verified = verifier.verify_text(token, Channel::NONE, black_box(NOW), &mut scratch).ok()?;
            (verified.uid() == UID).then_some(())
        })
    })
}
