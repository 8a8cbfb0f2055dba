//! Every case of the token format's vectors, sections 1 to 6, against the public API.

use crate::data::{cases, hex, input, number, to_hex, unhex};
use countersign::key::{DeviceKeys, KeyMatch, KeyProvider, KeyQuery, KeyRing, MacKey, MasterKey};
use countersign::token::{
    AuthenticToken, Channel, ClockQuality, MinIssuedAt, Profile, Revocations, SignLen, TokenBuilder, TokenError,
    UnverifiedToken, Verifier, challenge, expand_short_stamp,
    limits::{MAX_MAC_INPUT_LEN, MAX_SCRATCH_LEN, MAX_TEXT_LEN},
    transcode,
};
use countersign::{ClockError, ClockReading, Error, MonotonicClock, TimeWindow, UnixTime};
use serde_json::{Value, json};

// ---------------------------------------------------------------------------------------------- setting up the crate

fn sign_len(value: &Value) -> Option<SignLen> {
    SignLen::from_bytes(number(value) as usize)
}

fn profile<'a>(spec: &'a Value, max_m: &Value) -> Result<Profile<'a>, Error> {
    let profile =
        Profile::new(spec["purpose"].as_str().unwrap())?.with_sign_len(sign_len(&spec["n"]).ok_or(Error::Malformed)?);
    Ok(match max_m.as_u64() {
        Some(cap) => profile.with_max_mac_input_len(cap as usize),
        None => profile,
    })
}

enum Keys<'a> {
    Shared(KeyRing<MacKey, 8>),
    PerDevice(DeviceKeys<'a, 8>),
}

impl KeyProvider for Keys<'_> {
    fn find_key(&self, query: &KeyQuery<'_>, matches: &mut dyn FnMut(&MacKey) -> bool) -> Option<KeyMatch> {
        match self {
            Self::Shared(ring) => ring.find_key(query, matches),
            Self::PerDevice(keys) => keys.find_key(query, matches),
        }
    }

    fn is_per_device(&self) -> bool {
        matches!(self, Self::PerDevice(_))
    }
}

fn ring<K>(spec: &Value, key: impl Fn(&[u8]) -> Result<K, Error>) -> KeyRing<K, 8> {
    let keys = spec["keys"].as_object().unwrap();
    let key = |slot: u8| key(&hex(&keys[&slot.to_string()])).unwrap();
    let current = number(&spec["current"]) as u8;
    let previous = spec["previous"].as_u64().map(|slot| slot as u8);
    let mut ring = KeyRing::new(previous.unwrap_or(current), key(previous.unwrap_or(current)));
    for slot in keys.keys().map(|slot| slot.parse().unwrap()) {
        if ring.get(slot).is_none() {
            ring.insert(slot, key(slot)).unwrap();
        }
    }
    ring.rotate_to(current).unwrap();
    assert_eq!((ring.current().0, ring.previous()), (current, previous));
    ring
}

fn keys(spec: &Value) -> Keys<'_> {
    match spec["realm"].as_str() {
        Some(realm) => Keys::PerDevice(DeviceKeys::new(ring(spec, MasterKey::new), realm).unwrap()),
        None => Keys::Shared(ring(spec, MacKey::new)),
    }
}

struct Revoked<'a>(&'a Value);

impl Revocations for Revoked<'_> {
    fn min_generation(&self, _: &[u8]) -> u32 {
        self.0["generation"].as_u64().unwrap_or(0) as u32
    }

    fn min_issued_at(&self, _: &[u8]) -> MinIssuedAt {
        let level = |i: usize| self.0["not_before"][i].as_u64().unwrap_or(0);
        MinIssuedAt { global: level(0), realm: level(1), uid: level(2) }
    }
}

// ---------------------------------------------------------------------------------------------- verifying

fn fields(token: &AuthenticToken<'_>) -> Value {
    let stamp = token.counter().or(token.issued_at().map(UnixTime::as_secs));
    let params: Vec<_> = token.params().iter().map(|(key, value)| json!([key, to_hex(value)])).collect();
    json!({"kind": format!("{:?}", token.kind()), "uid": to_hex(token.uid()), "stamp": stamp, "params": params})
}

fn verdict(refusal: TokenError) -> Value {
    match refusal {
        TokenError::Invalid => json!({"reject": "malformed_or_forged"}),
        TokenError::Revoked => json!({"reject": "revoked"}),
        TokenError::Clock(ClockError::NotSet) => json!({"reject": "no_clock"}),
        TokenError::Clock(ClockError::SteppedBack) => json!({"reject": "clock_rollback"}),
        TokenError::HolderClockUnset => json!({"reject": "clock_unset"}),
        TokenError::Expired { by } => json!({"reject": "too_old", "by": by}),
        TokenError::FromFuture { by } => json!({"reject": "too_new", "by": by}),
        other => panic!("no verdict of the format: {other}"),
    }
}

