//! No key and no sign shows in what a log prints: `Debug` and `Display` of keys, tokens, verifiers, errors, refusals. And no text of a stranger leaves
//! its line or turns around what stands beside it.

use core::fmt::{Debug, Display};
use countersign::key::{DeviceKeys, KeyBytes, KeyRing, KeyRole, KeyText, MacKey, MasterKey};
use countersign::token::{
    Channel, MinIssuedAt, Profile, Revocations, SignLen, TokenBuilder, TokenError, UnverifiedToken, Verifier,
    challenge,
    limits::{MAX_BINARY_LEN, MAX_SCRATCH_LEN, MAX_TEXT_LEN},
    transcode,
};
use countersign::{ClockError, Error, MonotonicClock, TimeWindow, UnixTime};

// Test keys without a word of English, so that no honest message has four characters in common with them.
const KEY: &[u8; 32] = b"TEST-KEY:qX7#vZ9!wJ4$kQ2%zB8&tR5";
const OTHER_KEY: &[u8; 32] = b"TEST=KEY;Gh6^pL3*mN1(dF0)sC=+yU~";
const NONCE: &[u8] = b"TEST-N0NCE";
const UID: &[u8] = b"dev-7";
const NOW: UnixTime = UnixTime::from_secs(1_767_225_600);
const WINDOW: TimeWindow = TimeWindow { max_age: 300, max_future_skew: 60 };

// ---------------------------------------------------------------------------------------------- what to look for

/// Without padding.
fn base64(bytes: &[u8], last_two: &[u8; 2]) -> String {
    let alphabet: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*last_two).collect();
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let sextets = bits.as_bytes().chunks(6).map(|bits| format!("{:0<6}", str::from_utf8(bits).unwrap()));
    sextets.map(|bits| char::from(alphabet[usize::from_str_radix(&bits, 2).unwrap()])).collect()
}

/// Every spelling of a stretch of a secret that a formatter or a careless log could come up with.
fn spellings(secret: &[u8]) -> Vec<String> {
    let each = |bytes: &[u8], spell: fn(&u8) -> String, between: &str| {
        bytes.iter().map(spell).collect::<Vec<_>>().join(between)
    };
    let mut found = Vec::new();
    for stretch in secret.windows(4) {
        let hex = each(stretch, |byte| format!("{byte:02x}"), "");
        found.extend([hex.to_uppercase(), hex]);
        found.push(each(stretch, |byte| format!("{byte}"), ", "));
        found.push(each(stretch, |byte| format!("0x{byte:02x}"), ", "));
        found.push(stretch.escape_ascii().to_string());
        found.push(String::from_utf8_lossy(stretch).into_owned());
    }
    // Base64 at each of its three offsets, in both alphabets.
    for stretch in (0..3).flat_map(|offset| secret[offset..].windows(6).step_by(3)) {
        found.extend([base64(stretch, b"+/"), base64(stretch, b"-_")]);
    }
    found
}

fn leak<'s>(shown: &str, spellings: &'s [String]) -> Option<&'s String> {
    // What `{:#?}` spreads over lines is one list again.
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    spellings.iter().find(|spelling| shown.contains(*spelling))
}

#[track_caller]
fn assert_hidden(secrets: &[&[u8]], shown: impl IntoIterator<Item = String>) {
    for shown in shown {
        for secret in secrets {
            assert_eq!(leak(&shown, &spellings(secret)), None, "{shown}");
        }
        assert!(!shown.is_empty());
    }
}

fn debugged(value: &impl Debug) -> [String; 2] {
    [format!("{value:?}"), format!("{value:#?}")]
}

fn displayed(value: &impl Display) -> [String; 2] {
    [format!("{value}"), format!("{value:#}")]
}

#[test]
fn a_leak_would_be_found_in_every_spelling() {
    #[derive(Debug)]
    struct Careless<'a>(#[allow(dead_code, reason = "printed")] &'a [u8]);
    let secret = [0x00, 0x1F, 0x80, 0xFB, 0xFF, 0x41, 0x5C, 0xC3, 0x28, 0x0A, 0x22, 0x7E];
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let shown = [
        format!("{:?}", Careless(&secret)),
        format!("{:#?}", Careless(&secret)),
        format!("{:?}", Careless(&secret[3..])),
        format!("key={hex}"),
        format!("key={}", hex.to_uppercase()),
        format!("key={}", base64(&secret, b"+/")),
        format!("key={}", base64(&secret[1..], b"-_")),
        format!("key={}", secret.escape_ascii()),
        format!("{:?}", String::from_utf8_lossy(KEY)),
        KeyText { role: KeyRole::Device, slot: 0, key: KeyBytes::new(KEY).unwrap() }
            .encode(&mut [0; 64])
            .unwrap()
            .to_owned(),
    ];
    for shown in shown {
        assert!([secret.as_slice(), KEY].iter().any(|secret| leak(&shown, &spellings(secret)).is_some()), "{shown}");
    }
}

