//! What is wrong with a store on Redis before it is used.

use crate::shown::Shown;
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
        write!(f, "an address of Redis looks like redis://user:password@host:port, percent-encoded: {}", Shown(&self.0))
    }
}

impl core::error::Error for RedisUrlError {}

/// Why the servers are of no use: see [`RedisStore::check`](super::RedisStore::check).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RedisCheckError(String);

impl RedisCheckError {
    pub(super) fn of(error: &RedisError) -> Self {
        match error.code() {
            // Some servers repeat the command that they do not know, with the password in it.
            Some("ERR") => Self("it does not know a command that signs in or reads".into()),
            Some(code) => Self(format!("{code} {}", error.detail().unwrap_or_default())),
            // Not in the client's own words: there may be an address in them.
            None if error.is_connection_refusal() => Self("connection refused".into()),
            None => Self(error.category().to_string()),
        }
    }
}

impl fmt::Display for RedisCheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis cannot be used: {}", Shown(&self.0))
    }
}

impl core::error::Error for RedisCheckError {}