/// Steps 1 to 10 with the settings of `spec`.
fn verify(spec: &Value, form: &str, input: &[u8], clock: ClockReading) -> Value {
    let challenge_key = spec["challenge_key"].as_str().map(|key| MacKey::new(&unhex(key)).unwrap());
    let kinds: Vec<_> = spec["kinds"].as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).collect();
    let window = TimeWindow { max_age: number(&spec["max_age"]), max_future_skew: number(&spec["skew_future"]) };
    let mut verifier =
        Verifier::new(profile(spec, &spec["max_m"]).unwrap(), keys(spec), window).with_revocations(Revoked(spec));
    if !kinds.contains(&"Time") {
        verifier = verifier.without_time_tokens();
    }
    if kinds.contains(&"Sequence") {
        verifier = verifier.with_sequence_tokens();
    }
    if let (true, Some(key)) = (kinds.contains(&"Answer"), &challenge_key) {
        verifier = verifier.with_challenge_key(key);
    }
    if let Some(cap) = spec["max_text"].as_u64() {
        verifier = verifier.with_max_text_len(cap as usize);
    }
    if let Some(cap) = spec["max_binary"].as_u64() {
        verifier = verifier.with_max_binary_len(cap as usize);
    }
    let (uid, binding) = (spec["uid"].as_str().map(unhex), hex(&spec["bind"]));
    let channel = Channel { uid: uid.as_deref(), binding: &binding };
    let mut scratch = [0; MAX_SCRATCH_LEN];
    let outcome = match form {
        "text" => verifier.verify_text(input, channel, clock, &mut scratch),
        _ => verifier.verify_binary(input, channel, clock),
    };
    match outcome {
        Ok(token) => json!({"accept": fields(&token)}),
        Err(refusal) => verdict(refusal),
    }
}

fn now(spec: &Value) -> UnixTime {
    UnixTime::from_secs(number(&spec["now"]))
}

// ---------------------------------------------------------------------------------------------- minting

type Pairs = Vec<(String, Vec<u8>)>;

fn pairs(params: &Value) -> Pairs {
    let params = params.as_array().unwrap().iter();
    params.map(|pair| (pair[0].as_str().unwrap().to_owned(), hex(&pair[1]))).collect()
}

/// One-letter keys have setters of their own; those that are in no use cannot be set at all.
fn is_settable(pairs: &Pairs) -> bool {
    pairs.iter().all(|(key, _)| key.len() != 1 || "cgknqs".contains(key.as_str()))
}

fn ordinary(pairs: &Pairs) -> Vec<(&str, &[u8])> {
    let ordinary = pairs.iter().filter(|(key, _)| key.len() != 1 || !"cgknqs".contains(key.as_str()));
    ordinary.map(|(key, value)| (key.as_str(), value.as_slice())).collect()
}

/// A draft with these fields, made as an application makes one.
fn draft<'a>(fields: &'a Value, uid: &'a [u8], pairs: &'a Pairs) -> TokenBuilder<'a> {
    let stamp = number(&fields["stamp"]);
    let reserved = |key: &str| pairs.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_slice());
    let decimal = |key: &str| reserved(key).map(|value| std::str::from_utf8(value).unwrap().parse::<u64>().unwrap());
    let mut draft = match fields["kind"].as_str().unwrap() {
        "Time" => TokenBuilder::time(uid, UnixTime::from_secs(stamp)),
        "Sequence" => TokenBuilder::sequence(uid, stamp),
        "TimeReply" => TokenBuilder::time_reply(uid, UnixTime::from_secs(stamp)),
        "Answer" => {
            // The question is rebuilt around the proof that the answer carries.
            let question = format!("cs1q_.{stamp}.{}", to_hex(reserved("c").unwrap()));
            challenge::respond(question.as_bytes(), uid).unwrap()
        }
        other => panic!("no draft for {other}"),
    };
    if let Some(slot) = decimal("k") {
        draft = draft.key_slot(slot as u8);
    }
    if let Some(generation) = decimal("g") {
        draft = draft.key_generation(generation as u32);
    }
    if let Some(nonce) = reserved("n") {
        draft = draft.nonce(nonce);
    }
    if let Some(number) = decimal("s") {
        draft = draft.sequence_number(number);
    }
    match reserved("q") {
        None => draft,
        Some(b"0") => draft.clock_quality(ClockQuality::Unset),
        Some(b"1") => draft.clock_quality(ClockQuality::Floor),
        Some(b"2") => draft.clock_quality(ClockQuality::Network),
        Some(_) => draft.clock_quality(ClockQuality::Repaired),
    }
}