// ---------------------------------------------------------------------------------------------- keys

fn key() -> MacKey {
    MacKey::new(KEY).unwrap()
}

fn mqtt() -> Profile<'static> {
    Profile::new("mqtt").unwrap()
}

fn ring<K>(make: impl Fn(&[u8]) -> Result<K, Error>) -> KeyRing<K, 2> {
    let mut ring = KeyRing::new(0, make(KEY).unwrap());
    ring.insert(1, make(OTHER_KEY).unwrap()).unwrap();
    ring.rotate_to(1).unwrap();
    ring
}

#[test]
fn no_key_type_shows_its_bytes() {
    let derived = MasterKey::new(KEY).unwrap().derive_key_bytes("acme", UID, 0).unwrap();
    let bytes = *derived.expose_secret();
    let secrets = [KEY.as_slice(), OTHER_KEY, &bytes];
    assert_hidden(&secrets, debugged(&key()));
    assert_hidden(&secrets, debugged(&MasterKey::new(KEY).unwrap()));
    assert_hidden(&secrets, debugged(&KeyBytes::new(KEY).unwrap()));
    assert_hidden(&secrets, debugged(&derived));
    assert_hidden(&secrets, debugged(&MasterKey::new(KEY).unwrap().derive_key("acme", UID, 0)));
    assert_hidden(&secrets, debugged(&ring(MacKey::new)));
    assert_hidden(&secrets, debugged(&ring(MasterKey::new)));
    assert_hidden(&secrets, debugged(&DeviceKeys::new(ring(MasterKey::new), "acme").unwrap()));
    let line =
        KeyText { role: KeyRole::Device, slot: 0, key: derived }.encode_heapless::<{ KeyText::MAX_LEN }>().unwrap();
    assert_hidden(&secrets, debugged(&KeyText::parse(KeyRole::Device, line.as_bytes())));
}

#[test]
fn no_verifier_shows_its_keys() {
    let challenge_key = MacKey::new(OTHER_KEY).unwrap();
    let secrets = [KEY.as_slice(), OTHER_KEY];
    assert_hidden(&secrets, debugged(&Verifier::new(mqtt(), key(), WINDOW).with_challenge_key(&challenge_key)));
    assert_hidden(&secrets, debugged(&Verifier::new(mqtt(), ring(MacKey::new), WINDOW)));
    let keys = DeviceKeys::new(ring(MasterKey::new), "acme").unwrap();
    assert_hidden(&secrets, debugged(&Verifier::new(mqtt(), keys, WINDOW)));
    assert_hidden(&secrets, debugged(&mqtt()));
}

#[cfg(feature = "tower")]
#[test]
fn no_filter_shows_its_keys() {
    use countersign::web::{BearerLayer, TokenAuthenticator};
    use tower::Layer;

    let filter =
        BearerLayer::new(TokenAuthenticator::new(Verifier::new(mqtt(), key(), WINDOW), MonotonicClock::new(60)));
    assert_hidden(
        &[KEY],
        debugged(&TokenAuthenticator::new(Verifier::new(mqtt(), key(), WINDOW), MonotonicClock::new(60))),
    );
    assert_hidden(&[KEY], debugged(&filter));
    assert_hidden(&[KEY], debugged(&filter.layer("a service")));
}

// ---------------------------------------------------------------------------------------------- tokens

