//! What can go wrong: [`Error`] for the caller's own input, [`Refusal`] for a token that was presented.

mod claim;

pub use claim::{ClaimError, ClaimFault};

use core::fmt;

/// The result of building, writing or converting something.
///
/// ```
/// use countersign::{Error, Result, token::Profile};
///
/// fn profile(purpose: &str) -> Result<Profile<'_>> {
///     Profile::new(purpose)
/// }
/// assert_eq!(profile("Fleet Login"), Err(Error::InvalidName));
/// ```
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// A fault in what the caller passed in: a key, a field, a buffer.
///
/// Every variant says which limit was missed. None carries a key, a sign or a payload.
///
/// ```
/// use countersign::{Error, key::MacKey};
///
/// assert_eq!(MacKey::new(b"too short").unwrap_err(), Error::KeyLength { got: 9 });
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The binding is longer than 64 bytes (FORMAT section 1).
    BindingLength {
        /// Bytes passed.
        got: usize,
    },
    /// The buffer is too small; nothing was cut. Pass at least `needed` bytes.
    BufferTooSmall {
        /// Bytes needed.
        needed: usize,
    },
    /// A counter is above 2^40 − 1 (FORMAT section 1).
    CounterRange,
    /// Two params have one key.
    DuplicateParam,
    /// A header parameter of a JWT is there twice, is one of more than 16, or has a meaning of its own (RFC 7515 section 4.1).
    HeaderParameter,
    /// A claim that does not have the shape of the type that it was read into, or that cannot be written.
    InvalidClaims(ClaimError),
    /// A key id is 1 to 64 bytes of text.
    InvalidKeyId,
    /// A purpose or realm is 1 to 32 bytes of `[a-z0-9._/-]`.
    InvalidName,
    /// Another key of the set has this key id.
    KeyIdTaken,
    /// A token key is exactly 32 bytes.
    KeyLength {
        /// Bytes passed.
        got: usize,
    },
    /// PEM, SSH or JWK text as an HMAC key: it belongs to a public key, and anybody could sign with it (RFC 8725 section 2.1).
    KeyLooksPublic,
    /// A key of one repeated byte value is a placeholder, not a key.
    KeyRepeated,
    /// Every place of the key ring or key set is taken: retire a key or make it larger.
    KeyRingFull,
    /// The check of a key text does not fit its other characters: it was mistyped.
    KeyTextChecksum,
    /// A master key where a device key was asked for, or the reverse.
    KeyTextRole,
    /// Not `csk1m_` or `csk1d_`, a slot of 0 to 255, `_`, 43 characters of base64url and 6 of check (FORMAT section 6).
    KeyTextSyntax,
    /// An HMAC key is shorter than the hash (RFC 7518 section 3.2).
    KeyTooShort {
        /// Bytes passed.
        got: usize,
        /// Bytes asked for.
        least: usize,
    },
    /// The MAC input is longer than the cap that both sides share (FORMAT section 2).
    MacInputTooLong {
        /// Bytes of the MAC input.
        length: usize,
        /// Bytes allowed.
        cap: usize,
    },
    /// The input is no token of this format version.
    Malformed,
    /// A short stamp can only be expanded with a clock: pass the time.
    MissingClock,
    /// This kind has no binary form (Challenge; FORMAT section 4).
    NoBinaryForm,
    /// No key of the set was chosen to sign, or the one that was asked can only verify.
    NoSigningKey,
    /// More than 8 params, the reserved ones included.
    ParamCount,
    /// A param key is `[a-z][a-z0-9]{1,7}`; keys of one letter are reserved and have setters of their own.
    ParamKey,
    /// A token of this kind carries no params, or no sequence number beside its counter.
    ParamNotAllowed,
    /// A param value is longer than 64 bytes.
    ParamValueLength {
        /// Bytes passed.
        got: usize,
    },
    /// A private key of another length, or out of range.
    PrivateKey,
    /// A public key that is no point of the curve, or a weak one.
    PublicKey,
    /// The system gave no random bytes.
    Random,
    /// A short stamp is for the binary form of a Time or Answer token whose clock is set (FORMAT section 4).
    ShortStamp,
    /// The device that holds the key could not sign.
    SigningFailed,
    /// The ring has a key in this slot already.
    SlotTaken,
    /// The ring has no key in this slot, or it is the current one, which cannot be retired.
    SlotUnknown,
    /// A stamp is Unix seconds from 1 000 000 000 to 9 999 999 999 (FORMAT section 1).
    StampRange,
    /// A token or its header would be longer than any verifier here reads.
    TokenTooLong {
        /// Characters it would have.
        length: usize,
        /// Characters allowed.
        cap: usize,
    },
    /// A uid is 1 to 64 bytes.
    UidLength {
        /// Bytes passed.
        got: usize,
    },
    /// No key of the set has this key id.
    UnknownKeyId,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BindingLength { got } => write!(f, "a binding is 0 to 64 bytes, not {got}"),
            Self::BufferTooSmall { needed } => write!(f, "the buffer is too small: {needed} bytes are needed"),
            Self::CounterRange => f.write_str("a counter is 0 to 2^40 - 1"),
            Self::DuplicateParam => f.write_str("two params of the token have one key: each key is there once"),
            Self::HeaderParameter => f.write_str(
                "a header parameter of the JWT is there twice, is one of more than 16, or RFC 7515 gives it a meaning",
            ),
            Self::InvalidClaims(error) => write!(f, "claims: {error}"),
            Self::InvalidKeyId => f.write_str("a key id is 1 to 64 bytes"),
            Self::InvalidName => f.write_str("a purpose or realm is 1 to 32 bytes of a-z 0-9 . _ / -"),
            Self::KeyIdTaken => {
                f.write_str("a key of the set has this key id already: take another or remove that key")
            }
            Self::KeyLength { got } => write!(f, "a key is exactly 32 bytes, not {got}"),
            Self::KeyLooksPublic => {
                f.write_str("PEM, SSH or JWK text is no HMAC key: anybody could sign with a public one")
            }
            Self::KeyRepeated => f.write_str("a key of one repeated byte value is refused: use random bytes"),
            Self::KeyRingFull => f.write_str("the key ring or key set is full: remove a key or make it larger"),
            Self::KeyTextChecksum => f.write_str("the check of the key text does not fit: it was mistyped"),
            Self::KeyTextRole => f.write_str("a master key where a device key is wanted, or the reverse"),
            Self::KeyTextSyntax => {
                f.write_str("not a key text: csk1m_ or csk1d_, slot, _, 43 base64url characters, 6 of check")
            }
            Self::KeyTooShort { got, least } => write!(f, "the key has {got} bytes: at least {least} are needed"),
            Self::MacInputTooLong { length, cap } => {
                write!(f, "the MAC input of {length} bytes is over the cap of {cap}")
            }
            Self::Malformed => f.write_str("not a token of this format version"),
            Self::MissingClock => f.write_str("a short stamp needs a clock to be expanded: pass the time"),
            Self::NoBinaryForm => f.write_str("a challenge has no binary form: use text"),
            Self::NoSigningKey => f.write_str("no key that can sign was chosen: call set_signing_key"),
            Self::ParamCount => f.write_str("a token has at most 8 params, reserved ones included"),
            Self::ParamKey => f.write_str("a param key is a letter and 1 to 7 letters or digits, all lower case"),
            Self::ParamNotAllowed => f.write_str("a token of this kind carries no params, or no sequence number"),
            Self::ParamValueLength { got } => write!(f, "a param value is 0 to 64 bytes, not {got}"),
            Self::PrivateKey => f.write_str("not a private key of this algorithm"),
            Self::PublicKey => f.write_str("not a public key of this algorithm, or a weak one"),
            Self::Random => f.write_str("the system gave no random bytes"),
            Self::ShortStamp => {
                f.write_str("a short stamp is for the binary form of a Time or Answer token whose clock is set")
            }
            Self::SigningFailed => f.write_str("the device that holds the key could not sign"),
            Self::SlotTaken => f.write_str("the key ring has a key in this slot already"),
            Self::SlotUnknown => f.write_str("the key ring has no key in this slot, or it is the current one"),
            Self::StampRange => f.write_str("a stamp is 1000000000 to 9999999999 Unix seconds"),
            Self::TokenTooLong { length, cap } => write!(f, "{length} characters are over the cap of {cap}"),
            Self::UidLength { got } => write!(f, "a uid is 1 to 64 bytes, not {got}"),
            Self::UnknownKeyId => f.write_str("no key of the set has this key id"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::InvalidClaims(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ClaimError> for Error {
    fn from(error: ClaimError) -> Self {
        Self::InvalidClaims(error)
    }
}

/// Why a presented token was not admitted: for the operator's log, never for the peer.
///
/// Everything that fails before the MAC is good is the one [`Refusal::Invalid`]; the other reasons are about a token
/// that a holder of the key did sign (FORMAT section 5). To the peer say only what [`is_expired`](Refusal::is_expired)
/// tells.
///
/// ```
/// use countersign::Refusal;
///
/// assert!(Refusal::TooOld { by: 7 }.is_expired());
/// assert_eq!(Refusal::TooOld { by: 7 }.to_string(), "the token is 7 s older than max_age");
/// assert!(!Refusal::Invalid.is_expired());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Refusal {
    /// Malformed, of a kind or length that is not allowed, for someone else, under a key that is unknown, retired or replaced, or forged
    /// (steps 1 to 5). Which of these it is nobody can say: up to the MAC all of it is a stranger's word.
    Invalid,
    /// A JWT that is authentic and fails its policy: all checks that failed.
    Claims(crate::jwt::FailedChecks),
    /// Its key generation or its stamp is from before a revocation (steps 6 and 10).
    Revoked,
    /// The verifier's own clock is not set (step 7).
    NoClock,
    /// The verifier's own clock has stepped back by more than the hold (step 7).
    ClockRollback,
    /// The holder says that its clock is not set (step 8).
    ClockUnset,
    /// Older than `max_age` (step 9).
    TooOld {
        /// Seconds beyond the limit.
        by: u64,
    },
    /// Further in the future than `max_future_skew` (step 9).
    TooNew {
        /// Seconds beyond the limit.
        by: u64,
    },
    /// A JWT that is longer than the scratch buffer has room for: whoever sent it chose its length. Found before any key is used.
    TooLong {
        /// Bytes of scratch that this one would need.
        needed: usize,
    },
    /// The scratch buffer is too small for the verifier's own length cap. Found before any key is used.
    ScratchTooSmall {
        /// Bytes needed.
        needed: usize,
    },
}

impl Refusal {
    /// True if a newer token of the same holder would be admitted: the one detail that a peer may be told.
    ///
    /// ```
    /// use countersign::Refusal;
    ///
    /// assert!(Refusal::TooOld { by: 1 }.is_expired());
    /// assert!(!Refusal::TooNew { by: 1 }.is_expired());
    /// assert!(!Refusal::Revoked.is_expired());
    /// ```
    #[must_use]
    pub const fn is_expired(self) -> bool {
        match self {
            Self::TooOld { .. } => true,
            Self::Claims(failed) => failed.is_only_expired(),
            _ => false,
        }
    }

    /// True if the verifier itself is at fault (its clock or its buffer): an HTTP server answers 503, not 401.
    ///
    /// ```
    /// use countersign::Refusal;
    ///
    /// assert!(Refusal::NoClock.is_server_fault());
    /// assert!(!Refusal::Revoked.is_server_fault());
    /// ```
    #[must_use]
    pub const fn is_server_fault(self) -> bool {
        match self {
            Self::NoClock | Self::ClockRollback | Self::ScratchTooSmall { .. } => true,
            Self::Claims(failed) => failed.clock_unusable,
            _ => false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid => f.write_str("the token is malformed or forged"),
            Self::Claims(failed) => write!(f, "the token fails its policy: {failed}"),
            Self::Revoked => f.write_str("the token was revoked"),
            Self::NoClock => f.write_str("the verifier's clock is not set"),
            Self::ClockRollback => f.write_str("the verifier's clock has stepped back"),
            Self::ClockUnset => f.write_str("the holder's clock is not set"),
            Self::TooOld { by } => write!(f, "the token is {by} s older than max_age"),
            Self::TooNew { by } => write!(f, "the token is {by} s further ahead than skew_future"),
            Self::TooLong { needed } => {
                write!(f, "the token is longer than the scratch buffer: {needed} bytes are needed")
            }
            Self::ScratchTooSmall { needed } => write!(f, "the scratch buffer is too small: {needed} bytes are needed"),
        }
    }
}

impl core::error::Error for Refusal {}
