//! The server-side filter: admits a request by its bearer token, or answers for the handler.
//!
//! ```text
//!            Authorization: Bearer cs1_…              extensions
//! client ───────────────► BearerLayer ─── verified token ───► handler
//!        ◄── 401, WWW-Authenticate ──┘ (refused: the handler never runs)
//! ```
//!
//! ```
//! use countersign::key::MacKey;
//! use countersign::token::{Profile, VerifiedToken, Verifier};
//! use countersign::web::{BearerLayer, TokenAuthenticator};
//! use countersign::{HeldClock, Refusal, Window};
//! use http::{Request, Response, StatusCode};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! let key = MacKey::new(b"an obvious test key of 32 bytes!")?;
//! let verifier = Verifier::new(Profile::new("shop/api")?, key, Window { max_age: 300, skew_future: 60 });
//! let handler = service_fn(async |request: Request<()>| {
//!     let known = request.extensions().get::<VerifiedToken>().is_some();
//!     Ok::<_, std::convert::Infallible>(Response::new(if known { "welcome" } else { "never sent" }))
//! });
//! let service = BearerLayer::new(TokenAuthenticator::new(verifier, HeldClock::new(60))).layer(handler);
//!
//! let request = Request::get("/").header("authorization", "Bearer cs1_forged").body(()).unwrap();
//! # runtime.block_on(async {
//! let response = service.oneshot(request).await.unwrap();
//! assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(response.extensions().get(), Some(&Refusal::Invalid)); // for the log, never sent
//! # });
//! # Ok::<(), countersign::Error>(())
//! ```
//!
//! Only the `Authorization` header is read: never a query string, never a cookie. A header that a client sets by hand
//! is what makes this way safe from cross-site request forgery.

mod authenticate;
mod bearer;
#[cfg(feature = "axum")]
mod extract;
mod layer;
mod problem;

pub use authenticate::{Authenticate, JwtAuthenticator, TokenAuthenticator};
pub use bearer::{Bearer, bearer};
#[cfg(feature = "axum")]
pub use extract::FilterMissing;
pub use layer::{BearerLayer, BearerService, FromText, MakeBody, ResponseFuture};
