//! The bucket of JetStream: reads, the feed, and writes that NATS accepts or refuses by the revision that they replace.

use super::message::{Change, Key, Place, Value};
use super::options::NatsOptions;
use super::server::{can_be_trusted, config_of, connect, is_new_enough, room_of, why_of};
use crate::session::store::store_keys::new_version;
use crate::session::store::{StoreError, StoreOpenError};
use async_nats::Client;
use async_nats::header::{HeaderMap, HeaderValue};
use async_nats::jetstream::consumer::push::{Ordered, OrderedConfig};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use async_nats::jetstream::{self, Message};
use core::sync::atomic::Ordering;
use core::time::Duration;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;
use tokio::time::timeout;

/// How long a server may take to open a large bucket.
const PATIENCE: Duration = Duration::from_secs(30);

/// Under it stand heartbeats. Whatever is written there says nothing, but that it comes behind everything else.
const BEAT: &str = "h";

/// What a message takes on disk beside its subject, its headers and its payload.
const RECORD: usize = 34;

/// What a server says to a write.
pub(super) enum Said {
    /// It is done, under this revision; of several changes that of the last one.
    Done(u64),
    /// Something else has been written meanwhile, under this revision if that is known, and 0 if not: it is not done.
    Late(u64),
    /// There is no room: it is not done.
    Full,
    /// It is not done, and may be tried again.
    Busy,
    /// Nobody knows.
    Unclear,
}

/// A message of the feed.
pub(super) struct Heard {
    pub(super) revision: u64,
    /// How many are behind it.
    pub(super) pending: u64,
    /// What it says, and the bytes that it takes in the bucket.
    pub(super) said: Option<(Key, Value, u64)>,
}

pub(super) struct Bucket {
    client: Client,
    stream: Stream,
    prefix: String,
    answer: Duration,
    /// Bytes that sessions may take.
    pub(super) room: u64,
}

impl Bucket {
    /// Opens it, or makes it.
    pub(super) async fn open(client: Client, options: &NatsOptions) -> Result<Self, StoreOpenError> {
        is_new_enough(&client.server_info().version)?;
        let mut context = jetstream::new(client.clone());
        context.set_timeout(PATIENCE);
        // If another server makes it at the same moment, it makes the same, and the second time finds it.
        let stream = match context.get_or_create_stream(config_of(options)).await {
            Err(_) => context.get_or_create_stream(config_of(options)).await,
            stream => stream,
        };
        // Who may not do something hears nothing of it from the server, and waits.
        let stream = stream.map_err(|error| {
            connect(format_args!(
                "{error}; do most of its servers run, with JetStream (-js), and may this user do for this bucket what \
                 examples/cluster/nats.conf lists?"
            ))
        })?;
        let config = &stream.cached_info().config;
        can_be_trusted(config, options)?;
        let (room, prefix) = (room_of(config), format!("$KV.{}.", options.bucket));
        Ok(Self { client, stream, prefix, answer: options.response_timeout, room })
    }

