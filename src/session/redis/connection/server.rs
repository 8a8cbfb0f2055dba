//! The server or servers that hold the sessions: scripts, reads and memory usage.

use super::connected::{Connection, Made};
use super::link::Link;
use super::memory_usage::MemoryUsage;
use super::topology::Topology;
use crate::session::redis::RedisOptions;
use crate::session::redis::keys::Keys;
use crate::session::redis::scripts::Script;
use crate::session::store::StoreError;
use core::time::Duration;
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use std::sync::Arc;
use std::vec::Vec;
use tokio::time::{Instant, timeout_at};

/// A script, its keys, and what follows on them.
#[derive(Clone, Copy)]
pub(in crate::session::redis) struct Call<'c> {
    pub(in crate::session::redis) script: &'c Script,
    pub(in crate::session::redis) keys: &'c [Vec<u8>],
    pub(in crate::session::redis) args: &'c [Vec<u8>],
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

pub(in crate::session::redis) struct Server {
    pub(in crate::session::redis) keys: Keys,
    answer: Duration,
    /// What most calls share.
    shared: Arc<Link>,
    /// For waiting for replicas: the server holds up all that comes behind it on the same connection.
    waiting: Arc<Link>,
    fill: MemoryUsage,
}

impl Server {
    pub(in crate::session::redis) fn new(servers: Topology, keys: Keys, options: RedisOptions) -> Self {
        let (servers, answer) = (Arc::new(servers), options.response_timeout);
        let (shared, waiting) = (Link::new(&servers, options.clone()), Link::new(&servers, options));
        Self { keys, answer, shared, waiting, fill: MemoryUsage::default() }
    }

    /// Runs a script where its first key is.
    pub(in crate::session::redis) async fn run(&self, call: Call<'_>, until: Instant) -> Result<Answer, StoreError> {
        let ask = async |mut connection: Connection| match connection.query(&call.by_hash()).await {
            Err(error) if is_unknown(&error) => connection.query(&call.by_text()).await,
            outcome => outcome,
        };
        let (value, is_second) = self.shared.within_limits(until, ask).await?;
        Ok(Answer { value, is_second })
    }

    /// Asks on a connection that nobody else has, and says what is wrong.
    pub(in crate::session::redis) async fn check(&self, command: &Cmd) -> RedisResult<()> {
        self.shared.ask_apart(command).await
    }

    /// Asks what changes nothing, where this key is.
    pub(in crate::session::redis) async fn read(
        &self,
        key: &[u8],
        command: &Cmd,
        until: Instant,
    ) -> Result<Value, StoreError> {
        let ask = async |mut connection: Connection| connection.query_at(key, command).await;
        self.shared.within_limits(until, ask).await.map(|(value, _)| value)
    }

    /// How many hundredths of the memory that it may use the server with this key uses, as it was a moment ago; 0 if that has no limit. While
    /// it does not say, nobody knows. A record of so many bytes is about to be written.
    pub(in crate::session::redis) async fn fill(
        &self,
        key: &[u8],
        bytes: usize,
        until: Instant,
    ) -> Result<u64, StoreError> {
        self.fill.hundredths(bytes, async || self.memory(key, until).await).await
    }

    /// Of how much memory it uses how much, in hundredths.
    async fn memory(&self, key: &[u8], until: Instant) -> Result<(u64, u64), StoreError> {
        let answer = self.read(key, redis::cmd("INFO").arg("memory"), until).await?;
        let answer = redis::from_redis_value::<redis::InfoDict>(answer).map_err(|_| StoreError::unavailable())?;
        let used = answer.get::<u64>("used_memory").ok_or(StoreError::unavailable())?;
        let most = answer.get::<u64>("maxmemory").unwrap_or(0);
        Ok((used.saturating_mul(100).checked_div(most).unwrap_or(0), most))
    }

    /// Runs a script again that has been answered, and waits behind it for so many replicas: what it answers, once they have it. Whatever it is
    /// that fails, nothing is said of the server with it: most likely replicas are missing, which is no reason not to ask it for other things.
    pub(in crate::session::redis) async fn run_replicated(
        &self,
        call: Call<'_>,
        replicas: u32,
        until: Instant,
    ) -> Option<Value> {
        let link = &self.waiting;
        let _permit = link.permit()?;
        let outcome =
            timeout_at(until, link.twice(async |connection| wait(connection, call, replicas, until).await)).await;
        match outcome {
            Ok(Ok(((value, has_reached), _))) => has_reached.then_some(value),
            Ok(Err(_)) => None,
            Err(_) => {
                // What waits on it is in front of all that follows. A connection that is younger than the call has held up nobody.
                let is_old = |made: &mut Made| made.at.elapsed() >= self.answer;
                let _ = link.place().take_if(is_old);
                None
            }
        }
    }
}

/// Runs a script, and waits for replicas behind it.
async fn wait(mut connection: Connection, call: Call<'_>, replicas: u32, until: Instant) -> RedisResult<(Value, bool)> {
    let key = call.keys.first().map(Vec::as_slice).unwrap_or_default();
    let (value, reached) = match connection.query_both(key, &call.by_hash(), &wait_for(replicas, until)).await {
        Err(error) if is_unknown(&error) => {
            connection.query_both(key, &call.by_text(), &wait_for(replicas, until)).await?
        }
        outcome => outcome?,
    };
    let has_reached = matches!(reached, Value::Int(reached) if reached >= i64::from(replicas));
    Ok((value, has_reached))
}

/// A little less than is left, so that there is an answer.
fn wait_for(replicas: u32, until: Instant) -> Cmd {
    let left = until.saturating_duration_since(Instant::now()).as_millis();
    let patience = u64::try_from(left).unwrap_or(u64::MAX).saturating_mul(4) / 5;
    let mut wait = redis::cmd("WAIT");
    wait.arg(replicas).arg(patience.max(1));
    wait
}

/// What came of a script.
pub(in crate::session::redis) struct Answer {
    pub(in crate::session::redis) value: Value,
    /// It was run again, as nobody knows what came of the first time.
    pub(in crate::session::redis) is_second: bool,
}
