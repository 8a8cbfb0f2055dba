//! The bucket of JetStream: reads, feeds, and writes that the server takes or refuses by the revision that they are over.

use super::message::{self, Change, Key, Place};
use super::replica::Heard;
use super::server::{can_be_trusted, config_of, is_new_enough, room_of};
use super::{NatsCheckError, NatsError, NatsOptions};
use crate::session::names::new_version;
use crate::session::store::StoreError;
use async_nats::Client;
use async_nats::header::{HeaderMap, NATS_EXPECTED_LAST_SUBJECT_SEQUENCE};
use async_nats::jetstream::consumer::push::OrderedConfig;
use async_nats::jetstream::consumer::{DeliverPolicy, ReplayPolicy};
use async_nats::jetstream::context::Context;
use async_nats::jetstream::stream::{Info, LastRawMessageErrorKind, Stream};
use async_nats::jetstream::{self, Message};
use core::sync::atomic::Ordering;
use core::time::Duration;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::Value;
use std::format;
use std::string::{String, ToString};
use tokio::time::timeout;

/// How long a server may take to open a large bucket, and to begin a feed of it.
const PATIENCE: Duration = Duration::from_secs(30);

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

pub(super) type Feed = BoxStream<'static, Result<Heard, StoreError>>;

#[derive(Clone)]
pub(super) struct Bucket {
    client: Client,
    /// Asks for as long as the options say.
    stream: Stream<()>,
    /// And this one for as long as a feed may take to begin.
    patient: Stream<()>,
    prefix: String,
    answer: Duration,
    /// Bytes that sessions may take, if that is bounded.
    pub(super) room: Option<u64>,
}

impl Bucket {
    /// Opens it, or makes it.
    pub(super) async fn open(client: Client, options: &NatsOptions) -> Result<Self, NatsError> {
        is_new_enough(&client.server_info().version).map_err(|why| NatsError::of(&why))?;
        let (mut context, mut patient) = (jetstream::new(client.clone()), jetstream::new(client.clone()));
        context.set_timeout(options.answer);
        patient.set_timeout(PATIENCE);
        let name = format!("KV_{}", options.bucket);
        let info = Self::found_or_made(&patient, &name, options).await?;
        can_be_trusted(&info.config, options).map_err(|why| NatsError::of(&why))?;
        let stream =
            async |context: &Context| context.get_stream_no_info(&name).await.map_err(|error| NatsError::of(&error));
        Ok(Self {
            stream: stream(&context).await?,
            patient: stream(&patient).await?,
            client,
            prefix: format!("$KV.{}.", options.bucket),
            answer: options.answer,
            room: room_of(&info.config),
        })
    }

    async fn found_or_made(context: &Context, name: &str, options: &NatsOptions) -> Result<Info, NatsError> {
        if let Ok(stream) = context.get_stream(name).await {
            return Ok(stream.cached_info().clone());
        }
        let error = match context.create_stream(config_of(options)).await {
            Ok(stream) => return Ok(stream.cached_info().clone()),
            Err(error) => error,
        };
        // If another server makes it at the same moment, it makes the same. Who may not do something hears nothing of it from the server, and waits.
        let found = context.get_stream(name).await.map(|stream| stream.cached_info().clone());
        found.map_err(|_| {
            NatsError::of(&format!(
                "{error}; do most of its servers run, with JetStream (-js), and may this user do for this bucket what \
                 examples/cluster/nats.conf lists?"
            ))
        })
    }

    /// How often the connection was made.
    pub(super) fn connects(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    /// The last revision that the bucket has given.
    pub(super) async fn last(&self) -> Result<u64, StoreError> {
        self.stream.get_info().await.map(|info| info.state.last_sequence).map_err(|_| StoreError::Unavailable)
    }

    /// Whether it is there, as it has to be.
    pub(super) async fn check(&self, options: &NatsOptions) -> Result<(), NatsCheckError> {
        let info = self.stream.get_info().await;
        let info = info.map_err(|error| NatsCheckError::of_question(&error, &self.client.connection_state()))?;
        can_be_trusted(&info.config, options).map_err(|why| NatsCheckError::of(&why))
    }

    /// What the server that leads has under a key, with its write id.
    pub(super) async fn read(&self, key: Key) -> Result<Option<(u64, Place)>, StoreError> {
        let subject = self.subject(key);
        match self.stream.get_last_raw_message_by_subject(&subject).await {
            Ok(message) => {
                let bytes = size(&subject, Some(&message.headers), message.payload.len());
                let (id, value) = value_of(Some(&message.headers), &message.payload).ok_or(StoreError::Unavailable)?;
                Ok(Some((id, Place { revision: message.sequence, bytes, value })))
            }
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => Ok(None),
            Err(_) => Err(StoreError::Unavailable),
        }
    }

    /// Writes whatever was there before; the revision.
    pub(super) async fn append(&self, change: &Change) -> Result<u64, StoreError> {
        match self.ask(self.subject(change.key), HeaderMap::new(), change.value.encode(0)).await {
            Said::Done(revision) => Ok(revision),
            Said::Full => Err(StoreError::Full),
            _ => Err(StoreError::Unavailable),
        }
    }

    /// Writes all of these, or none: each if the revision that it is over is the present one. Each value purges the one that it is over ("rollup"). Why: what
    /// a server drops by its bound of values for each key leaves no trace on its disk, so that one that is killed finds it again; what is purged does.
    pub(super) async fn write(&self, id: u64, changes: &[Change]) -> Said {
        // Tried again, it is another batch.
        let Ok(batch) = new_version().map(|batch| format!("{batch:016x}")) else { return Said::Busy };
        for (change, number) in changes.iter().zip(1usize..) {
            let (subject, payload) = (self.subject(change.key), change.value.encode(id));
            let mut headers = HeaderMap::new();
            headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, change.over.to_string());
            if change.of != change.key {
                headers.insert("Nats-Expected-Last-Subject-Sequence-Subject", self.subject(change.of));
            }
            if let Some(seconds) = change.leaves_after {
                headers.insert("Nats-TTL", format!("{seconds}s"));
            }
            if change.key != Key::Beat {
                headers.insert("Nats-Rollup", "sub");
            }
            if matches!(change.value, message::Value::Over) {
                headers.insert("KV-Operation", "PURGE");
            }
            if changes.len() > 1 {
                headers.insert("Nats-Batch-Id", batch.as_str());
                headers.insert("Nats-Batch-Sequence", number.to_string());
            }
            if number == changes.len() {
                if number > 1 {
                    headers.insert("Nats-Batch-Commit", "1");
                }
                return self.ask(subject, headers, payload).await;
            }
            if self.client.publish_with_headers(subject, headers, payload.into()).await.is_err() {
                break;
            }
        }
        Said::Busy
    }

