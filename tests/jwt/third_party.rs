//! Tokens, key sets and signatures of others: the RFCs, Wycheproof, other libraries, and three corpora of hostile and foreign tokens.

use crate::vectors::{cases, hex, id, lines, parsed, repeated, to_base64url};
use base64ct::{Base64UrlUnpadded, Encoding};
use countersign::jwt::claim::RegisteredClaim;
use countersign::jwt::keys::{
    EdDsaVerifyingKey, Es256SigningKey, Es256VerifyingKey, Hs256Key, Hs384Key, Hs512Key, SigningKey, VerifyingKey,
};
use countersign::jwt::{
    AuthenticJwt, JwtError, JwtKey, KeySet, Policy, UnverifiedJwt, ValidityPeriod, authenticate_in_place,
};
use countersign::{ClockReading, Error, UnixTime};
use serde_json::{Value, json};
use std::collections::BTreeMap;

// ---------------------------------------------------------------------------------------------- reading a case

fn from_base64url(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = vec![0; text.len()];
    Base64UrlUnpadded::decode(text, &mut bytes).ok().map(<[u8]>::to_vec)
}

fn token(case: &Value) -> Vec<u8> {
    match (&case["token"], &case["token_hex"]) {
        (Value::String(text), _) => text.as_bytes().to_vec(),
        (_, text @ Value::String(_)) => hex(text),
        _ => repeated(&case["token_parts"]),
    }
}

fn needs(case: &Value, what: &str) -> bool {
    case["needs"].as_array().is_some_and(|needs| needs.iter().any(|need| need == what))
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|one| one.as_str().unwrap()).collect()
}

// ---------------------------------------------------------------------------------------------- setting up the crate

macro_rules! with_key {
    ($ring_key:expr, $key:ident => $do:expr) => {
        match $ring_key {
            JwtKey::Hs256($key) => $do,
            JwtKey::Hs384($key) => $do,
            JwtKey::Hs512($key) => $do,
            JwtKey::Es256($key) => $do,
            JwtKey::EdDsa($key) => $do,
            other => panic!("no key that verifies alone: {other:?}"),
        }
    };
}

/// An HMAC key of a case: where it is a placeholder, by the way that is there for vectors.
fn hmac_key<K: Into<JwtKey>>(
    spec: &Value,
    new: fn(&[u8]) -> Result<K, Error>,
    for_test_vectors: fn(&[u8]) -> Result<K, Error>,
) -> Result<JwtKey, Error> {
    let key = hex(&spec["k_hex"]);
    let made = match new(&key) {
        Err(Error::KeyRepeated) => for_test_vectors(&key),
        made => made,
    };
    made.map(Into::into)
}

/// The key of a case for one algorithm; `None` where the two do not go together, which no caller can write down.
fn typed_key(spec: &Value, alg: &str) -> Option<Result<JwtKey, Error>> {
    let pinned = spec["alg"].as_str();
    if pinned.is_some_and(|pinned| pinned != alg) {
        return None;
    }
    Some(match (spec["kty"].as_str().unwrap(), alg) {
        ("oct", "HS256") => hmac_key(spec, Hs256Key::new, Hs256Key::for_test_vectors),
        ("oct", "HS384") => hmac_key(spec, Hs384Key::new, Hs384Key::for_test_vectors),
        ("oct", "HS512") => hmac_key(spec, Hs512Key::new, Hs512Key::for_test_vectors),
        ("EC", "ES256") => Es256VerifyingKey::from_sec1(&[vec![4], hex(&spec["x_hex"]), hex(&spec["y_hex"])].concat())
            .map(JwtKey::from),
        ("OKP", "EdDSA") => EdDsaVerifyingKey::new(&hex(&spec["x_hex"])).map(JwtKey::from),
        _ => return None,
    })
}

/// Every key of a case with every allowed algorithm that it can be used for.
fn typed_keys(policy: &Value) -> Vec<(&Value, Result<JwtKey, Error>)> {
    let keys = policy["keys"].as_array().unwrap().iter();
    keys.flat_map(|key| strings(&policy["algs"]).into_iter().filter_map(move |alg| Some((key, typed_key(key, alg)?))))
        .collect()
}