fn mint(draft: &TokenBuilder<'_>, form: &str, profile: &Profile<'_>, key: &MacKey) -> Result<Vec<u8>, Error> {
    let mut out = [0; MAX_TEXT_LEN];
    match form {
        "text" => draft.mint_text(profile, key, &mut out).map(|text| text.as_bytes().to_vec()),
        _ => draft.mint_binary(profile, key, &mut out).map(<[u8]>::to_vec),
    }
}

/// Minting the fields of an accepted case gives exactly its input, over exactly its M.
fn check_mint(case: &Value) -> bool {
    let (recipe, spec) = (&case["mint"], &case["verifier"]);
    let pairs = pairs(&recipe["fields"]["params"]);
    let (uid, binding) = (hex(&recipe["fields"]["uid"]), hex(&spec["bind"]));
    let ordinary = ordinary(&pairs);
    let mut draft = draft(&recipe["fields"], &uid, &pairs).params(&ordinary).binding(&binding);
    if recipe["detached"] == true {
        draft = draft.detached();
    }
    if recipe["short"] == true {
        draft = draft.short_stamp();
    }
    let secret = hex(&spec["keys"][recipe["slot"].to_string()]);
    let key = match spec["realm"].as_str() {
        Some(realm) => MasterKey::new(&secret).unwrap().derive_key(realm, &uid, number(&recipe["generation"]) as u32),
        None => MacKey::new(&secret),
    };
    let (profile, form) = (profile(spec, &Value::Null).unwrap(), case["form"].as_str().unwrap());
    let minted = mint(&draft, form, &profile, &key.unwrap());
    if !is_settable(&pairs) {
        assert_eq!(minted, Err(Error::ParamKey), "{case}");
        return false;
    }
    assert_eq!(minted.as_deref(), Ok(input(case).as_slice()), "{case}");
    let mut m = [0; MAX_MAC_INPUT_LEN];
    assert_eq!(draft.mac_input(&profile, &mut m).map(to_hex).unwrap(), recipe["m"].as_str().unwrap(), "{case}");
    true
}

// ---------------------------------------------------------------------------------------------- the files

fn check_verify_file(file: &str, expected_cases: usize) {
    let (mut verified, mut minted, mut reserved) = (0, 0, 0);
    for case in cases(file) {
        let spec = &case["verifier"];
        let form = case["form"].as_str().unwrap();
        assert_eq!(verify(spec, form, &input(&case), now(spec).into()), case["expect"], "{case}");
        verified += 1;
        if case["mint"].is_object() {
            if check_mint(&case) { minted += 1 } else { reserved += 1 }
        }
    }
    assert_eq!(verified, expected_cases);
    println!(
        "{file}: {verified} verified, {minted} of them minted to the byte, {reserved} rightly not mintable (reserved key)"
    );
}

#[test]
fn text() {
    check_verify_file("text", 1219);
}

#[test]
fn binary() {
    check_verify_file("binary", 1001);
}

#[test]
fn transcoding() {
    let (mut checked, mut verified) = (0, 0);
    for case in cases("transcode") {
        let (input, now) = (input(&case), case["now"].as_u64().map(UnixTime::from_secs));
        let mut out = [0; MAX_TEXT_LEN];
        let from_text = case["form"] == "text";
        let outcome = if from_text {
            transcode::text_to_binary(&input, &mut out).map(to_hex)
        } else {
            transcode::binary_to_text(&input, now, &mut out).map(str::to_owned)
        };
        match case["expect"]["ok"].as_str() {
            Some(expected) => assert_eq!(outcome.as_deref(), Ok(expected), "{case}"),
            None => {
                assert!(matches!(outcome, Err(Error::Malformed | Error::NoBinaryForm | Error::MissingClock)), "{case}");
            }
        }
        checked += 1;
        if case["verify"].is_object() {
            let output = outcome.unwrap();
            let (form, output) = if from_text { ("binary", unhex(&output)) } else { ("text", output.into_bytes()) };
            let clock = UnixTime::from_secs(number(&case["verifier"]["now"])).into();
            assert_eq!(verify(&case["verifier"], form, &output, clock), case["verify"], "{case}");
            verified += 1;
        }
    }
    assert_eq!(checked, 207);
    println!("transcode: {checked} checked, {verified} of the outputs verified");
}

