//! Which keys a verifier tries for a token: of a ring, behind a lock, of a provider of one's own.

use crate::kit::{KEY, NOW, OTHER_KEY, UID, WINDOW, at, draft, judge_by, key, mqtt, text_of};
use countersign::Error;
use countersign::key::{KeyMatch, KeyProvider, KeyQuery, KeyRing, MacKey};
use countersign::token::limits::MAX_SCRATCH_LEN;
use countersign::token::{Channel, TokenError, Verifier};

fn ring<K>(key: impl Fn(&[u8]) -> Result<K, Error>, second: &[u8]) -> KeyRing<K, 3> {
    let mut ring = KeyRing::new(1, key(second).unwrap());
    ring.insert(7, key(KEY).unwrap()).unwrap();
    ring.rotate_to(7).unwrap();
    ring
}

#[test]
fn a_named_key_is_that_key_or_none() {
    let verifier = Verifier::new(mqtt(), ring(MacKey::new, OTHER_KEY), WINDOW);
    let judge = |text: &str| judge_by(&verifier, text.as_bytes(), Channel::NONE, at(NOW));
    let text = |slot| text_of(&draft(UID).key_slot(slot), &mqtt());
    assert_eq!(judge(&text(7)), Ok(()));
    assert_eq!(judge(&text_of(&draft(UID), &mqtt())), Ok(()));
    // Signed by a good key, but naming another slot, taken or not: nothing else is tried.
    for slot in (0..=u8::MAX).filter(|slot| *slot != 7) {
        assert_eq!(judge(&text(slot)), Err(TokenError::Invalid), "{slot}");
    }
    // The name edited, dropped or added afterwards.
    for edited in [text(7).replace("k_7", "k_1"), text(7).replace(".k_7", "")] {
        assert_eq!(judge(&edited), Err(TokenError::Invalid), "{edited}");
    }
    let added = text_of(&draft(UID), &mqtt()).replace("1767225600", "1767225600.k_7");
    assert_eq!(judge(&added), Err(TokenError::Invalid));
}

#[test]
fn a_slot_is_part_of_the_sign_even_if_two_slots_hold_equal_keys() {
    let shared = Verifier::new(mqtt(), ring(MacKey::new, KEY), WINDOW);
    for (slot, other) in [(1, 7), (7, 1)] {
        let text = text_of(&draft(UID).key_slot(slot), &mqtt());
        assert_eq!(judge_by(&shared, text.as_bytes(), Channel::NONE, at(NOW)), Ok(()));
        let edited = text.replace(&format!("k_{slot}"), &format!("k_{other}"));
        assert_ne!(edited, text);
        assert_eq!(judge_by(&shared, edited.as_bytes(), Channel::NONE, at(NOW)), Err(TokenError::Invalid));
    }
}

#[test]
fn without_a_name_only_the_current_and_the_previous_key_are_tried() {
    let text = text_of(&draft(UID), &mqtt());
    let judge = |keys: &KeyRing<MacKey, 3>| {
        judge_by(&Verifier::new(mqtt(), keys, WINDOW), text.as_bytes(), Channel::NONE, at(NOW))
    };
    let mut keys = ring(MacKey::new, OTHER_KEY);
    keys.insert(9, MacKey::new(b"a third one, obviously for tests").unwrap()).unwrap();
    for (current, expected) in [(7, Ok(())), (1, Ok(())), (9, Err(TokenError::Invalid)), (7, Ok(())), (1, Ok(()))] {
        keys.rotate_to(current).unwrap();
        assert_eq!(judge(&keys), expected, "{current}");
    }
    // A retired key is gone, and one that comes to its slot later does not inherit its place.
    keys.retire(7).unwrap();
    assert_eq!(judge(&keys), Err(TokenError::Invalid));
    keys.insert(7, key()).unwrap();
    assert_eq!(judge(&keys), Err(TokenError::Invalid));
}

/// Says that it has found a key, whatever the verifier thinks of it.
struct Liar(MacKey);

impl KeyProvider for Liar {
    fn find_key(&self, _: &KeyQuery<'_>, matches: &mut dyn FnMut(&MacKey) -> bool) -> Option<KeyMatch> {
        matches(&self.0);
        Some(KeyMatch { slot: 0 })
    }

    fn is_per_device(&self) -> bool {
        false
    }
}

#[test]
fn a_key_provider_cannot_admit_what_no_key_has_signed() {
    let forged = b"cs1_root.1767225600.00000000000000000000000000000000";
    let verifier = Verifier::new(mqtt(), Liar(key()), WINDOW);
    let mut scratch = [0; MAX_SCRATCH_LEN];
    assert_eq!(verifier.verify_text(forged, Channel::NONE, at(NOW), &mut scratch), Err(TokenError::Invalid));
}

#[cfg(feature = "std")]
#[test]
fn keys_behind_a_lock_are_rotated_under_a_running_verifier() {
    use countersign::token::TokenBuilder;
    use std::sync::{Arc, RwLock};

    let ring = Arc::new(RwLock::new(KeyRing::<_, 2>::new(0, key())));
    let verifier = Verifier::new(mqtt(), Arc::clone(&ring), WINDOW);
    let next = || MacKey::new(b"another obvious test key, again!").unwrap();
    let text = TokenBuilder::time(b"dev-7", at(NOW)).key_slot(1).mint_text_heapless::<64>(&mqtt(), &next()).unwrap();
    let mut scratch = [0; MAX_SCRATCH_LEN];
    assert!(verifier.verify_text(text.as_bytes(), Channel::NONE, at(NOW), &mut scratch).is_err());
    ring.write().unwrap().insert(1, next()).unwrap();
    assert!(verifier.verify_text(text.as_bytes(), Channel::NONE, at(NOW), &mut scratch).is_ok());
}
