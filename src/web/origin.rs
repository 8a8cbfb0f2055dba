//! Origins as browsers write them in `Origin` (RFC 6454 section 6.2), read from configured text.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use std::borrow::ToOwned;
use std::format;
use std::string::String;

/// Error of a text that no browser would send as an origin.
///
/// ```
/// use countersign::web::CsrfGuard;
///
/// let error = CsrfGuard::new(["https://shop.example/cart"]).unwrap_err();
/// let text = error.to_string();
/// assert!(text.starts_with(r#"no browser sends the origin "https://shop.example/cart""#));
/// assert!(text.ends_with("leave out all that is behind the host and the port"));
/// ```
// Why: with such a text, the guard would refuse the application's own pages without a reason.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OriginError {
    origin: String,
    advice: &'static str,
}

impl OriginError {
    /// Returns the refused text as it was given.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

/// Shows the text with escapes, and the text to write in its place.
impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no browser sends the origin {:?}: {}", self.origin, self.advice)
    }
}

impl core::error::Error for OriginError {}

/// `scheme://host[:port]`, in small letters and without the scheme's own port.
pub(super) fn as_browsers_write(origin: &str) -> Result<String, OriginError> {
    normalised(origin).map_err(|advice| OriginError { origin: origin.to_owned(), advice })
}

fn normalised(origin: &str) -> Result<String, &'static str> {
    if origin == "null" {
        return Err("\"null\" is what pages of anybody send, from a sandbox or a file: it cannot be trusted");
    }
    if origin.contains(|character: char| character.is_whitespace() || character.is_control()) {
        return Err("leave out blanks and control characters");
    }
    if origin.contains(',') {
        return Err("give each origin by itself, not a list in one text");
    }
    let lower = origin.to_ascii_lowercase();
    let (scheme, rest) = lower.split_once("://").ok_or("begin it with https:// or http://")?;
    let default_port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return Err("begin it with https:// or http://"),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '\\', '?', '#']) {
        return Err("leave out all that is behind the host and the port");
    }
    if authority.contains('@') {
        return Err("leave out the user in front of the host");
    }
    // The colons in brackets are those of an address.
    let (host, port) = match authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let host = self::host(host)?;
    match port.map(self::port).transpose()? {
        Some(port) if port != default_port => Ok(format!("{scheme}://{host}:{port}")),
        _ => Ok(format!("{scheme}://{host}")),
    }
}

fn port(digits: &str) -> Result<u16, &'static str> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number).ok_or("write the port as a number up to 65535, or leave out the colon")
}

fn host(host: &str) -> Result<String, &'static str> {
    if !host.is_ascii() {
        return Err("write the name in its punycode form, with xn--, as browsers send it");
    }
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let address: Ipv6Addr = address.parse().map_err(|_| "what is in brackets is no IPv6 address")?;
        return Ok(match address.segments() {
            // The one kind that is shown otherwise here than there.
            [0, 0, 0, 0, 0, 0xffff, high, low] => format!("[::ffff:{high:x}:{low:x}]"),
            _ => format!("[{address}]"),
        });
    }
    let is_label = |label: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.bytes().all(is_allowed)
    };
    if !host.split('.').all(is_label) {
        return Err(
            "the host is a name of letters, digits, hyphens and dots between them, or an address, an IPv6 one in brackets",
        );
    }
    // What ends in a number is an IPv4 address for a browser, in one of many spellings.
    if host.rsplit('.').next().is_some_and(is_number) && host.parse::<Ipv4Addr>().is_err() {
        return Err("write an IPv4 address as four decimal numbers");
    }
    Ok(host.to_owned())
}

/// True for a last label that makes an IPv4 address of a name, decimal or hexadecimal (URL standard).
pub(super) fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    label.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
