//! The connection to wherever the sessions are: made when it is needed, made anew when it is of no use, and spared while the server is away.

use super::RedisOptions;
use super::scripts::Script;
use crate::session::store::StoreError;
use core::future::Future;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisError, RedisResult,
    ServerErrorKind, TlsMode, Value,
};
use std::boxed::Box;
use std::string::String;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use std::vec::Vec;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Failures in a row after which a connection is made anew, and the primary asked for again.
const FAILURES_OF_A_CONNECTION: u32 = 2;
/// Failures in a row after which calls fail at once, and for how many milliseconds they do; then one of them tries.
const FAILURES_OF_A_SERVER: u32 = 8;
const PAUSE: u64 = 500;

/// Milliseconds from one look at how full the server is to the next.
const LOOK: u64 = 1000;

/// Where to connect to.
pub(super) enum Servers {
    Single(Box<Client>),
    /// One for each address: the first that answers counts, so that a silent one holds up nobody.
    Sentinel(Vec<Arc<tokio::sync::Mutex<SentinelClient>>>),
    /// And how many addresses it has.
    Cluster(Box<ClusterClient>, usize),
}

/// TLS needs somebody to compute for it: if the process has chosen nobody and could choose several, the first connection would panic.
fn prepare<'u>(urls: impl IntoIterator<Item = &'u String>) {
    #[cfg(feature = "redis-tls")]
    if urls.into_iter().any(|url| url.starts_with("rediss:")) && rustls::crypto::CryptoProvider::get_default().is_none()
    {
        // If another thread was faster, there is one now.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    #[cfg(not(feature = "redis-tls"))]
    drop(urls);
}

impl Servers {
    pub(super) fn single(url: &str) -> RedisResult<Self> {
        prepare([&String::from(url)]);
        Client::open(url).map(|client| Self::Single(Box::new(client)))
    }

    /// `login` is the user and the password at the primary; those of the sentinels are in their addresses.
    pub(super) fn sentinel(urls: Vec<String>, primary: &str, login: Option<(&str, &str)>) -> RedisResult<Self> {
        prepare(&urls);
        let mut clients = Vec::new();
        for url in urls {
            let address = url.as_str().into_connection_info()?;
            let mut builder =
                SentinelClientBuilder::new([address.addr().clone()], primary, SentinelServerType::Master)?;
            if matches!(address.addr(), ConnectionAddr::TcpTls { .. }) {
                builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
            }
            let of_sentinel = address.redis_settings();
            if let Some(user) = of_sentinel.username() {
                builder = builder.set_client_to_sentinel_username(user);
            }
            if let Some(password) = of_sentinel.password() {
                builder = builder.set_client_to_sentinel_password(password);
            }
            if let Some((user, password)) = login {
                builder = builder.set_client_to_redis_username(user).set_client_to_redis_password(password);
            }
            clients.push(Arc::new(tokio::sync::Mutex::new(builder.build()?)));
        }
        Ok(Self::Sentinel(clients))
    }

    pub(super) fn cluster(urls: Vec<String>, options: &RedisOptions) -> RedisResult<Self> {
        prepare(&urls);
        let nodes = urls.len();
        let builder = ClusterClient::builder(urls).retries(1);
        let builder = builder.connection_timeout(options.connect).response_timeout(options.answer);
        Ok(Self::Cluster(Box::new(builder.build()?), nodes))
    }

    /// How long connecting may take in all.
    fn patience(&self, options: &RedisOptions) -> Duration {
        match self {
            Self::Single(_) => options.connect,
            // The sentinel, then the primary that it names.
            Self::Sentinel(_) => options.connect.saturating_mul(4),
            // One after the other, if the first are silent.
            Self::Cluster(_, nodes) => {
                options.connect.saturating_mul(u32::try_from(*nodes).unwrap_or(u32::MAX).saturating_add(2))
            }
        }
    }

    async fn connect(&self, options: &RedisOptions) -> RedisResult<Connection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.connect))
            .set_response_timeout(Some(options.answer));
        match self {
            Self::Single(client) => {
                client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Plain)
            }
            Self::Sentinel(clients) => {
                let mut asking = JoinSet::new();
                for client in clients {
                    let (client, config) = (Arc::clone(client), config.clone());
                    asking.spawn(async move { client.lock().await.get_async_connection_with_config(&config).await });
                }
                let mut last = Err(RedisError::from((ErrorKind::Io, "no sentinel answers")));
                while let Some(answer) = asking.join_next().await {
                    last = answer.unwrap_or_else(|_| Err(RedisError::from((ErrorKind::Io, "no sentinel answers"))));
                    if last.is_ok() {
                        break;
                    }
                }
                last.map(Connection::Plain)
            }
            Self::Cluster(client, _) => client.get_async_connection().await.map(Connection::Cluster),
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
    /// How full the server is, and when that was asked: milliseconds after the start, 0 for never.
    fill: AtomicU64,
    looked_at: AtomicU64,
}