    async fn ask(&self, subject: String, headers: HeaderMap, payload: std::vec::Vec<u8>) -> Said {
        // Less than a call may take, so that it can still look what became of it.
        let patience = self.answer.checked_div(2).unwrap_or(self.answer);
        let asked = timeout(patience, self.client.request_with_headers(subject, headers, payload.into())).await;
        let Ok(Ok(answer)) = asked else { return Said::Unclear };
        let Ok(answer) = serde_json::from_slice::<Value>(&answer.payload) else { return Said::Unclear };
        let Some(error) = answer.get("error") else {
            return answer.get("seq").and_then(Value::as_u64).map_or(Said::Unclear, Said::Done);
        };
        let why = error.get("description").and_then(Value::as_str).unwrap_or_default();
        match error.get("err_code").and_then(Value::as_u64) {
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

    /// What is there, the last one of each key, how many those are, and what is written from now on.
    pub(super) async fn feed(&self) -> Result<(Feed, u64), StoreError> {
        let config = OrderedConfig {
            deliver_subject: self.client.new_inbox(),
            filter_subject: [&self.prefix, ">"].concat(),
            deliver_policy: DeliverPolicy::All,
            replay_policy: ReplayPolicy::Instant,
            ..OrderedConfig::default()
        };
        let consumer = self.patient.create_consumer(config).await.map_err(|_| StoreError::Unavailable)?;
        let count = consumer.cached_info().num_pending;
        let messages = consumer.messages().await.map_err(|_| StoreError::Unavailable)?;
        let bucket = self.clone();
        let heard = messages.map(move |message| bucket.heard(&message.map_err(|_| StoreError::Unavailable)?));
        Ok((heard.boxed(), count))
    }

    fn heard(&self, message: &Message) -> Result<Heard, StoreError> {
        let info = message.info().map_err(|_| StoreError::Unavailable)?;
        let (revision, pending) = (info.stream_sequence, info.pending);
        let key = message.subject.strip_prefix(self.prefix.as_str()).and_then(Key::parse);
        let bytes = size(&message.subject, message.headers.as_ref(), message.payload.len());
        let value = value_of(message.headers.as_ref(), &message.payload);
        let place = value.map(|(_, value)| Place { revision, bytes, value });
        Ok(Heard { key, place, revision, pending })
    }

    fn subject(&self, key: Key) -> String {
        [self.prefix.as_str(), &key.name()].concat()
    }
}

/// Whoever removes a key by the tools of NATS ends what is under it.
fn value_of(headers: Option<&HeaderMap>, payload: &[u8]) -> Option<(u64, message::Value)> {
    let is_removed = headers
        .is_some_and(|headers| headers.get("KV-Operation").is_some() || headers.get("Nats-Marker-Reason").is_some());
    match message::Value::decode(payload) {
        Some(read) => Some(read),
        None => is_removed.then_some((0, message::Value::Over)),
    }
}

/// Bytes that a message takes in the bucket.
fn size(subject: &str, headers: Option<&HeaderMap>, payload: usize) -> u64 {
    // "NATS/1.0", a blank line, and of each header its colon, its blank and its end.
    let lines = headers.into_iter().flat_map(HeaderMap::iter);
    let headers = lines.fold(14usize, |sum, (name, values)| {
        let name: &str = name.as_ref();
        values.iter().fold(sum, |sum, value| {
            sum.saturating_add(name.len()).saturating_add(value.as_str().len()).saturating_add(4)
        })
    });
    let bytes = subject.len().saturating_add(headers).saturating_add(payload).saturating_add(RECORD);
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