    /// How often the connection was made.
    pub(super) fn connects(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    /// The last revision that the bucket has given.
    pub(super) async fn last(&self) -> Result<u64, StoreError> {
        self.stream
            .get_info()
            .await
            .map(|info| info.state.last_sequence)
            .map_err(|error| StoreError::unavailable().with_source(error))
    }

    /// Whether it is there, as it has to be.
    pub(super) async fn check(&self, options: &NatsOptions) -> Result<(), StoreOpenError> {
        match timeout(self.answer, self.stream.get_info()).await {
            Ok(Ok(info)) => can_be_trusted(&info.config, options),
            asked => Err(why_of(asked.ok().and_then(Result::err).as_ref(), &self.client.connection_state())),
        }
    }

    /// What the server that leads has under a key, with its write id.
    pub(super) async fn read(&self, key: Key) -> Result<Option<(u64, Place)>, StoreError> {
        match self.stream.get_last_raw_message_by_subject(&self.subject(key)).await {
            Ok(message) => {
                let (id, value) = value_of(Some(&message.headers), &message.payload).ok_or(StoreError::unavailable())?;
                Ok(Some((id, Place { revision: message.sequence, value })))
            }
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => Ok(None),
            Err(_) => Err(StoreError::unavailable()),
        }
    }

    /// Writes a heartbeat, whatever was there before; the revision.
    pub(super) async fn beat(&self) -> Result<u64, StoreError> {
        match self.ask([&self.prefix, BEAT].concat(), HeaderMap::new(), Vec::new()).await {
            Said::Done(revision) => Ok(revision),
            Said::Full => Err(StoreError::full()),
            _ => Err(StoreError::unavailable()),
        }
    }

    /// Writes all of these, or none: each if the revision that it is over is the present one. Each value purges the one that it is over ("rollup"). Why: what
    /// a server drops by its bound of values for each key leaves no trace on its disk, so that one that is killed finds it again; what is purged does.
    pub(super) async fn write(&self, id: u64, changes: &[Change]) -> Said {
        // Tried again, it is another batch.
        let Ok(batch) = new_version().map(|batch| format!("{batch:016x}")) else { return Said::Busy };
        for (Change { key, over, value, leaves_after }, number) in changes.iter().zip(1usize..) {
            let (is_batch, is_last) = (changes.len() > 1, number == changes.len());
            let of_key = self.subject(*key);
            let subject = if value.is_some() { of_key.clone() } else { [&self.prefix, BEAT].concat() };
            let headers = [
                Some(("Nats-Expected-Last-Subject-Sequence", HeaderValue::from(*over))),
                (subject != of_key).then(|| ("Nats-Expected-Last-Subject-Sequence-Subject", of_key.into())),
                leaves_after.map(|seconds| ("Nats-TTL", format!("{seconds}s").into())),
                value.as_ref().map(|_| ("Nats-Rollup", "sub".into())),
                matches!(value, Some(Value::Over)).then(|| ("KV-Operation", "PURGE".into())),
                is_batch.then(|| ("Nats-Batch-Id", batch.as_str().into())),
                is_batch.then(|| ("Nats-Batch-Sequence", number.into())),
                (is_batch && is_last).then(|| ("Nats-Batch-Commit", "1".into())),
            ];
            let headers = headers.into_iter().flatten().fold(HeaderMap::new(), |mut headers, (name, value)| {
                headers.insert(name, value);
                headers
            });
            let payload = value.as_ref().map_or_else(Vec::new, |value| value.encode(id));
            if is_last {
                return self.ask(subject, headers, payload).await;
            }
            if self.client.publish_with_headers(subject, headers, payload.into()).await.is_err() {
                break;
            }
        }
        Said::Busy
    }

    async fn ask(&self, subject: String, headers: HeaderMap, payload: Vec<u8>) -> Said {
        // Less than a call may take, so that it can still look what became of it.
        let patience = self.answer.checked_div(2).unwrap_or(self.answer);
        let asked = timeout(patience, self.client.request_with_headers(subject, headers, payload.into())).await;
        let Ok(Ok(answer)) = asked else { return Said::Unclear };
        let Ok(answer) = serde_json::from_slice::<serde_json::Value>(&answer.payload) else { return Said::Unclear };
        let Some(error) = answer.get("error") else {
            return answer.get("seq").and_then(|seq| seq.as_u64()).map_or(Said::Unclear, Said::Done);
        };
        let why = error.get("description").and_then(|why| why.as_str()).unwrap_or_default();
        match error.get("err_code").and_then(|code| code.as_u64()) {
            // Wrong last sequence.
            Some(10_071 | 10_164) => Said::Late(why.rsplit(' ').next().and_then(|last| last.parse().ok()).unwrap_or(0)),
            // The store of this stream, or of this account.
            Some(10_077) if why.contains("maximum") => Said::Full,
            Some(10_047) => Said::Full,
            // A batch that the server has given up, or one too many.
            Some(10_176 | 10_210 | 10_211) => Said::Busy,
            _ => Said::Unclear,
        }
    }

    /// What is there, the last one of each key, and what is written from now on. There is something, a heartbeat at least.
    pub(super) async fn feed(&self) -> Result<Ordered, StoreError> {
        self.beat().await?;
        let (deliver_subject, filter_subject) = (self.client.new_inbox(), [&self.prefix, ">"].concat());
        let config = OrderedConfig { deliver_subject, filter_subject, ..OrderedConfig::default() };
        let consumer =
            self.stream.create_consumer(config).await.map_err(|error| StoreError::unavailable().with_source(error))?;
        consumer.messages().await.map_err(|error| StoreError::unavailable().with_source(error))
    }

    pub(super) fn heard(&self, message: &Message) -> Result<Heard, StoreError> {
        let info = message.info().map_err(|error| StoreError::because(error.to_string()))?;
        let key = message.subject.strip_prefix(self.prefix.as_str()).and_then(Key::parse);
        let value = value_of(message.headers.as_ref(), &message.payload);
        // Where to acknowledge it stands with it only under way.
        let reply = message.reply.as_ref().map_or(0, |reply| reply.len());
        let bytes = message.length.saturating_sub(reply).saturating_add(RECORD);
        let said = key.zip(value).map(|(key, (_, value))| (key, value, u64::try_from(bytes).unwrap_or(u64::MAX)));
        Ok(Heard { revision: info.stream_sequence, pending: info.pending, said })
    }

    fn subject(&self, key: Key) -> String {
        [self.prefix.as_str(), &key.name()].concat()
    }
}

/// Whoever removes a key by the tools of NATS ends what is under it.
fn value_of(headers: Option<&HeaderMap>, payload: &[u8]) -> Option<(u64, Value)> {
    let has = |name| headers.is_some_and(|headers| headers.get(name).is_some());
    let is_removed = has("KV-Operation") || has("Nats-Marker-Reason");
    Value::decode(payload).or_else(|| is_removed.then_some((0, Value::Over)))
}
