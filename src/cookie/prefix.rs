//! Prefixes of a cookie's name, as types (RFC 6265bis section 4.1.3).

mod sealed {
    pub trait Sealed {}
}

/// A prefix of a cookie's name: see [`SetCookie`](super::SetCookie). Only the types of this module are one.
pub trait Prefix: sealed::Sealed {
    /// Text in front of the name.
    const PREFIX: &'static str;
}

/// A prefix whose cookies may have a domain and a path: [`Plain`] and [`Secure`].
pub trait AllowsScope: Prefix {}

/// No prefix.
#[derive(Clone, Copy, Debug)]
pub enum Plain {}

/// `__Secure-`: browsers take the cookie over TLS alone.
#[derive(Clone, Copy, Debug)]
pub enum Secure {}

/// `__Host-`: browsers take the cookie over TLS alone, from this very host, for all of its paths.
#[derive(Clone, Copy, Debug)]
pub enum Host {}

impl sealed::Sealed for Plain {}
impl sealed::Sealed for Secure {}
impl sealed::Sealed for Host {}

impl Prefix for Plain {
    const PREFIX: &'static str = "";
}

impl Prefix for Secure {
    const PREFIX: &'static str = "__Secure-";
}

impl Prefix for Host {
    const PREFIX: &'static str = "__Host-";
}

impl AllowsScope for Plain {}
impl AllowsScope for Secure {}
