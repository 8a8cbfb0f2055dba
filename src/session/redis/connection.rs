//! The connection to wherever the sessions are: made when it is needed, made anew when it is of no use, and spared while the server is away.

mod sentinels;

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
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value};
use sentinels::{Address, Sentinels};
use std::boxed::Box;
use std::string::String;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

/// Failures in a row after which a connection is made anew, and the primary asked for again.
const FAILURES_OF_A_CONNECTION: u32 = 2;
/// Failures in a row after which calls fail at once, and for how many milliseconds they do; then one of them tries.
const FAILURES_OF_A_SERVER: u32 = 8;
const PAUSE: u64 = 500;

/// From one look at how full the server is to the next.
const LOOK: Duration = Duration::from_secs(1);

/// Where to connect to.
pub(super) enum Servers {
    Single(Box<Client>),
    Sentinel(Arc<Sentinels>),
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
    pub(super) fn sentinel(
        urls: &[String],
        primary: &str,
        login: Option<(&str, &str)>,
        options: RedisOptions,
    ) -> RedisResult<Self> {
        prepare(urls);
        Ok(Self::Sentinel(Arc::new(Sentinels::new(urls, primary, login, options)?)))
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
            // The sentinels, then the primary that they name.
            Self::Sentinel(_) => options.connect.saturating_mul(4),
            // One after the other, if the first are silent.
            Self::Cluster(_, nodes) => {
                options.connect.saturating_mul(u32::try_from(*nodes).unwrap_or(u32::MAX).saturating_add(2))
            }
        }
    }

    async fn connect(&self, options: &RedisOptions) -> RedisResult<Made> {
        let (connection, address) = match self {
            Self::Single(client) => (Connection::Plain(connect(client, options).await?), None),
            Self::Sentinel(sentinels) => {
                let (connection, address) = sentinels.connect().await?;
                (Connection::Plain(connection), Some(address))
            }
            Self::Cluster(client, _) => (Connection::Cluster(client.get_async_connection().await?), None),
        };
        Ok(Made { connection, address, at: Instant::now() })
    }

    /// Hears of the primary, if somebody has to say where that is.
    async fn listen(&self) {
        if let Self::Sentinel(sentinels) = self {
            sentinels.listen().await;
        }
    }

    /// Whether this is a connection to the primary, as far as anybody has said lately.
    fn is_believed(&self, made: &Made) -> RedisResult<bool> {
        match self {
            Self::Sentinel(sentinels) => sentinels.primary().map(|primary| made.address == Some(primary)),
            Self::Single(_) | Self::Cluster(..) => Ok(true),
        }
    }
}

async fn connect(client: &Client, options: &RedisOptions) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(options.connect))
        .set_response_timeout(Some(options.answer));
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// Something that is done by one for all who need it, and goes on when they have run out of time.
#[derive(Default)]
struct Errand {
    is_under_way: AtomicBool,
    has_ended: Notify,
}

struct UnderWay(Arc<Errand>);

/// Also if the runtime ends before the errand does.
impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.is_under_way.store(false, Ordering::Release);
        self.0.has_ended.notify_waiters();
    }
}

impl Errand {
    /// Begins it, unless it is under way.
    fn begin(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        if !self.is_under_way.swap(true, Ordering::AcqRel) {
            let under_way = UnderWay(Arc::clone(self));
            tokio::spawn(async move {
                let _under_way = under_way;
                work.await;
            });
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
                let node = RoutingInfo::SingleNode(primary_of(key));
                connection.route_command(command.clone(), node).await?.extract_error()
            }
        }
    }

    /// Two commands, one behind the other on one connection to the primary that has this key.
    async fn query_both(&mut self, key: &str, first: &Cmd, second: &Cmd) -> RedisResult<(Value, Value)> {
        let mut both = Pipeline::with_capacity(2);
        both.add_command(first.clone()).add_command(second.clone());
        let answers = match self {
            Self::Plain(connection) => connection.req_packed_commands(&both, 0, 2).await?,
            Self::Cluster(connection) => connection.route_pipeline(both, 0, 2, primary_of(key)).await?,
        };
        let mut answers = answers.into_iter().map(Value::extract_error);
        match (answers.next(), answers.next()) {
            (Some(first), Some(second)) => Ok((first?, second?)),
            _ => Err(RedisError::from((ErrorKind::UnexpectedReturnType, "not two answers"))),
        }
    }
}

fn primary_of(key: &str) -> SingleNodeRoutingInfo {
    SingleNodeRoutingInfo::SpecificNode(Route::with_key(key, SlotAddr::Master))
}

/// A connection, and to which primary, if sentinels have named it.
struct Made {
    connection: Connection,
    address: Option<Address>,
    at: Instant,
}

pub(super) struct Server {
    options: RedisOptions,
    /// What most calls share.
    shared: Arc<Link>,
    /// For waiting for replicas: the server holds up all that comes behind it on the same connection.
    waiting: Arc<Link>,
    fill: Mutex<Option<Fill>>,
    is_looking: AtomicBool,
}

