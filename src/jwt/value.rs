//! Values of private claims, without serde.

use super::json::Json;
use crate::encoding::decimal::Decimal;

/// The value of a private claim.
///
/// ```
/// use countersign::jwt::{ClaimValue, JwtBuilder, UnverifiedJwt};
/// use countersign::jwt::keys::Hs256Key;
///
/// let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// let private = [
///     ("fw", ClaimValue::Str("1.2.3")),
///     ("millivolts", ClaimValue::Int(3287)),
///     ("roles", ClaimValue::StrList(&["reader"])),
/// ];
/// let mut out = [0; 192];
/// let token = JwtBuilder::new().subject("dev-7").private_claims(&private).sign(&key, &mut out)?;
///
/// let mut scratch = [0; 192];
/// let authentic = UnverifiedJwt::parse(token.as_bytes())?.authenticate(&key, &mut scratch)?;
/// assert_eq!(authentic.unchecked_claims().get_str("fw").unwrap(), "1.2.3");
/// assert_eq!(authentic.unchecked_claims().get_json("millivolts"), Some("3287"));
/// assert_eq!(authentic.unchecked_claims().get_json("roles"), Some(r#"["reader"]"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClaimValue<'a> {
    /// A string.
    Str(&'a str),
    /// A whole number.
    Int(i64),
    /// `true` or `false`.
    Bool(bool),
    /// An array of strings.
    StrList(&'a [&'a str]),
}

impl ClaimValue<'_> {
    pub(super) fn put(self, json: &mut Json<'_>) {
        match self {
            Self::Str(text) => json.string(text),
            Self::Int(number) => {
                if number < 0 {
                    json.put(b"-");
                }
                json.put(Decimal::new(number.unsigned_abs()).as_bytes());
            }
            Self::Bool(value) => json.put(if value { b"true" } else { b"false" }),
            Self::StrList(texts) => put_texts(json, texts),
        }
    }
}

/// An array of strings.
pub(super) fn put_texts(json: &mut Json<'_>, texts: &[&str]) {
    json.open(b"[");
    for text in texts {
        json.separate();
        json.string(text);
    }
    json.close(b"]");
}
