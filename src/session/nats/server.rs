//! The NATS servers: their addresses, their oldest version, the configuration of the bucket, and their errors.

use super::options::NatsOptions;
use crate::session::store::store_keys::{NAME, is_name};
use crate::session::store::{StoreOpenError, StoreOpenErrorKind};
use async_nats::connection::State;
use async_nats::jetstream::context::RequestErrorKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy, InfoError};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, ConnectOptions, ServerAddr};
use core::error::Error;
use core::fmt;
use core::time::Duration;
use percent_encoding::percent_decode_str;
use std::format;
use std::string::String;
use std::vec::Vec;

/// The oldest servers that write several keys as one, or none.
const OLDEST: (u64, u64) = (2, 12);

/// Values of each key: the present one, and the one that it purges.
const HISTORY: i64 = 2;

/// The shortest staleness.
const SHORTEST: Duration = Duration::from_millis(100);

fn refused(kind: StoreOpenErrorKind, why: impl fmt::Display) -> StoreOpenError {
    StoreOpenError::new(kind, "the session store on NATS", why)
}

/// An address or an option is wrong, or the server is too old for the store.
pub(super) fn config(why: impl fmt::Display) -> StoreOpenError {
    refused(StoreOpenErrorKind::Config, why)
}

/// The servers do not answer as they should.
pub(super) fn connect(why: impl fmt::Display) -> StoreOpenError {
    refused(StoreOpenErrorKind::Connect, why)
}

/// Of a question to the bucket that has failed so, or had no answer, by a client in this state.
pub(super) fn why_of(error: Option<&InfoError>, state: &State) -> StoreOpenError {
    let said = error.and_then(Error::source).and_then(|source| source.downcast_ref::<jetstream::Error>());
    connect(match (error.map(InfoError::kind), said) {
        (_, Some(said)) if said.error_code() == ErrorCode::STREAM_NOT_FOUND => {
            "the bucket is gone: bring it back, or start a server of yours anew, which makes an empty one"
        }
        (Some(RequestErrorKind::NoResponders), _) => {
            "none answers for JetStream: is it on (-js), and do most servers run?"
        }
        _ if *state != State::Connected => "none of its servers can be reached",
        _ => "the bucket does not answer in time: do most of its servers run?",
    })
}

/// Refuses what is no name of a bucket. Why: with a dot or a wildcard in it, it would stand for other subjects.
pub(super) fn can_be_met(options: &NatsOptions) -> Result<(), StoreOpenError> {
    let name = &options.bucket;
    if !is_name(name) {
        return Err(config(format_args!("NatsOptions::bucket is {NAME}, and not {name:?}")));
    }
    if options.max_staleness < SHORTEST {
        return Err(config(format_args!(
            "NatsOptions::max_staleness is at least {SHORTEST:?}, so that a heartbeat can come back"
        )));
    }
    Ok(())
}

/// A client of these servers. User and password may be in an address, which the client does not look for itself; there they are percent-encoded
/// where RFC 3986 section 3.2.1 asks for that.
pub(super) async fn client_of(urls: Vec<&str>, options: &NatsOptions) -> Result<Client, StoreOpenError> {
    let addresses = urls.into_iter().map(address_of).collect::<Result<Vec<_>, _>>()?;
    let mut connecting = ConnectOptions::new().request_timeout(Some(options.response_timeout));
    let login = addresses.iter().find_map(|address| Some((address.username()?, address.password()?)));
    if let Some((user, password)) = login {
        connecting = connecting.user_and_password(decoded(user)?, decoded(password)?);
    }
    // Not as they were given: there may be passwords in them.
    let servers: Vec<_> = addresses.iter().map(|address| format!("{}:{}", address.host(), address.port())).collect();
    connecting.connect(addresses).await.map_err(|error| connect(format_args!("{}: {error}", servers.join(", "))))
}

fn address_of(url: &str) -> Result<ServerAddr, StoreOpenError> {
    // What is more than that is most likely of a password: what stands in front of it would be taken for the server, looked up, and shown.
    let is_address_alone = |address: &ServerAddr| {
        let url = address.clone().into_inner();
        matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none()
    };
    url.parse().ok().filter(is_address_alone).ok_or_else(|| {
        config(
            "an address of NATS looks like nats://user:password@host:port, without a path, query or fragment, percent-encoded: in a password `/` is `%2F`, `?` is `%3F` and `#` is `%23`",
        )
    })
}

fn decoded(part: &str) -> Result<String, StoreOpenError> {
    let decoded = percent_decode_str(part).decode_utf8();
    decoded.map(String::from).map_err(|_| config("user and password in an address are percent-encoded UTF-8"))
}

/// Refuses a server that would store half of a rotation.
pub(super) fn is_new_enough(version: &str) -> Result<(), StoreOpenError> {
    let mut numbers = version.split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= OLDEST => Ok(()),
        _ => {
            let (major, minor) = OLDEST;
            let why = format!("its server is nats-server {version}, and this store needs {major}.{minor} or newer");
            Err(config(why))
        }
    }
}

/// Refuses a bucket that would forget what must not be forgotten, or does not know what a rotation needs.
pub(super) fn can_be_trusted(config: &Config, options: &NatsOptions) -> Result<(), StoreOpenError> {
    let name = &options.bucket;
    let has_all = config.allow_rollup && config.allow_atomic_publish && config.allow_message_ttl;
    let why = if config.max_messages_per_subject != HISTORY || !has_all {
        format!(
            "it was made by an earlier version of this store, or by hand, and does not keep two values of each key with times to live, purges and batches: remove it (nats kv del {name}; who is signed in has to sign in again), or name another one in NatsOptions::bucket"
        )
    } else if !config.max_age.is_zero() {
        "it forgets by age".into()
    } else if config.max_messages > 0 {
        "it forgets by number".into()
    } else if config.discard != DiscardPolicy::New {
        "it makes room by forgetting".into()
    } else if config.num_replicas < options.stream_replicas {
        format!("{} servers keep it, and not {}", config.num_replicas, options.stream_replicas)
    } else {
        return Ok(());
    };
    Err(self::config(format_args!("the bucket cannot be trusted, as {why}: let the store make it")))
}

/// Bytes that sessions may take in a bucket: two thirds, the rest is for what says that some have ended.
pub(super) fn room_of(config: &Config) -> u64 {
    let bytes = u64::try_from(config.max_bytes).ok().filter(|bytes| *bytes > 0);
    bytes.map_or(u64::MAX, |bytes| bytes.saturating_sub(bytes / 3))
}

/// A bucket of key and value as their own tools make it, with times to live and batches.
pub(super) fn config_of(options: &NatsOptions) -> Config {
    Config {
        name: format!("KV_{}", options.bucket),
        subjects: Vec::from([format!("$KV.{}.>", options.bucket)]),
        description: Some("sessions of countersign".into()),
        max_messages_per_subject: HISTORY,
        num_replicas: options.stream_replicas,
        max_bytes: options.max_bytes.saturating_add(options.max_bytes / 2),
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
    use std::string::ToString;

    #[test]
    fn an_older_server_is_told_both_versions() {
        for version in ["2.12.0", "2.12.8", "2.15.1", "3.0.0", "2.14.0-beta.2"] {
            assert_eq!(is_new_enough(version), Ok(()));
        }
        let why = is_new_enough("2.11.11").unwrap_err().to_string();
        assert!(why.contains("2.11.11") && why.contains("2.12"), "{why}");
        assert!(is_new_enough("").is_err() && is_new_enough("2").is_err());
    }
}
