//! What holds for every token: round trips, one-bit flips, distinct MAC inputs, no panic for any input, clock, setting.

use crate::kit::{cases, check_every_size};
use core::cell::Cell;
use countersign::key::{DeviceKeys, KeyRing, KeyRole, KeyText, MacKey, MasterKey};
use countersign::token::{
    AuthenticToken, Channel, ClockQuality, Profile, SignLen, TokenBuilder, TokenError, TokenKind, UnverifiedToken,
    Verifier, challenge, expand_short_stamp,
    limits::{
        MAX_BINARY_LEN, MAX_COUNTER, MAX_MAC_INPUT_LEN, MAX_SCRATCH_LEN, MAX_TEXT_LEN, max_binary_len, max_text_len,
    },
    transcode,
};
use countersign::{Error, MonotonicClock, TimeWindow, UnixTime};
use proptest::collection::{btree_map, vec};
use proptest::option::of as perhaps;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use std::collections::{BTreeMap, HashSet};

const NOW: u64 = 1_767_225_600;
const ANY_AGE: TimeWindow = TimeWindow { max_age: u64::MAX, max_future_skew: u64::MAX };

fn key() -> MacKey {
    MacKey::new(b"an obvious test key of 32 bytes!").unwrap()
}

fn challenge_key() -> MacKey {
    MacKey::new(b"another obvious test key, again!").unwrap()
}

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}

// ---------------------------------------------------------------------------------------------- any token

#[derive(Clone, Debug, Default)]
struct Reserved {
    generation: Option<u32>,
    slot: Option<u8>,
    nonce: Option<Vec<u8>>,
    quality: Option<ClockQuality>,
    sequence: Option<u64>,
}

/// Everything that a [`TokenBuilder`] borrows, and what is to come out at the other end.
#[derive(Clone, Debug)]
struct Recipe {
    kind: TokenKind,
    uid: Vec<u8>,
    stamp: u64,
    params: BTreeMap<String, Vec<u8>>,
    reserved: Reserved,
    binding: Vec<u8>,
    sign_len: SignLen,
    detached: bool,
    short: bool,
    /// The verifier's time, near enough for a short stamp.
    now: UnixTime,
}

fn any_bytes(least: usize, most: usize) -> impl Strategy<Value = Vec<u8>> {
    let literal = select(b"abcXYZ019_-".as_slice());
    prop_oneof![vec(any::<u8>(), least..=most), vec(literal, least..=most), vec(any::<u8>(), least..=most.min(3))]
}

fn any_stamp() -> impl Strategy<Value = u64> {
    prop_oneof![1_000_000_001..=9_999_999_999u64, Just(1_000_000_001), Just(9_999_999_999), NOW - 9..NOW + 9]
}

fn any_key() -> impl Strategy<Value = String> {
    (b'a'..=b'z', vec(select(b"abz019".as_slice()), 1..=7)).prop_map(|(first, mut rest)| {
        rest.insert(0, first);
        String::from_utf8(rest).unwrap()
    })
}

fn any_sign_len() -> impl Strategy<Value = SignLen> {
    select(&[SignLen::N8, SignLen::N10, SignLen::N16, SignLen::N32][..])
}

fn any_quality() -> impl Strategy<Value = ClockQuality> {
    use ClockQuality::{Floor, Network, Repaired, Unset};
    select(&[Unset, Floor, Network, Repaired][..])
}

