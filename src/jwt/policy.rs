//! What a verifier asks of a token (RFC 8725 sections 3.8 to 3.12).

use super::authentic::Authentic;
use super::failed::{Claim, ClaimSet, FailedChecks};
use crate::UnixTime;

/// The rules that a token must satisfy. `const`, so it can live in flash.
///
/// What is expected is required: a policy with an audience refuses a token without one. `exp` is required unless
/// [waived](Policy::without_expiration). A claim of a wrong JSON type is refused, whether or not the policy asks for it.
///
/// ```
/// use countersign::jwt::{Claim, Policy};
///
/// const POLICY: Policy<'_> = Policy::new(30)
///     .issuer("https://issuer.example")
///     .audience("api")
///     .max_age(3600)
///     .require(Claim::Subject);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    leeway: u64,
    issuer: Option<&'a str>,
    audience: Option<&'a str>,
    subject: Option<&'a str>,
    typ: Option<&'a str>,
    crit: &'a [&'a str],
    required: ClaimSet,
    max_age: Option<u64>,
    refuses_future: bool,
}

impl<'a> Policy<'a> {
    /// A policy that requires `exp`, and forgives clocks that differ by up to `leeway` seconds. There is no default.
    #[must_use]
    pub const fn new(leeway: u64) -> Self {
        Self {
            leeway,
            issuer: None,
            audience: None,
            subject: None,
            typ: None,
            crit: &[],
            required: ClaimSet::NONE.with(Claim::ExpirationTime),
            max_age: None,
            refuses_future: false,
        }
    }

    /// `iss` must be this, character by character.
    #[must_use]
    pub const fn issuer(mut self, issuer: &'a str) -> Self {
        self.issuer = Some(issuer);
        self.require(Claim::Issuer)
    }

    /// `aud` must be this or have this among its strings.
    #[must_use]
    pub const fn audience(mut self, audience: &'a str) -> Self {
        self.audience = Some(audience);
        self.require(Claim::Audience)
    }

    /// `sub` must be this.
    #[must_use]
    pub const fn subject(mut self, subject: &'a str) -> Self {
        self.subject = Some(subject);
        self.require(Claim::Subject)
    }

    /// The header parameter `typ` must be this media type (RFC 8725 section 3.11): `at+jwt`, for example.
    #[must_use]
    pub const fn typ(mut self, typ: &'a str) -> Self {
        self.typ = Some(typ);
        self
    }

    /// Critical header parameters that the caller itself understands and acts upon. All others, and `b64` in any case, are refused.
    #[must_use]
    pub const fn understands(mut self, crit: &'a [&'a str]) -> Self {
        self.crit = crit;
        self
    }

    /// A claim must be there.
    #[must_use]
    pub const fn require(mut self, claim: Claim) -> Self {
        self.required = self.required.with(claim);
        self
    }

    /// `iat` must be there, not in the future, and at most this many seconds ago (and the leeway).
    #[must_use]
    pub const fn max_age(mut self, seconds: u64) -> Self {
        self.max_age = Some(seconds);
        self.refusing_future().require(Claim::IssuedAt)
    }

    /// `iat`, where it is there, must not be in the future.
    #[must_use]
    pub const fn refusing_future(mut self) -> Self {
        self.refuses_future = true;
        self
    }

    /// Accepts a token without `exp`: one that never ends, unless `max_age` ends it. An `exp` that is there still counts.
    #[must_use]
    pub const fn without_expiration(mut self) -> Self {
        self.required = self.required.without(Claim::ExpirationTime);
        self
    }

    /// Makes every check and gathers what failed.
    pub(super) fn judge(&self, token: &Authentic<'_>, now: UnixTime) -> FailedChecks {
        let claims = &token.claims;
        let mut failed = FailedChecks::default();
        for claim in Claim::ALL {
            if !claims.has(claim) {
                if self.required.contains(claim) {
                    failed.missing = failed.missing.with(claim);
                }
            } else if !claims.is_well_typed(claim) {
                failed.mistyped = failed.mistyped.with(claim);
            } else if !self.accepts(token, claim, now) {
                failed.refused = failed.refused.with(claim);
            }
        }
        let age_limit = self.max_age.map(|max_age| max_age.saturating_add(self.leeway));
        let age = claims.issued_at().map(|issued_at| now.as_secs().saturating_sub(issued_at.as_secs()));
        failed.too_old = age_limit.zip(age).is_some_and(|(limit, age)| age > limit);
        failed.typ = self.typ.is_some_and(|typ| !token.header.typ_is(typ));
        failed.crit = !token.header.crit_is_understood(self.crit);
        failed
    }

    /// Judges a claim that is there and of its type.
    fn accepts(&self, token: &Authentic<'_>, claim: Claim, now: UnixTime) -> bool {
        let claims = &token.claims;
        let latest = now.as_secs().saturating_add(self.leeway);
        match claim {
            Claim::Issuer => self.issuer.is_none_or(|issuer| claims.issuer().is_some_and(|found| found == issuer)),
            Claim::Subject => self.subject.is_none_or(|subject| claims.subject().is_some_and(|found| found == subject)),
            Claim::Audience => {
                self.audience.is_none_or(|name| claims.audience().is_some_and(|found| found.contains(name)))
            }
            // "The current date/time MUST be before" it (RFC 7519 section 4.1.4).
            Claim::ExpirationTime => {
                claims.expires_at().is_some_and(|exp| now.as_secs() < exp.as_secs().saturating_add(self.leeway))
            }
            Claim::NotBefore => claims.not_before().is_some_and(|nbf| nbf.as_secs() <= latest),
            Claim::IssuedAt => !self.refuses_future || claims.issued_at().is_some_and(|iat| iat.as_secs() <= latest),
            Claim::JwtId => true,
        }
    }
}