#[test]
fn no_token_shows_its_sign_or_its_nonce() {
    let key = key();
    for sign_len in [SignLen::N8, SignLen::N10, SignLen::N16, SignLen::N32] {
        let profile = mqtt().with_sign_len(sign_len);
        let draft = TokenBuilder::time(UID, NOW).nonce(NONCE);
        let text = draft.mint_text_heapless::<MAX_TEXT_LEN>(&profile, &key).unwrap();
        let binary = draft.mint_binary_heapless::<MAX_BINARY_LEN>(&profile, &key).unwrap();
        let secrets = [&binary[binary.len() - sign_len.bytes()..], NONCE, KEY];

        let mut scratch = [0; MAX_SCRATCH_LEN];
        let from_text = UnverifiedToken::parse_text(text.as_bytes(), &mut scratch).unwrap();
        let from_binary = UnverifiedToken::parse_binary(&binary, None).unwrap();
        for token in [from_text, from_binary] {
            assert_hidden(&secrets, debugged(&token));
            // Not even the name that a stranger gave is worth a line.
            assert_hidden(&[UID], debugged(&token));
            assert_hidden(&secrets, debugged(&token.authenticate(&profile, &key, Channel::NONE)));
        }

        let verifier = Verifier::new(profile, &key, WINDOW);
        let mut scratch = [0; MAX_SCRATCH_LEN];
        let verified = verifier.verify_text(text.as_bytes(), Channel::NONE, NOW, &mut scratch);
        assert_eq!(verified.unwrap().sign(), secrets[0]);
        assert_hidden(&secrets, debugged(&verified));
        #[cfg(feature = "std")]
        {
            let owned = countersign::token::OwnedToken::from(verified.unwrap());
            assert_eq!(owned.as_verified().sign(), secrets[0]);
            assert_hidden(&secrets, debugged(&owned));
        }
    }
}

#[test]
fn neither_a_time_reply_nor_a_challenge_shows_its_sign() {
    let (key, profile) = (key(), mqtt().with_sign_len(SignLen::N8));
    let reply = TokenBuilder::time_reply(UID, NOW).mint_text_heapless::<64>(&profile, &key).unwrap();
    let mut question = [0; challenge::CHALLENGE_LEN];
    let question = challenge::issue(&profile, &key, UID, NOW, &mut question).unwrap();
    for said in [&reply, question] {
        let mut scratch = [0; 64];
        let token = UnverifiedToken::parse_text(said.as_bytes(), &mut scratch).unwrap();
        let authentic = token.authenticate(&profile, &key, Channel { uid: Some(UID), binding: b"" }).unwrap();
        assert_hidden(&[authentic.sign()], debugged(&token));
        assert_hidden(&[authentic.sign()], debugged(&authentic));
    }
}

// ---------------------------------------------------------------------------------------------- errors

/// Each from a call that had a secret in hand.
#[test]
fn no_error_shows_what_it_is_about() {
    let (key, secret) = (key(), KeyBytes::new(KEY).unwrap());
    let text = TokenBuilder::time(UID, NOW).nonce(NONCE).mint_text_heapless::<MAX_TEXT_LEN>(&mqtt(), &key).unwrap();
    let short =
        TokenBuilder::time(UID, NOW).short_stamp().mint_binary_heapless::<MAX_BINARY_LEN>(&mqtt(), &key).unwrap();
    let line =
        KeyText { role: KeyRole::Master, slot: 0, key: secret }.encode_heapless::<{ KeyText::MAX_LEN }>().unwrap();
    let question = challenge::issue(&mqtt(), &key, UID, NOW, &mut [0; 33]).unwrap().to_owned();
    let long = [KEY.as_slice(), KEY, KEY].concat();
    let nine: Vec<_> = ('a'..='i').map(|last| format!("a{last}")).collect();
    let nine: Vec<_> = nine.iter().map(|key| (key.as_str(), KEY.as_slice())).collect();
    let mint = |draft: TokenBuilder<'_>| draft.mint_text_heapless::<MAX_TEXT_LEN>(&mqtt(), &key).unwrap_err();
    let draft = TokenBuilder::time(UID, NOW);
    let parse = |key_type, text: &[u8]| KeyText::parse(key_type, text).unwrap_err();
    let errors = [
        mint(draft.binding(&long)),
        draft.mint_text_heapless::<9>(&mqtt(), &key).unwrap_err(),
        transcode::binary_to_text(&short, None, &mut [0; MAX_TEXT_LEN]).unwrap_err(),
        mint(TokenBuilder::sequence(UID, u64::MAX)),
        MacKey::new(&KEY[1..]).unwrap_err(),
        MacKey::new(&[KEY[0]; 32]).unwrap_err(),
        parse(KeyRole::Master, line.replacen("VE", "VF", 1).as_bytes()),
        parse(KeyRole::Master, &line.as_bytes()[1..]),
        parse(KeyRole::Device, line.as_bytes()),
        transcode::text_to_binary(&text.as_bytes()[1..], &mut [0; MAX_BINARY_LEN]).unwrap_err(),
        draft.mint_text_heapless::<64>(&mqtt().with_max_mac_input_len(9), &key).unwrap_err(),
        Profile::new(str::from_utf8(KEY).unwrap()).unwrap_err(),
        transcode::text_to_binary(question.as_bytes(), &mut [0; MAX_BINARY_LEN]).unwrap_err(),
        mint(draft.params(&nine)),
        mint(draft.params(&[("K", KEY)])),
        mint(draft.params(&[("kk", KEY), ("kk", KEY)])),
        mint(draft.params(&[("kk", &long)])),
        ring(MacKey::new).insert(7, MacKey::new(KEY).unwrap()).unwrap_err(),
        mint(draft.short_stamp()),
        ring(MacKey::new).insert(0, MacKey::new(KEY).unwrap()).unwrap_err(),
        ring(MacKey::new).retire(7).unwrap_err(),
        mint(TokenBuilder::time(UID, UnixTime::MAX.as_secs().checked_add(1).map(UnixTime::from_secs).unwrap())),
        mint(TokenBuilder::time(&long, NOW)),
    ];
    let sign = text.rsplit_once('.').unwrap().1;
    for (index, error) in errors.iter().enumerate() {
        assert!(!errors[..index].contains(error), "{error:?} twice");
        assert_hidden(&[KEY, NONCE, sign.as_bytes()], debugged(error).into_iter().chain(displayed(error)));
    }
    assert_eq!(errors.len(), 23, "every error that the token's API can give");
}

