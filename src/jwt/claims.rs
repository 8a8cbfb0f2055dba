//! The claims set of an authentic token (RFC 7519 section 4).

use super::date;
use super::json::{self, JsonStr, Object, Shape, word};
use super::registered::RegisteredClaim;
use crate::UnixTime;
use crate::encoding::base64url_decode_in_place;
#[cfg(feature = "serde")]
use crate::error::{ClaimError, ClaimFault};
use crate::shown::Shown;
use core::fmt::{self, Display};
#[cfg(feature = "serde")]
use serde::Deserialize;

/// In the order of [`RegisteredClaim`].
const CLAIMS: Shape = Shape {
    max_keys: json::MAX_CLAIMS,
    names: &[word(b"iss"), word(b"sub"), word(b"aud"), word(b"exp"), word(b"nbf"), word(b"iat"), word(b"jti")],
};

/// True for the name of a claim that has a setter.
pub(super) fn is_registered(name: &str) -> bool {
    CLAIMS.place(name.as_bytes()).is_some()
}

/// What is wrong with a registered claim, by its name and its JSON: every verifier would refuse it.
#[cfg(feature = "serde")]
pub(super) fn fault_of(name: &[u8], value: &[u8]) -> Option<ClaimFault> {
    use RegisteredClaim::{Audience as Aud, ExpirationTime, IssuedAt, Issuer, JwtId, NotBefore, Subject};
    let claim = *RegisteredClaim::ALL.get(CLAIMS.place(name)?)?;
    let value = core::str::from_utf8(value).ok()?;
    let (is_fine, fault) = match claim {
        Issuer | Subject | JwtId => (JsonStr::of_value(value).is_some(), ClaimFault::ExpectedString),
        Aud => (Audience::of_value(value).is_some(), ClaimFault::ExpectedStrings),
        ExpirationTime | NotBefore | IssuedAt => {
            (date::parse(value, date::rounding(claim)).is_some(), ClaimFault::ExpectedDate)
        }
    };
    (!is_fine).then_some(fault)
}

/// The claims of a token, decoded and normalised. Reading a registered claim needs no serde and copies nothing.
///
/// `Debug` and [`as_json`](Claims::as_json) show all claims: take care where you log them. `Debug` stays on its line:
/// it writes control characters and characters that change the direction of text as `\u{…}`.
///
/// ```
/// use countersign::jwt::{ClaimValue, JwtBuilder, UnverifiedJwt};
/// use countersign::jwt::claim::RegisteredClaim;
/// use countersign::jwt::keys::Hs256Key;
/// use countersign::UnixTime;
///
/// # let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// # let (mut out, mut scratch) = ([0; 192], [0; 192]);
/// let claims = JwtBuilder::new()
///     .subject("alice")
///     .issued_at(UnixTime::from_secs(1_767_225_600))
///     .private_claims(&[("admin", ClaimValue::Bool(true))]);
/// # let token = claims.sign(&key, &mut out)?;
/// # let authentic = UnverifiedJwt::parse(token.as_bytes())?.authenticate(&key, &mut scratch)?;
/// let claims = authentic.unchecked_claims();
/// assert_eq!(claims.subject().unwrap(), "alice");
/// assert_eq!(claims.issued_at(), Some(UnixTime::from_secs(1_767_225_600)));
/// assert_eq!(claims.get_json("admin"), Some("true"));
/// assert!(claims.issuer().is_none() && !claims.contains(RegisteredClaim::Issuer));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "payload")]
#[derive(Clone, Copy)]
pub struct Claims<'b> {
    object: Object<'b>,
}

impl<'b> Claims<'b> {
    /// Decodes and normalises the payload of an authentic token over its own text.
    pub(super) fn decode(payload: &'b mut [u8]) -> Option<Self> {
        Some(Self { object: json::normalise(base64url_decode_in_place(payload)?, &CLAIMS)? })
    }

    #[cfg(feature = "std")]
    pub(super) const fn from_object(object: Object<'b>) -> Self {
        Self { object }
    }

