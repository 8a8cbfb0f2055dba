//! A strict reader of `Authorization: Bearer` (RFC 6750 section 2.1).

use core::fmt;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The bearer credential in the headers of a request, if any.
///
/// ```
/// use countersign::web::{Bearer, bearer};
/// use http::HeaderMap;
///
/// let with = |value: &str| HeaderMap::from_iter([(http::header::AUTHORIZATION, value.parse().unwrap())]);
/// assert_eq!(bearer(&with("Basic YWxpY2U6")), Bearer::Missing);
/// assert_eq!(bearer(&with("Bearer two words")), Bearer::Malformed);
/// assert_eq!(bearer(&with("bearer cs1_x.y.z")), Bearer::Token(b"cs1_x.y.z"));
/// ```
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Bearer<'h> {
    /// The request has no `Authorization` header, or one of another scheme.
    Missing,
    /// The bearer credential is not well formed, or the request has more than one `Authorization` header.
    Malformed,
    /// The characters of the only bearer token.
    Token(&'h [u8]),
}

/// Shows the variant, and nothing of a token.
impl fmt::Debug for Bearer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "Missing",
            Self::Malformed => "Malformed",
            Self::Token(_) => "Token",
        })
    }
}

/// Returns the bearer credential of a request. Only the scheme is compared without case (RFC 9110 section 11.1).
///
/// ```
/// use countersign::web::{Bearer, bearer};
/// use http::HeaderMap;
///
/// let mut headers = HeaderMap::new();
/// assert_eq!(bearer(&headers), Bearer::Missing);
/// headers.insert("authorization", "Bearer cs1_x.y.z".parse().unwrap());
/// assert_eq!(bearer(&headers), Bearer::Token(b"cs1_x.y.z"));
/// headers.append("authorization", "Bearer another".parse().unwrap());
/// assert_eq!(bearer(&headers), Bearer::Malformed);
/// ```
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Bearer<'_> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Bearer::Missing,
        (Some(value), None) => credentials(value.as_bytes()),
        // Which of two a proxy before us looked at, nobody knows.
        (Some(_), Some(_)) => Bearer::Malformed,
    }
}

fn credentials(value: &[u8]) -> Bearer<'_> {
    let Some((scheme, token)) = split_at_space(value) else {
        return if value.eq_ignore_ascii_case(b"bearer") { Bearer::Malformed } else { Bearer::Missing };
    };
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        Bearer::Missing
    } else if is_b64token(token) {
        Bearer::Token(token)
    } else {
        Bearer::Malformed
    }
}

/// `auth-scheme 1*SP …` (RFC 9110 section 11.4).
fn split_at_space(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = value.split_at_checked(space)?;
    let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
    Some((scheme, rest.get(blanks..)?))
}

/// `b64token` (RFC 6750 section 2.1).
fn is_b64token(token: &[u8]) -> bool {
    let unpadded = token.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last.saturating_add(1));
    let (body, _) = token.split_at_checked(unpadded).unwrap_or_default();
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    !body.is_empty() && body.iter().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar() {
        for (value, expected) in [
            ("Bearer abc", Bearer::Token(b"abc".as_slice())),
            ("bEARER   abc==", Bearer::Token(b"abc==")),
            ("Bearer", Bearer::Malformed),
            ("Bearer ", Bearer::Malformed),
            ("Bearer ===", Bearer::Malformed),
            ("Bearer a=b", Bearer::Malformed),
            ("Bearer a b", Bearer::Malformed),
            ("Bearer a,b", Bearer::Malformed),
            ("Bearer\tabc", Bearer::Missing),
            ("Basic abc", Bearer::Missing),
            ("Bearerabc", Bearer::Missing),
            ("", Bearer::Missing),
        ] {
            assert_eq!(credentials(value.as_bytes()), expected, "{value:?}");
        }
    }
}