/// The checks of a case. `exp` is not required unless the case requires it.
fn policy<'a>(spec: &'a Value, crit: &'a [&'a str]) -> Policy<'a> {
    let mut policy = Policy::new(spec["leeway"].as_u64().unwrap_or(0)).allow_missing_exp().with_known_crit(crit);
    if let Some(issuer) = spec["iss"].as_str() {
        policy = policy.issuer(issuer);
    }
    // A check that is not in the case is not made.
    policy = spec["aud"].as_str().map_or(policy.allow_any_audience(), |audience| policy.audience(audience));
    if let Some(subject) = spec["sub"].as_str() {
        policy = policy.subject(subject);
    }
    if let Some(typ) = spec["typ"].as_str() {
        policy = policy.typ(typ);
    }
    if spec["check_iat"] == true {
        policy = policy.reject_future_iat();
    }
    let registered = |name: &&str| RegisteredClaim::ALL.into_iter().find(|claim| claim.name() == *name);
    strings(&spec["require"]).iter().filter_map(registered).fold(policy, Policy::require)
}

/// Some vectors count from zero, where no real clock is.
fn clock(case: &Value) -> ClockReading {
    ClockReading::assume_set(UnixTime::from_secs(case["policy"]["now"].as_u64().unwrap()))
}

// ---------------------------------------------------------------------------------------------- verifying

/// The claims as JSON, or the payload of a JWS; else why not.
type Verdict = Result<Vec<u8>, String>;

fn invalid(refusal: JwtError) -> String {
    assert_eq!(refusal, JwtError::Invalid, "whatever is wrong with a token before its signature is good has one name");
    refusal.to_string()
}

fn unverified<'t>(case: &Value, token: &'t [u8]) -> Result<UnverifiedJwt<'t>, String> {
    match case["policy"]["max_len"].as_u64() {
        Some(max_len) => UnverifiedJwt::parse_with_max_len(token, max_len as usize),
        None => UnverifiedJwt::parse(token),
    }
    .map_err(|error| error.to_string())
}

/// The policy, and the private claims that the application asks for when it reads its own type.
fn judge(case: &Value, authentic: AuthenticJwt<'_>) -> Verdict {
    #[derive(serde::Deserialize)]
    struct Scoped<'a> {
        #[serde(rename = "scope")]
        _scope: &'a str,
    }
    let spec = &case["policy"];
    let crit = strings(&spec["crit"]);
    let verified =
        authentic.check(&policy(spec, &crit), clock(case)).map_err(|error| JwtError::from(error).to_string())?;
    for name in strings(&spec["require"]) {
        if RegisteredClaim::ALL.iter().all(|claim| claim.name() != name) {
            assert_eq!(name, "scope");
            verified.claims().deserialize::<Scoped<'_>>().map_err(|error| error.to_string())?;
        }
    }
    Ok(verified.claims().as_json().as_bytes().to_vec())
}

fn by_key(case: &Value, key: &JwtKey) -> Verdict {
    let token = token(case);
    let unverified = unverified(case, &token)?;
    let mut scratch = vec![0; unverified.scratch_len()];
    if case["level"] == "jwt" {
        let authentic = with_key!(key, key => unverified.authenticate(key, &mut scratch)).map_err(invalid)?;
        judge(case, authentic)
    } else {
        let crit = strings(&case["policy"]["crit"]);
        let bytes = with_key!(key, key => unverified.authenticate_jws(key, &crit, &mut scratch));
        bytes.map(|signed| signed.payload().to_vec()).map_err(invalid)
    }
}

fn in_place(case: &Value, key: &JwtKey) -> Verdict {
    let mut token = token(case);
    unverified(case, &token)?;
    judge(case, with_key!(key, key => authenticate_in_place(key, &mut token)).map_err(invalid)?)
}

fn by_ring(case: &Value, ring: &KeySet<4>) -> Verdict {
    let token = token(case);
    let unverified = unverified(case, &token)?;
    let mut scratch = vec![0; unverified.scratch_len()];
    if case["level"] == "jwt" {
        judge(case, ring.authenticate(&unverified, clock(case), &mut scratch).map_err(invalid)?)
    } else {
        let crit = strings(&case["policy"]["crit"]);
        let bytes = ring.authenticate_jws(&unverified, &crit, clock(case), &mut scratch);
        bytes.map(|signed| signed.payload().to_vec()).map_err(invalid)
    }
}