fn any_recipe() -> impl Strategy<Value = Recipe> {
    let kind =
        select(&[TokenKind::Time, TokenKind::Time, TokenKind::Answer, TokenKind::Sequence, TokenKind::TimeReply][..]);
    let counter = prop_oneof![0..=MAX_COUNTER, Just(0), Just(MAX_COUNTER)];
    let params = btree_map(any_key(), any_bytes(0, 64), 0..=8);
    let reserved = (
        perhaps(any::<u32>()),
        perhaps(any::<u8>()),
        perhaps(any_bytes(0, 64)),
        perhaps(any_quality()),
        perhaps(0..=MAX_COUNTER),
    );
    let reserved = reserved.prop_map(|(generation, slot, nonce, quality, sequence)| Reserved {
        generation,
        slot,
        nonce,
        quality,
        sequence,
    });
    let flags = (any::<bool>(), any::<bool>(), -32_767..=32_768i64);
    (kind, any_bytes(1, 64), (any_stamp(), counter), params, reserved, any_bytes(0, 64), any_sign_len(), flags)
        .prop_map(|(kind, uid, (stamp, counter), params, reserved, binding, sign_len, (detached, short, drift))| {
            let mut recipe = Recipe {
                kind,
                uid,
                stamp: if kind == TokenKind::Sequence { counter } else { stamp },
                params,
                reserved,
                binding,
                sign_len,
                detached: detached || kind == TokenKind::TimeReply,
                short: short && matches!(kind, TokenKind::Time | TokenKind::Answer),
                now: at(stamp.saturating_add_signed(drift).clamp(1_000_000_001, 9_999_999_999)),
            };
            match kind {
                TokenKind::TimeReply => {
                    recipe.params.clear();
                    recipe.reserved = Reserved::default();
                }
                // Its stamp is its one counter.
                TokenKind::Sequence => recipe.reserved.sequence = None,
                // Its window is fixed: a minute.
                TokenKind::Answer => recipe.now = at((stamp + drift.unsigned_abs() % 61).min(9_999_999_999)),
                _ => {}
            }
            while recipe.expected_params().len() > 8 {
                recipe.params.pop_first();
            }
            recipe
        })
}

