//! Any parts of a cookie: refused, or written so that every part is read back and nothing else is there.
#![no_main]

use countersign::UnixTime;
use countersign::cookie::{MAX_SET_COOKIE_LEN, SameSite, SetCookie, cookies};
use libfuzzer_sys::fuzz_target;

type Input<'a> = (&'a str, &'a str, Option<&'a str>, Option<&'a str>, Option<u64>, Option<u64>, u8);

fuzz_target!(|input: Input<'_>| {
    let (name, value, domain, path, max_age, expires, flags) = input;
    let mut cookie = SetCookie::new(name, value);
    cookie = domain.map_or(cookie, |domain| cookie.domain(domain));
    cookie = path.map_or(cookie, |path| cookie.path(path));
    cookie = max_age.map_or(cookie, |seconds| cookie.max_age(seconds));
    cookie = expires.map_or(cookie, |time| cookie.expires(UnixTime::from_secs(time)));
    cookie = if flags & 1 == 0 { cookie } else { cookie.secure() };
    cookie = if flags & 2 == 0 { cookie } else { cookie.http_only() };
    cookie = if flags & 4 == 0 { cookie } else { cookie.partitioned() };
    cookie = [None, Some(SameSite::Strict), Some(SameSite::Lax), Some(SameSite::None)][usize::from(flags >> 3 & 3)]
        .map_or(cookie, |same_site| cookie.same_site(same_site));
    let mut out = vec![0; 8192];
    let Ok(written) = cookie.write(&mut out) else { return };

    assert!(written.len() <= MAX_SET_COOKIE_LEN && written.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    let mut parts = written.split("; ");
    let pair = parts.next().unwrap();
    assert_eq!(cookies(pair.as_bytes()).collect::<Vec<_>>(), [(name.as_bytes(), value.as_bytes())]);
    let attributes: Vec<_> = parts.map(|part| part.split('=').next().unwrap()).collect();
    let asked = [
        (max_age.is_some(), "Max-Age"),
        (expires.is_some(), "Expires"),
        (domain.is_some(), "Domain"),
        (path.is_some(), "Path"),
        (flags & 1 != 0, "Secure"),
        (flags & 2 != 0, "HttpOnly"),
        (flags >> 3 & 3 != 0, "SameSite"),
        (flags & 4 != 0, "Partitioned"),
    ];
    let asked: Vec<_> = asked.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, name)| name).collect();
    assert_eq!(attributes, asked, "{written}");
});
