//! Any bytes as a `Cookie` header: split as the plain rule splits, within the limits, never a panic.
#![no_main]

use countersign::cookie::{MAX_COOKIE_HEADER_LEN, MAX_COOKIES, cookies, cookies_named};
use libfuzzer_sys::fuzz_target;

/// The rule in its slowest form.
fn plainly(header: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let is_blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let trim = |text: &[u8]| {
        let start = text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len());
        let end = text.iter().rposition(|byte| !is_blank(byte)).map_or(start, |end| end + 1);
        text[start..end].to_vec()
    };
    let pieces = header.split(|byte| *byte == b';');
    let cookie = |piece: &[u8]| {
        let place = piece.iter().position(|byte| *byte == b'=')?;
        Some((trim(&piece[..place]), trim(&piece[place + 1..])))
    };
    pieces.filter_map(cookie).collect()
}

fuzz_target!(|header: &[u8]| {
    let read: Vec<_> = cookies(header).map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    assert!(header.len() > MAX_COOKIE_HEADER_LEN || read == plainly(header));
    for (name, value) in &read {
        assert!(read.len() > MAX_COOKIES || cookies_named([header], name).any(|found| found == value));
    }
});
