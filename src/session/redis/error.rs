//! What is wrong with a store on Redis before it is used.

use crate::session::names::NAME;
use crate::shown::Shown;
use core::fmt;
use redis::RedisResult;
use std::format;
use std::string::{String, ToString};

/// Why the store could not be made: of an address that cannot be one, or of a prefix.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RedisError(String);

impl RedisError {
    pub(super) fn of_urls<'u, T>(urls: impl IntoIterator<Item = &'u str>, made: RedisResult<T>) -> Result<T, Self> {
        made.map_err(|error| {
            if !cfg!(feature = "redis-tls") && urls.into_iter().any(|url| url.starts_with("rediss:")) {
                return Self("rediss:// needs the feature redis-tls".into());
            }
            // The address itself may have a password in it.
            Self(format!(
                "an address of Redis looks like redis://user:password@host:port, percent-encoded: {}",
                error.category()
            ))
        })
    }

    pub(super) fn of_prefix(prefix: &str) -> Self {
        Self(format!("RedisOptions::prefix is {NAME}, and not {prefix:?}"))
    }
}

impl fmt::Display for RedisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the session store on Redis cannot be made: {}", Shown(&self.0))
    }
}

impl core::error::Error for RedisError {}

/// Why the servers are of no use: see [`RedisStore::check`](super::RedisStore::check).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RedisCheckError(String);

impl RedisCheckError {
    pub(super) fn of(error: &redis::RedisError) -> Self {
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
