//! Calls of the servers that have the sessions, wherever they are.

mod errand;
mod fill;
mod link;
mod sentinels;
mod servers;

use super::RedisOptions;
use super::keys::Keys;
use super::scripts::Script;
use crate::session::store::StoreError;
use core::sync::atomic::AtomicBool;
use core::time::Duration;
use fill::Fill;
use link::Link;
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
pub(super) use servers::Servers;
use servers::{Connection, Made};
use std::sync::{Arc, Mutex};
use std::vec::Vec;
use tokio::time::{Instant, timeout_at};

/// A script, its keys, and what follows on them.
#[derive(Clone, Copy)]
pub(super) struct Call<'c> {
    pub(super) script: &'c Script,
    pub(super) keys: &'c [Vec<u8>],
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

pub(super) struct Server {
    pub(super) keys: Keys,
    answer: Duration,
    /// What most calls share.
    shared: Arc<Link>,
    /// For waiting for replicas: the server holds up all that comes behind it on the same connection.
    waiting: Arc<Link>,
    fill: Mutex<Option<Fill>>,
    is_looking: AtomicBool,
}

impl Server {
    pub(super) fn new(servers: Servers, keys: Keys, options: RedisOptions) -> Self {
        let (servers, answer) = (Arc::new(servers), options.answer);
        let (shared, waiting) = (Link::new(&servers, options.clone()), Link::new(&servers, options));
        Self { keys, answer, shared, waiting, fill: Mutex::default(), is_looking: AtomicBool::new(false) }
    }

    /// Runs a script where its first key is.
    pub(super) async fn run(&self, call: Call<'_>, until: Instant) -> Result<Answer, StoreError> {
        let ask = async |mut connection: Connection| match connection.query(&call.by_hash()).await {
            Err(error) if is_unknown(&error) => connection.query(&call.by_text()).await,
            outcome => outcome,
        };
        let (value, is_second) = self.shared.within_limits(until, ask).await?;
        Ok(Answer { value, is_second })
    }

    /// Asks on a connection that nobody else has, and says what is wrong.
    pub(super) async fn check(&self, command: &Cmd) -> RedisResult<()> {
        self.shared.ask_apart(command).await
    }

    /// Asks what changes nothing, where this key is.
    pub(super) async fn read(&self, key: &[u8], command: &Cmd, until: Instant) -> Result<Value, StoreError> {
        let ask = async |mut connection: Connection| connection.query_at(key, command).await;
        self.shared.within_limits(until, ask).await.map(|(value, _)| value)
    }

    /// Runs a script again that has been answered, and waits behind it for so many replicas: what it answers, once they have it. Whatever it is
    /// that fails, nothing is said of the server with it: most likely replicas are missing, which is no reason not to ask it for other things.
    pub(super) async fn run_replicated(&self, call: Call<'_>, replicas: u32, until: Instant) -> Option<Value> {
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
pub(super) struct Answer {
    pub(super) value: Value,
    /// It was run again, as nobody knows what came of the first time.
    pub(super) is_second: bool,
}
