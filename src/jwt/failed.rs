//! Every check that a token has failed, in four bytes.

use core::fmt;

/// A registered claim (RFC 7519 section 4.1).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Claim {
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

impl Claim {
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

    /// Its place in [`ALL`](Claim::ALL).
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
/// use countersign::jwt::{Claim, ClaimSet};
///
/// const REQUIRED: ClaimSet = ClaimSet::NONE.with(Claim::Issuer).with(Claim::JwtId);
/// assert!(REQUIRED.contains(Claim::JwtId) && !REQUIRED.contains(Claim::Subject));
/// assert_eq!(REQUIRED.to_string(), "iss jti");
/// ```
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ClaimSet(u8);

impl ClaimSet {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// This set and one claim more.
    #[must_use]
    pub const fn with(self, claim: Claim) -> Self {
        Self(self.0 | claim.bit())
    }

    /// This set without a claim.
    #[must_use]
    pub const fn without(self, claim: Claim) -> Self {
        Self(self.0 & !claim.bit())
    }

    /// True if the claim is in the set.
    #[must_use]
    pub const fn contains(self, claim: Claim) -> bool {
        self.0 & claim.bit() != 0
    }

    /// True if no claim is.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Debug for ClaimSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Claim::ALL.into_iter().filter(|claim| self.contains(*claim))).finish()
    }
}

impl fmt::Display for ClaimSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for claim in Claim::ALL.into_iter().filter(|claim| self.contains(*claim)) {
            write!(f, "{separator}{}", claim.name())?;
            separator = " ";
        }
        Ok(())
    }
}

/// All checks that an authentic token has failed, together: for the operator. The peer learns whether it has expired and nothing else.
///
/// ```
/// use countersign::jwt::{Claims, Hs256Key, Policy, Unverified};
/// use countersign::UnixTime;
///
/// # let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// # let (mut out, mut scratch) = ([0; 192], [0; 192]);
/// let claims = Claims::new().issuer("https://elsewhere.example").expires_at(UnixTime::from_secs(1_767_225_600));
/// # let token = claims.sign(&key, &mut out)?;
/// let token = Unverified::parse(token.as_bytes())?.authenticate(&key, &mut scratch)?;
/// let policy = Policy::new(30).issuer("https://issuer.example").audience("api").typ("at+jwt");
/// let unfit = token.check(&policy, UnixTime::from_secs(1_767_229_200)).unwrap_err();
/// assert_eq!(unfit.failed().to_string(), "missing: aud; refused: iss exp; typ");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct FailedChecks {
    /// Asked for and not there.
    pub missing: ClaimSet,
    /// There, but of another JSON type, or no date.
    pub mistyped: ClaimSet,
    /// There, but not what the policy asks: another issuer, subject or audience, expired, not yet valid, issued in the future.
    pub refused: ClaimSet,
    /// Older than the policy's `max_age`.
    pub too_old: bool,
    /// The header parameter `typ` is not the one asked for.
    pub typ: bool,
    /// The header parameter `crit` names something that the caller does not understand, or is malformed.
    pub crit: bool,
    /// A claim had to be compared with the time, and the verifier's own clock is not set or has stepped back.
    pub clock: bool,
}

impl FailedChecks {
    /// True if no check has failed.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        let claims = self.missing.0 | self.mistyped.0 | self.refused.0;
        claims == 0 && !(self.too_old | self.typ | self.crit | self.clock)
    }

    /// True if age is all that is wrong: a newer token of the same kind would pass.
    #[must_use]
    pub const fn is_only_expired(self) -> bool {
        let is_expired = self.too_old || self.refused.contains(Claim::ExpirationTime);
        is_expired && Self { too_old: false, refused: self.refused.without(Claim::ExpirationTime), ..self }.is_empty()
    }
}

impl fmt::Display for FailedChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let sets = [("missing", self.missing), ("of a wrong type", self.mistyped), ("refused", self.refused)];
        for (name, set) in sets.into_iter().filter(|(_, set)| !set.is_empty()) {
            write!(f, "{separator}{name}: {set}")?;
            separator = "; ";
        }
        let flags = [
            ("older than max_age", self.too_old),
            ("typ", self.typ),
            ("crit", self.crit),
            ("the verifier's clock", self.clock),
        ];
        for (name, _) in flags.into_iter().filter(|(_, is_set)| *is_set) {
            write!(f, "{separator}{name}")?;
            separator = "; ";
        }
        Ok(())
    }
}
