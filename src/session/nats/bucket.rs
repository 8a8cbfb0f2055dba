//! The bucket of JetStream: a message for each key, and writes that name the revision that they are over.
//!
//! Of two writes over one revision that come at the same moment, a bucket that several servers keep takes both (measured on 2.9.10): its leader
//! compares revisions when a write comes in, and then the first may still be on its way to the others. What every server compares when it takes a
//! write out of the log is the message id. So all writes over one revision have one id here: the second is a duplicate of the first, and is not
//! taken. In the log no write over a later revision can come before it, as the leader takes that one only once it has the revision itself: it is
//! enough that the servers remember the last write of a key, and they do for as long as the bucket's duplicate window.

use super::{NatsError, NatsOptions};
use crate::session::store::StoreError;
use async_nats::jetstream::context::{Context, PublishError, PublishErrorKind};
use async_nats::jetstream::kv::Store;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy, LastRawMessageErrorKind};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, ConnectOptions, ServerAddr};
use core::error::Error;
use core::fmt::Display;
use core::time::Duration;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

/// How long servers remember the ids of messages; what a bucket of several servers has at least.
const DUPLICATES: Duration = Duration::from_secs(120);
/// Servers of 2.11 and newer say so if a write over the same revision is on its way.
const IS_ON_ITS_WAY: ErrorCode = ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT;

/// What a key is to hold.
pub(super) enum Value {
    Is(Vec<u8>),
    /// A marker, so that those who have a copy hear of it.
    Deleted,
}

/// A client of these servers. User and password may be in an address, which the client does not look for itself.
pub(super) async fn client_of(urls: Vec<String>, options: &NatsOptions) -> Result<Client, NatsError> {
    let addresses: Vec<ServerAddr> =
        urls.iter().map(|url| url.parse()).collect::<Result<_, _>>().map_err(|error| failed(&error))?;
    let mut connecting = ConnectOptions::new().request_timeout(Some(options.answer));
    let login = addresses.iter().find_map(|address| Some((address.username()?, address.password()?)));
    if let Some((user, password)) = login {
        connecting = connecting.user_and_password(user.into(), password.into());
    }
    connecting.connect(addresses).await.map_err(|error| failed(&error))
}

fn failed(error: &dyn Display) -> NatsError {
    NatsError(error.to_string())
}

#[derive(Clone)]
pub(super) struct Bucket {
    pub(super) store: Store,
    context: Context,
}

impl Bucket {
    /// Opens it, or makes it.
    pub(super) async fn open(client: Client, options: &NatsOptions) -> Result<Self, NatsError> {
        let mut context = jetstream::new(client);
        context.set_timeout(options.answer);
        let store = match context.get_key_value(&options.bucket).await {
            Ok(store) => store,
            Err(_) => {
                // If another server makes it at the same moment, it makes the same.
                context.create_stream(config_of(options)).await.map_err(|error| failed(&error))?;
                context.get_key_value(&options.bucket).await.map_err(|error| failed(&error))?
            }
        };
        let config = store.stream.get_info().await.map_err(|error| failed(&error))?.config;
        if config.num_replicas > 1 && config.duplicate_window < DUPLICATES {
            return Err(NatsError(format!(
                "servers that keep it together tell writes apart by their ids, and forget those after {:?}: make its duplicate window {DUPLICATES:?}",
                config.duplicate_window
            )));
        }
        Ok(Self { store, context })
    }

    /// What is there under a key: its revision, and the value unless that was deleted.
    pub(super) async fn look_up(&self, key: &str) -> Result<(u64, Option<Vec<u8>>), StoreError> {
        match self.store.stream.get_last_raw_message_by_subject(&self.subject(key)).await {
            Ok(message) => {
                // Markers of deletion say what they are.
                let is_put = message.headers.get("KV-Operation").is_none();
                Ok((message.sequence, is_put.then(|| message.payload.to_vec())))
            }
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => Ok((0, None)),
            Err(_) => Err(StoreError::Unavailable),
        }
    }

    /// Writes over a value of this revision, 0 for none; the revision that it got, or `None` if another one is there.
    pub(super) async fn write(&self, key: &str, value: Value, over: u64) -> Result<Option<u64>, StoreError> {
        let mut message = PublishMessage::build().expected_last_subject_sequence(over);
        // Over nothing there may be two: the one before was deleted and its marker removed. That case every server compares by itself.
        if over > 0 {
            message = message.message_id(format!("{key}:{over}"));
        }
        message = match value {
            Value::Is(value) => message.payload(value.into()),
            Value::Deleted => message.header("KV-Operation", "DEL"),
        };
        let sent = self.context.send_publish(self.subject(key), message).await;
        let answer = match sent {
            Ok(answer) => answer.await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => Ok((!answer.duplicate).then_some(answer.sequence)),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(None),
            Err(error) => match code_of(&error) {
                Some(IS_ON_ITS_WAY) => Ok(None),
                Some(ErrorCode::STREAM_STORE_FAILED) => Err(StoreError::Full),
                _ => Err(StoreError::Unavailable),
            },
        }
    }

    /// Writes a heartbeat, which is behind all that was written before it, and says in which revision.
    pub(super) async fn beat(&self) -> Result<u64, StoreError> {
        self.store.put("h", Vec::new().into()).await.map_err(|_| StoreError::Unavailable)
    }

    /// How many hundredths of its room are taken; 0 if it has no limit.
    pub(super) async fn fill(&self) -> Result<u64, StoreError> {
        let info = self.store.stream.get_info().await.map_err(|_| StoreError::Unavailable)?;
        let room = u64::try_from(info.config.max_bytes).unwrap_or(0);
        Ok(info.state.bytes.saturating_mul(100).checked_div(room).unwrap_or(0))
    }

    /// Removes what is there under a key, so that nobody hears of it.
    pub(super) async fn purge(&self, key: &str) -> Result<(), StoreError> {
        let purge = self.store.stream.purge().filter(self.subject(key));
        purge.await.map(drop).map_err(|_| StoreError::Unavailable)
    }

    fn subject(&self, key: &str) -> String {
        [self.store.prefix.as_str(), key].concat()
    }
}

/// What the server says went wrong.
fn code_of(error: &PublishError) -> Option<ErrorCode> {
    error.source()?.downcast_ref::<jetstream::Error>().map(jetstream::Error::error_code)
}

/// The stream behind a bucket: made by hand, as the client's own call asks servers of 2.9 for what they do not know.
fn config_of(options: &NatsOptions) -> Config {
    Config {
        name: format!("KV_{}", options.bucket),
        subjects: Vec::from([format!("$KV.{}.>", options.bucket)]),
        description: Some("sessions of countersign".into()),
        max_messages_per_subject: 1,
        num_replicas: options.replicas,
        max_bytes: options.max_bytes,
        duplicate_window: DUPLICATES,
        discard: DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        ..Config::default()
    }
}
