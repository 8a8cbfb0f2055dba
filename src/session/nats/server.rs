//! How the servers of NATS are reached, which are new enough, and how the bucket has to be.

use super::{NatsError, NatsOptions};
use crate::session::names::{NAME, is_name};
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use async_nats::{Client, ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;
use std::format;
use std::string::String;
use std::vec::Vec;

/// The oldest servers that write several keys as one, or none.
const OLDEST: (u64, u64) = (2, 12);

/// Values of each key: the present one, and the one that it purges.
const HISTORY: i64 = 2;

/// Refuses what is no name of a bucket. Why: with a dot or a wildcard in it, it would stand for other subjects.
pub(super) fn has_a_name(options: &NatsOptions) -> Result<(), NatsError> {
    let name = &options.bucket;
    let refused = || NatsError::of(&format!("NatsOptions::bucket is {NAME}, and not {name:?}"));
    if is_name(name) { Ok(()) } else { Err(refused()) }
}

/// A client of these servers. User and password may be in an address, which the client does not look for itself; there they are percent-encoded
/// where RFC 3986 section 3.2.1 asks for that.
pub(super) async fn client_of(urls: Vec<String>, options: &NatsOptions) -> Result<Client, NatsError> {
    // Most likely of a password: what stands in front of it would be taken for the server, looked up, and shown.
    let is_more_than_an_address = |url: &String| {
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        rest.trim_end_matches('/').contains(['/', '?', '#'])
    };
    if urls.iter().any(is_more_than_an_address) {
        return Err(NatsError::of(
            &"an address of NATS has no path, query or fragment; in a password `/` is `%2F`, `?` is `%3F` and `#` is `%23`",
        ));
    }
    let addresses: Vec<ServerAddr> =
        urls.iter().map(|url| url.parse()).collect::<Result<_, _>>().map_err(|error| NatsError::of(&error))?;
    let mut connecting = ConnectOptions::new().request_timeout(Some(options.answer));
    let login = addresses.iter().find_map(|address| Some((address.username()?, address.password()?)));
    if let Some((user, password)) = login {
        connecting = connecting.user_and_password(decoded(user)?, decoded(password)?);
    }
    // Not as they were given: there may be passwords in them.
    let servers: Vec<_> = addresses.iter().map(|address| format!("{}:{}", address.host(), address.port())).collect();
    connecting.connect(addresses).await.map_err(|error| NatsError::of(&format!("{}: {error}", servers.join(", "))))
}

fn decoded(part: &str) -> Result<String, NatsError> {
    let decoded = percent_decode_str(part).decode_utf8();
    decoded.map(String::from).map_err(|_| NatsError::of(&"user and password in an address are percent-encoded UTF-8"))
}

/// Refuses a server that would store half of a rotation.
pub(super) fn is_new_enough(version: &str) -> Result<(), String> {
    let mut numbers = version.split(['.', '-']).map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return Err(format!("its server says that it is version {version:?}"));
    };
    if (major, minor) >= OLDEST {
        return Ok(());
    }
    Err(format!("its server is nats-server {version}, and this store needs {}.{} or newer", OLDEST.0, OLDEST.1))
}

/// Refuses a bucket that would forget what must not be forgotten, or does not know what a rotation needs.
pub(super) fn can_be_trusted(config: &Config, options: &NatsOptions) -> Result<(), String> {
    let name = &options.bucket;
    let wrong = [
        (
            config.max_messages_per_subject != HISTORY
                || !config.allow_rollup
                || !config.allow_atomic_publish
                || !config.allow_message_ttl,
            format!(
                "it was made by an earlier version of this store, or by hand, and does not keep two values of each key with times to live, purges and batches: remove it (nats kv del {name}; who is signed in has to sign in again), or name another one in NatsOptions::bucket"
            ),
        ),
        (!config.max_age.is_zero(), "it forgets by age".into()),
        (config.max_messages > 0, "it forgets by number".into()),
        (config.discard != DiscardPolicy::New, "it makes room by forgetting".into()),
        (
            config.num_replicas < options.replicas,
            format!("{} servers keep it, and not {}", config.num_replicas, options.replicas),
        ),
    ];
    match wrong.into_iter().find(|(is_wrong, _)| *is_wrong) {
        Some((_, why)) => Err(format!("{why}: let the store make it")),
        None => Ok(()),
    }
}

/// Bytes that sessions may take in a bucket: two thirds, the rest is for what says that some have ended. Nothing if it has no bound.
pub(super) fn room_of(config: &Config) -> Option<u64> {
    let bytes = u64::try_from(config.max_bytes).ok().filter(|bytes| *bytes > 0)?;
    Some(bytes.saturating_sub(bytes.checked_div(3).unwrap_or(0)))
}

/// A bucket of key and value as their own tools make it, with times to live and batches.
pub(super) fn config_of(options: &NatsOptions) -> Config {
    let markers = options.max_bytes.checked_div(2).unwrap_or(0);
    Config {
        name: format!("KV_{}", options.bucket),
        subjects: Vec::from([format!("$KV.{}.>", options.bucket)]),
        description: Some("sessions of countersign".into()),
        max_messages_per_subject: HISTORY,
        num_replicas: options.replicas,
        max_bytes: options.max_bytes.saturating_add(markers),
        discard: DiscardPolicy::New,
        allow_rollup: true,
        allow_direct: true,
        allow_message_ttl: true,
        allow_atomic_publish: true,
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn an_older_server_is_told_both_versions() {
        for version in ["2.12.0", "2.12.8", "2.15.1", "3.0.0", "2.14.0-beta.2"] {
            assert_eq!(is_new_enough(version), Ok(()));
        }
        let why = is_new_enough("2.11.11").unwrap_err();
        assert!(why.contains("2.11.11") && why.contains("2.12"), "{why}");
        assert!(is_new_enough("").is_err() && is_new_enough("2").is_err());
    }
}
