//! The policy of a verifier (RFC 8725 sections 3.8 to 3.12).

use super::claims::{Audience, Claims};
use super::date::{self, Round};
use super::failed::FailedChecks;
use super::header::Header;
use super::json::JsonStr;
use super::registered::{RegisteredClaim, RegisteredClaims};
use crate::{ClockReading, UnixTime};

/// A policy for the claims and header of a token. All of its methods are `const`, so that a policy can live in flash.
///
/// A value that the policy expects is also required: a policy with an audience refuses a token without one. `exp` is
/// required unless [waived](Policy::allow_missing_exp). A claim of a wrong JSON type is refused even if the policy does
/// not ask for it.
///
/// ```
/// use countersign::jwt::Policy;
/// use countersign::jwt::claim::RegisteredClaim;
///
/// const POLICY: Policy<'_> = Policy::new(30)
///     .issuer("https://issuer.example")
///     .audience("api")
///     .max_age(3600)
///     .require(RegisteredClaim::Subject);
/// ```
#[doc(alias = "validation")]
#[doc(alias = "validator")]
#[doc(alias = "rules")]
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    leeway: u64,
    issuer: Option<&'a str>,
    audience: Option<&'a str>,
    audiences: &'a [&'a str],
    subject: Option<&'a str>,
    typ: Option<&'a str>,
    crit: &'a [&'a str],
    required: RegisteredClaims,
    #[cfg(feature = "std")]
    private: &'a [&'a str],
    max_age: Option<u64>,
    refuses_future: bool,
    allow_any_audience: bool,
}

impl<'a> Policy<'a> {
    /// Creates a policy that requires `exp` and tolerates clocks that differ by up to `leeway_secs` seconds. The leeway
    /// has no default.
    #[doc(alias = "clock skew")]
    #[must_use]
    pub const fn new(leeway_secs: u64) -> Self {
        Self {
            leeway: leeway_secs,
            issuer: None,
            audience: None,
            audiences: &[],
            subject: None,
            typ: None,
            crit: &[],
            required: RegisteredClaims::NONE.with(RegisteredClaim::ExpirationTime),
            #[cfg(feature = "std")]
            private: &[],
            max_age: None,
            refuses_future: false,
            allow_any_audience: false,
        }
    }

    /// Requires `iss` to be exactly `issuer`.
    #[doc(alias = "iss")]
    #[must_use]
    pub const fn issuer(mut self, issuer: &'a str) -> Self {
        self.issuer = Some(issuer);
        self.require(RegisteredClaim::Issuer)
    }

    /// Requires `aud` to be `audience` or to contain it.
    #[doc(alias = "aud")]
    #[must_use]
    pub const fn audience(mut self, audience: &'a str) -> Self {
        self.audience = Some(audience);
        self.require(RegisteredClaim::Audience)
    }

