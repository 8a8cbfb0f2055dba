//! The connection to wherever the sessions are: made when it is needed, made anew when it is of no use, and spared while the server is away.

use super::RedisOptions;
use super::scripts::Script;
use crate::session::store::StoreError;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::sentinel::{SentinelClient, SentinelServerType};
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use std::string::String;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use std::vec::Vec;
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

/// Failures in a row after which a connection is made anew, and the primary asked for again.
const FAILURES_OF_A_CONNECTION: u32 = 2;
/// Failures in a row after which calls fail at once, and for how many milliseconds they do; then one of them tries.
const FAILURES_OF_A_SERVER: u32 = 8;
const PAUSE: u64 = 500;

/// Where to connect to.
pub(super) enum Servers {
    Single(Client),
    Sentinel(tokio::sync::Mutex<SentinelClient>),
    Cluster(ClusterClient),
}

impl Servers {
    pub(super) fn single(url: &str) -> RedisResult<Self> {
        Client::open(url).map(Self::Single)
    }

    pub(super) fn sentinel(urls: Vec<String>, primary: &str) -> RedisResult<Self> {
        let client = SentinelClient::build(urls, primary.into(), None, SentinelServerType::Master)?;
        Ok(Self::Sentinel(tokio::sync::Mutex::new(client)))
    }

    pub(super) fn cluster(urls: Vec<String>, options: &RedisOptions) -> RedisResult<Self> {
        let builder = ClusterClient::builder(urls).retries(1);
        builder.connection_timeout(options.connect).response_timeout(options.answer).build().map(Self::Cluster)
    }

    async fn connect(&self, options: &RedisOptions) -> RedisResult<Connection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.connect))
            .set_response_timeout(Some(options.answer));
        match self {
            Self::Single(client) => {
                client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Plain)
            }
            Self::Sentinel(client) => {
                client.lock().await.get_async_connection_with_config(&config).await.map(Connection::Plain)
            }
            Self::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
        }
    }
}

#[derive(Clone)]
enum Connection {
    Plain(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    async fn query(&mut self, command: &Cmd) -> RedisResult<Value> {
        let answer = match self {
            Self::Plain(connection) => connection.req_packed_command(command).await,
            Self::Cluster(connection) => connection.req_packed_command(command).await,
        };
        answer?.extract_error()
    }

    /// To the primary that has this key.
    async fn query_at(&mut self, key: &str, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Plain(_) => self.query(command).await,
            Self::Cluster(connection) => {
                let node = SingleNodeRoutingInfo::SpecificNode(Route::with_key(key, SlotAddr::Master));
                connection.route_command(command.clone(), RoutingInfo::SingleNode(node)).await?.extract_error()
            }
        }
    }
}

pub(super) struct Server {
    options: RedisOptions,
    /// What most calls share.
    shared: Arc<Link>,
    /// For calls that wait for replicas: the server holds up all that comes behind them on their connection.
    waiting: Arc<Link>,
    in_flight: Semaphore,
    start: Instant,
    failures: AtomicU32,
    /// Milliseconds after the start until which calls fail at once.
    paused_until: AtomicU64,
}

/// A connection, once there is one, and how often it has failed in a row.
struct Link {
    servers: Arc<Servers>,
    options: RedisOptions,
    connection: Mutex<Option<Connection>>,
    is_connecting: AtomicBool,
    has_tried: Notify,
    failures: AtomicU32,
}

impl Link {
    fn new(servers: &Arc<Servers>, options: RedisOptions) -> Arc<Self> {
        Arc::new(Self {
            servers: Arc::clone(servers),
            options,
            connection: Mutex::default(),
            is_connecting: AtomicBool::new(false),
            has_tried: Notify::new(),
            failures: AtomicU32::new(0),
        })
    }

    fn place(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, or one that is made now. Making one goes on when the call that waits for it has run out of time.
    async fn connection(self: &Arc<Self>) -> RedisResult<Connection> {
        let has_tried = self.has_tried.notified();
        if let Some(connection) = &*self.place() {
            return Ok(connection.clone());
        }
        if !self.is_connecting.swap(true, Ordering::AcqRel) {
            let link = Arc::clone(self);
            tokio::spawn(async move {
                let connecting = timeout(link.options.connect, link.servers.connect(&link.options));
                *link.place() = connecting.await.ok().and_then(Result::ok);
                link.is_connecting.store(false, Ordering::Release);
                link.has_tried.notify_waiters();
            });
        }
        has_tried.await;
        self.place().clone().ok_or_else(|| RedisError::from((ErrorKind::Io, "no connection")))
    }
}

impl Server {
    pub(super) fn new(servers: Servers, options: RedisOptions) -> Self {
        let servers = Arc::new(servers);
        Self {
            options,
            shared: Link::new(&servers, options),
            waiting: Link::new(&servers, options),
            in_flight: Semaphore::new(options.in_flight),
            start: Instant::now(),
            failures: AtomicU32::new(0),
            paused_until: AtomicU64::new(0),
        }
    }