impl Recipe {
    fn profile(&self) -> Profile<'static> {
        Profile::new("fleet/login").unwrap().with_sign_len(self.sign_len)
    }

    /// What the channel says: as little as will do, or everything.
    fn channel(&self) -> Channel<'_> {
        let names_it = self.detached || self.stamp.is_multiple_of(2);
        Channel { uid: names_it.then_some(&self.uid), binding: &self.binding }
    }

    fn question(&self) -> String {
        let mut out = [0; challenge::CHALLENGE_LEN];
        challenge::issue(&self.profile(), &challenge_key(), &self.uid, at(self.stamp), &mut out).unwrap().to_owned()
    }

    /// Lends the draft out, since it borrows a list of params.
    fn draft<T>(&self, use_it: impl FnOnce(TokenBuilder<'_>) -> T) -> T {
        let params: Vec<_> = self.params.iter().map(|(key, value)| (key.as_str(), value.as_slice())).rev().collect();
        let mut draft = match self.kind {
            TokenKind::Time => TokenBuilder::time(&self.uid, at(self.stamp)),
            TokenKind::Answer => challenge::respond(self.question().as_bytes(), &self.uid).unwrap(),
            TokenKind::Sequence => TokenBuilder::sequence(&self.uid, self.stamp),
            _ => TokenBuilder::time_reply(&self.uid, at(self.stamp)),
        };
        draft = draft.params(&params).binding(&self.binding);
        draft = if self.detached { draft.detached() } else { draft };
        let Reserved { generation, slot, nonce, quality, sequence } = &self.reserved;
        draft = generation.map_or(draft, |generation| draft.key_generation(generation));
        draft = slot.map_or(draft, |slot| draft.key_slot(slot));
        draft = nonce.as_ref().map_or(draft, |nonce| draft.nonce(nonce));
        draft = quality.map_or(draft, |quality| draft.clock_quality(quality));
        draft = sequence.map_or(draft, |number| draft.sequence_number(number));
        use_it(draft)
    }

    fn text(&self) -> String {
        self.draft(|draft| draft.mint_text(&self.profile(), &key(), &mut [0; MAX_TEXT_LEN]).unwrap().to_owned())
    }

    fn binary(&self) -> Vec<u8> {
        self.draft(|draft| {
            let draft = if self.short { draft.short_stamp() } else { draft };
            draft.mint_binary(&self.profile(), &key(), &mut [0; MAX_BINARY_LEN]).unwrap().to_vec()
        })
    }

    fn expected_params(&self) -> BTreeMap<String, Vec<u8>> {
        let Reserved { generation, slot, nonce, quality, sequence } = &self.reserved;
        let digit = |quality: &ClockQuality| match quality {
            ClockQuality::Unset => b"0".to_vec(),
            ClockQuality::Floor => b"1".to_vec(),
            ClockQuality::Network => b"2".to_vec(),
            ClockQuality::Repaired => b"3".to_vec(),
        };
        let proof = (self.kind == TokenKind::Answer).then(|| {
            let question = self.question();
            (0..8).map(|i| u8::from_str_radix(&question[17 + 2 * i..19 + 2 * i], 16).unwrap()).collect()
        });
        let reserved = [
            ("c", proof),
            ("g", generation.map(|number| number.to_string().into_bytes())),
            ("k", slot.map(|number| number.to_string().into_bytes())),
            ("n", nonce.clone()),
            ("q", quality.as_ref().map(digit)),
            ("s", sequence.map(|number| number.to_string().into_bytes())),
        ];
        let reserved = reserved.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        self.params.clone().into_iter().chain(reserved).collect()
    }

    /// Judges either form with everything accepted that a verifier can accept.
    fn judge(&self, token: &[u8]) -> Result<(), TokenError> {
        let (key, challenge_key) = (key(), challenge_key());
        let (channel, mut scratch) = (self.channel(), [0; MAX_SCRATCH_LEN]);
        let is_binary = token.first().is_some_and(|first| first >> 5 == 0b101);
        if self.kind == TokenKind::TimeReply {
            let parsed = if is_binary {
                UnverifiedToken::parse_binary(token, Some(self.now))
            } else {
                UnverifiedToken::parse_text(token, &mut scratch)
            };
            let token = parsed.map_err(|_| TokenError::Invalid)?;
            return token.authenticate(&self.profile(), &key, channel).map(|token| self.check(&token));
        }
        let keys = KeyRing::<_, 1>::new(self.reserved.slot.unwrap_or(0), key);
        let verifier =
            Verifier::new(self.profile(), keys, ANY_AGE).with_sequence_tokens().with_challenge_key(&challenge_key);
        let verified = if is_binary {
            verifier.verify_binary(token, channel, self.now)?
        } else {
            verifier.verify_text(token, channel, self.now, &mut scratch)?
        };
        assert_eq!(verified.key_slot(), self.reserved.slot.unwrap_or(0));
        self.check(&verified);
        Ok(())
    }

    /// What [`Self::judge`] must say: a token is accepted in its spellings alone. Detached is one of them where the
    /// channel names the uid, and so is the stamp of two bytes.
    fn expected(&self, token: &[u8]) -> Result<(), TokenError> {
        let may_detach = self.channel().uid.is_some() && self.kind != TokenKind::TimeReply;
        let detached = [self.detached, may_detach || self.detached];
        let spelled = detached.into_iter().flat_map(|detached| [(detached, self.short), (detached, false)]);
        for (detached, short) in spelled {
            let other = Self { detached, short, ..self.clone() };
            if token == other.text().as_bytes() || token == other.binary() {
                return Ok(());
            }
        }
        Err(TokenError::Invalid)
    }

    /// What comes out is what went in.
    fn check(&self, token: &AuthenticToken<'_>) {
        let has_time = self.kind != TokenKind::Sequence;
        assert_eq!((token.kind(), token.uid()), (self.kind, self.uid.as_slice()));
        assert_eq!(token.issued_at(), has_time.then_some(at(self.stamp)));
        assert_eq!(token.counter(), (!has_time).then_some(self.stamp));
        let params = token.params().iter().map(|(key, value)| (key.to_owned(), value.to_vec()));
        assert!(params.eq(self.expected_params()));
        assert_eq!(token.params().len(), self.expected_params().len());
        assert_eq!(token.params().is_empty(), self.expected_params().is_empty());
        for (key, value) in self.expected_params() {
            assert_eq!(token.params().get(&key), Some(value.as_slice()));
        }
        let Reserved { nonce, quality, sequence, .. } = &self.reserved;
        assert_eq!(
            (token.nonce(), token.clock_quality(), token.sequence_number()),
            (nonce.as_deref(), *quality, *sequence)
        );
        assert_eq!(token.sign().len(), self.sign_len.bytes());
    }
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn what_was_minted_is_what_is_verified(recipe in any_recipe()) {
        prop_assert_eq!(recipe.judge(recipe.text().as_bytes()), Ok(()));
        prop_assert_eq!(recipe.judge(&recipe.binary()), Ok(()));
    }

    #[test]
    fn text_and_binary_are_one_token(recipe in any_recipe()) {
        let (text, binary) = (recipe.text(), recipe.binary());
        let expanded = transcode::binary_to_text_heapless::<MAX_TEXT_LEN>(&binary, Some(recipe.now)).unwrap();
        prop_assert_eq!(expanded.as_str(), &text);
        let full = transcode::text_to_binary_heapless::<MAX_BINARY_LEN>(text.as_bytes()).unwrap();
        let in_full = Recipe { short: false, ..recipe }.binary();
        prop_assert_eq!(&full[..], &in_full[..]);
    }

    #[test]
    fn both_ends_and_both_forms_sign_the_same_bytes(recipe in any_recipe()) {
        let (profile, text, binary) = (recipe.profile(), recipe.text(), recipe.binary());
        let minted = recipe.draft(|draft| draft.mac_input(&profile, &mut [0; MAX_MAC_INPUT_LEN]).unwrap().to_vec());
        let mut scratch = [0; MAX_SCRATCH_LEN];
        let from_text = UnverifiedToken::parse_text(text.as_bytes(), &mut scratch).unwrap();
        let from_binary = UnverifiedToken::parse_binary(&binary, Some(recipe.now)).unwrap();
        prop_assert!(from_text == from_binary);
        let mut out = [0; MAX_MAC_INPUT_LEN];
        prop_assert_eq!(from_text.mac_input(&profile, recipe.channel(), &mut out).unwrap(), &minted[..]);
    }

    #[test]
    fn the_lengths_known_at_compile_time_are_bounds(recipe in any_recipe()) {
        let uid = if recipe.detached { 0 } else { recipe.uid.len() };
        let pairs: Vec<_> = recipe.expected_params().iter().map(|(key, value)| (key.len(), value.len())).collect();
        let counted = match recipe.kind {
            TokenKind::Time => 0,
            TokenKind::Sequence => 1 + 3,
            _ => 1,
        };
        let (text, binary) = (recipe.text().len(), recipe.binary().len());
        prop_assert!(text <= max_text_len(uid, &pairs, recipe.sign_len) + counted);
        prop_assert!(text <= MAX_TEXT_LEN);
        prop_assert_eq!(binary + if recipe.short { 3 } else { 0 }, max_binary_len(uid, &pairs, recipe.sign_len));
        prop_assert!(binary <= MAX_BINARY_LEN);
        // Where every field has to be escaped, the bound is met.
        let literal = |bytes: &[u8]| {
            !matches!(bytes, [] | [b'-', ..])
                && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte))
        };
        let literal_param = recipe.expected_params().values().any(|value| literal(value));
        if recipe.kind == TokenKind::Time && !literal_param && (recipe.detached || !literal(&recipe.uid)) {
            prop_assert_eq!(text, max_text_len(uid, &pairs, recipe.sign_len));
        }
    }

    #[test]
    fn a_string_of_its_own_holds_what_a_buffer_would(recipe in any_recipe()) {
        let (profile, key, text) = (recipe.profile(), key(), recipe.text());
        let full = Recipe { short: false, ..recipe.clone() }.binary();
        recipe.draft(|draft| {
            assert_eq!(draft.mint_text_heapless::<MAX_TEXT_LEN>(&profile, &key).unwrap(), *text);
            assert_eq!(draft.mint_text_heapless::<2000>(&profile, &key).unwrap(), *text);
            assert_eq!(draft.mint_binary_heapless::<MAX_BINARY_LEN>(&profile, &key).unwrap(), *full);
            assert_eq!(draft.mint_binary_heapless::<2000>(&profile, &key).unwrap(), *full);
            let (needed_text, needed_full) = (text.len(), full.len());
            let fits = |needed: usize| if needed <= 100 { Ok(()) } else { Err(Error::BufferTooSmall { needed }) };
            assert_eq!(draft.mint_text_heapless::<100>(&profile, &key).map(drop), fits(needed_text));
            assert_eq!(draft.mint_binary_heapless::<100>(&profile, &key).map(drop), fits(needed_full));
            assert_eq!(transcode::text_to_binary_heapless::<100>(text.as_bytes()).map(drop), fits(needed_full));
            assert_eq!(transcode::binary_to_text_heapless::<100>(&full, None).map(drop), fits(needed_text));
        });
    }
}