/// `mac_input`: M and sign of given fields. A token is put together by hand, so that unused one-letter keys can be in it.
///
/// Some cases are M of a token that section 1 does not allow; those no parser may let through (`mac_input.rs` checks their M).
fn check_mac_input(case: &Value) {
    let fields = &case["fields"];
    let pairs = pairs(&fields["params"]);
    let (uid, binding) = (hex(&fields["uid"]), hex(&fields["bind"]));
    let kind = match fields["kind"].as_str().unwrap() {
        "Time" => 0u8,
        "Answer" => 1,
        "Sequence" => 2,
        "TimeReply" => 3,
        _ => 4,
    };
    let profile = profile(fields, &Value::Null).unwrap();
    let key = MacKey::new(&hex(&case["key"])).unwrap();
    let (m, sign) = (case["expect"]["m"].as_str().unwrap(), case["expect"]["sign"].as_str().unwrap());
    let channel = Channel { uid: Some(&uid), binding: &binding };
    let (mut scratch, mut out) = ([0; MAX_SCRATCH_LEN], [0; MAX_MAC_INPUT_LEN]);
    let binary;
    if kind >= 3 && (!pairs.is_empty() || (kind == 4 && profile.sign_len() != SignLen::N8)) {
        let params: String = pairs.iter().map(|(key, _)| format!(".{key}_")).collect();
        let prefix = if kind == 3 { "cs1r" } else { "cs1q" };
        let text = format!("{prefix}_.{}{params}.{sign}", fields["stamp"]);
        assert_eq!(
            UnverifiedToken::parse_text(text.as_bytes(), &mut scratch).unwrap_err(),
            TokenError::Invalid,
            "{case}"
        );
        return;
    }
    let token = if kind == 4 {
        let text = format!("cs1q_.{}.{sign}", fields["stamp"]);
        UnverifiedToken::parse_text(text.as_bytes(), &mut scratch).unwrap()
    } else {
        let mut bytes = vec![0xA2 | kind << 3 | if pairs.is_empty() { 0 } else { 4 }];
        bytes.extend(&number(&fields["stamp"]).to_be_bytes()[3..]);
        if !pairs.is_empty() {
            bytes.push(pairs.len() as u8);
            for (key, value) in &pairs {
                bytes.push(key.len() as u8);
                bytes.extend(key.as_bytes());
                bytes.push(value.len() as u8);
                bytes.extend(value);
            }
        }
        bytes.extend(unhex(sign));
        binary = bytes;
        UnverifiedToken::parse_binary(&binary, None).unwrap_or_else(|error| panic!("{error}: {case}"))
    };
    assert_eq!(token.mac_input(&profile, channel, &mut out).map(to_hex).as_deref(), Ok(m), "{case}");
    assert_eq!(to_hex(token.authenticate(&profile, &key, channel).unwrap().sign()), sign, "{case}");
}

/// True if the setters of a draft can say these params: a number has one spelling, and only an Answer carries `c`.
fn is_expressible(kind: &Value, pairs: &Pairs) -> bool {
    let is = |value: &[u8], max: u64| {
        let number = std::str::from_utf8(value).ok().and_then(|digits| digits.parse::<u64>().ok());
        number.is_some_and(|number| number <= max && number.to_string().as_bytes() == value)
    };
    pairs.iter().all(|(key, value)| match key.as_str() {
        "c" => kind == "Answer" && value.len() == 8,
        "g" => is(value, u32::MAX.into()),
        "k" => is(value, u8::MAX.into()),
        "q" => is(value, 3),
        "s" => is(value, u64::MAX),
        _ => true,
    })
}

fn check_mint_op(case: &Value) -> Result<Vec<u8>, Error> {
    let fields = &case["fields"];
    if !is_expressible(&fields["kind"], &pairs(&fields["params"])) {
        return Err(Error::ParamKey);
    }
    let key = MacKey::new(&hex(&case["key"]))?;
    let profile = profile(fields, &case["max_m"])?;
    let (uid, binding, pairs) = (hex(&fields["uid"]), hex(&fields["bind"]), pairs(&fields["params"]));
    let ordinary = ordinary(&pairs);
    let form = case["form"].as_str().unwrap();
    if fields["kind"] == "Challenge" {
        // The API has no way to make a challenge that is attached, binary, of another length or with params.
        let sent = case["detached"] == true && form == "text" && pairs.is_empty() && profile.sign_len() == SignLen::N8;
        let mut out = [0; challenge::CHALLENGE_LEN];
        let stamp = UnixTime::from_secs(number(&fields["stamp"]));
        let text = challenge::issue(&profile, &key, &uid, stamp, &mut out)?;
        return if sent { Ok(text.as_bytes().to_vec()) } else { Err(Error::NoBinaryForm) };
    }
    if fields["kind"] == "TimeReply" && case["detached"] == false {
        // The API has no way to attach one.
        return Err(Error::NoBinaryForm);
    }
    let mut draft = draft(fields, &uid, &pairs).params(&ordinary).binding(&binding);
    if case["detached"] == true {
        draft = draft.detached();
    }
    if case["short"] == true {
        draft = draft.short_stamp();
    }
    mint(&draft, form, &profile, &key)
}