    /// Runs a script where its first key is, and waits for so many replicas to have what it has written.
    pub(super) async fn run(
        &self,
        script: &Script,
        keys: &[String],
        args: &[Vec<u8>],
        replicas: u32,
    ) -> Result<Value, StoreError> {
        if self.is_paused() {
            return Err(StoreError::Unavailable);
        }
        let Ok(_permit) = self.in_flight.try_acquire() else { return Err(StoreError::Unavailable) };
        let link = if replicas > 0 { &self.waiting } else { &self.shared };
        let call = async || {
            match self.call(link, script, keys, args, replicas).await {
                // Closed while nobody used it, as after a failover. Every script may be run again.
                Err(error) if error.is_connection_dropped() => {
                    *link.place() = None;
                    self.call(link, script, keys, args, replicas).await
                }
                outcome => outcome,
            }
        };
        match timeout(self.options.answer, call()).await {
            Ok(Ok(answer)) => {
                link.failures.store(0, Ordering::Relaxed);
                self.failures.store(0, Ordering::Relaxed);
                answer
            }
            Ok(Err(error)) => Err(self.failed(link, &error)),
            Err(_) => {
                let error = RedisError::from((ErrorKind::Io, "no answer in time"));
                Err(self.failed(link, &error))
            }
        }
    }

    async fn call(
        &self,
        link: &Arc<Link>,
        script: &Script,
        keys: &[String],
        args: &[Vec<u8>],
        replicas: u32,
    ) -> RedisResult<Result<Value, StoreError>> {
        let mut connection = link.connection().await?;
        let command = |how: &str, what: &str| {
            let mut command = redis::cmd(how);
            command.arg(what).arg(keys.len()).arg(keys).arg(args);
            command
        };
        let answer = match connection.query(&command("EVALSHA", &script.hash)).await {
            // A server that has been restarted does not know it.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                connection.query(&command("EVAL", &script.text)).await?
            }
            other => other?,
        };
        if replicas == 0 {
            return Ok(Ok(answer));
        }
        // A little less than the call may take in all, so that there is an answer.
        let patience = u64::try_from(self.options.answer.as_millis()).unwrap_or(u64::MAX).saturating_mul(4) / 5;
        let mut wait = redis::cmd("WAIT");
        wait.arg(replicas).arg(patience.max(1));
        match connection.query_at(keys.first().map(String::as_str).unwrap_or_default(), &wait).await? {
            Value::Int(reached) if reached >= i64::from(replicas) => Ok(Ok(answer)),
            _ => Ok(Err(StoreError::NotReplicated)),
        }
    }

    /// Counts a failure, and draws the conclusions.
    fn failed(&self, link: &Link, error: &RedisError) -> StoreError {
        if error.code() == Some("OOM") {
            return StoreError::Full;
        }
        let is_of_no_use = !matches!(error.kind(), ErrorKind::Io | ErrorKind::Server(ServerErrorKind::TryAgain));
        let of_link = link.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        // READONLY, a closed connection, or no answer again and again: the primary may be another one by now.
        if is_of_no_use || error.is_connection_dropped() || of_link >= FAILURES_OF_A_CONNECTION {
            link.failures.store(0, Ordering::Relaxed);
            *link.place() = None;
        }
        let of_server = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if of_server >= FAILURES_OF_A_SERVER {
            self.paused_until.store(self.now().saturating_add(PAUSE), Ordering::Relaxed);
        }
        StoreError::Unavailable
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// True while the server is taken for away; lets one call through now and then, which finds out.
    fn is_paused(&self) -> bool {
        let (now, until) = (self.now(), self.paused_until.load(Ordering::Relaxed));
        if self.failures.load(Ordering::Relaxed) < FAILURES_OF_A_SERVER {
            return false;
        }
        let next = now.saturating_add(PAUSE);
        let is_first = || self.paused_until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        now < until || !is_first()
    }
}