// ---------------------------------------------------------------------------------------------- buffers

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn a_buffer_that_is_too_small_is_told_the_right_size(recipe in any_recipe()) {
        let (profile, key) = (recipe.profile(), key());
        let (text, binary) = (recipe.text(), Recipe { short: false, ..recipe.clone() }.binary());
        recipe.draft(|draft| {
            check_every_size(text.as_bytes(), |out| draft.mint_text(&profile, &key, out).map(|text| text.into()));
            check_every_size(&binary, |out| draft.mint_binary(&profile, &key, out).map(|binary| binary.to_vec()));
            let m = draft.mac_input(&profile, &mut [0; MAX_MAC_INPUT_LEN]).unwrap().to_vec();
            check_every_size(&m, |out| draft.mac_input(&profile, out).map(|m| m.to_vec()));
        });
        check_every_size(&binary, |out| transcode::text_to_binary(text.as_bytes(), out).map(|binary| binary.to_vec()));
        check_every_size(text.as_bytes(), |out| {
            transcode::binary_to_text(&binary, None, out).map(|text| text.into())
        });
        let question = challenge::issue(&profile, &key, &recipe.uid, at(NOW), &mut [0; 33]).unwrap().to_owned();
        check_every_size(question.as_bytes(), |out| {
            challenge::issue(&profile, &key, &recipe.uid, at(NOW), out).map(|text| text.into())
        });
        let needed = text.len().min(MAX_SCRATCH_LEN);
        for size in 0..needed {
            let mut scratch = vec![0; size];
            let parsed = UnverifiedToken::parse_text(text.as_bytes(), &mut scratch);
            prop_assert_eq!(parsed, Err(TokenError::TooLong { needed }));
        }
        prop_assert!(UnverifiedToken::parse_text(text.as_bytes(), &mut [0; MAX_SCRATCH_LEN][..needed]).is_ok());
    }
}