/// The key id that a token names, for a ring of one key to answer to.
fn named_kid(token: &[u8]) -> String {
    let header = token.split(|byte| *byte == b'.').next().unwrap();
    let header = from_base64url(header).unwrap_or_default();
    let header = serde_json::from_slice::<Value>(&header).unwrap_or_default();
    header["kid"].as_str().filter(|kid| (1..=64).contains(&kid.len())).unwrap_or("only").to_owned()
}

/// A JWK of a key of a case.
fn jwk(spec: &Value) -> Value {
    let text = |name: &str| spec[name].as_str().map(|_| to_base64url(&hex(&spec[name])));
    let members = [("k", text("k_hex")), ("x", text("x_hex")), ("y", text("y_hex"))];
    let mut jwk = json!({"kty": spec["kty"], "kid": spec["kid"], "alg": spec["alg"], "crv": spec["crv"]});
    jwk.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    for (name, value) in members.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        jwk[name] = value.into();
    }
    jwk
}

/// What an application with this configuration says; every way to ask must say the same.
fn verdict(case: &Value) -> Verdict {
    let spec = &case["policy"];
    // Where the use of a key, or the mixture of a set, is the question, the keys come from others: as a JWK set.
    let foreign_set = if needs(case, "jwk-use") {
        Some(json!({"keys": [case["jwk"]]}))
    } else if needs(case, "refuse-mixed-keyset") {
        Some(json!({"keys": spec["keys"].as_array().unwrap().iter().map(jwk).collect::<Vec<_>>()}))
    } else {
        None
    };
    if let Some(set) = foreign_set {
        let ring = KeySet::from_jwks(&set.to_string()).map_err(|error| error.to_string())?;
        return by_ring(case, &ring);
    }
    let mut keys = Vec::new();
    for (spec, key) in typed_keys(spec) {
        keys.push((spec, key.map_err(|error| error.to_string())?));
    }
    if spec["keys"].as_array().unwrap().len() > 1 {
        let mut ring = KeySet::new();
        for (spec, key) in typed_keys(spec) {
            ring.insert(spec["kid"].as_str().unwrap(), key.unwrap(), ValidityPeriod::ALWAYS).unwrap();
        }
        let verdict = by_ring(case, &ring);
        if let (Ok(claims), "jwt") = (&verdict, case["level"].as_str().unwrap()) {
            let in_place: Vec<_> = keys.iter().filter_map(|(_, key)| in_place(case, key).ok()).collect();
            assert_eq!(in_place, [claims.as_slice()], "{}", id(case));
        }
        return verdict;
    }
    let [(_, key)] = keys.as_slice() else { panic!("{}: one key has one algorithm, not {}", id(case), keys.len()) };
    let verdict = by_key(case, key);
    if case["level"] == "jwt" {
        assert_eq!(in_place(case, key), verdict, "{} in place", id(case));
    }
    let mut ring = KeySet::new();
    ring.insert(&named_kid(&token(case)), typed_keys(spec).pop().unwrap().1.unwrap(), ValidityPeriod::ALWAYS).unwrap();
    let outcome = by_ring(case, &ring);
    assert!(
        outcome == verdict || is_beyond_the_ring(case) && outcome == Err(JwtError::Invalid.to_string()),
        "{}: {outcome:?} by a ring, {verdict:?} by the key",
        id(case)
    );
    verdict
}

/// A ring reads a header before it is known to be genuine, so it reads no long one.
fn is_beyond_the_ring(case: &Value) -> bool {
    token(case).iter().position(|byte| *byte == b'.').is_some_and(|dot| dot > 2048)
}

