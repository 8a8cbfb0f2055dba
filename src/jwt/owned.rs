//! A verified JWT that owns its text.

use super::authentic::VerifiedJwt;
use super::claims::Claims;
use super::header::Header;
use super::json::{Members, Object};
use core::fmt;
use std::sync::Arc;

/// The header and claims of a [`VerifiedJwt`] on the heap, cheap to clone. `web::BearerLayer` puts one into the
/// extensions of a request.
///
/// ```
/// use countersign::jwt::{JwtBuilder, OwnedJwt, Policy, UnverifiedJwt};
/// use countersign::jwt::keys::Hs256Key;
/// use countersign::UnixTime;
///
/// # let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// # let (mut out, mut scratch) = ([0; 192], [0; 192]);
/// let builder = JwtBuilder::new().subject("alice").key_id("2026-01").expires_at(UnixTime::from_secs(1_767_229_200));
/// let token = builder.sign(&key, &mut out)?;
/// let authentic = UnverifiedJwt::parse(token.as_bytes())?.authenticate(&key, &mut scratch)?;
/// let verified = authentic.check(&Policy::new(0), UnixTime::from_secs(1_767_225_600))?;
/// let owned = OwnedJwt::from(verified);
/// assert_eq!(owned.claims().subject().unwrap(), "alice");
/// assert_eq!(owned.header().key_id().unwrap(), "2026-01");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "TokenData")]
#[derive(Clone)]
pub struct OwnedJwt {
    /// `None` stands for a key's own, as in a [`Header`].
    header: Option<OwnedObject>,
    claims: OwnedObject,
}

#[derive(Clone)]
struct OwnedObject {
    text: Arc<str>,
    members: Members,
}

impl OwnedObject {
    fn new(object: Object<'_>) -> Self {
        Self { text: object.text.into(), members: object.members }
    }

    fn as_object(&self) -> Object<'_> {
        Object { text: &self.text, members: self.members }
    }
}

impl OwnedJwt {
    /// Returns the claims.
    #[must_use]
    pub fn claims(&self) -> Claims<'_> {
        Claims::from_object(self.claims.as_object())
    }

    /// Returns the header.
    #[must_use]
    pub fn header(&self) -> Header<'_> {
        Header::from_object(self.header.as_ref().map(OwnedObject::as_object))
    }
}

impl From<VerifiedJwt<'_>> for OwnedJwt {
    fn from(verified: VerifiedJwt<'_>) -> Self {
        let header = verified.header().object().map(OwnedObject::new);
        Self { header, claims: OwnedObject::new(verified.claims().object()) }
    }
}

/// Shows the claims.
impl fmt::Debug for OwnedJwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.claims().fmt(f)
    }
}