#[test]
fn the_longest_token_of_every_measure_is_as_long_as_the_format_says() {
    let (uid, value) = ([0xFF; 64], [0xFF; 64]);
    let keys: Vec<String> = ('a'..='h').map(|last| format!("abcdefg{last}")).collect();
    let params: Vec<_> = keys.iter().map(|key| (key.as_str(), value.as_slice())).collect();
    let purpose = "p".repeat(32);
    let profile = Profile::new(&purpose).unwrap().with_sign_len(SignLen::N32);
    let draft = TokenBuilder::sequence(&uid, MAX_COUNTER).params(&params).binding(&value);
    assert_eq!(draft.mint_text_heapless::<MAX_TEXT_LEN>(&profile, &key()).unwrap().len(), MAX_TEXT_LEN);
    assert_eq!(draft.mint_binary_heapless::<MAX_BINARY_LEN>(&profile, &key()).unwrap().len(), MAX_BINARY_LEN);
    assert_eq!(draft.mac_input(&profile, &mut [0; MAX_MAC_INPUT_LEN]).unwrap().len(), MAX_MAC_INPUT_LEN);
    // And its fields fill the scratch to the last byte.
    let text = draft.mint_text_heapless::<MAX_TEXT_LEN>(&profile, &key()).unwrap();
    assert!(UnverifiedToken::parse_text(text.as_bytes(), &mut [0; MAX_SCRATCH_LEN]).is_ok());
}

