//! Claims that own their text, to be passed on with a request.

use super::authentic::Verified;
use super::claims::ClaimsSet;
use crate::json::{Members, Object};
use core::fmt;
use std::sync::Arc;

/// The claims of a [`Verified`] token on the heap; cheap to clone. What the server-side filter puts into a request's extensions.
///
/// ```
/// use countersign::jwt::{Claims, Hs256Key, Policy, Unverified, VerifiedClaims};
/// use countersign::{Refusal, UnixTime};
///
/// # let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// # let (mut out, mut scratch) = ([0; 192], [0; 192]);
/// let token = Claims::new().subject("alice").expires_at(UnixTime::from_secs(1_767_229_200)).sign(&key, &mut out)?;
/// let authentic = Unverified::parse(token.as_bytes())?.authenticate(&key, &mut scratch)?;
/// let verified = authentic.check(&Policy::new(0), UnixTime::from_secs(1_767_225_600)).map_err(Refusal::from)?;
/// let owned = VerifiedClaims::from(verified);
/// assert_eq!(owned.get().subject().unwrap(), "alice");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct VerifiedClaims {
    text: Arc<str>,
    members: Members,
}

impl VerifiedClaims {
    /// The claims themselves.
    #[must_use]
    pub fn get(&self) -> ClaimsSet<'_> {
        ClaimsSet::from_object(Object { text: &self.text, members: self.members })
    }
}

impl From<Verified<'_>> for VerifiedClaims {
    fn from(verified: Verified<'_>) -> Self {
        let Object { text, members } = verified.claims().object();
        Self { text: text.into(), members }
    }
}

impl fmt::Debug for VerifiedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
