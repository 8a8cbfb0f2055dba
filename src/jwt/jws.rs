//! JWS whose payload is no JWT (RFC 7515).

pub use super::authentic::AuthenticJws;