// ---------------------------------------------------------------------------------------------- forging

#[test]
fn no_bit_can_be_flipped() {
    let flipped = Cell::new(0);
    let outcome = TestRunner::new(cases(60)).run(&any_recipe(), |recipe| {
        for token in [recipe.text().into_bytes(), recipe.binary()] {
            for bit in 0..token.len() * 8 {
                let mut forged = token.clone();
                forged[bit / 8] ^= 1 << (bit % 8);
                prop_assert_eq!(recipe.judge(&forged), Err(TokenError::Invalid), "bit {}", bit);
                flipped.set(flipped.get() + 1);
            }
        }
        Ok(())
    });
    outcome.unwrap();
    println!("{} bits flipped, each refused", flipped.get());
    assert!(flipped.get() > 60 * 2 * 100);
}

/// All tuples over an alphabet of every delimiter there is, on the wire or in a naive format.
#[test]
fn no_two_tokens_sign_the_same_bytes() {
    const ALPHABET: &[u8] = b"._-1a\0";
    let singles: Vec<Vec<u8>> = ALPHABET.iter().map(|byte| vec![*byte]).collect();
    let doubles = singles.iter().flat_map(|one| singles.iter().map(|two| [one.as_slice(), two].concat()));
    let uids: Vec<Vec<u8>> =
        singles.iter().cloned().chain(doubles).chain([b"a.1".to_vec(), b"a._1".to_vec()]).collect();
    let values: Vec<Vec<u8>> = singles.iter().cloned().chain([vec![], b"1.a1_".to_vec(), b"-1".to_vec()]).collect();
    let mut params: Vec<Vec<(&str, &[u8])>> = vec![vec![]];
    params.extend(values.iter().flat_map(|value| ["a1", "aa"].map(|key| vec![(key, value.as_slice())])));
    params.push(vec![("a1", b""), ("aa", b"1")]);
    params.push(vec![("a1", b"1"), ("aa", b"")]);
    let bindings: Vec<Vec<u8>> = singles.iter().cloned().chain([vec![], b".a".to_vec()]).collect();

    let (mut tuples, mut signed, mut joined, mut spelled) = (0, HashSet::new(), HashSet::new(), HashSet::new());
    for purpose in ["a", "a.", "a._", "1"] {
        let profile = Profile::new(purpose).unwrap();
        for uid in &uids {
            for params in &params {
                for (kind, draft, stamp) in [
                    ("cs1_", TokenBuilder::time(uid, at(1_111_111_111)), "1111111111"),
                    ("cs1s_", TokenBuilder::sequence(uid, 1_111_111_111), "1111111111"),
                    ("cs1s_", TokenBuilder::sequence(uid, 1), "1"),
                ] {
                    let draft = draft.params(params);
                    // A text without its sign says everything but the context.
                    if purpose == "a" {
                        let text = draft.mint_text_heapless::<MAX_TEXT_LEN>(&profile, &key()).unwrap();
                        spelled.insert(text.rsplit_once('.').unwrap().0.to_owned());
                    }
                    for binding in &bindings {
                        tuples += 1;
                        let m =
                            draft.binding(binding).mac_input(&profile, &mut [0; MAX_MAC_INPUT_LEN]).unwrap().to_vec();
                        signed.insert(m);
                        // What a format without lengths would sign.
                        let params = params.iter().map(|(key, value)| [key.as_bytes(), b"_", value].concat());
                        let fields = [kind.into(), purpose.into(), uid.clone(), stamp.into()].into_iter();
                        joined.insert(fields.chain(params).chain([binding.clone()]).collect::<Vec<_>>().join(&b'.'));
                    }
                }
            }
        }
    }
    println!(
        "{tuples} tuples, {} MAC inputs, {} if naively joined, {} texts",
        signed.len(),
        joined.len(),
        spelled.len()
    );
    assert!(tuples >= 50_000);
    assert_eq!(signed.len(), tuples);
    assert_eq!(spelled.len(), uids.len() * params.len() * 3);
    // The control: the tuples are such that a naive format confuses thousands of them.
    assert!(joined.len() < tuples - 1000);
}