/// A connection, once there is one, and how often it has failed in a row. Each has its own pause: calls that wait for replicas must not stop
/// those that do not.
struct Link {
    servers: Arc<Servers>,
    options: RedisOptions,
    connection: Mutex<Option<Connection>>,
    is_connecting: AtomicBool,
    has_tried: Notify,
    /// Of this connection, and since the last answer.
    failures: AtomicU32,
    in_a_row: AtomicU32,
    start: Instant,
    /// Milliseconds after the start until which calls fail at once.
    paused_until: AtomicU64,
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
            in_a_row: AtomicU32::new(0),
            start: Instant::now(),
            paused_until: AtomicU64::new(0),
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
                // Also if the runtime ends before this does.
                let link = Connecting(link);
                let connecting =
                    timeout(link.0.servers.patience(&link.0.options), link.0.servers.connect(&link.0.options));
                let connection = connecting.await.ok().and_then(Result::ok);
                *link.0.place() = connection;
            });
        }
        has_tried.await;
        self.place().clone().ok_or_else(|| RedisError::from((ErrorKind::Io, "no connection")))
    }
}

struct Connecting(Arc<Link>);

impl Drop for Connecting {
    fn drop(&mut self) {
        self.0.is_connecting.store(false, Ordering::Release);
        self.0.has_tried.notify_waiters();
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
            fill: AtomicU64::new(0),
            looked_at: AtomicU64::new(0),
        }
    }

    /// Runs a script where its first key is, and waits for so many replicas to have what it has written.
    pub(super) async fn run(
        &self,
        script: &Script,
        keys: &[String],
        args: &[Vec<u8>],
        replicas: u32,
    ) -> Result<Answer, StoreError> {
        let link = if replicas > 0 { &self.waiting } else { &self.shared };
        let (answer, is_second) = self.within_limits(link, || self.call(link, script, keys, args, replicas)).await?;
        Ok(Answer { is_second, ..answer })
    }

    /// Asks what changes nothing.
    pub(super) async fn read(&self, command: &Cmd) -> Result<Value, StoreError> {
        let ask = async || self.shared.connection().await?.query(command).await;
        self.within_limits(&self.shared, ask).await.map(|(value, _)| value)
    }

    /// Calls in time, while the server is not taken for away and not too many do; true for one that had to be made again.
    async fn within_limits<T, F: Future<Output = RedisResult<T>>>(
        &self,
        link: &Link,
        call: impl Fn() -> F,
    ) -> Result<(T, bool), StoreError> {
        if link.is_paused() {
            return Err(StoreError::Unavailable);
        }
        let Ok(_permit) = self.in_flight.try_acquire() else { return Err(StoreError::Unavailable) };
        let calling = async {
            match call().await {
                // Closed while nobody used it, as after a failover. Every call may be made again.
                Err(error) if error.is_connection_dropped() => {
                    *link.place() = None;
                    call().await.map(|answer| (answer, true))
                }
                outcome => outcome.map(|answer| (answer, false)),
            }
        };
        match timeout(self.options.answer, calling).await {
            Ok(Ok(answer)) => {
                link.failures.store(0, Ordering::Relaxed);
                link.in_a_row.store(0, Ordering::Relaxed);
                Ok(answer)
            }
            Ok(Err(error)) => Err(link.failed(&error)),
            Err(_) => Err(link.failed(&RedisError::from((ErrorKind::Io, "no answer in time")))),
        }
    }

    async fn call(
        &self,
        link: &Arc<Link>,
        script: &Script,
        keys: &[String],
        args: &[Vec<u8>],
        replicas: u32,
    ) -> RedisResult<Answer> {
        let mut connection = link.connection().await?;
        let command = |how: &str, what: &str| {
            let mut command = redis::cmd(how);
            command.arg(what).arg(keys.len()).arg(keys).arg(args);
            command
        };
        let value = match connection.query(&command("EVALSHA", &script.hash)).await {
            // A server that has been restarted does not know it.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                connection.query(&command("EVAL", &script.text)).await?
            }
            other => other?,
        };
        if replicas == 0 {
            return Ok(Answer { value, is_second: false, is_replicated: true });
        }
        // A little less than the call may take in all, so that there is an answer.
        let patience = u64::try_from(self.options.answer.as_millis()).unwrap_or(u64::MAX).saturating_mul(4) / 5;
        let mut wait = redis::cmd("WAIT");
        wait.arg(replicas).arg(patience.max(1));
        let reached = connection.query_at(keys.first().map(String::as_str).unwrap_or_default(), &wait).await?;
        let is_replicated = matches!(reached, Value::Int(reached) if reached >= i64::from(replicas));
        Ok(Answer { value, is_second: false, is_replicated })
    }
}