struct Everything;

impl Revocations for Everything {
    fn min_issued_at(&self, _: &[u8]) -> MinIssuedAt {
        MinIssuedAt { global: u64::MAX, ..MinIssuedAt::default() }
    }
}

#[test]
fn no_refusal_shows_the_token() {
    let (key, at) = (key(), UnixTime::from_secs);
    let verifier = Verifier::new(mqtt(), &key, WINDOW);
    let text = TokenBuilder::time(UID, NOW).nonce(NONCE).mint_text_heapless::<MAX_TEXT_LEN>(&mqtt(), &key).unwrap();
    let unset = TokenBuilder::time(UID, UnixTime::UNSET).mint_text_heapless::<MAX_TEXT_LEN>(&mqtt(), &key).unwrap();
    let mut set_back = MonotonicClock::resume_from(0, UnixTime::MAX);
    let judge = |text: &str, clock| {
        verifier.verify_text(text.as_bytes(), Channel::NONE, clock, &mut [0; MAX_SCRATCH_LEN]).map(drop)
    };
    let revoking = Verifier::new(mqtt(), &key, WINDOW).with_revocations(Everything);
    let refusals = [
        judge(&text[1..], NOW.into()),
        revoking.verify_text(text.as_bytes(), Channel::NONE, NOW, &mut [0; MAX_SCRATCH_LEN]).map(drop),
        judge(&text, at(0).into()),
        judge(&text, set_back.read(NOW)),
        judge(&unset, NOW.into()),
        judge(&text, UnixTime::MAX.into()),
        judge(&text, at(1_500_000_000).into()),
        verifier.verify_text(text.as_bytes(), Channel::NONE, NOW, &mut [0; 8]).map(drop),
    ]
    .map(Result::unwrap_err);
    let sign = text.rsplit_once('.').unwrap().1;
    for (index, refusal) in refusals.iter().enumerate() {
        assert!(!refusals[..index].contains(refusal), "{refusal:?} twice");
        assert_hidden(&[KEY, NONCE, sign.as_bytes()], debugged(refusal).into_iter().chain(displayed(refusal)));
    }
    assert!(matches!(
        refusals,
        [
            TokenError::Invalid,
            TokenError::Revoked,
            TokenError::Clock(ClockError::NotSet),
            TokenError::Clock(ClockError::SteppedBack),
            TokenError::HolderClockUnset,
            TokenError::Expired { .. },
            TokenError::FromFuture { .. },
            TokenError::TooLong { .. },
        ]
    ));
}

// ---------------------------------------------------------------------------------------------- text of strangers

/// All of Unicode's control characters, separators of lines and paragraphs, and characters that set the direction of writing.
fn hostile() -> String {
    let ranges = ['\0'..='\u{1F}', '\u{7F}'..='\u{9F}', '\u{2028}'..='\u{202E}', '\u{2066}'..='\u{2069}'];
    ranges.into_iter().flatten().chain(['\u{61C}', '\u{200E}', '\u{200F}']).collect()
}