    #[cfg(feature = "std")]
    pub(super) const fn object(&self) -> Object<'b> {
        self.object
    }

    /// Returns `iss`, the issuer of the token, or `None` if it is absent or no string.
    ///
    /// All getters of claims return `None` for a wrong JSON type; a [`Policy`](super::Policy) tells that from an absent
    /// claim.
    #[doc(alias = "iss")]
    #[must_use]
    pub fn issuer(&self) -> Option<JsonStr<'b>> {
        self.registered(RegisteredClaim::Issuer)
    }

    /// Returns `sub`, the subject of the token, or `None` if it is absent or no string.
    #[doc(alias = "sub")]
    #[must_use]
    pub fn subject(&self) -> Option<JsonStr<'b>> {
        self.registered(RegisteredClaim::Subject)
    }

    /// Returns `jti`, the id of the token, or `None` if it is absent or no string.
    #[doc(alias = "jti")]
    #[must_use]
    pub fn jwt_id(&self) -> Option<JsonStr<'b>> {
        self.registered(RegisteredClaim::JwtId)
    }

    /// Returns `aud`, the audience of the token, or `None` if it is absent or neither a string nor an array of strings.
    #[doc(alias = "aud")]
    #[must_use]
    pub fn audience(&self) -> Option<Audience<'b>> {
        Audience::of_value(self.value(RegisteredClaim::Audience)?)
    }

    /// Returns `exp`, the time from which on the token is not accepted. A fraction of a second is dropped.
    #[doc(alias = "exp")]
    #[must_use]
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.date(RegisteredClaim::ExpirationTime)
    }

    /// Returns `nbf`, the time before which the token is not accepted. A fraction counts as a whole second.
    #[doc(alias = "nbf")]
    #[must_use]
    pub fn not_before(&self) -> Option<UnixTime> {
        self.date(RegisteredClaim::NotBefore)
    }

    /// Returns `iat`, the time at which the token was issued. A fraction counts as a whole second.
    #[doc(alias = "iat")]
    #[must_use]
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.date(RegisteredClaim::IssuedAt)
    }

    /// The second that `iat` falls into, where the other one is the second that it is over by.
    #[cfg(feature = "tower")]
    pub(crate) fn issued_in(&self) -> Option<UnixTime> {
        date::parse(self.value(RegisteredClaim::IssuedAt)?, date::Round::Down)
    }

    /// Returns the value of a claim as normalised JSON, or `None` if the claim is absent.
    ///
    /// Only members at the top are unique: nested members may appear twice.
    #[must_use]
    pub fn get_json(&self, name: &str) -> Option<&'b str> {
        json::member(self.object.text, name)
    }

    /// Returns the value of a claim that is a string, or `None`.
    #[must_use]
    pub fn get_str(&self, name: &str) -> Option<JsonStr<'b>> {
        JsonStr::of_value(self.get_json(name)?)
    }

    /// Returns the claims as normalised JSON: without white space, and each string in one spelling.
    #[must_use]
    pub const fn as_json(&self) -> &'b str {
        self.object.text
    }

    /// Reads the claims into a type by `serde_json`: flattened and untagged types, maps, any number of fields.
    ///
    /// Claims that the type does not name are skipped. Keys of maps are strings, whole numbers in their shortest form,
    /// or variants. A number that is too large for its field is an error, except where serde buffers it: in a
    /// flattened, untagged or tagged type an `f32` may become infinite.
    /// [`deserialize_no_alloc`](Claims::deserialize_no_alloc) needs no heap, and reads fewer types.
    ///
    /// ```
    /// # use countersign::jwt::{JwtBuilder, UnverifiedJwt};
    /// # use countersign::jwt::keys::Hs256Key;
    /// # use std::collections::BTreeMap;
    /// #[derive(serde::Deserialize)]
    /// struct Access {
    ///     tenant: String,
    ///     #[serde(flatten)]
    ///     rest: BTreeMap<String, serde_json::Value>,
    /// }
    ///
    /// # let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
    /// # let mut out = [0; 256];
    /// let private = BTreeMap::from([("tenant", "acme"), ("plan", "free")]);
    /// let token = JwtBuilder::new().subject("alice").sign_with_claims(&private, &key, &mut out)?;
    /// # let mut scratch = [0; 256];
    /// let authentic = UnverifiedJwt::parse(token.as_bytes())?.authenticate(&key, &mut scratch)?;
    /// let access: Access = authentic.unchecked_claims().deserialize()?;
    /// assert_eq!((access.tenant.as_str(), &access.rest["plan"]), ("acme", &"free".into()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ClaimError`](crate::jwt::claim::ClaimError) if a claim does not fit its field, with the claim's name and its
    /// fault.
    #[cfg(feature = "std")]
    pub fn deserialize<T: Deserialize<'b>>(&self) -> Result<T, ClaimError> {
        json::typed::read::<json::typed::Std, T>(self.object.text)
    }

    /// Reads the claims into a type by `serde-json-core`, without a heap and with the same result on a device and a
    /// server.
    ///
    /// Fields of type `&str` borrow, whatever escapes the token used. Claims that the type does not name are skipped.
    /// It differs from `deserialize`, which the feature `std` adds, in these shapes:
    ///
    /// | shape | `deserialize` | `deserialize_no_alloc` |
    /// |---|---|---|
    /// | flattened fields, untagged and tagged enums, `serde_json::Value` | read | [`NeedsHeap`] |
    /// | bytes | read from an array or a string | [`NeedsHeap`] |
    /// | a string of over 256 bytes with an escape, also in a member that the type does not name | read | [`TooLong`] |
    /// | integers of 128 bits | read | an error |
    /// | a struct as an array | read | an error |
    /// | `-0` as a whole number | an error | 0 |
    /// | `serde::de::IgnoredAny` inside of another type | read | an error for numbers and words |
    ///
    /// [`NeedsHeap`]: crate::jwt::claim::ClaimFault::NeedsHeap
    /// [`TooLong`]: crate::jwt::claim::ClaimFault::TooLong
    ///
    /// ```
    /// # use countersign::jwt::{JwtBuilder, UnverifiedJwt};
    /// # use countersign::jwt::keys::Hs256Key;
    /// #[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
    /// struct Reading<'a> {
    ///     sensor: &'a str,
    ///     degrees: [i16; 3],
    /// }
    ///
    /// # let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
    /// # let mut out = [0; 256];
    /// let reading = Reading { sensor: "außen", degrees: [-3, 0, 21] };
    /// let token = JwtBuilder::new().subject("dev-7").sign_with_claims(&reading, &key, &mut out)?;
    /// # let mut scratch = [0; 256];
    /// let authentic = UnverifiedJwt::parse(token.as_bytes())?.authenticate(&key, &mut scratch)?;
    /// assert_eq!(authentic.unchecked_claims().deserialize_no_alloc::<Reading<'_>>()?, reading);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ClaimError`](crate::jwt::claim::ClaimError) if a claim does not fit its field, with the claim's name and its
    /// fault.
    #[cfg(feature = "serde")]
    pub fn deserialize_no_alloc<T: Deserialize<'b>>(&self) -> Result<T, ClaimError> {
        json::typed::read::<json::typed::Core, T>(self.object.text)
    }

    /// Returns true if the claim is present, whatever its JSON type.
    #[must_use]
    pub fn contains(&self, claim: RegisteredClaim) -> bool {
        self.value(claim).is_some()
    }

    /// The JSON of a registered claim.
    pub(super) fn value(&self, claim: RegisteredClaim) -> Option<&'b str> {
        self.object.get(claim.place())
    }

    fn date(&self, claim: RegisteredClaim) -> Option<UnixTime> {
        date::parse(self.value(claim)?, date::rounding(claim))
    }

    fn registered(&self, claim: RegisteredClaim) -> Option<JsonStr<'b>> {
        JsonStr::of_value(self.value(claim)?)
    }
}

