//! Every check that a token has failed, in four bytes.

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
    /// `iss`
    Issuer,
    /// `sub`
    Subject,
    /// `aud`
    Audience,
    /// `exp`
    ExpirationTime,
    /// `nbf`
    NotBefore,
    /// `iat`
    IssuedAt,
    /// `jti`
    JwtId,
}

impl RegisteredClaim {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Issuer,
        Self::Subject,
        Self::Audience,
        Self::ExpirationTime,
        Self::NotBefore,
        Self::IssuedAt,
        Self::JwtId,
    ];

    /// Its name in a claims set.
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
/// use countersign::jwt::{RegisteredClaim, RegisteredClaims};
///
/// const REQUIRED: RegisteredClaims = RegisteredClaims::NONE.with(RegisteredClaim::Issuer).with(RegisteredClaim::JwtId);
/// assert!(REQUIRED.contains(RegisteredClaim::JwtId) && !REQUIRED.contains(RegisteredClaim::Subject));
/// assert_eq!(REQUIRED.to_string(), "iss jti");
/// ```
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RegisteredClaims(u8);

impl RegisteredClaims {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// This set and one claim more.
    #[must_use]
    pub const fn with(self, claim: RegisteredClaim) -> Self {
        Self(self.0 | claim.bit())
    }

    /// This set without a claim.
    #[must_use]
    pub const fn without(self, claim: RegisteredClaim) -> Self {
        Self(self.0 & !claim.bit())
    }

    /// True if the claim is in the set.
    #[must_use]
    pub const fn contains(self, claim: RegisteredClaim) -> bool {
        self.0 & claim.bit() != 0
    }

    /// True if no claim is.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
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

/// All checks that an authentic token has failed, together: for the operator. The peer learns whether it has expired and nothing else.
///
/// ```
/// use countersign::jwt::{JwtBuilder, Hs256Key, Policy, UnverifiedJwt};
/// use countersign::UnixTime;
///
/// # let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// # let (mut out, mut scratch) = ([0; 192], [0; 192]);
/// let claims = JwtBuilder::new().issuer("https://elsewhere.example").expires_at(UnixTime::from_secs(1_767_225_600));
/// # let token = claims.sign(&key, &mut out)?;
/// let token = UnverifiedJwt::parse(token.as_bytes())?.authenticate(&key, &mut scratch)?;
/// let policy = Policy::new(30).issuer("https://issuer.example").audience("api").typ("at+jwt");
/// let unfit = token.check(&policy, UnixTime::from_secs(1_767_229_200)).unwrap_err();
/// assert_eq!(unfit.failed_checks().to_string(), "missing: aud; refused: iss exp; typ");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct FailedChecks {
    /// Asked for and not there.
    pub missing: RegisteredClaims,
    /// There, but of another JSON type, or no date.
    pub wrong_type: RegisteredClaims,
    /// There, but not what the policy asks: another issuer, subject or audience, expired, not yet valid, issued in the future.
    pub mismatched: RegisteredClaims,
    /// Older than the policy's `max_age`.
    pub too_old: bool,
    /// The header parameter `typ` is not the one asked for.
    pub wrong_typ: bool,
    /// The header parameter `crit` names something that the caller does not understand, or is malformed.
    pub unknown_crit: bool,
    /// A claim had to be compared with the time, and the verifier's own clock is not set or has stepped back.
    pub clock_unusable: bool,
}

impl FailedChecks {
    /// True if no check has failed.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        let claims = self.missing.0 | self.wrong_type.0 | self.mismatched.0;
        claims == 0 && !(self.too_old | self.wrong_typ | self.unknown_crit | self.clock_unusable)
    }

    /// True if age is all that is wrong: a newer token of the same kind would pass.
    #[must_use]
    pub const fn is_only_expired(self) -> bool {
        let is_expired = self.too_old || self.mismatched.contains(RegisteredClaim::ExpirationTime);
        is_expired
            && Self { too_old: false, mismatched: self.mismatched.without(RegisteredClaim::ExpirationTime), ..self }
                .is_empty()
    }
}

impl fmt::Display for FailedChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let sets = [("missing", self.missing), ("of a wrong type", self.wrong_type), ("refused", self.mismatched)];
        for (name, set) in sets.into_iter().filter(|(_, set)| !set.is_empty()) {
            write!(f, "{separator}{name}: {set}")?;
            separator = "; ";
        }
        let flags = [
            ("older than max_age", self.too_old),
            ("typ", self.wrong_typ),
            ("crit", self.unknown_crit),
            ("the verifier's clock", self.clock_unusable),
        ];
        for (name, _) in flags.into_iter().filter(|(_, is_set)| *is_set) {
            write!(f, "{separator}{name}")?;
            separator = "; ";
        }
        Ok(())
    }
}
