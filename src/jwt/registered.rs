//! The registered claims, and sets of them.

use core::fmt;

/// A registered claim (RFC 7519 section 4.1).
#[doc(alias = "iss")]
#[doc(alias = "sub")]
#[doc(alias = "aud")]
#[doc(alias = "exp")]
#[doc(alias = "nbf")]
#[doc(alias = "iat")]
#[doc(alias = "jti")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RegisteredClaim {
    /// The issuer, `iss`.
    #[doc(alias = "iss")]
    Issuer,
    /// The subject, `sub`.
    #[doc(alias = "sub")]
    Subject,
    /// The audience, `aud`.
    #[doc(alias = "aud")]
    Audience,
    /// The time from which on the token is not accepted, `exp`.
    #[doc(alias = "exp")]
    ExpirationTime,
    /// The time before which the token is not accepted, `nbf`.
    #[doc(alias = "nbf")]
    NotBefore,
    /// The time at which the token was issued, `iat`.
    #[doc(alias = "iat")]
    IssuedAt,
    /// The id of the token, `jti`.
    #[doc(alias = "jti")]
    JwtId,
}

impl RegisteredClaim {
    /// All registered claims.
    pub const ALL: [Self; 7] = [
        Self::Issuer,
        Self::Subject,
        Self::Audience,
        Self::ExpirationTime,
        Self::NotBefore,
        Self::IssuedAt,
        Self::JwtId,
    ];

    /// Returns the name of the claim in a claims set.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issuer => "iss",
            Self::Subject => "sub",
            Self::Audience => "aud",
            Self::ExpirationTime => "exp",
            Self::NotBefore => "nbf",
            Self::IssuedAt => "iat",
            Self::JwtId => "jti",
        }
    }

    /// Its place in [`ALL`](RegisteredClaim::ALL).
    #[allow(clippy::as_conversions, reason = "the place in the enumeration")]
    pub(super) const fn place(self) -> usize {
        self as usize
    }

    #[allow(clippy::as_conversions, reason = "as above")]
    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of registered claims.
///
/// ```
/// use countersign::jwt::claim::{RegisteredClaim, RegisteredClaims};
///
/// const REQUIRED: RegisteredClaims =
///     RegisteredClaims::NONE.with(RegisteredClaim::Issuer).with(RegisteredClaim::JwtId);
/// assert!(REQUIRED.contains(RegisteredClaim::JwtId) && !REQUIRED.contains(RegisteredClaim::Subject));
/// assert_eq!(REQUIRED.to_string(), "iss jti");
/// ```
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RegisteredClaims(u8);

impl RegisteredClaims {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// Returns this set with one claim added.
    #[must_use]
    pub const fn with(self, claim: RegisteredClaim) -> Self {
        Self(self.0 | claim.bit())
    }

    /// Returns this set without a claim.
    #[must_use]
    pub const fn without(self, claim: RegisteredClaim) -> Self {
        Self(self.0 & !claim.bit())
    }

    /// Returns true if the claim is in the set.
    #[must_use]
    pub const fn contains(self, claim: RegisteredClaim) -> bool {
        self.0 & claim.bit() != 0
    }

    /// Returns true if the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The claims that are in one of both.
    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for RegisteredClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(RegisteredClaim::ALL.into_iter().filter(|claim| self.contains(*claim))).finish()
    }
}

impl fmt::Display for RegisteredClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for claim in RegisteredClaim::ALL.into_iter().filter(|claim| self.contains(*claim)) {
            write!(f, "{separator}{}", claim.name())?;
            separator = " ";
        }
        Ok(())
    }
}
