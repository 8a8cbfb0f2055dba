//! The bucket of JetStream: where the log is.

use super::log::{HISTORY, Key, Message};
use super::{NatsCheckError, NatsError, NatsOptions};
use crate::session::store::StoreError;
use async_nats::jetstream::consumer::push::{Ordered, OrderedConfig};
use async_nats::jetstream::consumer::{Consumer, DeliverPolicy, ReplayPolicy};
use async_nats::jetstream::context::{Context, PublishErrorKind};
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::{
    ClusterInfo, Config, DiscardPolicy, Info, LastRawMessageErrorKind, RawMessageErrorKind, Stream,
};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, ConnectOptions, ServerAddr};
use core::error::Error;
use core::fmt::Display;
use core::sync::atomic::Ordering;
use core::time::Duration;
use percent_encoding::percent_decode_str;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;
use tokio::time::{sleep, timeout};

/// How long a server may take to open a large bucket, and to begin a feed of it.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// How long it waits before it makes another consumer, elsewhere.
const BETWEEN: Duration = Duration::from_millis(20);

/// A client of these servers. User and password may be in an address, which the client does not look for itself; there they are percent-encoded
/// where RFC 3986 section 3.2.1 asks for that.
pub(super) async fn client_of(urls: Vec<String>, options: &NatsOptions) -> Result<Client, NatsError> {
    let addresses: Vec<ServerAddr> =
        urls.iter().map(|url| url.parse()).collect::<Result<_, _>>().map_err(|error| NatsError::of(&error))?;
    // Most likely an `@` or a `/` of a password: what stands in front of it would be taken for the server, and shown.
    if addresses.iter().any(|address| !matches!(address.clone().into_inner().path(), "" | "/")) {
        return Err(NatsError::of(&"an address of NATS has no path; `/` in a password is `%2F` there"));
    }
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

/// Who may not do something hears nothing of it from the server, and waits.
fn cannot_be_made(error: &dyn Display) -> NatsError {
    NatsError::of(&format!(
        "{error}; do most of its servers run, with JetStream (-js), and may this user do for this bucket what \
         examples/cluster/nats.conf lists?"
    ))
}

#[derive(Clone)]
pub(super) struct Bucket {
    client: Client,
    context: Context,
    /// Asks for as long as the options say.
    stream: Stream<()>,
    /// And this one for as long as a feed may take to begin.
    patient: Stream<()>,
    name: String,
    prefix: String,
    /// Bytes that sessions may take.
    room: Option<u64>,
}

/// Messages as they come, and where they come from.
pub(super) struct Feed {
    pub(super) messages: Ordered,
    /// The consumer that brings them; the client makes another one when it has missed something.
    pub(super) consumer: String,
    /// The server that this consumer is on; nothing if there is one only.
    pub(super) server: Option<String>,
}

impl Bucket {
    /// Opens it, or makes it.
    pub(super) async fn open(client: Client, options: &NatsOptions) -> Result<Self, NatsError> {
        let (mut context, mut patient) = (jetstream::new(client.clone()), jetstream::new(client.clone()));
        context.set_timeout(options.answer);
        patient.set_timeout(PATIENCE);
        let name = format!("KV_{}", options.bucket);
        // If another server makes it at the same moment, it makes the same; one that is there stays as it is.
        let info = match patient.get_stream(&name).await {
            Ok(stream) => stream.cached_info().clone(),
            Err(_) => match patient.create_stream(config_of(options)).await {
                Ok(stream) => stream.cached_info().clone(),
                Err(error) => {
                    patient.get_stream(&name).await.map_err(|_| cannot_be_made(&error))?.cached_info().clone()
                }
            },
        };
        can_be_trusted(&info.config, options).map_err(|why| NatsError::of(&why))?;
        Ok(Self {
            client,
            stream: context.get_stream_no_info(&name).await.map_err(|error| NatsError::of(&error))?,
            patient: patient.get_stream_no_info(&name).await.map_err(|error| NatsError::of(&error))?,
            context,
            name,
            prefix: format!("$KV.{}.", options.bucket),
            room: u64::try_from(info.config.max_bytes).ok().filter(|bytes| *bytes > 0).map(without_reserve),
        })
    }

    /// How often the connection was made.
    pub(super) fn connects(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    pub(super) async fn info(&self) -> Result<Info, StoreError> {
        self.stream.get_info().await.map_err(|_| StoreError::Unavailable)
    }

    /// Whether it is there, as it has to be.
    pub(super) async fn check(&self, options: &NatsOptions) -> Result<(), NatsCheckError> {
        let info = self.stream.get_info().await;
        let info = info.map_err(|error| NatsCheckError::of_question(&error, &self.client.connection_state()))?;
        can_be_trusted(&info.config, options).map_err(|why| NatsCheckError::of(&why))
    }

    /// How many hundredths of its room are taken; 0 if it has no limit.
    pub(super) fn fill(&self, info: &Info) -> u64 {
        self.room.and_then(|room| info.state.bytes.saturating_mul(100).checked_div(room)).unwrap_or(0)
    }

    /// When a message was written; nothing if it is not there.
    pub(super) async fn time_of(&self, revision: u64) -> Result<Option<i128>, StoreError> {
        match self.stream.get_raw_message(revision).await {
            Ok(message) => Ok(Some(message.time.unix_timestamp_nanos())),
            Err(error) if matches!(error.kind(), RawMessageErrorKind::NoMessageFound) => Ok(None),
            Err(_) => Err(StoreError::Unavailable),
        }
    }

    /// The revision of the last message of a key, 0 if there is none.
    pub(super) async fn last_of(&self, key: Key) -> Result<u64, StoreError> {
        match self.stream.get_last_raw_message_by_subject(&self.subject(key)).await {
            Ok(message) => Ok(message.sequence),
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => Ok(0),
            Err(_) => Err(StoreError::Unavailable),
        }
    }

    /// The next message of a key from this revision on.
    pub(super) async fn next(&self, key: Key, from: u64) -> Result<Option<(u64, Option<Message>)>, StoreError> {
        match self.stream.get_first_raw_message_by_subject(&self.subject(key), from.max(1)).await {
            Ok(message) => Ok(Some((message.sequence, Message::decode(&message.payload)))),
            Err(error) if matches!(error.kind(), RawMessageErrorKind::NoMessageFound) => Ok(None),
            Err(_) => Err(StoreError::Unavailable),
        }
    }

    /// Writes a message behind all others; the revision that it got, once most of the servers have it.
    pub(super) async fn append(&self, key: Key, message: &Message) -> Result<u64, StoreError> {
        let sent = self.context.publish(self.subject(key), message.encode().into()).await;
        let answer = match sent {
            Ok(answer) => answer.await,
            Err(error) => Err(error),
        };
        answer.map(|answer| answer.sequence).map_err(|error| {
            let said = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
            let is_full = error.kind() == PublishErrorKind::Other
                && said.is_some_and(|said| said.error_code() == ErrorCode::STREAM_STORE_FAILED);
            if is_full { StoreError::Full } else { StoreError::Unavailable }
        })
    }

    /// Removes a message, if it is there.
    pub(super) async fn remove(&self, revision: u64) -> Result<(), StoreError> {
        // It need not be written over on the disk: a record has no secret that signs anybody in.
        let what = serde_json::json!({ "seq": revision, "no_erase": true });
        let answer = self.context.request(format!("STREAM.MSG.DELETE.{}", self.name), &what).await;
        match answer {
            Ok(Response::<serde_json::Value>::Ok(_)) => Ok(()),
            Ok(Response::Err { error }) if is_not_there(&error) => Ok(()),
            _ => Err(StoreError::Unavailable),
        }
    }

    /// Everything from the beginning on, in order, from the server that leads: one of the others that has led alone for a moment may hold
    /// something else in places, and for good (measured on 2.9.10). Where a consumer comes to be cannot be said, only seen; on a server that is not
    /// there, it does not come to be, and none may take longer than this.
    pub(super) async fn feed(&self, patience: Duration) -> Result<Feed, StoreError> {
        loop {
            let Ok(consumer) = timeout(patience, self.consumer()).await else { continue };
            let consumer = consumer?;
            let info = consumer.cached_info();
            let (name, server) = (info.name.clone(), leader_of(info.cluster.as_ref()));
            if server.is_none() || server == leader_of(self.info().await?.cluster.as_ref()) {
                let messages = consumer.messages().await.map_err(|_| StoreError::Unavailable)?;
                return Ok(Feed { messages, consumer: name, server });
            }
            self.end_consumer(&name).await;
            sleep(BETWEEN).await;
        }
    }

    /// The server that a consumer is on.
    pub(super) async fn server_of(&self, consumer: &str) -> Result<Option<String>, StoreError> {
        let info = self.stream.consumer_info(consumer).await.map_err(|_| StoreError::Unavailable)?;
        Ok(leader_of(info.cluster.as_ref()))
    }

    /// Ends a consumer that is of no use any more; one that stays is ended by its server.
    pub(super) async fn end_consumer(&self, name: &str) {
        let _ = self.stream.delete_consumer(name).await;
    }

    async fn consumer(&self) -> Result<Consumer<OrderedConfig>, StoreError> {
        let config = OrderedConfig {
            deliver_subject: self.client.new_inbox(),
            filter_subject: [&self.prefix, ">"].concat(),
            deliver_policy: DeliverPolicy::All,
            replay_policy: ReplayPolicy::Instant,
            ..OrderedConfig::default()
        };
        self.patient.create_consumer(config).await.map_err(|_| StoreError::Unavailable)
    }

    pub(super) fn key_of(&self, subject: &str) -> Option<Key> {
        subject.strip_prefix(self.prefix.as_str()).and_then(Key::parse)
    }

    fn subject(&self, key: Key) -> String {
        [self.prefix.as_str(), &key.name()].concat()
    }
}

/// The server that leads a stream or a consumer. Of a consumer there is none if one server is alone; of a stream it is named even then from 2.10 on.
pub(super) fn leader_of(cluster: Option<&ClusterInfo>) -> Option<String> {
    cluster.and_then(|cluster| cluster.leader.clone())
}

/// True if a message was removed already. One of the codes stands for other failures as well.
fn is_not_there(error: &jetstream::Error) -> bool {
    match error.error_code() {
        ErrorCode::SEQUENCE_NOT_FOUND | ErrorCode::NO_MESSAGE_FOUND => true,
        ErrorCode::STREAM_MESSAGE_DELETE_FAILED => error.to_string().contains("no message found"),
        _ => false,
    }
}

/// A fifth of it is for logouts: a server that has no room refuses some of the log, and may take that when it reads it again after a crash.
fn without_reserve(bytes: u64) -> u64 {
    bytes.saturating_sub(bytes.checked_div(5).unwrap_or(0))
}

/// Refuses a bucket that would forget what must not be forgotten.
fn can_be_trusted(config: &Config, options: &NatsOptions) -> Result<(), String> {
    let wrong = [
        (config.max_messages_per_subject < HISTORY, format!("its history is shorter than {HISTORY}")),
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

fn config_of(options: &NatsOptions) -> Config {
    let reserve = options.max_bytes.checked_div(4).unwrap_or(0);
    Config {
        name: format!("KV_{}", options.bucket),
        subjects: Vec::from([format!("$KV.{}.>", options.bucket)]),
        description: Some("sessions of countersign".into()),
        max_messages_per_subject: HISTORY,
        num_replicas: options.replicas,
        max_bytes: options.max_bytes.saturating_add(reserve),
        discard: DiscardPolicy::New,
        ..Config::default()
    }
}
