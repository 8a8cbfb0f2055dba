//! The failed checks of a token, all in seven bytes.

use super::registered::{RegisteredClaim, RegisteredClaims};
use core::fmt;

/// All checks that an authentic token has failed, for the operator.
///
/// Tell the peer whether the token has expired, and nothing else.
///
/// ```
/// use countersign::jwt::{JwtBuilder, Policy, UnverifiedJwt};
/// use countersign::jwt::keys::Hs256Key;
/// use countersign::UnixTime;
///
/// # let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
/// # let (mut out, mut scratch) = ([0; 192], [0; 192]);
/// let claims = JwtBuilder::new().issuer("https://elsewhere.example").expires_at(UnixTime::from_secs(1_767_225_600));
/// # let token = claims.sign(&key, &mut out)?;
/// let token = UnverifiedJwt::parse(token.as_bytes())?.authenticate(&key, &mut scratch)?;
/// let policy = Policy::new(30).issuer("https://issuer.example").audience("api").typ("at+jwt");
/// let error = token.check(&policy, UnixTime::from_secs(1_767_229_200)).unwrap_err();
/// let failed = error.failed_checks().to_string();
/// assert_eq!(failed, "missing: aud; not the expected: iss; expired (exp); typ in the header is not the expected");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct FailedChecks {
    /// The claims that the policy requires and the token lacks.
    pub missing: RegisteredClaims,
    /// The claims of a wrong JSON type, or of no valid date.
    pub wrong_type: RegisteredClaims,
    /// The claims whose value the policy does not accept: another issuer, subject or audience, expired, not yet valid,
    /// issued in the future.
    pub mismatched: RegisteredClaims,
    /// The token is older than the policy's `max_age`.
    pub too_old: bool,
    /// The header parameter `typ` is not that of the policy.
    pub wrong_typ: bool,
    /// The header parameter `crit` is malformed, or names a parameter that the caller does not understand.
    pub unknown_crit: bool,
    /// A claim had to be compared with the time, and the verifier's own clock is not set or has stepped back.
    pub clock_unusable: bool,
}

impl FailedChecks {
    /// Returns true if no check has failed.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        let has_claims = !self.missing.or(self.wrong_type).or(self.mismatched).is_empty();
        !(has_claims | self.too_old | self.wrong_typ | self.unknown_crit | self.clock_unusable)
    }

    /// Returns true if age is the only fault, so that a newer token of the same holder would pass.
    #[must_use]
    pub const fn is_only_expired(self) -> bool {
        let mismatched = self.mismatched.without(RegisteredClaim::ExpirationTime);
        let is_expired = self.too_old || self.mismatched.contains(RegisteredClaim::ExpirationTime);
        is_expired && Self { too_old: false, mismatched, ..self }.is_empty()
    }
}

impl fmt::Display for FailedChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use RegisteredClaim::{ExpirationTime, IssuedAt, NotBefore};
        let unexpected = self.mismatched.without(ExpirationTime).without(NotBefore).without(IssuedAt);
        let mut separator = "";
        let sets = [("missing", self.missing), ("of a wrong type", self.wrong_type), ("not the expected", unexpected)];
        for (name, set) in sets.into_iter().filter(|(_, set)| !set.is_empty()) {
            write!(f, "{separator}{name}: {set}")?;
            separator = "; ";
        }
        let facts = [
            ("expired (exp)", self.mismatched.contains(ExpirationTime)),
            ("not yet valid (nbf)", self.mismatched.contains(NotBefore)),
            ("issued in the future (iat)", self.mismatched.contains(IssuedAt)),
            ("older than max_age (iat)", self.too_old),
            ("typ in the header is not the expected", self.wrong_typ),
            ("crit in the header is not understood", self.unknown_crit),
            ("the verifier's own clock is unusable", self.clock_unusable),
        ];
        for (name, _) in facts.into_iter().filter(|(_, is_so)| *is_so) {
            write!(f, "{separator}{name}")?;
            separator = "; ";
        }
        Ok(())
    }
}