/// Whether a payload, as it came out, is the one that the file gives.
fn assert_payload(case: &Value, payload: &[u8]) {
    let mut compared = false;
    if case["level"] == "jwt" {
        let texts = [&case["payload_text"], &case["recipe"]["payload"]];
        let texts = texts.into_iter().filter_map(Value::as_str).filter_map(|text| serde_json::from_str(text).ok());
        for expected in texts.chain(case["claims"].is_object().then(|| case["claims"].clone())) {
            assert_eq!(parsed(payload), expected, "{}", id(case));
            compared = true;
        }
    } else {
        if let Some(text) = case["payload_text"].as_str() {
            assert_eq!(payload, text.as_bytes(), "{}", id(case));
            compared = true;
        }
        if case["payload_hex"].is_string() {
            assert_eq!(payload, hex(&case["payload_hex"]), "{}", id(case));
            compared = true;
        }
    }
    let part = token(case).split(|byte| *byte == b'.').nth(1).map(<[u8]>::to_vec).unwrap();
    let decoded = from_base64url(&part).unwrap();
    if case["level"] == "jws" {
        assert_eq!(payload, decoded, "{}", id(case));
    } else if !compared {
        match serde_json::from_slice::<Value>(&decoded) {
            Ok(expected) => assert_eq!(parsed(payload), expected, "{}", id(case)),
            // A number that no double holds: it came through as it is.
            Err(error) => assert_eq!((payload, error.is_syntax()), (decoded.as_slice(), true), "{}", id(case)),
        }
    }
}

/// Runs a file of token cases. `exceptions` are rows that the RFCs leave open and that this crate decides the other way, with the
/// reason; each must be one indeed.
fn check_tokens(file: &str, total: usize, exceptions: &[(&str, &str)]) -> BTreeMap<&'static str, usize> {
    let cases = cases(file);
    assert_eq!(cases.len(), total, "{file}");
    let (mut counts, mut wrong, mut taken) = (BTreeMap::new(), Vec::new(), Vec::new());
    let mut count = |what| *counts.entry(what).or_insert(0usize) += 1;
    for case in &cases {
        if needs(case, "short-hmac-key") {
            // Not silently: such a key cannot even be made.
            let keys = typed_keys(&case["policy"]);
            let is_short = |(_, key): &(_, Result<_, _>)| matches!(key, Err(Error::KeyTooShort { .. }));
            assert!(!keys.is_empty() && keys.iter().all(is_short), "{}", id(case));
            count("skipped, HMAC key shorter than its hash");
            continue;
        }
        let verdict = verdict(case);
        let expected = case["expected"].as_str().unwrap();
        if let Ok(payload) = &verdict {
            assert_payload(case, payload);
        }
        let is_right = match expected {
            "accept" => verdict.is_ok(),
            "reject" => verdict.is_err(),
            _ => true,
        };
        if let Some((excepted, _)) = exceptions.iter().find(|(excepted, _)| *excepted == id(case)) {
            assert!(case["basis"] != "must" && !is_right, "{excepted} is no exception");
            taken.push(excepted);
            count("decided otherwise, listed");
        } else if is_right {
            count(match (expected, verdict.is_ok()) {
                ("either", _) => "either",
                (_, true) => "accepted",
                (_, false) => "rejected",
            });
        } else {
            wrong.push(format!("{} ({expected}, {}): {:?}", id(case), case["basis"], verdict.map(String::from_utf8)));
        }
    }
    assert!(wrong.is_empty(), "{file}: {} of {total} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(taken.len(), exceptions.len(), "an exception is in no row of {file}");
    println!("{file}: {total} rows, {counts:?}");
    counts
}

// ---------------------------------------------------------------------------------------------- token cases

/// Rows of the hostile tokens that no RFC decides and that this crate decides the other way.
const ATTACK_EXCEPTIONS: &[(&str, &str)] = &[
    ("attack/json-header/ok-depth-20", "JSON nests 16 levels deep at most, the top object included"),
    ("attack/json-payload/ok-depth-20", "JSON nests 16 levels deep at most, the top object included"),
];

#[test]
fn hostile_tokens_meet_their_verdict() {
    let counts = check_tokens("attack/attack", 492, ATTACK_EXCEPTIONS);
    assert_eq!(counts["either"], 15);
}

#[test]
fn tokens_of_other_minters_are_accepted_with_their_claims() {
    let counts = check_tokens("interop/interop", 100, &[]);
    assert_eq!(counts["accepted"], 100);
}

#[test]
fn wycheproof_signatures_meet_their_verdict() {
    check_tokens("wycheproof/jws", 64, &[]);
}

