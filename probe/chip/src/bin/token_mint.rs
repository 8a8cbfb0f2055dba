//! Minting a token as text.
#![no_std]
#![no_main]

use board::entry;
use chip::claims::{KEY, NOW, PURPOSE, UID};
use chip::{TOKEN, counted, report};
use core::hint::black_box;
use countersign::key::MacKey;
use countersign::token::{Profile, SignLen, TokenBuilder, limits::max_text_len};

#[entry]
fn main() -> ! {
    report(|| {
        let (key, profile) = (MacKey::new(black_box(KEY)).ok()?, Profile::new(black_box(PURPOSE)).ok()?);
        let mut out = [0; max_text_len(UID.len(), &[], SignLen::N16)];
        counted(|| {
            let token =
                TokenBuilder::time(black_box(UID), black_box(NOW)).mint_text_bytes(&profile, &key, &mut out).ok()?;
            (token.len() == TOKEN.len()).then_some(())
        })
    })
}
