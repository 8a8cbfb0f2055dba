//! Real servers, proxies and broken networks on loopback, for tests of sessions in a cluster. Everything is blocking, has bounded patience, and
//! ends with its value: keep none of them in a `static`, which is never dropped.

#![allow(dead_code, reason = "no test program needs all of it")]

pub(crate) mod balancer;
pub(crate) mod link;
pub(crate) mod nats;
pub(crate) mod net;
pub(crate) mod power;
pub(crate) mod process;
pub(crate) mod redis;
pub(crate) mod sentinel;

use std::fmt;
use std::time::{Duration, Instant};

/// A step that worked, or why it did not.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a step failed. Shown as it is, as `expect` and test functions show `Debug` and a log has many lines.
pub(crate) struct Failure(pub(crate) String);

impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Every error of the standard library, and plain words.
impl<E: Into<Box<dyn std::error::Error>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into().to_string())
    }
}

/// Says that a step failed.
pub(crate) fn fail<T>(why: impl Into<String>) -> Outcome<T> {
    Err(Failure(why.into()))
}

const MIN_PAUSE: Duration = Duration::from_millis(5);
const MAX_PAUSE: Duration = Duration::from_millis(100);

/// Tries until it works, or says after this long why it did not at last.
pub(crate) fn wait_for<T>(what: &str, patience: Duration, mut probe: impl FnMut() -> Outcome<T>) -> Outcome<T> {
    let start = Instant::now();
    loop {
        match probe() {
            Ok(found) => return Ok(found),
            Err(last) if start.elapsed() >= patience => {
                return fail(format!("{what}: not within {patience:?}; at last: {last}"));
            }
            // Often at first, then seldom: some servers log every question.
            Err(_) => std::thread::sleep((start.elapsed() / 20).clamp(MIN_PAUSE, MAX_PAUSE)),
        }
    }
}
