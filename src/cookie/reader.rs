//! A reader of the `Cookie` header (RFC 6265 section 4.2), without a heap.

use crate::scan;

/// The number of bytes of one header field that are read, 512 KiB. Bytes behind them are ignored.
// Why: servers let less through. hyper, the most generous one, accepts up to 408 KB of all header fields together.
pub const MAX_COOKIE_HEADER_LEN: usize = 512 * 1024;

/// The largest number of values of one name that [`cookies_named`] returns per header field. Cookies of another name do
/// not count.
// Why: browsers keep at most 180 cookies for a site.
pub const MAX_COOKIES: usize = 512;

/// Returns an iterator over the cookies of one `Cookie` header field, in order: each name and its value, byte for byte.
///
/// The field is split at `;`, and each piece at its first `=`; spaces and tabs around are dropped. Nothing is unquoted
/// or decoded, so that a field has one reading. A piece without `=` is skipped and cannot hide other cookies. Any other
/// kind of blank belongs to the name: `U+00A0 __Host-id` is not `__Host-id`.
///
/// ```
/// use countersign::cookie::cookies;
///
/// let header = b"theme=dark; __Host-id=abc ;broken; id=\"1\"";
/// let found: Vec<_> = cookies(header).collect();
/// assert_eq!(found, [(&b"theme"[..], &b"dark"[..]), (b"__Host-id", b"abc"), (b"id", b"\"1\"")]);
/// ```
pub fn cookies(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
    let looked_at = header.get(..header.len().min(MAX_COOKIE_HEADER_LEN)).unwrap_or_default();
    // A cookie that is cut off is no cookie.
    let whole = if looked_at.len() == header.len() {
        looked_at
    } else {
        let end = looked_at.iter().rposition(|byte| *byte == b';').unwrap_or(0);
        looked_at.get(..end).unwrap_or_default()
    };
    let mut rest = Some(whole);
    let pieces = core::iter::from_fn(move || {
        let (piece, behind) = split(rest?, b';');
        rest = behind;
        Some(piece)
    });
    pieces.filter_map(|piece| {
        let (name, value) = split(piece, b'=');
        Some((trimmed(name), trimmed(value?)))
    })
}

/// What stands in front of the first `byte`, and what behind it; all of it without one.
fn split(text: &[u8], byte: u8) -> (&[u8], Option<&[u8]>) {
    let place = scan::find(text, byte).unwrap_or(text.len());
    (text.get(..place).unwrap_or_default(), text.get(place.saturating_add(1)..))
}

/// Returns an iterator over all values of one name in several header fields, in order.
///
/// A browser sends several cookies of one name if they were set for several paths or domains, and a sibling host can
/// add one in front. Verify each value: the order does not tell which one is genuine.
///
/// ```
/// use countersign::cookie::cookies_named;
///
/// let fields: [&[u8]; 2] = [b"id=planted; a=b", b"id=genuine"];
/// assert!(cookies_named(fields, b"id").eq([b"planted".as_slice(), b"genuine"]));
/// ```
#[doc(alias = "sessionid")]
pub fn cookies_named<'h, F>(fields: F, name: &[u8]) -> impl Iterator<Item = &'h [u8]>
where
    F: IntoIterator<Item = &'h [u8]>,
{
    let of_field = move |field| cookies(field).filter(move |(found, _)| *found == name).take(MAX_COOKIES);
    fields.into_iter().flat_map(of_field).map(|(_, value)| value)
}

/// Without the spaces and tabs around it (RFC 6265 section 5.2) and nothing else.
fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}
