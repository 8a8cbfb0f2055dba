//! Cookies: other people's vectors, hostile headers, and what two other crates read differently.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

use countersign::UnixTime;
use countersign::cookie::{
    CookieError, MAX_COOKIE_HEADER_LEN, MAX_COOKIES, MAX_SET_COOKIE_LEN, SameSite, SetCookie, cookies, cookies_named,
};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn read(header: &[u8]) -> Pairs {
    cookies(header).map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

fn cases(file: &str) -> Vec<Value> {
    let path = format!("{}/tests/data/cookies/{file}.jsonl", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

// ---------------------------------------------------------------------------------------------- vectors

#[test]
fn headers_of_other_projects_are_read_to_the_byte() {
    let cases = cases("cookie_header");
    assert_eq!(cases.len(), 83);
    let mut counts = BTreeMap::new();
    for case in &cases {
        let pairs = case["pairs"].as_array().unwrap().iter().map(|pair| {
            let text = |place: usize| pair[place].as_str().unwrap().as_bytes().to_vec();
            (text(0), text(1))
        });
        assert_eq!(read(case["header"].as_str().unwrap().as_bytes()), pairs.collect::<Pairs>(), "{}", case["id"]);
        *counts.entry(case["grammar"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    println!("cookies/cookie_header: {} rows, {counts:?}", cases.len());
}

/// Written as the source writes it, attribute for attribute, or refused.
#[test]
fn cookies_of_other_projects_are_written_or_refused() {
    let cases = cases("set_cookie_build");
    assert_eq!(cases.len(), 77);
    let mut counts = BTreeMap::new();
    for case in &cases {
        let (name, value, attributes) =
            (case["name"].as_str().unwrap(), case["value"].as_str().unwrap(), &case["attrs"]);
        let mut cookie = SetCookie::new(name, value);
        for (attribute, value) in attributes.as_object().unwrap() {
            cookie = match attribute.as_str() {
                "domain" => cookie.domain(value.as_str().unwrap()),
                "path" => cookie.path(value.as_str().unwrap()),
                "max_age" => cookie.max_age(value.as_u64().unwrap()),
                "expires_unix" => cookie.expires(UnixTime::from_secs(value.as_u64().unwrap())),
                "http_only" => cookie.http_only(),
                "secure" => cookie.secure(),
                "partitioned" => cookie.partitioned(),
                "same_site" if value == "Lax" => cookie.same_site(SameSite::Lax),
                other => panic!("{other} is not known"),
            };
        }
        let mut out = [0; MAX_SET_COOKIE_LEN];
        let written = cookie.write(&mut out);
        let outcome = match (case["expected"].as_str().unwrap(), &written) {
            ("emit", Ok(written)) => {
                let parts = |text: &str| text.split("; ").map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
                // Where the source encodes what may stand as it is, or refuses it, the text is ours alone.
                let upstream = case["upstream"].as_str();
                if upstream.is_some_and(|upstream| parts(upstream) == parts(written)) {
                    "as upstream"
                } else {
                    "as it stands"
                }
            }
            ("refuse-or-encode", Err(_)) => "refused",
            (expected, found) => panic!("{}: {expected}, {found:?}", case["id"]),
        };
        *counts.entry(outcome).or_insert(0) += 1;
    }
    println!("cookies/set_cookie_build: {} rows, {counts:?}", cases.len());
    assert_eq!(counts.values().sum::<usize>(), 77);
}

// ---------------------------------------------------------------------------------------------- hostile headers

/// Blanks that others trim: with one of them in front, a planted cookie passes for `__Host-id` there.
#[test]
fn no_other_blank_makes_a_name_another() {
    for blank in ["\u{A0}", "\u{85}", "\u{2000}", "\u{3000}", "\u{FEFF}", "\u{B}", "\u{C}", "\0"] {
        let header = format!("{blank}__Host-id=planted; __Host-id{blank}=planted; __Host-id=genuine");
        assert!(cookies_named([header.as_bytes()], b"__Host-id").eq([b"genuine"]), "{blank:?}");
    }
    assert!(cookies_named([b"\t __Host-id \t=\t x \t".as_slice()], b"__Host-id").eq([b"x"]));
    assert_eq!(cookies_named([b"__host-id=x; __HOST-ID=x".as_slice()], b"__Host-id").count(), 0);
}

#[test]
fn a_broken_piece_hides_no_other() {
    for broken in ["", ";", "=", "==", "x", "\"", "a=\"b", ";;;", "=;=", "\u{FF}\u{FE}"] {
        for header in [format!("{broken};id=1"), format!("id=1;{broken}"), format!("{broken};id=1;{broken}")] {
            assert!(cookies_named([header.as_bytes()], b"id").eq([b"1"]), "{header:?}");
        }
    }
}

#[test]
fn all_of_one_name_are_offered_in_order() {
    let fields: [&[u8]; 3] = [b"id=1; a=b; id=2", b"x=y", b"id=3; id="];
    assert!(cookies_named(fields, b"id").eq([b"1".as_slice(), b"2", b"3", b""]));
}

#[test]
fn what_is_read_is_bounded() {
    let many = "a=b;".repeat(10_000) + "id=1;";
    assert_eq!(cookies(many.as_bytes()).count(), 10_001);
    assert!(cookies_named([many.as_bytes()], b"id").eq([b"1"]), "the bound is for those of its name");
    assert_eq!(cookies_named([many.as_bytes()], b"a").count(), MAX_COOKIES);
    assert_eq!(cookies(";".repeat(1 << 20).as_bytes()).count(), 0);
    // Cut where the limit is, a cookie would be another one.
    let long = format!("a=b; id={}", "x".repeat(MAX_COOKIE_HEADER_LEN));
    assert_eq!(read(long.as_bytes()), [(b"a".to_vec(), b"b".to_vec())]);
    assert_eq!(cookies("x".repeat(1 << 20).as_bytes()).count(), 0);
    let exact = format!("id={}", "x".repeat(MAX_COOKIE_HEADER_LEN - 3));
    assert_eq!(cookies(exact.as_bytes()).count(), 1);
}

// ---------------------------------------------------------------------------------------------- writing

#[test]
fn what_browsers_would_not_keep_is_not_written() {
    let write = |cookie: SetCookie<'_>| cookie.write(&mut [0; 8192]).map(str::to_owned);
    for name in ["", "a b", "a=b", "a;b", "ü", "__Host-id", "__host-id", "__SECURE-id", "a\r\nb"] {
        assert_eq!(write(SetCookie::new(name, "x")), Err(CookieError::Name), "{name:?}");
    }
    for value in ["a b", "a;b", "a,b", "a\"b", "\"", "a\\b", "ü", "a\nb", "\"a\"b\""] {
        assert_eq!(write(SetCookie::new("id", value)), Err(CookieError::Value), "{value:?}");
    }
    assert_eq!(write(SetCookie::new("id", "\"quoted\"")), Ok("id=\"quoted\"".to_owned()));
    assert_eq!(write(SetCookie::new("id", "x").same_site(SameSite::None)), Err(CookieError::NotSecure));
    assert_eq!(write(SetCookie::new("id", "x").partitioned()), Err(CookieError::NotSecure));
    assert_eq!(write(SetCookie::new("id", "x").expires(UnixTime::from_secs(u64::MAX))), Err(CookieError::Expires));
    for (length, by) in [(4093, None), (4094, Some(1)), (5000, Some(907))] {
        let value = "x".repeat(length);
        let expected = by.map_or(Ok(format!("id={value}")), |by| Err(CookieError::TooLong { by }));
        assert_eq!(write(SetCookie::new("id", &value)), expected);
    }
    assert_eq!(SetCookie::new("id", "x").write(&mut [0; 3]), Err(CookieError::BufferTooSmall { needed: 4 }));
}

#[test]
fn dates_are_those_of_another_calendar() {
    let last = 253_402_300_799;
    for secs in (0..400_000)
        .map(|i| i * 631_000)
        .chain([0, 1, 86_399, 86_400, 951_782_399, 951_782_400, last])
        .filter(|secs| *secs <= last)
    {
        let mut out = [0; 64];
        let written = SetCookie::new("a", "b").expires(UnixTime::from_secs(secs)).write(&mut out).unwrap();
        let date = std::time::UNIX_EPOCH + std::time::Duration::from_secs(secs);
        assert_eq!(written, format!("a=b; Expires={}", httpdate::fmt_http_date(date)));
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(name in "[!#$%&'*+.^_`|~0-9a-zA-Z-]{1,20}", value in "[!#-+.-:<-\\[\\]-~/-]{0,40}") {
        let mut out = [0; 128];
        match SetCookie::new(&name, &value).write(&mut out) {
            Ok(written) => prop_assert_eq!(read(written.as_bytes()), [(name.into_bytes(), value.into_bytes())]),
            Err(error) => prop_assert!(error == CookieError::Name && name.starts_with("__")),
        }
    }

    /// Whatever is passed in, one cookie comes out and nothing that was not asked for.
    #[test]
    fn nothing_is_injected(name in any::<String>(), value in any::<String>(), path in any::<String>(), domain in any::<String>()) {
        let mut out = [0; 1024];
        if let Ok(written) = SetCookie::new(&name, &value).path(&path).domain(&domain).secure().write(&mut out) {
            let parts: Vec<_> = written.split("; ").collect();
            prop_assert_eq!(&parts[..], [format!("{name}={value}"), format!("Domain={domain}"), format!("Path={path}"), "Secure".to_owned()]);
            prop_assert!(written.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }

    #[test]
    fn any_bytes_are_read(header in prop::collection::vec(any::<u8>(), 0..300)) {
        for (name, value) in cookies(&header) {
            prop_assert!(!name.contains(&b'=') && !name.contains(&b';') && !value.contains(&b';'));
        }
    }
}

// ---------------------------------------------------------------------------------------------- other readers

/// Why another reader may see other cookies.
fn may_differ(header: &str) -> Option<&'static str> {
    let pieces = || header.split(';');
    let is_blank = |character: char| character == ' ' || character == '\t';
    let has_other_blank = |text: &str| text.trim() != text.trim_matches(is_blank);
    if pieces().flat_map(|piece| piece.split('=')).any(has_other_blank) {
        Some("they trim blanks of Unicode from names and values")
    } else if pieces().any(|piece| piece.split_once('=').is_some_and(|(name, _)| name.trim().is_empty())) {
        Some("they refuse a cookie without a name")
    } else if pieces().any(|piece| !piece.contains('=')) {
        Some("one refuses the whole header for a piece that is no cookie")
    } else if header.contains('%') {
        Some("one decodes percent signs")
    } else if header.contains('"') {
        Some("one takes quotes off")
    } else {
        None
    }
}

fn by_cookie(header: &str) -> Pairs {
    let found = cookie::Cookie::split_parse(header).flatten();
    found.map(|cookie| (cookie.name().as_bytes().to_vec(), cookie.value().as_bytes().to_vec())).collect()
}

/// Names are those of the jar that it makes; of each, all values.
fn by_biscotti(header: &str) -> Option<BTreeMap<Vec<u8>, Vec<Vec<u8>>>> {
    let processor: biscotti::Processor = biscotti::ProcessorConfig::default().into();
    let jar = biscotti::RequestCookies::parse_header(header, &processor).ok()?;
    let names = read(header.as_bytes()).into_iter().map(|(name, _)| name);
    Some(
        names
            .filter_map(|name| {
                let values = jar.get_all(std::str::from_utf8(&name).ok()?)?;
                Some((name, values.map(|cookie| cookie.value().as_bytes().to_vec()).collect()))
            })
            .collect(),
    )
}

fn by_name(pairs: Pairs) -> BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
    let mut names = BTreeMap::<_, Vec<_>>::new();
    pairs.into_iter().for_each(|(name, value)| names.entry(name).or_default().push(value));
    names
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn everybody_reads_a_plain_header_alike(header in "(a|b|id)=[x1/]{0,3}(;[ \t]?(a|b|id)=[x1/]{0,3}){0,6}") {
        let ours = read(header.as_bytes());
        prop_assert_eq!(may_differ(&header), None);
        prop_assert_eq!(&by_cookie(&header), &ours);
        prop_assert_eq!(by_biscotti(&header), Some(by_name(ours)));
    }

    #[test]
    fn every_difference_to_other_readers_has_a_reason(header in "(([ \t]|\u{A0}|\u{2000}|=|;|\"|%41|a|b|__Host-id|; ){0,12})") {
        let ours = read(header.as_bytes());
        let (cookie, biscotti) = (by_cookie(&header), by_biscotti(&header));
        let agree = cookie == ours && biscotti == Some(by_name(ours));
        prop_assert!(agree || may_differ(&header).is_some(), "{header:?}: {cookie:?}, {biscotti:?}");
    }
}

/// The reasons are real: each of them shows.
#[test]
fn the_differences_are_there() {
    let planted = "\u{2000}__Host-id=planted";
    assert_eq!(by_cookie(planted), [(b"__Host-id".to_vec(), b"planted".to_vec())], "cookie takes it for __Host-id");
    assert_eq!(cookies_named([planted.as_bytes()], b"__Host-id").count(), 0);
    assert!(
        by_biscotti("a=b; broken").is_none() && read(b"a=b; broken").len() == 1,
        "biscotti refuses the whole header"
    );
    assert_eq!(may_differ("a=b; c=d"), None);
}
