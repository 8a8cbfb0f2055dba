//! Buffer sizes, known at compile time.

use crate::encoding::base64url_len;

/// Characters of the longest header that is read before the signature is known to be good.
pub(super) const MAX_HEADER: usize = 2048;

/// The length in characters of the longest JWT that is read.
pub const MAX_JWT_LEN: usize = 65_535;

/// Characters of `{"alg":"…","typ":"JWT"}` in base64url, for every algorithm here.
const HEADER: usize = 36;

/// Digits of the largest date.
const DATE: usize = 20;

/// Returns the buffer length for a JWT with a plain header, string claims of these `(name, value)` lengths, `dates`
/// date claims, and a signature of `signature` bytes.
///
/// Lengths of values are those in JSON: a quote or a backslash counts two, a line break two, another control character
/// six. Add header parameters on top.
///
/// ```
/// use countersign::jwt::JwtBuilder;
/// use countersign::jwt::keys::{Hs256Key, JwsAlgorithm};
/// use countersign::jwt::limits::max_jwt_len;
/// use countersign::UnixTime;
///
/// const LEN: usize = max_jwt_len(&[(3, 16), (2, 5)], 2, Hs256Key::SIGNATURE_LEN);
/// static FIRMWARE: &str = "1.2.3";
///
/// let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// let private = [("fw", countersign::jwt::ClaimValue::Str(FIRMWARE))];
/// let claims = JwtBuilder::new().subject("dev-0123456789ab").private_claims(&private);
/// let claims = claims.issued_at(UnixTime::from_secs(u64::MAX)).expires_at(UnixTime::from_secs(u64::MAX));
/// let token = claims.sign_heapless::<LEN, _>(&key)?;
/// assert_eq!(token.len(), LEN);
/// # Ok::<(), countersign::Error>(())
/// ```
#[must_use]
pub const fn max_jwt_len(texts: &[(usize, usize)], dates: usize, signature: usize) -> usize {
    // The braces, and for each member its quotes, colon and comma; one comma less than members.
    let mut json = 2usize.saturating_add(dates.saturating_mul(3 + 4 + DATE));
    let mut rest = texts;
    while let [(name, value), tail @ ..] = rest {
        json = json.saturating_add(*name).saturating_add(*value).saturating_add(6);
        rest = tail;
    }
    if dates > 0 || !texts.is_empty() {
        json = json.saturating_sub(1);
    }
    HEADER
        .saturating_add(1)
        .saturating_add(base64url_len(json))
        .saturating_add(1)
        .saturating_add(base64url_len(signature))
}