/// What is shown keeps to one line that reads from left to right, or with `{:#?}` to the lines of `Debug` itself; what is harmless stands as it is.
#[track_caller]
fn assert_in_line(shown: impl IntoIterator<Item = String>) {
    for shown in shown {
        let leaked: Vec<_> =
            shown.chars().filter(|character| hostile().contains(*character) && *character != '\n').collect();
        assert!(leaked.is_empty(), "{leaked:?} in {shown:?}");
        assert!(shown.lines().all(|line| !line.trim_start().starts_with("forged")), "{shown}");
        assert!(shown.contains("müller"), "{shown}");
    }
}

#[test]
fn no_claim_leaves_its_line() {
    use countersign::jwt::keys::Hs256Key;
    use countersign::jwt::{ClaimValue, JwtBuilder, KeySet, Policy, UnverifiedJwt, ValidityPeriod};

    let text = format!("müller{}\nforged", hostile());
    let name = "müller\u{202E}\u{85}\nforged";
    let key = || Hs256Key::new(KEY).unwrap();
    let (audience, private) = ([text.as_str(), "api"], [(text.as_str(), ClaimValue::Str(&text))]);
    let claims = JwtBuilder::new().subject(&text).audience(&audience).private_claims(&private).key_id(name);
    let mut out = [0; 4096];
    let signed = claims.sign(&key(), &mut out).unwrap();
    let mut scratch = [0; 4096];
    let authentic = UnverifiedJwt::parse(signed.as_bytes()).unwrap().authenticate(&key(), &mut scratch).unwrap();
    let verified = authentic.check(&Policy::new(0).allow_missing_exp().allow_any_audience(), NOW).unwrap();
    let read = verified.claims();
    assert_eq!(read.subject().unwrap(), text.as_str());
    assert_eq!(read.subject().unwrap().to_string(), text);

    assert_in_line(debugged(read));
    assert_in_line(debugged(&read.subject().unwrap()));
    assert_in_line(debugged(&read.get_str(&text).unwrap()));
    assert_in_line(debugged(&read.audience().unwrap()));
    assert_in_line(debugged(&verified.key_id().unwrap()));
    assert_in_line(debugged(&claims));
    assert_in_line(debugged(&Policy::new(0).issuer(&text).audience(&text)));
    let mut ring = KeySet::<1>::new();
    ring.insert(name, key(), ValidityPeriod::ALWAYS).unwrap();
    assert_in_line(debugged(&ring));
    assert_in_line([ring.to_string().trim_end().to_owned()]);
    let error = JwtBuilder::new()
        .private_claims(&[(name, ClaimValue::Bool(true)), (name, ClaimValue::Bool(true))])
        .sign(&key(), &mut out);
    let error = error.unwrap_err();
    assert_in_line(debugged(&error).into_iter().chain(displayed(&error)));
    #[cfg(feature = "std")]
    assert_in_line(debugged(&countersign::jwt::OwnedJwt::from(verified)));
}

#[cfg(feature = "std")]
#[test]
fn no_name_of_a_user_leaves_its_line() {
    use countersign::session::credential::Credential;
    use countersign::session::store::{Budgets, MemoryStore};
    use countersign::session::{Event, Lifetimes, Pepper, SessionInfo, SessionManager};
    use futures_executor::block_on;
    use std::time::Duration;

    let text = format!("müller{}\nforged", hostile());
    let pepper = || Pepper::new(KEY).unwrap();
    let handle = Credential::generate(pepper().user_hash(b"alice")).unwrap().handle();
    assert_in_line(debugged(&Event::StolenCookie { handle, user: Some(text.clone()) }));
    assert_in_line(debugged(&SessionInfo { handle, label: text.clone(), created: NOW, last_seen: NOW }));
    let lifetimes = Lifetimes {
        idle: Duration::from_secs(1800),
        absolute: Duration::from_secs(43_200),
        renewal_grace: Duration::from_secs(10),
        max_token_age: Duration::ZERO,
    };
    let sessions =
        SessionManager::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }), pepper(), lifetimes);
    assert_in_line(debugged(&block_on(sessions.begin_sign_in(&text)).unwrap()));
}

#[cfg(feature = "disk")]
#[test]
fn no_error_of_a_store_leaves_its_line() {
    use countersign::session::store::{Budgets, DiskStore};

    let folder = std::env::temp_dir().join(format!("countersign-{}-müller{}\nforged", std::process::id(), hostile()));
    let budgets = Budgets { anonymous: 1 << 20, signed_in: 1 << 20 };
    let error = DiskStore::open(folder.join("sessions.redb"), budgets).unwrap_err();
    assert!(error.to_string().contains("müller"), "{error}");
    assert_in_line(displayed(&error));
}
