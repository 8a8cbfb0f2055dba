//! Challenges and Answers, for devices with neither a clock nor random numbers ([FORMAT section 5](crate::docs::format#5-verifying) and [section 7](crate::docs::format#7-devices-without-a-clock)).
//!
//! ```
//! use countersign::key::MacKey;
//! use countersign::token::{Channel, Profile, Verifier, challenge, limits::MAX_SCRATCH_LEN};
//! use countersign::{TimeWindow, UnixTime};
//!
//! let device_key = MacKey::new(b"an obvious test key of 32 bytes!")?;
//! let challenge_key = MacKey::new(b"the server's own obvious testkey")?;
//! let (profile, now) = (Profile::new("mqtt")?, UnixTime::from_secs(1_767_225_600));
//!
//! // The server asks and keeps nothing.
//! let mut question = [0; challenge::CHALLENGE_LEN];
//! let question = challenge::issue(&profile, &challenge_key, b"dev-7", now, &mut question)?;
//!
//! // The device answers with its own key.
//! let mut answer = [0; 80];
//! let answer = challenge::respond(question.as_bytes(), b"dev-7")?.mint_text(&profile, &device_key, &mut answer)?;
//!
//! // The server recognises its own question in the answer.
//! let verifier = Verifier::new(profile, &device_key, TimeWindow { max_age: 300, max_future_skew: 60 })
//!     .with_challenge_key(&challenge_key);
//! assert!(verifier.verify_text(answer.as_bytes(), Channel::NONE, now, &mut [0; MAX_SCRATCH_LEN]).is_ok());
//! # Ok::<(), countersign::Error>(())
//! ```

use super::fields::Fields;
use super::mac_input::MacInput;
use super::params::WireParams;
use super::{Params, Profile, SignLen, TokenBuilder, TokenKind, text};
use crate::key::MacKey;
use crate::{Error, Result, UnixTime};

/// The length of every challenge in characters.
///
/// ```
/// assert_eq!("cs1q_.1767225600.b74aaa7f3622d9cf".len(), countersign::token::challenge::CHALLENGE_LEN);
/// ```
pub const CHALLENGE_LEN: usize = 33;

/// Writes a server's challenge to `uid` (1 to 64 bytes) into `out`, signed with a key that only the server has.
///
/// A challenge has [`CHALLENGE_LEN`] characters.
///
/// ```
/// # use countersign::{Error, UnixTime, key::MacKey, token::{Profile, challenge}};
/// # let (challenge_key, profile) = (MacKey::new(b"the server's own obvious testkey")?, Profile::new("mqtt")?);
/// # let now = UnixTime::from_secs(1_767_225_600);
/// let mut out = [0; challenge::CHALLENGE_LEN];
/// assert!(challenge::issue(&profile, &challenge_key, b"dev-7", now, &mut out)?.starts_with("cs1q_.1767225600."));
/// let without_a_clock = challenge::issue(&profile, &challenge_key, b"dev-7", UnixTime::from_secs(5), &mut out);
/// assert_eq!(without_a_clock, Err(Error::StampRange));
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// [`Error::StampRange`] if the server's clock is not set, [`Error::UidLength`] if `uid` is not 1 to 64 bytes,
/// [`Error::BufferTooSmall`] if `out` is shorter than [`CHALLENGE_LEN`].
pub fn issue<'b>(
    profile: &Profile<'_>,
    challenge_key: &MacKey,
    uid: &[u8],
    now: UnixTime,
    out: &'b mut [u8],
) -> Result<&'b str> {
    TokenBuilder::challenge(uid, now).mint_text(&profile.with_sign_len(SignLen::N8), challenge_key, out)
}

/// Returns a server's challenge as a string of `heapless`, like [`issue`].
///
/// ```
/// # use countersign::{UnixTime, key::MacKey, token::{Profile, challenge}};
/// # let (challenge_key, profile) = (MacKey::new(b"the server's own obvious testkey")?, Profile::new("mqtt")?);
/// # let now = UnixTime::from_secs(1_767_225_600);
/// let for_one = challenge::issue_heapless(&profile, &challenge_key, b"dev-7", now)?;
/// let for_another = challenge::issue_heapless(&profile, &challenge_key, b"dev-8", now)?;
/// assert_ne!(for_one, for_another); // the uid is not sent, but signed
/// # Ok::<(), countersign::Error>(())
/// ```
///
/// # Errors
/// [`Error::StampRange`] if the server's clock is not set, [`Error::UidLength`] if `uid` is not 1 to 64 bytes.
pub fn issue_heapless(
    profile: &Profile<'_>,
    challenge_key: &MacKey,
    uid: &[u8],
    now: UnixTime,
) -> Result<heapless::String<CHALLENGE_LEN>> {
    TokenBuilder::challenge(uid, now).mint_text_heapless(&profile.with_sign_len(SignLen::N8), challenge_key)
}

/// Reads a challenge and starts the device's Answer to it.
///
/// The challenge proves nothing to the device: do not set a clock by its time.
///
/// ```
/// # use countersign::{Error, key::MacKey, token::{Profile, challenge}};
/// # let (device_key, profile) = (MacKey::new(b"an obvious test key of 32 bytes!")?, Profile::new("mqtt")?);
/// let question = b"cs1q_.1767225600.b74aaa7f3622d9cf";
/// let answer = challenge::respond(question, b"dev-7")?.mint_text_heapless::<80>(&profile, &device_key)?;
/// assert!(answer.starts_with("cs1c_dev-7.1767225600.c_"));
/// assert_eq!(challenge::respond(answer.as_bytes(), b"dev-7").unwrap_err(), Error::Malformed);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// [`Error::Malformed`] if the input is no challenge.
pub fn respond<'a>(challenge: &[u8], uid: &'a [u8]) -> Result<TokenBuilder<'a>> {
    if challenge.len() != CHALLENGE_LEN {
        return Err(Error::Malformed);
    }
    let mut scratch = [0; CHALLENGE_LEN];
    let question = text::parse(challenge, &mut scratch)?;
    match (question.kind, question.sign.try_into()) {
        (TokenKind::Challenge, Ok(proof)) => Ok(TokenBuilder::answer(uid, question.stamp, proof)),
        _ => Err(Error::Malformed),
    }
}

/// Recomputes the challenge that an Answer claims to answer, and compares its proof in constant time.
pub(super) fn is_answered_by(answer: &Fields<'_>, uid: &[u8], profile: &Profile<'_>, challenge_key: &MacKey) -> bool {
    let Some(proof) = answer.params.get("c") else { return false };
    let question = MacInput {
        kind: TokenKind::Challenge,
        uid,
        stamp: answer.stamp,
        params: WireParams::Parsed(Params::default()),
        binding: &[],
    };
    question.has_sign(&profile.with_sign_len(SignLen::N8), challenge_key, proof)
}
