//! A verified token that owns its bytes.

use super::authentic::{AuthenticToken, VerifiedToken};
use super::fields::Fields;
use core::fmt;
use std::sync::Arc;

/// A [`VerifiedToken`] on the heap, cheap to clone. `web::BearerLayer` puts one into the
/// extensions of a request.
///
/// ```
/// # use countersign::{TimeWindow, UnixTime, key::MacKey};
/// # use countersign::token::{Channel, Profile, TokenBuilder, Verifier, limits::MAX_SCRATCH_LEN};
/// use countersign::token::OwnedToken;
///
/// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
/// # let now = UnixTime::from_secs(1_767_225_600);
/// # let text = TokenBuilder::time(b"dev-7", now).mint_text_heapless::<64>(&profile, &key)?;
/// # let verifier = Verifier::new(profile, &key, TimeWindow { max_age: 300, max_future_skew: 60 });
/// # let mut scratch = [0; MAX_SCRATCH_LEN];
/// let verified = verifier.verify_text(text.as_bytes(), Channel::NONE, now, &mut scratch).unwrap();
/// let owned = OwnedToken::from(verified);
/// assert_eq!(owned.as_verified().uid(), b"dev-7");
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone)]
pub struct OwnedToken {
    /// uid, params and sign, one behind the other.
    bytes: Arc<[u8]>,
    uid_len: usize,
    is_detached: bool,
    params_len: usize,
    template: VerifiedToken<'static>,
}

impl OwnedToken {
    /// Returns the token as a [`VerifiedToken`] that borrows from this one.
    ///
    /// ```
    /// # use countersign::{UnixTime, key::MacKey, token::{Channel, OwnedToken, Profile, Verifier}};
    /// # use countersign::{TimeWindow, token::{TokenBuilder, limits::MAX_SCRATCH_LEN}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// # let now = UnixTime::from_secs(1_767_225_600);
    /// # let builder = TokenBuilder::time(b"dev-7", now).params(&[("fw", b"1.2.3")]);
    /// # let text = builder.mint_text_heapless::<80>(&profile, &key)?;
    /// # let verifier = Verifier::new(profile, &key, TimeWindow { max_age: 300, max_future_skew: 60 });
    /// let owned = {
    ///     let mut scratch = [0; MAX_SCRATCH_LEN];
    ///     OwnedToken::from(verifier.verify_text(text.as_bytes(), Channel::NONE, now, &mut scratch).unwrap())
    /// };
    /// // The scratch is gone; the token is whole.
    /// assert_eq!(owned.as_verified().params().get("fw"), Some(b"1.2.3".as_slice()));
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub fn as_verified(&self) -> VerifiedToken<'_> {
        let (uid, rest) = self.bytes.split_at_checked(self.uid_len).unwrap_or_default();
        let (wire, sign) = rest.split_at_checked(self.params_len).unwrap_or_default();
        let Fields { kind, stamp, params, reserved, .. } = self.template.token.fields;
        let params = params.with_wire(wire);
        let sent_uid = if self.is_detached { &[] } else { uid };
        let fields = Fields { kind, sent_uid, stamp, params, sign, reserved };
        VerifiedToken {
            token: AuthenticToken { fields, uid },
            slot: self.template.slot,
            generation: self.template.generation,
        }
    }
}

impl From<VerifiedToken<'_>> for OwnedToken {
    fn from(verified: VerifiedToken<'_>) -> Self {
        let Fields { kind, sent_uid, stamp, params, sign, reserved } = verified.token.fields;
        let uid = verified.uid();
        let bytes = [uid, params.wire(), sign].concat();
        let fields = Fields { kind, sent_uid: &[], stamp, params: params.with_wire(&[]), sign: &[], reserved };
        let template = VerifiedToken {
            token: AuthenticToken { fields, uid: &[] },
            slot: verified.slot,
            generation: verified.generation,
        };
        Self {
            bytes: bytes.into(),
            uid_len: uid.len(),
            is_detached: sent_uid.is_empty(),
            params_len: params.wire().len(),
            template,
        }
    }
}

impl fmt::Debug for OwnedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_verified().fmt(f)
    }
}