// ---------------------------------------------------------------------------------------------- anything at all

/// Bytes that are nearly tokens: pieces of the grammar in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = "cs1_|cs1c_|cs1s_|cs1r_|cs1q_|dev-7|-LXg|-|.|.|.|.1767225600.|7|_|fw_1|k_7|c_12345678|0123456789abcdef|\
        0123456789abcdef0123456789abcdef|\0|é|csk1d_|=";
    let piece = select(piece.split('|').collect::<Vec<_>>());
    prop_oneof![
        vec(piece.clone(), 0..9).prop_map(|pieces| pieces.concat().into_bytes()),
        (select(&["cs1_dev.1767225600", "cs1s_.7", "cs1r_.1767225600", "cs1q_.1767225600"][..]), vec(piece, 0..4))
            .prop_map(|(head, params)| {
                let params: String = params.iter().map(|piece| format!(".{piece}")).collect();
                format!("{head}{params}.0123456789abcdef").into_bytes()
            }),
    ]
}

fn any_input() -> impl Strategy<Value = Vec<u8>> {
    let binary =
        (0xA0..=0xBFu8, vec(any::<u8>(), 0..800)).prop_map(|(first, rest)| [&[first], rest.as_slice()].concat());
    let heads = [
        &b"\xA0\x05dev-7\0\x69\x55\xB9\0"[..],
        b"\xA2\0\x69\x55\xB9\0",
        b"\xA6\0\x69\x55\xB9\0\x01\x02fw\x01x",
        b"\xB4\x01a\0\0\0\0\x07\x02\x01k\x017\x01n\0",
        b"\xBA\0\x69\x55\xB9\0",
    ];
    let rest = prop_oneof![vec(Just(7), 6..40), vec(any::<u8>(), 6..40)];
    let nearly = (select(heads.to_vec()), rest).prop_map(|(head, rest)| [head, &rest].concat());
    prop_oneof![pieces(), vec(any::<u8>(), 0..1100), binary, nearly]
}

fn any_number() -> impl Strategy<Value = u64> {
    let edges =
        [0, 1, 999_999_999, 1_000_000_000, 1_000_000_001, NOW, 9_999_999_999, 10_000_000_000, u64::MAX - 1, u64::MAX];
    prop_oneof![any::<u64>(), select(edges.to_vec()), NOW - 100_000..NOW + 100_000]
}