#[test]
fn tokens_of_the_rfcs_meet_their_verdict() {
    check_tokens("rfc/rfc7515_7519", 13, &[]);
    check_tokens("rfc/rfc7520_7797_8037", 8, &[]);
}

#[test]
fn tokens_from_the_tests_of_other_libraries_meet_their_verdict() {
    let counts = check_tokens("jwt-libraries/tokens", 344, &[]);
    assert_eq!(counts["skipped, HMAC key shorter than its hash"], 212);
}

// ---------------------------------------------------------------------------------------------- JWK sets

#[test]
fn wycheproof_key_sets_meet_their_verdict() {
    let lines = lines("wycheproof/jwk");
    assert_eq!(lines.len(), 14);
    let mut counts = BTreeMap::new();
    for line in &lines {
        let case = parsed(line.as_bytes());
        // As it stands in the file: members twice and their order would not survive a parser.
        let set = line.split_once("\"jwks\": ").unwrap().1.split_once(", \"token\": ").unwrap().0;
        let ring = KeySet::<4>::from_jwks(set);
        let token = UnverifiedJwt::parse(case["token"].as_str().unwrap().as_bytes()).unwrap();
        let outcome = match &ring {
            Ok(ring) => match ring.authenticate_jws(&token, &[], UnixTime::from_secs(0), &mut [0; 512]) {
                Ok(payload) => {
                    assert_eq!(payload.payload(), b"foo", "{}", id(&case));
                    "accepted"
                }
                Err(_) => "token refused",
            },
            Err(_) => "set refused",
        };
        assert_eq!(outcome == "accepted", case["expected"] == "accept", "{}: {outcome}, {ring:?}", id(&case));
        *counts.entry(outcome).or_insert(0usize) += 1;
    }
    println!("wycheproof/jwk: {} rows, {counts:?}", lines.len());
}

// ---------------------------------------------------------------------------------------------- bare algorithms

/// Rows of single signatures; a key that is refused is a signature refused.
fn check_signatures<K: VerifyingKey>(file: &str, total: usize, new: fn(&[u8]) -> Result<K, Error>) {
    let cases = cases(file);
    assert_eq!(cases.len(), total, "{file}");
    let mut counts = BTreeMap::new();
    for case in &cases {
        let outcome = match new(&hex(&case["pk_hex"])) {
            Ok(key) if key.verify(&hex(&case["msg_hex"]), &hex(&case["sig_hex"])) => "accepted",
            Ok(_) => "refused",
            Err(_) => "key refused",
        };
        assert_eq!(outcome == "accepted", case["expected"] == "accept", "{}: {outcome}", id(case));
        *counts.entry(outcome).or_insert(0usize) += 1;
    }
    println!("{file}: {total} rows, {counts:?}");
}

#[test]
fn ecdsa_signatures_meet_their_verdict() {
    check_signatures("wycheproof/ecdsa_p256_p1363", 170, Es256VerifyingKey::from_sec1);
}

#[test]
fn ed25519_signatures_meet_their_verdict() {
    check_signatures("wycheproof/ed25519", 97, EdDsaVerifyingKey::new);
    check_signatures("ed25519-speccheck/cases", 12, EdDsaVerifyingKey::new);
}

#[test]
fn ecdsa_signs_as_rfc_6979_says() {
    let cases = cases("rfc/rfc6979_p256_sha256");
    for case in &cases {
        let key = Es256SigningKey::new(&hex(&case["d_hex"])).unwrap();
        let (message, expected) = (hex(&case["msg_hex"]), hex(&case["sig_hex"]));
        let mut signature = [0; 64];
        key.sign(&message, &mut signature).unwrap();
        assert_eq!(signature.as_slice(), expected, "{}", id(case));
        assert!(key.verifying_key().verify(&message, &expected), "{}", id(case));
        assert!(
            Es256VerifyingKey::from_sec1(&hex(&case["pk_hex"])).unwrap().verify(&message, &expected),
            "{}",
            id(case)
        );
    }
    assert_eq!(cases.len(), 2);
    println!("rfc/rfc6979_p256_sha256: 2 rows, 2 signed and verified");
}
