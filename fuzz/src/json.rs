//! JSON as serde_json reads it, with numbers as they are written.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A value; of equal members the last one counts.
///
/// Not `serde_json::Value`: that refuses numbers beyond an `f64`, and with `arbitrary_precision` it takes an object
/// with the member `$serde_json::private::Number` for a number. Nesting is not limited here.
#[derive(Debug, PartialEq)]
pub enum Json {
    Object(BTreeMap<String, Json>),
    Array(Vec<Json>),
    Text(String),
    /// A number, `true`, `false` or `null`, as it is written.
    Other(String),
}

impl Json {
    /// The text of a string.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether this is a string.
    pub fn is_text(&self) -> bool {
        self.as_text().is_some()
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let value = match raw.as_bytes().first() {
            Some(b'{') => serde_json::from_str(raw).map(Self::Object),
            Some(b'[') => serde_json::from_str(raw).map(Self::Array),
            Some(b'"') => serde_json::from_str(raw).map(Self::Text),
            _ => Ok(Self::Other(raw.to_owned())),
        };
        value.map_err(D::Error::custom)
    }
}