#[test]
fn nothing_panics_and_nothing_unsigned_is_accepted() {
    let well_formed = Cell::new([0; 2]);
    let settings = (any_number(), any_number(), any_number(), any_number(), any::<u16>(), any::<u16>());
    let context = (any_bytes(0, 70), any_bytes(0, 70), any::<bool>());
    let outcome =
        TestRunner::new(cases(10_000)).run(&(any_input(), settings, context), |(input, settings, context)| {
            let (now, max_age, max_future_skew, hold, cap, size) = settings;
            let (uid, binding, names) = context;
            let channel = Channel { uid: names.then_some(uid.as_slice()), binding: &binding };
            let (key, mut clock) = (key(), MonotonicClock::resume_from(hold, at(max_future_skew)));
            let keys = KeyRing::<_, 1>::new(0, MasterKey::new(b"an obvious test key of 32 bytes!").unwrap());
            let verifier = Verifier::new(
                Profile::new("mqtt").unwrap(),
                DeviceKeys::new(keys, "acme").unwrap(),
                TimeWindow { max_age, max_future_skew },
            )
            .with_sequence_tokens()
            .with_challenge_key(&key)
            .with_max_text_len(cap.into())
            .with_max_binary_len(cap.into());
            let (reading, mut scratch) = (clock.read(at(now)), [0; MAX_SCRATCH_LEN]);
            let size = usize::from(size) % (MAX_SCRATCH_LEN + 1);
            let needed = input.len().min(MAX_SCRATCH_LEN);
            let is_read = input.len() <= usize::from(cap).min(MAX_TEXT_LEN);
            let expected = if is_read && size < needed { TokenError::TooLong { needed } } else { TokenError::Invalid };
            prop_assert_eq!(verifier.verify_text(&input, channel, reading, &mut scratch[..size]), Err(expected));
            prop_assert_eq!(verifier.verify_binary(&input, channel, reading), Err(TokenError::Invalid));
            let _ = expand_short_stamp(at(now), cap);
            prop_assert!(KeyText::parse(KeyRole::Device, &input).is_err());
            prop_assert!(input.len() == 33 || challenge::respond(&input, &uid).is_err());

            // Whatever parses has one spelling: it comes back from the other form as it was.
            let mut count = well_formed.get();
            if UnverifiedToken::parse_text(&input, &mut scratch).is_ok() {
                let binary = transcode::text_to_binary_heapless::<MAX_BINARY_LEN>(&input);
                if binary != Err(Error::NoBinaryForm) {
                    let text = transcode::binary_to_text_heapless::<MAX_TEXT_LEN>(&binary.unwrap(), None).unwrap();
                    prop_assert_eq!(text.as_bytes(), &input[..]);
                }
                count[0] += 1;
            }
            if UnverifiedToken::parse_binary(&input, None).is_ok() {
                let text = transcode::binary_to_text_heapless::<MAX_TEXT_LEN>(&input, None).unwrap();
                let binary = transcode::text_to_binary_heapless::<MAX_BINARY_LEN>(text.as_bytes()).unwrap();
                prop_assert_eq!(&binary[..], &input[..]);
                count[1] += 1;
            }
            well_formed.set(count);
            Ok(())
        });
    outcome.unwrap();
    let [text, binary] = well_formed.get();
    println!("{text} texts and {binary} binaries were well formed by chance");
    assert!(text > 50 && binary > 50, "the inputs are too wild to say anything");
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn a_damaged_token_is_refused(
        recipe in any_recipe(),
        is_text in any::<bool>(),
        place in any::<prop::sample::Index>(),
        cut in 0..4usize,
        put in prop_oneof![vec(any::<u8>(), 0..4), vec(select(b".-_0af1".as_slice()), 0..4)],
    ) {
        let token = if is_text { recipe.text().into_bytes() } else { recipe.binary() };
        let (mut damaged, start) = (token.clone(), place.index(token.len() + 1));
        damaged.splice(start..(start + cut).min(token.len()), put);
        prop_assert_eq!(recipe.judge(&damaged), recipe.expected(&damaged));
    }
}

/// Where the channel names the uid, a token without its uid field is the same token, detached.
#[test]
fn a_token_that_lost_its_whole_uid_is_its_detached_form() {
    let recipe = Recipe {
        kind: TokenKind::Sequence,
        uid: vec![0],
        stamp: 0,
        params: BTreeMap::new(),
        reserved: Reserved::default(),
        binding: Vec::new(),
        sign_len: SignLen::N8,
        detached: false,
        short: false,
        now: at(1_000_000_001),
    };
    let text = recipe.text();
    let detached = text.replacen("-AA", "", 1);
    let mut accepted = 0;
    for (start, cut) in (0..text.len()).flat_map(|start| (1..4).map(move |cut| (start, cut))) {
        let mut damaged = text.clone().into_bytes();
        damaged.splice(start..(start + cut).min(text.len()), []);
        let outcome = recipe.judge(&damaged);
        assert_eq!(outcome, recipe.expected(&damaged), "{start} {cut}");
        accepted += usize::from(outcome.is_ok());
        assert_eq!(outcome.is_ok(), damaged == detached.as_bytes(), "{start} {cut}");
    }
    assert_eq!(accepted, 1);
    let unnamed = Recipe { stamp: 1, ..recipe };
    let without = unnamed.text().replacen("-AA", "", 1);
    assert_eq!(unnamed.judge(without.as_bytes()), Err(TokenError::Invalid), "nobody names its uid");
}
