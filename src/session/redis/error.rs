//! What is wrong with a store on Redis before it is used.

use core::fmt;
use redis::{RedisError, RedisResult};
use std::format;
use std::string::{String, ToString};

/// An address that cannot be one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RedisUrlError(String);

impl RedisUrlError {
    pub(super) fn of<'u, T>(urls: impl IntoIterator<Item = &'u str>, made: RedisResult<T>) -> Result<T, Self> {
        made.map_err(|error| {
            if !cfg!(feature = "redis-tls") && urls.into_iter().any(|url| url.starts_with("rediss:")) {
                return Self("rediss:// needs the feature redis-tls".into());
            }
            // The address itself may have a password in it.
            Self(error.category().to_string())
        })
    }
}

impl fmt::Display for RedisUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an address of Redis looks like redis://user:password@host:port, percent-encoded: {}", self.0)
    }
}

impl core::error::Error for RedisUrlError {}

/// Why no server answers: see [`RedisStore::check`](super::RedisStore::check).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RedisCheckError(String);

impl RedisCheckError {
    /// What the server says of it has no password in it; what the client says may have an address.
    pub(super) fn of(error: &RedisError) -> Self {
        if let Some(code) = error.code() {
            return Self(format!("{code} {}", error.detail().unwrap_or_default()));
        }
        let said = if error.is_connection_refusal() { "connection refused" } else { error.category() };
        Self(said.to_string())
    }
}

impl fmt::Display for RedisCheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis does not answer: {}", self.0)
    }
}

impl core::error::Error for RedisCheckError {}
