//! What a policy finds wrong with claims and headers, by any clock.

use crate::kit::{NOW, at, key, ring_of, signed, token};
use countersign::jwt::claim::{RegisteredClaim, RegisteredClaims};
use countersign::jwt::{FailedChecks, JwtBuilder, JwtError, Policy, UnverifiedJwt, authenticate_in_place};
use countersign::{ClockReading, MonotonicClock, UnixTime};

/// What a policy says of a payload.
fn failures(payload: &str, policy: Policy<'_>, now: u64) -> FailedChecks {
    let mut token = token(payload);
    let checked = authenticate_in_place(&key(), &mut token).unwrap().check(&policy, at(NOW + now));
    checked.map_or_else(|error| error.failed_checks(), |_| FailedChecks::default())
}

#[test]
fn a_claim_of_a_wrong_type_is_refused_whether_or_not_anybody_asks() {
    let texts = ["null", "true", "1", "{}", "[\"a\"]"];
    let dates = [
        "null",
        "true",
        "\"1\"",
        "{}",
        "[1]",
        "-1",
        "-0.5",
        "1e20",
        "18446744073709551616",
        "1e400",
        "99999999999999999999.5",
    ];
    let audiences = ["null", "true", "1", "{}", "[1]", "[\"a\",null]", "[[\"a\"]]", "[\"a\",{}]"];
    for claim in RegisteredClaim::ALL {
        let wrong: &[&str] = match claim {
            RegisteredClaim::Issuer | RegisteredClaim::Subject | RegisteredClaim::JwtId => &texts,
            RegisteredClaim::Audience => &audiences,
            RegisteredClaim::ExpirationTime | RegisteredClaim::NotBefore | RegisteredClaim::IssuedAt => &dates,
        };
        for value in wrong {
            let mut expected = FailedChecks::default();
            expected.wrong_type = RegisteredClaims::NONE.with(claim);
            let payload = format!("{{\"{}\":{value}}}", claim.name());
            let policy = Policy::new(0).allow_missing_exp();
            assert_eq!(failures(&payload, policy, 1), expected, "{payload}");
            assert_eq!(failures(&payload, policy.require(claim), 1), expected, "{payload}");
        }
    }
}

#[test]
fn an_audience_is_a_string_or_a_list_of_them() {
    let policy = Policy::new(0).allow_missing_exp().audience("a");
    for (value, names, is_meant) in [
        ("\"a\"", Some(vec!["a"]), true),
        ("\"\\u0061\"", Some(vec!["a"]), true),
        ("[\"a\"]", Some(vec!["a"]), true),
        ("[ \"b\" , \"\\u0061\" ]", Some(vec!["b", "a"]), true),
        ("[]", Some(vec![]), false),
        ("[\"\"]", Some(vec![""]), false),
        ("\"\"", Some(vec![""]), false),
        ("\"ab\"", Some(vec!["ab"]), false),
        ("\"A\"", Some(vec!["A"]), false),
        ("[\"b\",\"a b\",\"a,b\",\"[a]\"]", Some(vec!["b", "a b", "a,b", "[a]"]), false),
        ("\"[\\\"a\\\"]\"", Some(vec!["[\"a\"]"]), false),
        ("[[\"a\"]]", None, false),
        ("{\"a\":\"a\"}", None, false),
    ] {
        let payload = format!("{{\"aud\":{value}}}");
        let mut token = token(&payload);
        let claims = *authenticate_in_place(&key(), &mut token).unwrap().unchecked_claims();
        let found = claims.audience().map(|audience| audience.iter().map(|one| one.to_string()).collect::<Vec<_>>());
        assert_eq!(found, names.map(|names| names.into_iter().map(str::to_owned).collect()), "{value}");
        assert_eq!(claims.audience().is_some_and(|audience| audience.contains("a")), is_meant, "{value}");
        assert_eq!(failures(&payload, policy, 1).is_empty(), is_meant, "{value}");
    }
    assert!(failures("{}", policy, 1).missing.contains(RegisteredClaim::Audience));
}

