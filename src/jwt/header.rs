//! The JOSE header of a token (RFC 7515 section 4.1). It can confirm the algorithm of the key, and never choose one.

use super::json::{self, JsonStr, Object, Shape, word};
use crate::encoding::base64url_decode_in_place;
use core::fmt;

/// A header may have to be read before anybody has vouched for it.
pub(super) const HEADER: Shape =
    Shape { max_keys: 32, names: &[word(b"alg"), word(b"kid"), word(b"typ"), word(b"cty"), word(b"crit")] };
const ALG: usize = 0;
const KID: usize = 1;
const TYP: usize = 2;
const CTY: usize = 3;
const CRIT: usize = 4;

/// The JOSE header of a token with a valid signature.
///
/// ```
/// use countersign::jwt::{JwtBuilder, UnverifiedJwt};
/// use countersign::jwt::keys::Hs256Key;
///
/// let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// let claims = JwtBuilder::new().key_id("2026-01").header_parameters(&[("tenant", "acme")]);
/// let (mut out, mut scratch) = ([0; 192], [0; 192]);
/// let token = claims.sign(&key, &mut out)?;
/// let header = UnverifiedJwt::parse(token.as_bytes())?.authenticate(&key, &mut scratch)?.header();
/// assert_eq!(header.key_id().unwrap(), "2026-01");
/// assert_eq!(header.get_str("tenant").unwrap(), "acme");
/// assert_eq!(header.get_json("tenant"), Some("\"acme\"")); // any JSON
/// assert_eq!(header.get_json("alg"), None); // the key's to say
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// `None` stands for a key's own, recognised by comparison.
#[doc(alias = "jose")]
#[derive(Clone, Copy)]
pub struct Header<'b>(Option<Object<'b>>);

impl<'b> Header<'b> {
    /// The header of a token that a key has signed, from its text: the key's own, or one that names the same algorithm.
    pub(super) fn of_key(own: &[u8], alg: &str, text: &'b mut [u8]) -> Option<Self> {
        if text == own {
            return Some(Self(None));
        }
        Self::read(text).filter(|header| header.alg_is(alg))
    }

    /// Reads a header over its own text; `None` unless it is an object in which `alg`, `kid`, `typ` and `cty`, where they are there, are strings.
    pub(super) fn read(text: &'b mut [u8]) -> Option<Self> {
        let object = json::normalise(base64url_decode_in_place(text)?, &HEADER)?;
        for parameter in [ALG, KID, TYP, CTY] {
            if let Some(value) = object.get(parameter) {
                JsonStr::of_value(value)?;
            }
        }
        Some(Self(Some(object)))
    }

    #[cfg(feature = "std")]
    pub(super) const fn from_object(object: Option<Object<'b>>) -> Self {
        Self(object)
    }

    #[cfg(feature = "std")]
    pub(super) const fn object(&self) -> Option<Object<'b>> {
        self.0
    }

    fn text(&self, parameter: usize) -> Option<JsonStr<'b>> {
        self.0.and_then(|object| object.get(parameter)).and_then(JsonStr::of_value)
    }

    /// True if `alg` is this name, in this case and spelling.
    pub(super) fn alg_is(&self, name: &str) -> bool {
        self.text(ALG).is_some_and(|alg| alg == name)
    }

    /// Returns `kid`, the id of the signing key, or `None` if it is absent or no string.
    #[doc(alias = "kid")]
    #[must_use]
    pub fn key_id(&self) -> Option<JsonStr<'b>> {
        self.text(KID)
    }

    /// Returns `cty`, the media type of the payload, or `None` if it is absent or no string.
    #[doc(alias = "cty")]
    #[must_use]
    pub fn content_type(&self) -> Option<JsonStr<'b>> {
        self.text(CTY)
    }

    /// Returns the value of a parameter as normalised JSON: of a critical parameter that the caller
    /// [acts upon](super::Policy::with_known_crit), for example. Returns `None` for `alg`.
    #[must_use]
    pub fn get_json(&self, name: &str) -> Option<&'b str> {
        match self.0 {
            Some(object) if name != "alg" => json::member(object.text, name),
            None if name == "typ" => Some("\"JWT\""),
            _ => None,
        }
    }

    /// Returns the value of a parameter that is a string, or `None`.
    #[must_use]
    pub fn get_str(&self, name: &str) -> Option<JsonStr<'b>> {
        JsonStr::of_value(self.get_json(name)?)
    }

    /// Media types compare without regard to case, and `application/` may be left out (RFC 7515 section 4.1.9).
    pub(super) fn typ_is(&self, expected: &str) -> bool {
        let is = |typ: &str| without_application(typ).eq_ignore_ascii_case(without_application(expected));
        match self.0 {
            None => is("JWT"),
            Some(_) => self.text(TYP).and_then(|typ| typ.to_str()).is_some_and(is),
        }
    }

    /// True if every extension that the header calls critical is there and understood (RFC 7515 section 4.1.11).
    ///
    /// No list, an empty one, one that names a parameter of the standard, and one that names anything twice are all malformed.
    pub(super) fn crit_is_understood(&self, understood: &[&str]) -> bool {
        let Some(object) = self.0 else { return true };
        let Some(crit) = object.get(CRIT) else { return true };
        if crit == "[]" || understood.is_empty() {
            return false;
        }
        let Some(mut names) = json::list(crit) else { return false };
        while let Some(quoted) = names.next() {
            let name = JsonStr::of_value(quoted).and_then(|name| name.to_str());
            let is_known = name.is_some_and(|name| understood.contains(&name) && !is_standard_parameter(name));
            if !is_known || names.clone().any(|later| later == quoted) || !object.has(quoted) {
                return false;
            }
        }
        true
    }
}

impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").finish_non_exhaustive()
    }
}

/// A media type without its `application/`, where no other slash is in it.
fn without_application(name: &str) -> &str {
    match name.split_once('/') {
        Some((start, rest)) if start.eq_ignore_ascii_case("application") && !rest.contains('/') => rest,
        _ => name,
    }
}

/// Names that RFC 7515 section 4.1 and RFC 7797 give a meaning to: neither an application's own, nor to be called critical.
const STANDARD: Shape = Shape {
    max_keys: 0,
    names: &[
        word(b"alg"),
        word(b"jku"),
        word(b"jwk"),
        word(b"kid"),
        word(b"x5u"),
        word(b"x5c"),
        word(b"x5t"),
        word(b"typ"),
        word(b"cty"),
        word(b"crit"),
        word(b"b64"),
    ],
};

pub(super) fn is_standard_parameter(name: &str) -> bool {
    name == "x5t#S256" || STANDARD.place(name.as_bytes()).is_some()
}