impl fmt::Debug for Claims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown(self.object.text).fmt(f)
    }
}

/// The audience of a token: one name or several (RFC 7519 section 4.1.3).
///
/// ```
/// use countersign::jwt::{JwtBuilder, UnverifiedJwt};
/// use countersign::jwt::keys::Hs256Key;
///
/// # let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// # let (mut out, mut scratch) = ([0; 192], [0; 192]);
/// # let token = JwtBuilder::new().audience(&["api", "admin"]).sign(&key, &mut out)?;
/// # let authentic = UnverifiedJwt::parse(token.as_bytes())?.authenticate(&key, &mut scratch)?;
/// let audience = authentic.unchecked_claims().audience().unwrap();
/// assert!(audience.contains("api") && !audience.contains("API"));
/// assert_eq!(audience.iter().count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Audience<'b> {
    value: &'b str,
}

impl<'b> Audience<'b> {
    /// `None` unless the value is a string or an array of strings.
    pub(super) fn of_value(value: &'b str) -> Option<Self> {
        let audience = Self { value };
        audience.values().all(|value| JsonStr::of_value(value).is_some()).then_some(audience)
    }

    /// Returns true if `name` is one of the names, compared as a whole and with its case.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|one| one == name)
    }

    /// Returns an iterator over all names.
    pub fn iter(&self) -> impl Iterator<Item = JsonStr<'b>> {
        self.values().filter_map(JsonStr::of_value)
    }

    /// What stands between the brackets of an array; any other value is its own only element.
    fn values(&self) -> impl Iterator<Item = &'b str> + use<'b> {
        let inner = self.value.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
        json::elements(inner.unwrap_or(self.value))
    }
}