#[test]
fn all_checks_that_failed_are_told_at_once() {
    let policy =
        Policy::new(1).issuer("i").audience("a").subject("s").typ("at+jwt").max_age(5).require(RegisteredClaim::JwtId);
    let failed =
        failures(r#"{"iss":"I","aud":["b"],"sub":7,"exp":1700000090,"nbf":1700000110,"iat":1700000080}"#, policy, 100);
    let mut expected = FailedChecks::default();
    expected.missing = RegisteredClaims::NONE.with(RegisteredClaim::JwtId);
    expected.wrong_type = RegisteredClaims::NONE.with(RegisteredClaim::Subject);
    let refused = [
        RegisteredClaim::Issuer,
        RegisteredClaim::Audience,
        RegisteredClaim::ExpirationTime,
        RegisteredClaim::NotBefore,
    ];
    expected.mismatched = refused.into_iter().fold(RegisteredClaims::NONE, RegisteredClaims::with);
    (expected.too_old, expected.wrong_typ) = (true, true);
    assert_eq!(failed, expected);
    assert_eq!(
        failed.to_string(),
        "missing: jti; of a wrong type: sub; not the expected: iss aud; expired (exp); not yet valid (nbf); \
         older than max_age (iat); typ in the header is not the expected"
    );
    assert!(!failed.is_only_expired());
    let missing = failures("{}", policy, 100);
    assert_eq!(missing.to_string(), "missing: iss sub aud exp iat jti; typ in the header is not the expected");
}

#[test]
fn a_token_is_expired_only_if_age_is_all_that_is_wrong() {
    let policy = Policy::new(0).issuer("i").max_age(10);
    for (payload, now, fails, is_expired) in [
        (r#"{"iss":"i","exp":1700000100,"iat":1700000090}"#, 99, false, false),
        (r#"{"iss":"i","exp":1700000100,"iat":1700000090}"#, 100, true, true),
        (r#"{"iss":"i","exp":1700000100,"iat":1700000090}"#, 101, true, true),
        (r#"{"iss":"i","exp":1700000999,"iat":1700000090}"#, 101, true, true),
        (r#"{"iss":"I","exp":1700000100,"iat":1700000090}"#, 101, true, false),
        (r#"{"exp":1700000100,"iat":1700000090}"#, 101, true, false),
        (r#"{"iss":"i","exp":1700000100}"#, 101, true, false),
        (r#"{"iss":"i","exp":1700000100,"iat":"90"}"#, 101, true, false),
        (r#"{"iss":"i","exp":1700000100,"iat":1700000090,"nbf":1700000200}"#, 101, true, false),
        (r#"{"iss":"i","exp":1700000100,"iat":1700000090,"sub":1}"#, 101, true, false),
        (r#"{"iss":"i","exp":1700000100,"iat":1700000102}"#, 101, true, false),
        (r#"{"iss":"i","exp":"100","iat":1700000090}"#, 101, true, false),
        (r#"{"iss":"i","iat":1700000090}"#, 101, true, false),
    ] {
        let mut token = token(payload);
        let authentic = authenticate_in_place(&key(), &mut token).unwrap();
        let checked = authentic.check(&policy, at(NOW + now));
        let expired = authentic.check_expired(&policy, at(NOW + now), 2);
        assert_eq!(expired.is_some(), is_expired, "{payload}");
        assert!(expired.is_none_or(|expired| expired.claims().issuer().unwrap() == "i"), "{payload}");
        assert_eq!(checked.is_err(), fails, "{payload}");
        let Err(error) = checked else { continue };
        assert_eq!(
            (error.failed_checks().is_only_expired(), JwtError::from(error).is_expired()),
            (is_expired, is_expired)
        );
        assert_eq!(JwtError::from(error), JwtError::Policy(error.failed_checks()));
    }
    // The header counts too.
    let mut failed = failures(r#"{"iss":"i","exp":1700000100,"iat":1700000090}"#, policy.typ("at+jwt"), 101);
    assert!(failed.wrong_typ && failed.too_old && !failed.is_only_expired());
    (failed.wrong_typ, failed.unknown_crit) = (false, true);
    assert!(!failed.is_only_expired());
    failed.unknown_crit = false;
    assert!(failed.is_only_expired());
}

/// RFC 7519 section 4.1.3: a token that names an audience is for that audience alone.
#[test]
fn a_policy_without_an_audience_refuses_a_token_for_somebody() {
    let check = |policy: Policy<'_>| {
        let mut token = signed(&key(), r#"{"alg":"HS256","typ":"JWT"}"#, r#"{"exp":1700000009,"aud":"somebody"}"#);
        authenticate_in_place(&key(), &mut token).unwrap().check(&policy, UnixTime::from_secs(1_700_000_000)).is_ok()
    };
    assert!(!check(Policy::new(0)) && !check(Policy::new(0).audience("else")));
    assert!(check(Policy::new(0).audience("somebody")) && check(Policy::new(0).allow_any_audience()));
}

#[test]
fn a_refresh_comes_within_its_grace_or_not_at_all() {
    let late = |payload: &str, policy: Policy<'_>, now: u64, grace: u64| {
        let mut token = signed(&key(), r#"{"alg":"HS256"}"#, payload);
        let authentic = authenticate_in_place(&key(), &mut token).unwrap();
        authentic.check_expired(&policy, UnixTime::from_secs(now), grace).is_some()
    };
    // Last accepted at 1700000029: now is one second later.
    let exp = r#"{"exp":1700000000}"#;
    assert!(!late(exp, Policy::new(30), 1_700_000_030, 0) && late(exp, Policy::new(30), 1_700_000_030, 1));
    assert!(!late(exp, Policy::new(30), 1_700_000_130, 100) && late(exp, Policy::new(30), 1_700_000_130, 101));
    // Last accepted at 1700000090, by its age; the later of both counts.
    let both = r#"{"exp":1700000100,"iat":1700000000}"#;
    let policy = Policy::new(30).max_age(60);
    assert!(!late(both, policy, 1_700_000_091, 0) && late(both, policy, 1_700_000_091, 1));
    assert!(!late(both, policy, 1_700_000_200, 109) && late(both, policy, 1_700_000_200, 110));
}

// ---------------------------------------------------------------------------------------------- clocks

const TIMES: [u64; 8] = [0, 1, (1 << 31) - 1, 1 << 31, 1 << 32, 1 << 53, 1 << 63, u64::MAX];

/// The same rules in arithmetic that cannot overflow.
fn expected_failures(times: [u64; 3], leeway: u64, max_age: Option<u64>, now: u64) -> FailedChecks {
    let [exp, nbf, iat, leeway, now] = [times[0], times[1], times[2], leeway, now].map(u128::from);
    let mut failed = FailedChecks::default();
    if now <= 1_000_000_000 || now > 9_999_999_999 {
        failed.clock_unusable = true;
        return failed;
    }
    if now >= exp + leeway {
        failed.mismatched = failed.mismatched.with(RegisteredClaim::ExpirationTime);
    }
    if nbf > now + leeway {
        failed.mismatched = failed.mismatched.with(RegisteredClaim::NotBefore);
    }
    if let Some(max_age) = max_age {
        failed.too_old = now > iat + u128::from(max_age) + leeway;
        if iat > now + leeway {
            failed.mismatched = failed.mismatched.with(RegisteredClaim::IssuedAt);
        }
    }
    failed
}

#[test]
fn clocks_at_their_ends_get_the_verdict_of_wide_arithmetic() {
    let key = key();
    let mut seen = [0usize; 2];
    for times in TIMES.iter().flat_map(|exp| TIMES.iter().flat_map(|nbf| TIMES.map(|iat| [*exp, *nbf, iat]))) {
        let claims = JwtBuilder::new().expires_at(at(times[0])).not_before(at(times[1])).issued_at(at(times[2]));
        let mut out = [0; 256];
        let len = claims.sign(&key, &mut out).unwrap().len();
        let authentic = authenticate_in_place(&key, &mut out[..len]).unwrap();
        for leeway in TIMES {
            for max_age in TIMES.map(Some).into_iter().chain([None]) {
                let policy = max_age.map_or(Policy::new(leeway), |max_age| Policy::new(leeway).max_age(max_age));
                for now in TIMES {
                    let found = authentic
                        .check(&policy, at(now))
                        .map_or_else(|error| error.failed_checks(), |_| FailedChecks::default());
                    let expected = expected_failures(times, leeway, max_age, now);
                    assert_eq!(found, expected, "{times:?} leeway {leeway} max_age {max_age:?} now {now}");
                    seen[usize::from(found.is_empty())] += 1;
                }
            }
        }
    }
    assert!(seen[0] > 1_000 && seen[1] > 1_000, "{seen:?}");
}

#[test]
fn leeway_counts_to_the_last_second() {
    let last = UnixTime::MAX.as_secs();
    let token = signed(&key(), r#"{"alg":"HS256"}"#, format!("{{\"exp\":{last}}}"));
    let expires = |leeway, now| {
        authenticate_in_place(&key(), &mut token.clone()).unwrap().check(&Policy::new(leeway), at(now)).is_err()
    };
    assert_eq!([expires(0, last), expires(0, last - 1), expires(1, last)], [true, false, false]);
}

/// A clock that was never set, or was set back, sees no token expire.
#[test]
fn no_time_is_judged_by_a_clock_that_is_not_set() {
    let judged = |payload: &str, policy: Policy<'_>, now: ClockReading| {
        let mut token = signed(&key(), r#"{"alg":"HS256"}"#, payload);
        let checked = authenticate_in_place(&key(), &mut token).unwrap().check(&policy, now);
        checked.map_or_else(|error| error.failed_checks(), |_| FailedChecks::default())
    };
    let mut held = MonotonicClock::new(60);
    held.read(UnixTime::from_secs(1_800_000_000));
    let stepped_back = held.read(UnixTime::from_secs(1_700_000_000));
    let unusable = [0, 1, 1_000_000_000, 10_000_000_000, u64::MAX].map(|secs| UnixTime::from_secs(secs).into());
    let untimed = Policy::new(0).allow_missing_exp();
    for now in unusable.into_iter().chain([stepped_back]) {
        for (payload, policy) in [
            (r#"{"exp":1750000000}"#, Policy::new(0)),
            (r#"{"nbf":1}"#, untimed),
            (r#"{"iat":1}"#, untimed.max_age(u64::MAX)),
            (r#"{"iat":1}"#, untimed.reject_future_iat()),
        ] {
            let failed = judged(payload, policy, now);
            assert!(failed.clock_unusable && !failed.is_only_expired(), "{payload} {now:?}");
            assert!(JwtError::Policy(failed).is_server_fault() && !JwtError::Policy(failed).is_expired());
        }
        // Where nothing depends on time, nobody asks the clock.
        for payload in [r#"{"sub":"a"}"#, r#"{"iat":1}"#] {
            assert!(judged(payload, untimed, now).is_empty(), "{payload} {now:?}");
        }
    }
}

#[test]
fn a_fraction_of_iat_does_not_make_a_token_younger() {
    let check = |iat: &str| {
        let mut token =
            signed(&key(), r#"{"alg":"HS256","typ":"JWT"}"#, format!(r#"{{"exp":1700000999,"iat":{iat}}}"#));
        let policy = Policy::new(0).max_age(60);
        authenticate_in_place(&key(), &mut token).unwrap().check(&policy, UnixTime::from_secs(1_700_000_161)).is_ok()
    };
    assert!(check("1700000101") && !check("1700000100") && !check("1700000100.5") && check("1700000101.5"));
}

// ---------------------------------------------------------------------------------------------- headers

#[test]
fn typ_is_compared_as_a_media_type() {
    for (header, expected, is_good) in [
        (r#"{"alg":"HS256","typ":"JWT"}"#, "JWT", true),
        (r#"{"alg":"HS256","typ":"JWT"}"#, "application/jwt", true),
        (r#"{"alg":"HS256","typ":"APPLICATION/At+JWT"}"#, "at+jwt", true),
        (r#"{"alg":"HS256","typ":"at\u002bjwt"}"#, "at+jwt", true),
        (r#"{"alg":"HS256","typ":"JWT"}"#, "at+jwt", false),
        (r#"{"alg":"HS256","typ":"at+jwt"}"#, "JWT", false),
        (r#"{"alg":"HS256","typ":"text/jwt"}"#, "JWT", false),
        (r#"{"alg":"HS256","typ":"application/x/jwt"}"#, "x/jwt", false),
        (r#"{"alg":"HS256","typ":"at+jwt "}"#, "at+jwt", false),
        (r#"{"alg":"HS256","typ":""}"#, "JWT", false),
        (r#"{"alg":"HS256"}"#, "JWT", false),
    ] {
        let mut token = signed(&key(), header, r#"{"exp":1700000009}"#);
        let checked = authenticate_in_place(&key(), &mut token).unwrap().check(&Policy::new(0).typ(expected), at(NOW));
        let failed = checked.map_or_else(|error| error.failed_checks(), |_| FailedChecks::default());
        assert!(failed.wrong_typ != is_good && failed.is_empty() == is_good, "{header} for {expected}");
    }
}

#[test]
fn what_is_critical_must_be_there_once_and_understood() {
    // The rest of the header, what the caller lists, and whether that is in order. `None`: no header.
    let cases: &[(&str, &[&str], Option<bool>)] = &[
        ("", &["x"], Some(true)),
        (r#","crit":["x"],"x":1"#, &["x"], Some(true)),
        (r#","x":1,"crit":["x"]"#, &["y", "x"], Some(true)),
        (r#","crit":["\u0078"],"x":null"#, &["x"], Some(true)),
        (r#","crit":["x"],"\u0078":null"#, &["x"], Some(true)),
        (r#","crit":["x","y"],"x":1,"y":2"#, &["x", "y"], Some(true)),
        (r#","crit":["x","y"],"x":1,"y":2"#, &["x"], Some(false)),
        (r#","crit":["x"],"x":1"#, &[], Some(false)),
        (r#","crit":["x"],"x":1"#, &["X"], Some(false)),
        (r#","crit":["x"]"#, &["x"], Some(false)),
        (r#","crit":["x"],"y":{"x":1}"#, &["x"], Some(false)),
        (r#","crit":["x"],"y":"x""#, &["x"], Some(false)),
        (r#","crit":["x","x"],"x":1"#, &["x"], Some(false)),
        (r#","crit":["x","\u0078"],"x":1"#, &["x"], Some(false)),
        (r#","crit":[]"#, &[], Some(false)),
        (r#","crit":[]"#, &["x"], Some(false)),
        (r#","crit":[ ],"x":1"#, &["x"], Some(false)),
        (r#","crit":[[]],"x":1"#, &["x"], Some(false)),
        (r#","crit":["x",1],"x":1"#, &["x"], Some(false)),
        (r#","crit":["x",null],"x":1"#, &["x"], Some(false)),
        (r#","crit":"x","x":1"#, &["x"], Some(false)),
        (r#","crit":{"x":1},"x":1"#, &["x"], Some(false)),
        (r#","crit":null"#, &["x"], Some(false)),
        (r#","crit":true,"x":1"#, &["x"], Some(false)),
        (r#","crit":[""]"#, &["x"], Some(false)),
        (r#","crit":["b64"],"b64":false"#, &["b64"], Some(false)),
        (r#","crit":["b64"],"b64":true"#, &["b64"], Some(false)),
        (r#","crit":["x","b64"],"b64":false,"x":1"#, &["b64", "x"], Some(false)),
        (r#","crit":["alg"]"#, &[], Some(false)),
        (r#","crit":["exp"],"exp":9"#, &[], Some(false)),
        (r#","crit":["x"],"crit":["x"],"x":1"#, &["x"], None),
        (r#","crit":["x"],"\u0063rit":["x"],"x":1"#, &["x"], None),
        (r#","crit":["x"],"x":1,"x":1"#, &["x"], None),
        (r#","crit":["x",],"x":1"#, &["x"], None),
    ];
    let ring = ring_of(key());
    for (rest, listed, expected) in cases {
        let token = signed(&key(), &format!("{{\"alg\":\"HS256\"{rest}}}"), r#"{"exp":1700000009}"#);
        let (unverified, mut scratch) = (UnverifiedJwt::parse(&token).unwrap(), vec![0; token.len()]);
        let policy = Policy::new(0).with_known_crit(listed);
        let found = unverified.authenticate(&key(), &mut scratch).ok().map(|authentic| {
            let crit = authentic
                .check(&policy, at(NOW))
                .map_or_else(|error| error.failed_checks(), |_| FailedChecks::default());
            assert_eq!(crit.is_empty(), !crit.unknown_crit, "{rest}");
            !crit.unknown_crit
        });
        assert_eq!(found, *expected, "{rest} for {listed:?}");
        let expected = expected.unwrap_or(false);
        assert_eq!(unverified.authenticate_jws(&key(), listed, &mut scratch).is_ok(), expected, "{rest}");
        assert_eq!(ring.authenticate_jws(&unverified, listed, at(1), &mut scratch).is_ok(), expected, "{rest}");
        assert_eq!(ring.verify(&token, &policy, at(NOW), &mut scratch).is_ok(), expected, "{rest}");
    }
}

/// RFC 7515 section 4.1.11: a list that names a parameter of the standard is malformed,
/// whatever the caller lists.
#[test]
fn crit_cannot_name_a_parameter_of_the_standard() {
    for name in ["alg", "typ"] {
        let mut token =
            signed(&key(), &format!(r#"{{"alg":"HS256","typ":"JWT","crit":["{name}"]}}"#), r#"{"exp":1700000009}"#);
        let policy = Policy::new(0).with_known_crit(&["alg", "typ"]);
        let checked =
            authenticate_in_place(&key(), &mut token).unwrap().check(&policy, UnixTime::from_secs(1_700_000_000));
        assert!(checked.is_err_and(|error| error.failed_checks().unknown_crit), "{name}");
    }
}

/// What `with_known_crit` lets pass can be read.
#[test]
fn a_critical_parameter_has_a_value() {
    let header = r#"{"alg":"HS256","crit":["https://example.com/tenant"],"https://example.com/tenant":{"id":[1, 2]}}"#;
    let signed = signed(&key(), header, r#"{"exp":1700000009}"#);
    let (name, unverified) = ("https://example.com/tenant", UnverifiedJwt::parse(&signed).unwrap());
    let (mut scratch, mut again) = ([0; 400], [0; 400]);
    let policy = Policy::new(0).with_known_crit(&["https://example.com/tenant"]);
    let now = UnixTime::from_secs(1_700_000_000);
    let verified = unverified.authenticate(&key(), &mut scratch).unwrap().check(&policy, now).unwrap();
    assert_eq!(verified.header().get_json(name), Some(r#"{"id":[1,2]}"#));
    assert_eq!((verified.header().get_json("alg"), verified.header().get_json("id")), (None, None));
    let bytes = unverified.authenticate_jws(&key(), &[name], &mut again).unwrap();
    assert_eq!(
        (bytes.header().get_json(name), bytes.payload()),
        (Some(r#"{"id":[1,2]}"#), &b"{\"exp\":1700000009}"[..])
    );
}
