//! What a browser asks before a page of another origin may send its request (Fetch standard, CORS-preflight request).

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{HeaderMap, Method};

/// True for a preflight: it carries no credential, so a layer that waits for one leaves it to what answers it. Anybody can send one; it is of the
/// method `OPTIONS` and of no other.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS && headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
