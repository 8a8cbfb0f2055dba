//! Lifetimes of sessions.

use core::time::Duration;

/// The lifetimes of sessions. None has a default; fractions of a second are dropped.
///
/// All servers of a store use the same lifetimes.
///
/// ```
/// use core::time::Duration;
/// use countersign::session::Lifetimes;
///
/// let lifetimes = Lifetimes {
///     idle: Duration::from_secs(30 * 60),
///     absolute: Duration::from_secs(12 * 3600),
///     renewal_grace: Duration::from_secs(10),
///     max_token_age: Duration::ZERO,
/// };
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lifetimes {
    /// Idle timeout: a session ends after this time without a request.
    pub idle: Duration,
    /// Absolute timeout: a session ends this long after its sign-in, in use or not.
    pub absolute: Duration,
    /// Time in which the cookie of before a renewal still counts, from the first request with the new cookie on: for requests that were under way.
    pub renewal_grace: Duration,
    /// Longest lifetime of the tokens and JWTs that a sign-out everywhere ends too, plus the leeway of their verifier; zero if there are none.
    ///
    /// The store remembers a sign-out everywhere for this time, or for `absolute` if that is longer. A `RevocationLayer` refuses what is older.
    pub max_token_age: Duration,
}
