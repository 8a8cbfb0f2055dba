//! One connection for many calls. It is made on demand and replaced when it fails, and calls fail at once while the
//! server is away.

use super::super::error;
use super::connected::{Connection, Made};
use super::single_flight::SingleFlight;
use super::topology::Topology;
use crate::session::redis::RedisOptions;
use crate::session::store::StoreError;
use core::error::Error;
use core::future::Future;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

/// Failures of the server in a row after which calls fail at once, and for how many milliseconds they do; then one of them tries.
const FAILURES_OF_A_SERVER: u32 = 3;
const PAUSE: u64 = 500;

/// A connection, once there is one, and how often the server has failed in a row: could not be connected to, is no primary, or has left a question
/// unanswered that costs it nothing. That a call has taken too long says nothing of the server: it may have asked for much. Each has its own count of
/// calls under way: those that wait for replicas must not stop those that do not.
pub(super) struct Link {
    servers: Arc<Topology>,
    options: RedisOptions,
    connection: Mutex<Option<Made>>,
    connecting: Arc<SingleFlight>,
    probing: Arc<SingleFlight>,
    in_flight: Semaphore,
    /// Since the last answer.
    failures: AtomicU32,
    start: Instant,
    /// Milliseconds after the start until which calls fail at once.
    paused_until: AtomicU64,
}

impl Link {
    pub(super) fn new(servers: &Arc<Topology>, options: RedisOptions) -> Arc<Self> {
        Arc::new(Self {
            servers: Arc::clone(servers),
            connection: Mutex::default(),
            connecting: Arc::default(),
            probing: Arc::default(),
            in_flight: Semaphore::new(options.max_in_flight),
            options,
            failures: AtomicU32::new(0),
            start: Instant::now(),
            paused_until: AtomicU64::new(0),
        })
    }

    pub(super) fn place(&self) -> MutexGuard<'_, Option<Made>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, or one that is made now: to the primary that is believed in, and to no other. Making one goes on when the call that
    /// waits for it has run out of time.
    async fn made(self: &Arc<Self>) -> RedisResult<(Connection, Instant)> {
        self.servers.listen().await;
        let has_tried = self.connecting.has_ended.notified();
        if let Some(made) = self.believed()? {
            return Ok(made);
        }
        let link = Arc::clone(self);
        self.connecting.begin(async move {
            let connecting = timeout(link.servers.patience(&link.options), link.servers.connect(&link.options));
            let made = match connecting.await {
                Ok(Ok(made)) => Some(made),
                Ok(Err(error)) => link.not_connected(&error::unavailable(&error)),
                Err(_) => link.not_connected(&StoreError::because("no answer in time")),
            };
            *link.place() = made;
        });
        has_tried.await;
        self.believed()?.ok_or_else(|| RedisError::from((ErrorKind::Io, "no connection")))
    }

    /// Asks on a connection of its own.
    pub(super) async fn ask_apart(&self, command: &Cmd) -> RedisResult<()> {
        let asking = async {
            self.servers.listen().await;
            self.servers.connect(&self.options).await?.connection.query(command).await.map(drop)
        };
        let patience = self.servers.patience(&self.options).saturating_add(self.options.response_timeout);
        timeout(patience, asking).await.unwrap_or_else(|_| Err(RedisError::from((ErrorKind::Io, "no answer in time"))))
    }

    fn believed(&self) -> RedisResult<Option<(Connection, Instant)>> {
        let made = self.place();
        let Some(made) = &*made else { return Ok(None) };
        Ok(self.servers.is_believed(made)?.then(|| (made.connection.clone(), made.at)))
    }

    /// Gives up the connection that was made at this time. Another one that was made meanwhile stays: others go by it already.
    fn give_up(&self, at: Instant) {
        let _ = self.place().take_if(|made| made.at == at);
    }

    /// To make one call more; nothing while as many are under way as may be.
    pub(super) fn permit(&self) -> Option<SemaphorePermit<'_>> {
        self.in_flight.try_acquire().ok()
    }

    /// Calls in time, while the server is not taken for away and not too many do; true for one that had to be made again.
    pub(super) async fn within_limits<T, F: Future<Output = RedisResult<T>>>(
        self: &Arc<Self>,
        until: Instant,
        call: impl Fn(Connection) -> F,
    ) -> Result<(T, bool), StoreError> {
        if self.is_paused() {
            return Err(StoreError::because("Redis has not answered, and is asked again in a moment"));
        }
        let Some(_permit) = self.permit() else {
            return Err(StoreError::because("RedisOptions::max_in_flight calls are under way"));
        };
        match timeout_at(until, self.twice(call)).await {
            Ok(Ok(answer)) => {
                self.has_answered();
                Ok(answer)
            }
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => {
                self.probe();
                Err(StoreError::because("Redis has not answered within RedisOptions::response_timeout"))
            }
        }
    }

    /// Calls, and if the connection turns out to have been closed, as after a failover, once more on another one: true then. Every call may be
    /// made again.
    pub(super) async fn twice<T, F: Future<Output = RedisResult<T>>>(
        self: &Arc<Self>,
        call: impl Fn(Connection) -> F,
    ) -> RedisResult<(T, bool)> {
        match self.once(&call).await {
            Err(error) if error.is_connection_dropped() => self.once(&call).await.map(|answer| (answer, true)),
            outcome => outcome.map(|answer| (answer, false)),
        }
    }

    /// Calls, and gives up a connection that is of no use.
    async fn once<T, F: Future<Output = RedisResult<T>>>(
        self: &Arc<Self>,
        call: impl Fn(Connection) -> F,
    ) -> RedisResult<T> {
        let (connection, at) = self.made().await?;
        let outcome = call(connection).await;
        if outcome.as_ref().is_err_and(|error| is_no_primary(error) || error.is_connection_dropped()) {
            self.give_up(at);
        }
        outcome
    }

    /// Draws the conclusions from a call that was answered with an error, or with none.
    fn failed(self: &Arc<Self>, error: &RedisError) -> StoreError {
        if error.code() == Some("OOM") {
            return StoreError::full();
        }
        if is_no_primary(error) {
            self.count_failure();
        } else if error.is_timeout() {
            self.probe();
        }
        error::unavailable(error)
    }

    /// Finds out, for all whose calls were not answered in time, whether that is the server's fault: by a question that costs it nothing, on the same
    /// connection. If it is, that connection is made anew, and the primary asked for again.
    fn probe(self: &Arc<Self>) {
        let connection = self.place().as_ref().map(|made| (made.connection.clone(), made.at));
        let (Some((mut connection, at)), link) = (connection, Arc::clone(self)) else { return };
        self.probing.begin(async move {
            match timeout(link.options.response_timeout, connection.query(&redis::cmd("PING"))).await {
                Ok(answer) if answer.as_ref().map_or_else(|error| error.code().is_some(), |_| true) => {
                    link.has_answered();
                }
                _ => {
                    link.give_up(at);
                    link.count_failure();
                }
            }
        });
    }

    /// Logs and counts that a connection could not be made.
    fn not_connected<T>(&self, error: &StoreError) -> Option<T> {
        tracing::warn!(cause = error.source(), "no connection to Redis");
        self.count_failure();
        None
    }

    fn has_answered(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    fn count_failure(&self) {
        if self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1) >= FAILURES_OF_A_SERVER {
            tracing::warn!(pause_ms = PAUSE, "Redis does not answer: calls fail for a moment");
            self.paused_until.store(self.now().saturating_add(PAUSE), Ordering::Relaxed);
        }
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

/// Another one may be the primary by now.
fn is_no_primary(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::BusyLoading)
    )
}