/// How full the server was at this time.
#[derive(Clone, Copy)]
struct Fill {
    hundredths: u64,
    at: Instant,
}

/// A connection, once there is one, and how often it has failed in a row. Each has its own count of calls under way: those that wait for
/// replicas must not stop those that do not.
struct Link {
    servers: Arc<Servers>,
    options: RedisOptions,
    connection: Mutex<Option<Made>>,
    connecting: Arc<Errand>,
    in_flight: Semaphore,
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
            connecting: Arc::default(),
            in_flight: Semaphore::new(options.in_flight),
            failures: AtomicU32::new(0),
            in_a_row: AtomicU32::new(0),
            start: Instant::now(),
            paused_until: AtomicU64::new(0),
        })
    }

    fn place(&self) -> MutexGuard<'_, Option<Made>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, or one that is made now: to the primary that is believed in, and to no other. Making one goes on when the call that
    /// waits for it has run out of time.
    async fn connection(self: &Arc<Self>) -> RedisResult<Connection> {
        self.servers.listen().await;
        let has_tried = self.connecting.has_ended.notified();
        if let Some(connection) = self.believed()? {
            return Ok(connection);
        }
        let link = Arc::clone(self);
        self.connecting.begin(async move {
            let connecting = timeout(link.servers.patience(&link.options), link.servers.connect(&link.options));
            let made = connecting.await.ok().and_then(Result::ok);
            *link.place() = made;
        });
        has_tried.await;
        self.believed()?.ok_or_else(|| RedisError::from((ErrorKind::Io, "no connection")))
    }

    fn believed(&self) -> RedisResult<Option<Connection>> {
        let made = self.place();
        let Some(made) = &*made else { return Ok(None) };
        Ok(self.servers.is_believed(made)?.then(|| made.connection.clone()))
    }
}

/// A script, its keys, and what follows on them.
#[derive(Clone, Copy)]
pub(super) struct Call<'c> {
    pub(super) script: &'c Script,
    pub(super) keys: &'c [String],
    pub(super) args: &'c [Vec<u8>],
}

impl Call<'_> {
    fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", &self.script.hash)
    }

    /// A server that has been restarted does not know it.
    fn by_text(&self) -> Cmd {
        self.command("EVAL", &self.script.text)
    }

    fn command(&self, how: &str, what: &str) -> Cmd {
        let mut command = redis::cmd(how);
        command.arg(what).arg(self.keys.len()).arg(self.keys).arg(self.args);
        command
    }
}

fn is_unknown(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

impl Server {
    pub(super) fn new(servers: Servers, options: RedisOptions) -> Self {
        let servers = Arc::new(servers);
        let (shared, waiting) = (Link::new(&servers, options), Link::new(&servers, options));
        Self { options, shared, waiting, fill: Mutex::default(), is_looking: AtomicBool::new(false) }
    }

    /// Runs a script where its first key is.
    pub(super) async fn run(&self, call: Call<'_>, until: Instant) -> Result<Answer, StoreError> {
        let ask = async || {
            let mut connection = self.shared.connection().await?;
            match connection.query(&call.by_hash()).await {
                Err(error) if is_unknown(&error) => connection.query(&call.by_text()).await,
                outcome => outcome,
            }
        };
        let (value, is_second) = self.within_limits(until, ask).await?;
        Ok(Answer { value, is_second })
    }

    /// Asks what changes nothing.
    pub(super) async fn read(&self, command: &Cmd, until: Instant) -> Result<Value, StoreError> {
        let ask = async || self.shared.connection().await?.query(command).await;
        self.within_limits(until, ask).await.map(|(value, _)| value)
    }

    /// Calls in time, while the server is not taken for away and not too many do; true for one that had to be made again.
    async fn within_limits<T, F: Future<Output = RedisResult<T>>>(
        &self,
        until: Instant,
        call: impl Fn() -> F,
    ) -> Result<(T, bool), StoreError> {
        let link = &self.shared;
        if link.is_paused() {
            return Err(StoreError::Unavailable);
        }
        let Ok(_permit) = link.in_flight.try_acquire() else { return Err(StoreError::Unavailable) };
        match timeout_at(until, link.twice(call)).await {
            Ok(Ok(answer)) => {
                link.failures.store(0, Ordering::Relaxed);
                link.in_a_row.store(0, Ordering::Relaxed);
                Ok(answer)
            }
            Ok(Err(error)) => Err(link.failed(&error)),
            Err(_) => Err(link.failed(&RedisError::from((ErrorKind::Io, "no answer in time")))),
        }
    }

    /// Runs a script again that has been answered, and waits behind it for so many replicas: what it answers, once they have it. Whatever it is
    /// that fails, nothing is said of the server with it: most likely replicas are missing, which is no reason not to ask it for other things.
    pub(super) async fn run_replicated(&self, call: Call<'_>, replicas: u32, until: Instant) -> Option<Value> {
        let link = &self.waiting;
        let _permit = link.in_flight.try_acquire().ok()?;
        let outcome = timeout_at(until, link.twice(async || self.wait(call, replicas, until).await)).await;
        match outcome {
            Ok(Ok(((value, has_reached), _))) => has_reached.then_some(value),
            Ok(Err(error)) => {
                if is_no_primary(&error) || error.is_connection_dropped() {
                    *link.place() = None;
                }
                None
            }
            Err(_) => {
                // What waits on it is in front of all that follows. A connection that is younger than the call has held up nobody.
                let is_old = |made: &mut Made| made.at.elapsed() >= self.options.answer;
                let _ = link.place().take_if(is_old);
                None
            }
        }
    }

    async fn wait(&self, call: Call<'_>, replicas: u32, until: Instant) -> RedisResult<(Value, bool)> {
        let mut connection = self.waiting.connection().await?;
        let key = call.keys.first().map(String::as_str).unwrap_or_default();
        let (value, reached) = match connection.query_both(key, &call.by_hash(), &wait_for(replicas, until)).await {
            Err(error) if is_unknown(&error) => {
                connection.query_both(key, &call.by_text(), &wait_for(replicas, until)).await?
            }
            outcome => outcome?,
        };
        let has_reached = matches!(reached, Value::Int(reached) if reached >= i64::from(replicas));
        Ok((value, has_reached))
    }
}

/// A little less than is left, so that there is an answer.
fn wait_for(replicas: u32, until: Instant) -> Cmd {
    let left = until.saturating_duration_since(Instant::now()).as_millis();
    let patience = u64::try_from(left).unwrap_or(u64::MAX).saturating_mul(4) / 5;
    let mut wait = redis::cmd("WAIT");
    wait.arg(replicas).arg(patience.max(1));
    wait
}

/// Another one may be the primary by now.
fn is_no_primary(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::BusyLoading)
    )
}