impl Server {
    /// How many hundredths of the memory that it may use the server with this key uses, as it was a moment ago; 0 if that has no limit.
    pub(super) async fn fill(&self, key: &str) -> Result<u64, StoreError> {
        let (now, before) = (self.shared.now(), self.looked_at.load(Ordering::Relaxed));
        let is_old = before == 0 || now.saturating_sub(before) >= LOOK;
        let is_mine = || self.looked_at.compare_exchange(before, now.max(1), Ordering::Relaxed, Ordering::Relaxed);
        if is_old && is_mine().is_ok() {
            let fill = self.look(key).await.map_err(|error| self.shared.failed(&error))?;
            self.fill.store(fill, Ordering::Relaxed);
        }
        Ok(self.fill.load(Ordering::Relaxed))
    }

    async fn look(&self, key: &str) -> RedisResult<u64> {
        let mut info = redis::cmd("INFO");
        info.arg("memory");
        let answer: redis::InfoDict =
            redis::from_redis_value(self.shared.connection().await?.query_at(key, &info).await?)?;
        let bytes = |name| answer.get::<u64>(name).unwrap_or(0);
        Ok(bytes("used_memory").saturating_mul(100).checked_div(bytes("maxmemory")).unwrap_or(0))
    }
}

/// What came of a script.
pub(super) struct Answer {
    pub(super) value: Value,
    /// It was run again, as nobody knows what came of the first time.
    pub(super) is_second: bool,
    /// As many replicas have it as were asked for.
    pub(super) is_replicated: bool,
}

impl Link {
    /// Counts a failure, and draws the conclusions.
    fn failed(&self, error: &RedisError) -> StoreError {
        if error.code() == Some("OOM") {
            return StoreError::Full;
        }
        let of_link = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        // Another one may be the primary by now. What a primary refuses for other reasons, it would refuse on any connection.
        let is_no_primary = matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::BusyLoading)
        );
        if is_no_primary || error.is_connection_dropped() || of_link >= FAILURES_OF_A_CONNECTION {
            self.failures.store(0, Ordering::Relaxed);
            *self.place() = None;
        }
        if self.in_a_row.fetch_add(1, Ordering::Relaxed).saturating_add(1) >= FAILURES_OF_A_SERVER {
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
        if self.in_a_row.load(Ordering::Relaxed) < FAILURES_OF_A_SERVER {
            return false;
        }
        let next = now.saturating_add(PAUSE);
        let is_first = || self.paused_until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        now < until || !is_first()
    }
}
