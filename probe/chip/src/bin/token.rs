//! Minting a token as text, and verifying it.
#![no_std]
#![no_main]

use board::entry;
use chip::claims::{KEY, NOW, PURPOSE, UID};
use chip::{TOKEN, counted, report};
use core::hint::black_box;
use countersign::TimeWindow;
use countersign::key::MacKey;
use countersign::token::{Channel, Profile, SignLen, TokenBuilder, Verifier, limits::max_text_len};

#[entry]
fn main() -> ! {
    report(|| {
        let (key, profile) = (MacKey::new(black_box(KEY)).ok()?, Profile::new(black_box(PURPOSE)).ok()?);
        let mut out = [0; max_text_len(UID.len(), &[], SignLen::N16)];
        let mut scratch = [0; TOKEN.len()];
        counted(|| {
            let verifier = Verifier::new(profile, &key, TimeWindow { max_age: 300, max_future_skew: 60 })
                .with_max_text_len(TOKEN.len());
            let token =
                TokenBuilder::time(black_box(UID), black_box(NOW)).mint_text_bytes(&profile, &key, &mut out).ok()?;
            let verified = verifier.verify_text(token, Channel::NONE, NOW, &mut scratch).ok()?;
            (verified.uid() == UID).then_some(())
        })
    })
}
