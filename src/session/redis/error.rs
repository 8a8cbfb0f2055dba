//! Errors of the store on Redis, without secrets.

use crate::session::store::store_keys::NAME;
use crate::session::store::{StoreError, StoreOpenError, StoreOpenErrorKind};
use redis::RedisResult;
use std::format;

fn config(why: impl core::fmt::Display) -> StoreOpenError {
    StoreOpenError::new(StoreOpenErrorKind::Config, "the session store on Redis", why)
}

pub(super) fn of_urls<'u, T>(
    urls: impl IntoIterator<Item = &'u str>,
    made: RedisResult<T>,
) -> Result<T, StoreOpenError> {
    made.map_err(|error| {
        if !cfg!(feature = "redis-tls") && urls.into_iter().any(|url| url.starts_with("rediss:")) {
            return config("rediss:// needs the feature redis-tls");
        }
        // Why not the address itself: it may have a password in it.
        let category = error.category();
        config(format_args!("an address looks like redis://user:password@host:port, percent-encoded: {category}"))
    })
}

pub(super) fn of_prefix(prefix: &str) -> StoreOpenError {
    config(format_args!("RedisOptions::prefix is {NAME}, and not {prefix:?}"))
}

/// Of a call that the servers have answered with an error, or not at all.
pub(super) fn unavailable(error: &redis::RedisError) -> StoreError {
    match error.code() {
        // Why: some servers repeat the command that they do not know, with the password in it.
        Some("ERR") => StoreError::because("Redis does not know a command that signs in or reads"),
        Some(code) => StoreError::because(format!("Redis answers {code} {}", error.detail().unwrap_or_default())),
        // Why not in the client's own words: there may be an address in them.
        None if error.is_connection_refusal() => StoreError::because("Redis: connection refused"),
        None => StoreError::because(format!("Redis: {}", error.category())),
    }
}
