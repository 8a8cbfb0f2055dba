//! A verified token that owns its bytes, to be passed on with a request.

use super::authentic::{Authentic, Verified};
use super::unverified::Unverified;
use core::fmt;
use std::sync::Arc;

/// A [`Verified`] token on the heap; cheap to clone. What the server-side filter puts into a request's extensions.
///
/// ```
/// # use countersign::{UnixTime, Window, key::MacKey};
/// # use countersign::token::{Carrier, Draft, MAX_FIELDS, Profile, Verifier};
/// use countersign::token::VerifiedToken;
///
/// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
/// # let now = UnixTime::from_secs(1_767_225_600);
/// # let text = Draft::time(b"dev-7", now).mint_text_heapless::<64>(&profile, &key)?;
/// # let verifier = Verifier::new(profile, &key, Window { max_age: 300, skew_future: 60 });
/// # let mut scratch = [0; MAX_FIELDS];
/// let verified = verifier.verify_text(text.as_bytes(), Carrier::NONE, now.into(), &mut scratch).unwrap();
/// let owned = VerifiedToken::from(verified);
/// assert_eq!(owned.get().uid(), b"dev-7");
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone)]
pub struct VerifiedToken {
    /// uid, params and sign, one behind the other.
    bytes: Arc<[u8]>,
    uid_len: usize,
    is_detached: bool,
    params_len: usize,
    template: Verified<'static>,
}

impl VerifiedToken {
    /// The token itself.
    ///
    /// ```
    /// # use countersign::{Refusal, UnixTime, key::MacKey, token::{Carrier, Profile, Verifier, VerifiedToken}};
    /// # use countersign::{Window, token::{Draft, MAX_FIELDS}};
    /// # let (key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
    /// # let now = UnixTime::from_secs(1_767_225_600);
    /// # let text = Draft::time(b"dev-7", now).params(&[("fw", b"1.2.3")]).mint_text_heapless::<80>(&profile, &key)?;
    /// # let verifier = Verifier::new(profile, &key, Window { max_age: 300, skew_future: 60 });
    /// let owned = {
    ///     let mut scratch = [0; MAX_FIELDS];
    ///     VerifiedToken::from(verifier.verify_text(text.as_bytes(), Carrier::NONE, now.into(), &mut scratch).unwrap())
    /// };
    /// // The scratch is gone; the token is whole.
    /// assert_eq!(owned.get().params().get("fw"), Some(b"1.2.3".as_slice()));
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[must_use]
    pub fn get(&self) -> Verified<'_> {
        let (uid, rest) = self.bytes.split_at_checked(self.uid_len).unwrap_or_default();
        let (wire, sign) = rest.split_at_checked(self.params_len).unwrap_or_default();
        let Unverified { kind, stamp, params, reserved, .. } = self.template.token.token;
        let params = params.with_wire(wire);
        let sent_uid = if self.is_detached { &[] } else { uid };
        let token = Unverified { kind, sent_uid, stamp, params, sign, reserved };
        Verified { token: Authentic { token, uid }, slot: self.template.slot, generation: self.template.generation }
    }
}

impl From<Verified<'_>> for VerifiedToken {
    fn from(verified: Verified<'_>) -> Self {
        let Unverified { kind, sent_uid, stamp, params, sign, reserved } = verified.token.token;
        let uid = verified.uid();
        let bytes = [uid, params.wire(), sign].concat();
        let token = Unverified { kind, sent_uid: &[], stamp, params: params.with_wire(&[]), sign: &[], reserved };
        let template =
            Verified { token: Authentic { token, uid: &[] }, slot: verified.slot, generation: verified.generation };
        Self {
            bytes: bytes.into(),
            uid_len: uid.len(),
            is_detached: sent_uid.is_empty(),
            params_len: params.wire().len(),
            template,
        }
    }
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