impl Server {
    /// How many hundredths of the memory that it may use the server with this key uses, as it was a moment ago; 0 if that has no limit. While
    /// it does not say, nobody knows.
    pub(super) async fn fill(&self, key: &str, until: Instant) -> Result<u64, StoreError> {
        // While one looks again, the others go by what is known, if that is not from long ago.
        let is_fresh = |fill: &Fill| match fill.at.elapsed() {
            age if age < LOOK => true,
            age => age < LOOK.saturating_mul(2) && self.is_looking.swap(true, Ordering::AcqRel),
        };
        let known = *self.known_fill();
        if let Some(fill) = known.filter(is_fresh) {
            return Ok(fill.hundredths);
        }
        // One that is dropped on the way has stopped looking, too.
        let _looking = Looking(&self.is_looking);
        let looked = self.look(key, until).await;
        let at = Instant::now();
        *self.known_fill() = looked.as_ref().ok().map(|hundredths| Fill { hundredths: *hundredths, at });
        looked
    }

    async fn look(&self, key: &str, until: Instant) -> Result<u64, StoreError> {
        let mut info = redis::cmd("INFO");
        info.arg("memory");
        let ask = async || self.shared.connection().await?.query_at(key, &info).await;
        let (answer, _) = self.within_limits(until, ask).await?;
        let answer = redis::from_redis_value::<redis::InfoDict>(answer).map_err(|_| StoreError::Unavailable)?;
        let used = answer.get::<u64>("used_memory").ok_or(StoreError::Unavailable)?;
        let most = answer.get::<u64>("maxmemory").unwrap_or(0);
        Ok(used.saturating_mul(100).checked_div(most).unwrap_or(0))
    }

    fn known_fill(&self) -> MutexGuard<'_, Option<Fill>> {
        self.fill.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Looking<'s>(&'s AtomicBool);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// What came of a script.
pub(super) struct Answer {
    pub(super) value: Value,
    /// It was run again, as nobody knows what came of the first time.
    pub(super) is_second: bool,
}

impl Link {
    /// Calls, and if the connection turns out to have been closed, as after a failover, once more on another one: true then. Every call may be
    /// made again.
    async fn twice<T, F: Future<Output = RedisResult<T>>>(&self, call: impl Fn() -> F) -> RedisResult<(T, bool)> {
        match call().await {
            Err(error) if error.is_connection_dropped() => {
                *self.place() = None;
                call().await.map(|answer| (answer, true))
            }
            outcome => outcome.map(|answer| (answer, false)),
        }
    }

    /// Counts a failure, and draws the conclusions.
    fn failed(&self, error: &RedisError) -> StoreError {
        if error.code() == Some("OOM") {
            return StoreError::Full;
        }
        let of_link = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        // What a primary refuses for other reasons, it would refuse on any connection.
        if is_no_primary(error) || error.is_connection_dropped() || of_link >= FAILURES_OF_A_CONNECTION {
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
