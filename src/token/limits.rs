//! Buffer sizes, known at compile time.

use super::SignLen;
use crate::encoding::base64url_len;
pub use crate::rules::{
    MAX_BINDING_LEN, MAX_COUNTER, MAX_NAME_LEN, MAX_PARAM_KEY_LEN, MAX_PARAM_VALUE_LEN, MAX_PARAMS, MAX_UID_LEN,
};

/// The length in characters of the longest token text.
///
/// ```
/// use countersign::token::{SignLen, limits::{MAX_TEXT_LEN, max_text_len}};
///
/// assert_eq!(MAX_TEXT_LEN, 947);
/// // A Sequence token: one character more for its prefix and three for its counter.
/// assert_eq!(MAX_TEXT_LEN, max_text_len(64, &[(8, 64); 8], SignLen::N32) + 1 + 3);
/// ```
pub const MAX_TEXT_LEN: usize = 5 + max_field_len(MAX_UID_LEN) + 1 + 13 + MAX_PARAMS * MAX_TEXT_PARAM + 1 + 64;

/// The length in bytes of the longest binary token.
///
/// ```
/// use countersign::token::{SignLen, limits::{MAX_BINARY_LEN, max_binary_len}};
///
/// assert_eq!(MAX_BINARY_LEN, 696);
/// assert_eq!(MAX_BINARY_LEN, max_binary_len(64, &[(8, 64); 8], SignLen::N32));
/// ```
pub const MAX_BINARY_LEN: usize = 1 + 1 + MAX_UID_LEN + 5 + 1 + MAX_PARAMS * MAX_WIRE_PARAM + 32;

/// The length in bytes of the decoded fields of the longest text.
///
/// [`Verifier::verify_text`](super::Verifier::verify_text) needs a scratch buffer of this length, unless
/// [`with_max_text_len`](super::Verifier::with_max_text_len) lowers it.
///
/// ```
/// # use countersign::{TimeWindow, UnixTime, key::MacKey, token::{Channel, Profile, TokenError, Verifier}};
/// use countersign::token::limits::{MAX_SCRATCH_LEN, MAX_TEXT_LEN};
///
/// # let (key, now) = (MacKey::new(b"an obvious test key of 32 bytes!")?, UnixTime::from_secs(1_767_225_600));
/// # let verifier = Verifier::new(Profile::new("mqtt")?, &key, TimeWindow { max_age: 300, max_future_skew: 60 });
/// let longest = [b'x'; MAX_TEXT_LEN];
/// let verdict = |scratch: &mut [u8]| verifier.verify_text(&longest, Channel::NONE, now, scratch).err();
/// assert_eq!(verdict(&mut [0; MAX_SCRATCH_LEN - 1]), Some(TokenError::TooLong { needed: MAX_SCRATCH_LEN }));
/// assert_eq!(verdict(&mut [0; MAX_SCRATCH_LEN]), Some(TokenError::Invalid));
/// # Ok::<(), countersign::Error>(())
/// ```
pub const MAX_SCRATCH_LEN: usize = MAX_UID_LEN + MAX_PARAMS * MAX_WIRE_PARAM + 32;

/// The length in bytes of the longest MAC input ([FORMAT section 2](crate::docs::format#2-mac-input)).
///
/// ```
/// use countersign::token::{Profile, TokenBuilder, limits::MAX_MAC_INPUT_LEN};
///
/// let m = TokenBuilder::sequence(b"dev-7", 1).mac_input(&Profile::new("mqtt")?, &mut [0; MAX_MAC_INPUT_LEN])?.len();
/// assert_eq!((m, MAX_MAC_INPUT_LEN), (27, 770));
/// # Ok::<(), countersign::Error>(())
/// ```
pub const MAX_MAC_INPUT_LEN: usize =
    6 + 1 + MAX_NAME_LEN + 1 + MAX_UID_LEN + 8 + 1 + MAX_PARAMS * MAX_WIRE_PARAM + 1 + MAX_BINDING_LEN;

const MAX_TEXT_PARAM: usize = 1 + MAX_PARAM_KEY_LEN + 1 + max_field_len(MAX_PARAM_VALUE_LEN);
const MAX_WIRE_PARAM: usize = 1 + MAX_PARAM_KEY_LEN + 1 + MAX_PARAM_VALUE_LEN;

// FORMAT sections 2, 3 and 4 name these figures.
const _: () = assert!(MAX_TEXT_LEN == 947 && MAX_BINARY_LEN == 696 && MAX_MAC_INPUT_LEN == 770);

/// Characters of a field of `n` bytes in its longer spelling.
const fn max_field_len(n: usize) -> usize {
    match n {
        0 => 0,
        n => 1usize.saturating_add(base64url_len(n)),
    }
}

/// Returns the buffer length for the text of any Time token with a uid of `uid` bytes (0 if detached) and params of
/// these `(key, value)` lengths.
///
/// The result is an upper bound: a uid or value of letters, digits, `_` and `-` alone takes less. Other kinds take one
/// character more, and a counter up to three. Reserved params count as well: `k` is `(1, 3)`, `g` is `(1, 10)`.
///
/// ```
/// use countersign::token::{SignLen, limits::max_text_len};
///
/// const LEN: usize = max_text_len(16, &[(2, 5)], SignLen::N16);
/// let buffer = [0u8; LEN];
/// assert_eq!(buffer.len(), 83);
/// assert_eq!(max_text_len(0, &[], SignLen::N10), 36);
/// ```
#[must_use]
pub const fn max_text_len(uid: usize, params: &[(usize, usize)], sign_len: SignLen) -> usize {
    let mut total = 16usize.saturating_add(max_field_len(uid)).saturating_add(sign_len.bytes().saturating_mul(2));
    let mut rest = params;
    while let [(key, value), tail @ ..] = rest {
        total = total.saturating_add(2).saturating_add(*key).saturating_add(max_field_len(*value));
        rest = tail;
    }
    total
}

/// Returns the buffer length for the binary form of any token with a uid of `uid` bytes (0 if detached) and params of
/// these `(key, value)` lengths.
///
/// The result is exact, except that a short stamp saves three bytes.
///
/// ```
/// use countersign::token::{SignLen, limits::max_binary_len};
///
/// assert_eq!(max_binary_len(16, &[], SignLen::N16), 39);
/// assert_eq!(max_binary_len(0, &[], SignLen::N16), 22);
/// ```
#[must_use]
pub const fn max_binary_len(uid: usize, params: &[(usize, usize)], sign_len: SignLen) -> usize {
    let uid = if uid == 0 { 0 } else { uid.saturating_add(1) };
    let mut total = 6usize.saturating_add(uid).saturating_add(sign_len.bytes());
    if !params.is_empty() {
        total = total.saturating_add(1);
    }
    let mut rest = params;
    while let [(key, value), tail @ ..] = rest {
        total = total.saturating_add(2).saturating_add(*key).saturating_add(*value);
        rest = tail;
    }
    total
}
