//! The end of a session, for connections that outlive the request: `WebSocket`s, streams of events.

use super::current::CurrentSession;
use crate::session::store::SessionStore;
use core::time::Duration;

impl CurrentSession {
    /// Waits until the session has ended: for a `WebSocket` or a stream that outlives the response.
    ///
    /// The session ends by a logout, here or elsewhere, by another user's sign-in, or at a deadline. A step-up and a renewal do not end it. The future
    /// reads the store every `interval`, at least a millisecond, and asks again if the store does not answer. A read does not move the idle deadline. The
    /// future is ready at most `interval` after the end, and on NATS the staleness of the store later.
    ///
    /// The future borrows neither the session nor the request, and may be dropped at any time. A session that was never written has ended.
    ///
    /// ```
    /// use countersign::web::session::SignedInSession;
    /// use std::time::Duration;
    ///
    /// /// The handler of an upgrade; `serve` reads and writes frames until it is dropped.
    /// async fn watch(SignedInSession(session): SignedInSession, serve: impl Future<Output = ()> + Send + 'static) {
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
        let (layer, handle) = (self.layer(), self.handle());
        async move {
            loop {
                tokio::time::sleep(interval.max(Duration::from_millis(1))).await;
                let store = layer.sessions.store();
                let look = tokio::time::timeout(layer.deadline, store.load(handle, layer.now()));
                if let Ok(Ok(None)) = look.await {
                    return;
                }
            }
        }
    }
}
