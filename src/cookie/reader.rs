//! Reading the `Cookie` header (RFC 6265 section 4.2), without a heap.

use crate::scan;

/// Bytes of one header field that are looked at; what is behind them is not. Servers let less through: hyper, the most generous, all header fields
/// together up to 408 KB.
pub const MAX_COOKIE_HEADER_LEN: usize = 512 * 1024;

/// Values of one name in one header field that [`cookies_named`] gives: all that have another name cost nothing of it. Browsers keep fewer cookies for
/// a site, 180 at most.
pub const MAX_COOKIES: usize = 512;

/// The cookies of one `Cookie` header field, in order: each name and its value, byte for byte.
///
/// Split at `;`, at the first `=`, and freed of spaces and tabs around: nothing is unquoted and nothing decoded, so what was sent has one
/// reading. A piece without `=` is no cookie and passed over; it cannot hide those of others. Another kind of blank belongs to the name:
/// `U+00A0 __Host-id` is not `__Host-id`.
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

/// All values of one name in several header fields, in order.
///
/// A browser sends cookies of one name side by side when they were set for several paths or domains, and a sibling host can plant one in
/// front. Which of them is genuine only their verification tells: offer it all of them.
///
/// ```
/// use countersign::cookie::cookies_named;
///
/// let fields: [&[u8]; 2] = [b"id=planted; a=b", b"id=genuine"];
/// assert!(cookies_named(fields, b"id").eq([b"planted".as_slice(), b"genuine"]));
/// ```
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