    /// Requires `aud` to be or to contain one of `audiences`, for a service with several names.
    ///
    /// ```
    /// use countersign::UnixTime;
    /// use countersign::jwt::{JwtBuilder, Policy, UnverifiedJwt};
    /// use countersign::jwt::keys::Hs256Key;
    ///
    /// # let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
    /// # let (now, exp) = (UnixTime::from_secs(1_767_225_600), UnixTime::from_secs(1_767_229_200));
    /// let policy = Policy::new(30).audiences(&["api", "api.example"]);
    /// for (audience, is_meant) in [("api.example", true), ("admin", false)] {
    ///     let (mut out, mut scratch) = ([0; 192], [0; 192]);
    ///     let token = JwtBuilder::new().audience(&[audience]).expires_at(exp).sign(&key, &mut out)?;
    ///     let authentic = UnverifiedJwt::parse(token.as_bytes())?.authenticate(&key, &mut scratch)?;
    ///     assert_eq!(authentic.check(&policy, now).is_ok(), is_meant);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "aud")]
    #[must_use]
    pub const fn audiences(mut self, audiences: &'a [&'a str]) -> Self {
        self.audiences = audiences;
        self.require(RegisteredClaim::Audience)
    }

    /// Accepts a token whatever its `aud`.
    ///
    /// Without this, a policy that expects no audience refuses every token with an `aud`, since it is for another
    /// service (RFC 7519 section 4.1.3).
    #[doc(alias = "aud")]
    #[must_use]
    pub const fn allow_any_audience(mut self) -> Self {
        self.allow_any_audience = true;
        self
    }

    /// Requires `sub` to be exactly `subject`.
    #[doc(alias = "sub")]
    #[must_use]
    pub const fn subject(mut self, subject: &'a str) -> Self {
        self.subject = Some(subject);
        self.require(RegisteredClaim::Subject)
    }

    /// Requires the header parameter `typ` to be the media type `typ` (RFC 8725 section 3.11): `at+jwt`, for example.
    #[must_use]
    pub const fn typ(mut self, typ: &'a str) -> Self {
        self.typ = Some(typ);
        self
    }

    /// Accepts these critical header parameters, which the caller must act upon.
    ///
    /// After the check, read them with [`Header::get_json`](super::Header::get_json). All other critical parameters are
    /// refused, and `b64` in any case. This crate writes no `crit` itself.
    #[doc(alias = "crit")]
    #[must_use]
    pub const fn with_known_crit(mut self, crit: &'a [&'a str]) -> Self {
        self.crit = crit;
        self
    }

    /// Requires a registered claim to be present.
    #[must_use]
    pub const fn require(mut self, claim: RegisteredClaim) -> Self {
        self.required = self.required.with(claim);
        self
    }

    /// Requires private claims to be present, whatever their JSON type. `deserialize` checks their types.
    ///
    /// ```
    /// use countersign::UnixTime;
    /// use countersign::jwt::{JwtBuilder, JwtError, Policy, SignJwt, VerifyJwt};
    /// use countersign::jwt::keys::Hs256Key;
    ///
    /// # let key = Hs256Key::new(b"an obvious test key of 32 bytes!")?;
    /// # let now = UnixTime::from_secs(1_767_225_600);
    /// let policy = Policy::new(30).allow_missing_exp().require_private(&["tenant"]);
    /// let token = key.sign_jwt(&JwtBuilder::new().subject("alice"))?;
    /// let error = key.verify_jwt(&token, &policy, now).unwrap_err();
    /// assert_eq!(error.to_string(), "the JWT is authentic but a claim of it does not fit: `tenant`: it is missing");
    /// # Ok::<(), countersign::Error>(())
    /// ```
    #[cfg(feature = "std")]
    #[must_use]
    pub const fn require_private(mut self, names: &'a [&'a str]) -> Self {
        self.private = names;
        self
    }

    /// The first claim that [`require_private`](Policy::require_private) asks for and that is not there.
    #[cfg(feature = "std")]
    pub(super) fn missing_private(&self, claims: &Claims<'_>) -> Option<&'a str> {
        self.private.iter().find(|name| claims.get_json(name).is_none()).copied()
    }

    /// Requires `iat` to be present, not in the future, and at most `secs` seconds ago, plus the leeway.
    #[doc(alias = "iat")]
    #[must_use]
    pub const fn max_age(mut self, secs: u64) -> Self {
        self.max_age = Some(secs);
        self.reject_future_iat().require(RegisteredClaim::IssuedAt)
    }

    /// Refuses a token whose `iat` is in the future. A token without `iat` passes.
    #[doc(alias = "iat")]
    #[must_use]
    pub const fn reject_future_iat(mut self) -> Self {
        self.refuses_future = true;
        self
    }

    /// Accepts a token without `exp`, which never expires unless `max_age` limits it. An `exp` that is present still
    /// counts.
    #[doc(alias = "exp")]
    #[must_use]
    pub const fn allow_missing_exp(mut self) -> Self {
        self.required = self.required.without(RegisteredClaim::ExpirationTime);
        self
    }

    /// Makes every check and gathers what failed. Never inlined, so that the stack that it takes is given back.
    #[inline(never)]
    pub(super) fn judge(&self, header: &Header<'_>, claims: &Claims<'_>, now: ClockReading) -> FailedChecks {
        let now = now.time().ok();
        let mut failed = FailedChecks::default();
        for claim in RegisteredClaim::ALL {
            match claims.value(claim).map(|value| self.judge_claim(claim, value, now)) {
                Some(Verdict::Fine) => {}
                None if !self.required.contains(claim) => {}
                None => failed.missing = failed.missing.with(claim),
                Some(Verdict::WrongType) => failed.wrong_type = failed.wrong_type.with(claim),
                Some(Verdict::Mismatched) => failed.mismatched = failed.mismatched.with(claim),
                Some(Verdict::TooOld) => failed.too_old = true,
                Some(Verdict::Untimely) => failed.clock_unusable = true,
            }
        }
        failed.wrong_typ = self.typ.is_some_and(|typ| !header.typ_is(typ));
        failed.unknown_crit = !header.crit_is_understood(self.crit);
        failed
    }

    fn judge_claim(&self, claim: RegisteredClaim, value: &str, now: Option<UnixTime>) -> Verdict {
        let is_fine = match claim {
            RegisteredClaim::Issuer => text_is(value, self.issuer),
            RegisteredClaim::Subject => text_is(value, self.subject),
            RegisteredClaim::JwtId => text_is(value, None),
            RegisteredClaim::Audience => {
                Audience::of_value(value).map(|audience| self.allow_any_audience || self.is_meant(audience))
            }
            RegisteredClaim::ExpirationTime | RegisteredClaim::NotBefore | RegisteredClaim::IssuedAt => {
                return self.judge_date(claim, value, now);
            }
        };
        is_fine.map_or(Verdict::WrongType, Verdict::fine_if)
    }

    fn is_meant(&self, audience: Audience<'_>) -> bool {
        self.audiences.iter().chain(&self.audience).any(|name| audience.contains(name))
    }

    fn judge_date(&self, claim: RegisteredClaim, value: &str, now: Option<UnixTime>) -> Verdict {
        let Some(date) = date::parse(value, date::rounding(claim)) else { return Verdict::WrongType };
        if claim == RegisteredClaim::IssuedAt && !self.refuses_future {
            // There is nothing else to say of it than that it is a date.
            return Verdict::Fine;
        }
        let Some(now) = now else { return Verdict::Untimely };
        match claim {
            // "The current date/time MUST be before" it (RFC 7519 section 4.1.4).
            RegisteredClaim::ExpirationTime => Verdict::fine_if(self.overdue(date, now) == 0),
            RegisteredClaim::IssuedAt if self.over_age(value, now) > 0 => Verdict::TooOld,
            _ => Verdict::fine_if(date.as_secs() <= self.latest(now)),
        }
    }

    /// The latest second that is not in the future.
    const fn latest(&self, now: UnixTime) -> u64 {
        now.as_secs().saturating_add(self.leeway)
    }

    /// For how many seconds a token that ends at `exp` is no longer accepted.
    const fn overdue(&self, exp: UnixTime, now: UnixTime) -> u64 {
        match exp.as_secs().checked_add(self.leeway) {
            // At that very second it is over.
            Some(end) if now.as_secs() >= end => now.as_secs().saturating_sub(end).saturating_add(1),
            _ => 0,
        }
    }

    /// By how many seconds a token is older than `max_age`. Judged by the earliest second that a fraction of `iat` may mean, so that the
    /// token does not live longer.
    fn over_age(&self, issued_at: &str, now: UnixTime) -> u64 {
        let age = |issued_at: UnixTime| now.as_secs().saturating_sub(issued_at.as_secs());
        match (self.max_age, date::parse(issued_at, Round::Down)) {
            (Some(max_age), Some(date)) => age(date).saturating_sub(max_age.saturating_add(self.leeway)),
            _ => 0,
        }
    }

    /// For how many seconds a token is too old, by its `exp` or by `max_age`; `None` if that cannot be told.
    pub(super) fn too_late_by(&self, claims: &Claims<'_>, now: ClockReading) -> Option<u64> {
        let now = now.time().ok()?;
        let overdue = claims.expires_at().map_or(0, |exp| self.overdue(exp, now));
        Some(overdue.max(claims.value(RegisteredClaim::IssuedAt).map_or(0, |iat| self.over_age(iat, now))))
    }
}

/// What there is to say of one claim.
enum Verdict {
    Fine,
    WrongType,
    Mismatched,
    TooOld,
    /// It would have to be compared with a time that nobody knows.
    Untimely,
}

impl Verdict {
    const fn fine_if(is_fine: bool) -> Self {
        if is_fine { Self::Fine } else { Self::Mismatched }
    }
}

/// `None` for a value of another type.
fn text_is(value: &str, expected: Option<&str>) -> Option<bool> {
    let found = JsonStr::of_value(value)?;
    Some(expected.is_none_or(|expected| found == expected))
}
