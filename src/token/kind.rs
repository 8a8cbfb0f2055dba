//! The kinds of tokens and the lengths of a sign.

use crate::{Result, rules};

/// The kind of a token ([FORMAT section 1](crate::docs::format#1-logical-token)).
///
/// The sign covers the kind: a token of one kind is never valid as another.
///
/// ```
/// use countersign::token::{TokenKind, UnverifiedToken};
///
/// let mut scratch = [0; 64];
/// let question = UnverifiedToken::parse_text(b"cs1q_.1767225600.b74aaa7f3622d9cf", &mut scratch)?;
/// assert_eq!(question.kind(), TokenKind::Challenge);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TokenKind {
    /// A holder's token with the time at which it was made.
    Time,
    /// A holder's response to a [`Challenge`](TokenKind::Challenge).
    Answer,
    /// A holder's token with a counter in place of the time.
    Sequence,
    /// A verifier's own time, for a holder whose clock is wrong.
    TimeReply,
    /// A verifier's challenge to a holder without a clock.
    Challenge,
}

impl TokenKind {
    /// The byte that stands for the kind in the MAC input and, up to 3, in the binary form.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Time => 0,
            Self::Answer => 1,
            Self::Sequence => 2,
            Self::TimeReply => 3,
            Self::Challenge => 4,
        }
    }

    pub(crate) const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Time => b"cs1_",
            Self::Answer => b"cs1c_",
            Self::Sequence => b"cs1s_",
            Self::TimeReply => b"cs1r_",
            Self::Challenge => b"cs1q_",
        }
    }

    /// Splits a text into its kind and what follows the prefix.
    pub(crate) const fn strip_prefix(text: &[u8]) -> Option<(Self, &[u8])> {
        let [b'c', b's', b'1', tail @ ..] = text else { return None };
        let (kind, tail) = match tail {
            [b'c', tail @ ..] => (Self::Answer, tail),
            [b's', tail @ ..] => (Self::Sequence, tail),
            [b'r', tail @ ..] => (Self::TimeReply, tail),
            [b'q', tail @ ..] => (Self::Challenge, tail),
            _ => (Self::Time, tail),
        };
        match tail {
            [b'_', rest @ ..] => Some((kind, rest)),
            _ => None,
        }
    }

    /// True if the stamp is Unix seconds, false if it is a counter.
    pub(crate) const fn has_time(self) -> bool {
        !matches!(self, Self::Sequence)
    }

    /// TimeReply and Challenge come from a verifier: always detached, never with params.
    pub(crate) const fn is_verifiers(self) -> bool {
        matches!(self, Self::TimeReply | Self::Challenge)
    }

    pub(crate) const fn check_stamp(self, stamp: u64) -> Result<()> {
        if self.has_time() { rules::check_unix_stamp(stamp) } else { rules::check_counter(stamp) }
    }
}

/// The length N of a sign: the number of bytes of HMAC-SHA-256 that it keeps ([FORMAT section 1](crate::docs::format#1-logical-token)).
///
/// Configuration fixes the length. A token never chooses it.
///
/// ```
/// use countersign::token::SignLen;
///
/// assert_eq!(SignLen::default().bytes(), 16);
/// ```
#[doc(alias = "tag")]
#[doc(alias = "mac")]
#[doc(alias = "TagLen")]
#[doc(alias = "tag_len")]
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SignLen {
    /// 8 bytes, for radio links, and only behind an online rate limit.
    N8,
    /// 10 bytes, for radio links, and only behind an online rate limit.
    N10,
    /// 16 bytes, the default.
    #[default]
    N16,
    /// 32 bytes, the whole HMAC value.
    N32,
}

impl SignLen {
    /// Returns the length in bytes.
    ///
    /// ```
    /// use countersign::token::SignLen;
    ///
    /// assert_eq!(SignLen::N8.bytes(), 8);
    /// assert_eq!("b74aaa7f3622d9cf".len(), 2 * SignLen::N8.bytes()); // two characters a byte in text
    /// ```
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::N8 => 8,
            Self::N10 => 10,
            Self::N16 => 16,
            Self::N32 => 32,
        }
    }

    /// N as it stands in the MAC input.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::N8 => 8,
            Self::N10 => 10,
            Self::N16 => 16,
            Self::N32 => 32,
        }
    }

    /// Returns the length of `bytes` bytes, or `None` if there is no such length.
    ///
    /// ```
    /// use countersign::token::SignLen;
    ///
    /// assert_eq!(SignLen::from_bytes(32), Some(SignLen::N32));
    /// assert_eq!(SignLen::from_bytes(12), None);
    /// ```
    #[must_use]
    pub const fn from_bytes(bytes: usize) -> Option<Self> {
        match bytes {
            8 => Some(Self::N8),
            10 => Some(Self::N10),
            16 => Some(Self::N16),
            32 => Some(Self::N32),
            _ => None,
        }
    }
}