fn check_answer_make(case: &Value) -> Result<Vec<u8>, Error> {
    let (uid, binding, pairs) = (hex(&case["uid"]), hex(&case["bind"]), pairs(&case["params"]));
    let ordinary = ordinary(&pairs);
    let mut draft = challenge::respond(&input(case), &uid)?.params(&ordinary).binding(&binding);
    if case["detached"] == true {
        draft = draft.detached();
    }
    let key = MacKey::new(&hex(&case["key"])).unwrap();
    mint(&draft, case["form"].as_str().unwrap(), &profile(case, &Value::Null).unwrap(), &key)
}

fn check_challenge_make(case: &Value) -> Result<Vec<u8>, Error> {
    let key = MacKey::new(&hex(&case["challenge_key"])).unwrap();
    let profile = Profile::new(case["purpose"].as_str().unwrap()).unwrap();
    let mut out = [0; challenge::CHALLENGE_LEN];
    let text =
        challenge::issue(&profile, &key, &hex(&case["uid"]), UnixTime::from_secs(number(&case["stamp"])), &mut out);
    text.map(|text| text.as_bytes().to_vec())
}

/// The output of a making operation, compared as the case spells it.
fn assert_made(case: &Value, made: Result<Vec<u8>, Error>) {
    match case["expect"]["ok"].as_str() {
        Some(expected) if case["form"] == "binary" => {
            assert_eq!(made.map(|bytes| to_hex(&bytes)).as_deref(), Ok(expected), "{case}");
        }
        Some(expected) => assert_eq!(made.as_deref(), Ok(expected.as_bytes()), "{case}"),
        None => assert!(made.is_err(), "{case}"),
    }
}

/// `once` without a replay window: the cases in which no step depends on one.
fn check_held_clock(case: &Value) -> bool {
    let expected: Vec<_> = case["expect"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    if expected.iter().any(|word| matches!(*word, "replayed" | "replay_store_full" | "warming_up" | "refused")) {
        return false;
    }
    let spec = &case["verifier"];
    let hold = number(&spec["hold"]);
    let mut clock = match case["kept_clock"].as_u64() {
        Some(kept) => MonotonicClock::resume_from(hold, UnixTime::from_secs(kept)),
        None => MonotonicClock::new(hold),
    };
    for (step, expected) in case["steps"].as_array().unwrap().iter().zip(expected) {
        let outcome = verify(spec, step["form"].as_str().unwrap(), &input(step), clock.read(now(step)));
        let word = if outcome["accept"].is_object() { "accept" } else { outcome["reject"].as_str().unwrap() };
        assert_eq!(word, expected, "{step} of {case}");
    }
    true
}

#[test]
fn protocol() {
    let (mut checked, mut later) = (0, 0);
    for case in cases("protocol") {
        match case["op"].as_str().unwrap() {
            "verify" => {
                let spec = &case["verifier"];
                let outcome = verify(spec, case["form"].as_str().unwrap(), &input(&case), now(spec).into());
                assert_eq!(outcome, case["expect"], "{case}");
            }
            "mac_input" => check_mac_input(&case),
            "mint" => assert_made(&case, check_mint_op(&case)),
            "short_stamp" => {
                let stamp = expand_short_stamp(now(&case), number(&case["low"]) as u16).map(UnixTime::as_secs);
                assert_eq!(stamp, case["expect"]["ok"].as_u64(), "{case}");
            }
            "challenge_make" => assert_made(&case, check_challenge_make(&case)),
            "answer_make" => assert_made(&case, check_answer_make(&case)),
            "once"
                if matches!(case["class"].as_str().unwrap(), "clock-rollback" | "no-clock")
                    && check_held_clock(&case) => {}
            // Sections 7 and 8: clock repair and replay windows.
            "once" | "time_reply_make" | "time_reply_accept" => {
                later += 1;
                continue;
            }
            other => panic!("unknown operation {other}"),
        }
        checked += 1;
    }
    assert_eq!(checked + later, 596);
    println!("protocol: {checked} checked, {later} belong to sections 7 and 8");
    assert!(checked > 370, "only {checked}");
}
