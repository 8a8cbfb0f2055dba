//! The end of a session, for connections that outlive the request: `WebSocket`s, streams of events.

use super::session_slot::OpenSession;
use crate::session::SessionStore;
use core::time::Duration;

impl OpenSession {
    /// Waits until the session is over, for a `WebSocket` or a stream that goes on after the answer: signed out, here, elsewhere or everywhere, taken
    /// over by another user, or past its deadlines. A step up and a renewal are no end. It looks every `interval`: one read of the store each time,
    /// which is no use of the session and pushes no deadline on. So it is heard of after `interval` at most, and what the store's own staleness adds on
    /// NATS. A store that does not answer is asked again.
    ///
    /// The future is free of the session and of the request; dropping it ends the waiting. A session that was never written is over. `interval` is at least a
    /// millisecond.
    ///
    /// ```
    /// use countersign::web::SignedIn;
    /// use std::time::Duration;
    ///
    /// /// The handler of an upgrade; `serve` reads and writes frames until it is dropped.
    /// async fn watch(SignedIn(session): SignedIn, serve: impl Future<Output = ()> + Send + 'static) {
    ///     let ended = session.ended(Duration::from_secs(1));
    ///     drop(session);
    ///     tokio::spawn(async move {
    ///         tokio::select! {
    ///             () = serve => {}
    ///             () = ended => println!("signed out: the connection is closed"),
    ///         }
    ///     });
    /// }
    /// ```
    pub fn ended(&self, interval: Duration) -> impl Future<Output = ()> + Send + use<> {
        let (filter, handle) = (self.filter(), self.handle());
        async move {
            loop {
                tokio::time::sleep(interval.max(Duration::from_millis(1))).await;
                let store = filter.sessions.store();
                let look = tokio::time::timeout(filter.deadline, store.load(handle, filter.now()));
                if let Ok(Ok(None)) = look.await {
                    return;
                }
            }
        }
    }
}
