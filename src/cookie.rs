//! Cookies, read and written without a heap (RFC 6265bis).
//!
//! [`cookies`] reads a `Cookie` header as browsers write it, and [`SetCookie`] writes a `Set-Cookie` header that browsers take. Both work without
//! `std`: a device with a small web server uses them too.

pub mod prefix;
mod reader;
mod set_cookie;

pub use reader::{MAX_COOKIE_HEADER_LEN, MAX_COOKIES, cookies, cookies_named};
#[cfg(feature = "tower")]
pub(crate) use set_cookie::is_domain;
pub use set_cookie::{CookieError, MAX_SET_COOKIE_LEN, SameSite, SetCookie};
