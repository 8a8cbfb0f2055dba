//! The [`Error`] of a caller's own input.

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

/// Error of the caller's own input: a key, a field or a buffer.
///
/// Every variant names the limit that the input breaks. No variant carries a key, a sign or a payload.
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
    /// The binding is longer than 64 bytes ([FORMAT section 1](crate::docs::format#1-logical-token)).
    BindingLength {
        /// The length of the binding in bytes.
        got: usize,
    },
    /// The buffer is too small. Nothing was cut: pass at least `needed` bytes.
    BufferTooSmall {
        /// The number of bytes needed.
        needed: usize,
    },
    /// A counter is above 2^40 − 1 ([FORMAT section 1](crate::docs::format#1-logical-token)).
    CounterRange,
    /// Two params have the same key.
    DuplicateParam,
    /// A header parameter of a JWT appears twice, is one of more than 16, or has a meaning in RFC 7515 section 4.1.
    HeaderParameter,
    /// A claim does not fit the type that it was read into, or cannot be written as JSON.
    InvalidClaims(ClaimError),
    /// The key id is not 1 to 64 bytes of text.
    #[doc(alias = "kid")]
    InvalidKeyId,
    /// The purpose or realm is not 1 to 32 bytes of `[a-z0-9._/-]`.
    InvalidName,
    /// Another key of the key set has this key id.
    KeyIdTaken,
    /// The token key is not exactly 32 bytes.
    KeyLength {
        /// The length of the key in bytes.
        got: usize,
    },
    /// The HMAC key is PEM, SSH or JWK text of a public key, with which anybody could sign (RFC 8725 section 2.1).
    KeyLooksPublic,
    /// The key repeats one byte value, so it is a placeholder.
    KeyRepeated,
    /// The key ring or key set is full. Remove a key, or make it larger.
    KeyRingFull,
    /// The checksum of the key text does not match its other characters. The text was mistyped.
    KeyTextChecksum,
    /// The key text holds a master key where a device key is expected, or the reverse.
    KeyTextRole,
    /// The input is no key text: `csk1m_` or `csk1d_`, a slot of 0 to 255, `_`, 43 characters of base64url and 6 of
    /// checksum ([FORMAT section 6](crate::docs::format#6-device-keys)).
    KeyTextSyntax,
    /// The HMAC key is shorter than its hash (RFC 7518 section 3.2).
    KeyTooShort {
        /// The length of the key in bytes.
        got: usize,
        /// The smallest length in bytes.
        least: usize,
    },
    /// The MAC input is longer than the cap that both sides share ([FORMAT section 2](crate::docs::format#2-mac-input)).
    MacInputTooLong {
        /// The length of the MAC input in bytes.
        length: usize,
        /// The largest length in bytes.
        cap: usize,
    },
    /// The input is no token of this format version.
    Malformed,
    /// A short stamp cannot be expanded without a clock. Pass the time.
    MissingClock,
    /// This kind of token has no binary form: a Challenge ([FORMAT section 4](crate::docs::format#4-binary-form)).
    NoBinaryForm,
    /// The key set has no signing key, or the chosen key can only verify.
    NoSigningKey,
    /// The token has more than 8 params, reserved ones included.
    ParamCount,
    /// The param key is not `[a-z][a-z0-9]{1,7}`. Keys of one letter are reserved and have setters of their own.
    ParamKey,
    /// A token of this kind carries no params, or no sequence number in addition to its counter.
    ParamNotAllowed,
    /// A param value is longer than 64 bytes.
    ParamValueLength {
        /// The length of the value in bytes.
        got: usize,
    },
    /// The private key has a wrong length or is out of range.
    PrivateKey,
    /// The public key is no point of its curve, or is a weak one.
    PublicKey,
    /// The operating system gave no random bytes.
    Random,
    /// A short stamp is not allowed here: it exists only in the binary form of a Time or Answer token whose clock is
    /// set ([FORMAT section 4](crate::docs::format#4-binary-form)).
    ShortStamp,
    /// The device that holds the key could not sign.
    SigningFailed,
    /// The key ring has a key in this slot already.
    SlotTaken,
    /// The key ring has no key in this slot, or the slot is the current one, which cannot be retired.
    SlotUnknown,
    /// The stamp is not 1 000 000 000 to 9 999 999 999 Unix seconds ([FORMAT section 1](crate::docs::format#1-logical-token)).
    StampRange,
    /// The JWT or its header would be longer than verifiers of this crate read.
    TokenTooLong {
        /// The length in characters.
        length: usize,
        /// The largest length in characters.
        cap: usize,
    },
    /// The uid is not 1 to 64 bytes.
    UidLength {
        /// The length of the uid in bytes.
        got: usize,
    },
    /// No key of the key set has this key id.
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
            Self::KeyTextChecksum => {
                f.write_str("the check of the key text does not fit its other characters: it was mistyped")
            }
            Self::KeyTextRole => {
                f.write_str("the key text is of a master key where a device key is wanted, or the reverse")
            }
            Self::KeyTextSyntax => {
                f.write_str("not a key text: csk1m_ or csk1d_, slot, _, 43 base64url characters, 6 of check")
            }
            Self::KeyTooShort { got, least } => write!(f, "the key has {got} bytes: at least {least} are needed"),
            Self::MacInputTooLong { length, cap } => {
                write!(f, "the MAC input has {length} bytes, over the cap of {cap} that both sides share")
            }
            Self::Malformed => f.write_str("not a token of this format version"),
            Self::MissingClock => f.write_str("a short stamp needs a clock to be expanded: pass the time"),
            Self::NoBinaryForm => f.write_str("a challenge has no binary form: use text"),
            Self::NoSigningKey => f.write_str("no key that can sign was chosen: call set_signing_key"),
            Self::ParamCount => f.write_str("a token has at most 8 params, reserved ones included"),
            Self::ParamKey => f.write_str("a param key is a letter and 1 to 7 letters or digits, all lower case"),
            Self::ParamNotAllowed => f.write_str("a token of this kind carries no params, or no sequence number"),
            Self::ParamValueLength { got } => write!(f, "a param value is 0 to 64 bytes, not {got}"),
            Self::PrivateKey => {
                f.write_str("not a private key of this algorithm: its length is wrong, or its number out of range")
            }
            Self::PublicKey => f.write_str("not a public key of this algorithm: no point of its curve, or a weak one"),
            Self::Random => f.write_str("the operating system gave no random bytes"),
            Self::ShortStamp => {
                f.write_str("a short stamp is for the binary form of a Time or Answer token whose clock is set")
            }
            Self::SigningFailed => f.write_str("the device that holds the key could not sign"),
            Self::SlotTaken => {
                f.write_str("the key ring has a key in this slot already: retire it, or take another slot")
            }
            Self::SlotUnknown => f.write_str(
                "the key ring has no key in this slot, or it is the current one: insert it, or rotate first",
            ),
            Self::StampRange => f.write_str("a stamp is 1000000000 to 9999999999 Unix seconds"),
            Self::TokenTooLong { length, cap } => {
                write!(f, "the JWT or its header would have {length} characters: verifiers read {cap}")
            }
            Self::UidLength { got } => write!(f, "a uid is 1 to 64 bytes, not {got}"),
            Self::UnknownKeyId => f.write_str("no key of the set has this key id: insert it first"),
        }
    }
}

impl core::error::Error for Error {}

impl From<ClaimError> for Error {
    fn from(error: ClaimError) -> Self {
        Self::InvalidClaims(error)
    }
}
