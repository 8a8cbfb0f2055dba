//! Any fields: what can be minted verifies, says the same, and is the same token in both forms; one changed bit and it is refused.
#![no_main]

use countersign::key::MacKey;
use countersign::token::{
    Channel, Profile, SignLen, TokenBuilder, Verifier,
    limits::{MAX_BINARY_LEN, MAX_SCRATCH_LEN, MAX_TEXT_LEN},
    transcode,
};
use countersign::{TimeWindow, UnixTime};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static KEY: LazyLock<MacKey> = LazyLock::new(|| MacKey::new(b"an obvious test key of 32 bytes!").unwrap());
const LENGTHS: [SignLen; 4] = [SignLen::N8, SignLen::N10, SignLen::N16, SignLen::N32];

type Fields<'a> = (u64, u8, bool, &'a [u8], &'a [u8], &'a str, &'a [u8], &'a [u8], Option<u8>, u16);

fuzz_target!(|fields: Fields<'_>| {
    let (stamp, length, detached, uid, binding, key, value, nonce, slot, flip) = fields;
    let stamp = UnixTime::from_secs(1_000_000_001 + stamp % 8_999_999_999);
    let profile = Profile::new("fuzz").unwrap().with_sign_len(LENGTHS[usize::from(length % 4)]);
    let params = [(key, value)];
    let mut builder = TokenBuilder::time(uid, stamp).binding(binding).nonce(nonce).params(&params);
    builder = if detached { builder.detached() } else { builder };
    builder = if let Some(slot) = slot { builder.key_slot(slot) } else { builder };

    let (mut text, mut binary) = ([0; MAX_TEXT_LEN], [0; MAX_BINARY_LEN]);
    let Ok(text) = builder.mint_text(&profile, &KEY, &mut text) else {
        assert!(builder.mint_binary(&profile, &KEY, &mut binary).is_err());
        return;
    };
    let binary = builder.mint_binary(&profile, &KEY, &mut binary).unwrap();
    assert_eq!(transcode::text_to_binary(text.as_bytes(), &mut [0; MAX_BINARY_LEN]).unwrap(), binary);

    let verifier = Verifier::new(profile, &*KEY, TimeWindow { max_age: 0, max_future_skew: 0 });
    let channel = Channel { uid: Some(uid), binding };
    let mut scratch = [0; MAX_SCRATCH_LEN];
    let known_slot = slot.is_none_or(|slot| slot == 0);
    let token = verifier.verify_text(text.as_bytes(), channel, stamp, &mut scratch);
    assert_eq!(token.is_ok(), known_slot);
    if let Ok(token) = token {
        assert_eq!((token.uid(), token.params().get(key), token.nonce()), (uid, Some(value), Some(nonce)));
        assert_eq!(verifier.verify_binary(binary, channel, stamp), Ok(token));
    }

    let mut changed = text.as_bytes().to_vec();
    let place = usize::from(flip) / 8 % changed.len();
    changed[place] ^= 1 << (flip % 8);
    assert!(verifier.verify_text(&changed, channel, stamp, &mut scratch).is_err());
});
