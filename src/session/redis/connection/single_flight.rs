//! A task that one call runs for all calls that need its result.

use core::future::Future;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use tokio::sync::Notify;

/// Something that is done by one for all who need it, and goes on when they have run out of time.
#[derive(Default)]
pub(super) struct SingleFlight {
    is_under_way: AtomicBool,
    pub(super) has_ended: Notify,
}

struct UnderWay(Arc<SingleFlight>);

/// Marks the task as ended, even if the runtime stops before it is done.
impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.is_under_way.store(false, Ordering::Release);
        self.0.has_ended.notify_waiters();
    }
}

impl SingleFlight {
    /// Begins it, unless it is under way.
    pub(super) fn begin(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        if !self.is_under_way.swap(true, Ordering::AcqRel) {
            let under_way = UnderWay(Arc::clone(self));
            tokio::spawn(async move {
                let _under_way = under_way;
                work.await;
            });
        }
    }
}
