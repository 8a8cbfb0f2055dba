//! Private claims without serde: for devices that have no room for it.

use crate::encoding::decimal::Decimal;
use crate::json::Json;

/// The value of a private claim.
///
/// ```
/// use countersign::jwt::{Claims, Hs256Key, Unverified, Value};
///
/// let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// let private = [("fw", Value::Text("1.2.3")), ("millivolts", Value::Integer(3287)), ("roles", Value::Texts(&["reader"]))];
/// let mut out = [0; 192];
/// let token = Claims::new().subject("dev-7").private(&private).sign(&key, &mut out)?;
///
/// let mut scratch = [0; 192];
/// let authentic = Unverified::parse(token.as_bytes())?.authenticate(&key, &mut scratch)?;
/// assert_eq!(authentic.unchecked_claims().text("fw").unwrap(), "1.2.3");
/// assert_eq!(authentic.unchecked_claims().json("millivolts"), Some("3287"));
/// assert_eq!(authentic.unchecked_claims().json("roles"), Some(r#"["reader"]"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Value<'a> {
    /// A string.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// `true` or `false`.
    Bool(bool),
    /// An array of strings.
    Texts(&'a [&'a str]),
}

impl Value<'_> {
    pub(super) fn put(self, json: &mut Json<'_>) {
        match self {
            Self::Text(text) => json.string(text),
            Self::Integer(number) => {
                if number < 0 {
                    json.put(b"-");
                }
                json.put(Decimal::new(number.unsigned_abs()).as_bytes());
            }
            Self::Bool(value) => json.put(if value { b"true" } else { b"false" }),
            Self::Texts(texts) => put_texts(json, texts),
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
