//! Stickiness: a client stays on its node as long as that node lives.
//!
//! A load balancer reads the name of the node in the routing cookie. The name is a hint: a session in a shared store goes on wherever a request arrives,
//! and one in the memory of a node ends with it.

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::string::String;
use std::sync::Arc;

/// Longest name of a node, in bytes.
pub const MAX_NODE_NAME_LEN: usize = 16;

/// The name of this node, for the routing cookie: `__Host-at`, or `at` without TLS.
///
/// The name is not secret and opens nothing: the balancer reads it, and the layer sees whether a client has moved. A client with the name of another node
/// gets the cookie again, so that it stays here. On a draining node it gets a cookie without a name, so that the balancer chooses: take a draining node
/// out of its list. The credential is not set again for this: a late response could put an old one back.
///
/// ```
/// use countersign::web::session::Affinity;
///
/// let affinity = Affinity::new("a")?;
/// affinity.set_draining(true);
/// assert_eq!(affinity.moved_count(), 0);
/// assert!(Affinity::new("two.parts").is_err());
/// # Ok::<(), countersign::web::session::InvalidNodeName>(())
/// ```
#[doc(alias = "sticky")]
#[derive(Clone)]
pub struct Affinity(Arc<Node>);

struct Node {
    name: String,
    is_draining: AtomicBool,
    moved: AtomicU64,
}

/// Where a cookie says that its node is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Route {
    /// It does not say.
    Unknown,
    Here,
    Elsewhere,
}

/// Error of the name of a node: it is not 1 to [`MAX_NODE_NAME_LEN`] lower-case letters, digits and hyphens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidNodeName;

impl fmt::Display for InvalidNodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name of a node is 1 to {MAX_NODE_NAME_LEN} lower-case letters, digits and hyphens")
    }
}

impl core::error::Error for InvalidNodeName {}

impl Affinity {
    /// Sets the name of this node: 1 to [`MAX_NODE_NAME_LEN`] lower-case letters, digits and hyphens.
    ///
    /// # Errors
    /// [`InvalidNodeName`] for any other name.
    pub fn new(name: &str) -> Result<Self, InvalidNodeName> {
        let node = Node { name: name.into(), is_draining: AtomicBool::new(false), moved: AtomicU64::new(0) };
        is_name(name.as_bytes()).then(|| Self(Arc::new(node))).ok_or(InvalidNodeName)
    }

    /// Sends clients to other nodes, one request after the other: before this node is stopped.
    pub fn set_draining(&self, is_draining: bool) {
        self.0.is_draining.store(is_draining, Ordering::Relaxed);
    }

    /// Returns the number of requests whose client was on another node before: by failovers, and by other choices of the balancer.
    #[must_use]
    pub fn moved_count(&self) -> u64 {
        self.0.moved.load(Ordering::Relaxed)
    }

    /// What a cookie names; `None` for what is no name.
    pub(super) fn route(&self, name: &[u8]) -> Option<Route> {
        match name {
            b"" => Some(Route::Unknown),
            name if name == self.0.name.as_bytes() => Some(Route::Here),
            name => is_name(name).then_some(Route::Elsewhere),
        }
    }

    /// True if the cookie has to say something else from now on.
    pub(super) fn has_moved(&self, route: Route) -> bool {
        if route == Route::Elsewhere {
            self.0.moved.fetch_add(1, Ordering::Relaxed);
        }
        if self.is_draining() { route != Route::Unknown } else { route != Route::Here }
    }

    /// What the cookie has to name.
    pub(super) fn name(&self) -> String {
        if self.is_draining() { String::new() } else { self.0.name.clone() }
    }

    fn is_draining(&self) -> bool {
        self.0.is_draining.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Affinity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Affinity")
            .field("name", &self.0.name)
            .field("moved", &self.moved_count())
            .finish_non_exhaustive()
    }
}

fn is_name(name: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    (1..=MAX_NODE_NAME_LEN).contains(&name.len()) && name.iter().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn names_are_short_and_plain() {
        let long = "a".repeat(MAX_NODE_NAME_LEN);
        for (name, is_right) in [
            ("a", true),
            ("node-7", true),
            (&long, true),
            ("", false),
            ("A", false),
            ("a.b", false),
            ("a b", false),
            ("é", false),
        ] {
            assert_eq!(Affinity::new(name).is_ok(), is_right, "{name}");
        }
        assert!(Affinity::new(&format!("{long}a")).is_err());
    }

    #[test]
    fn a_cookie_names_a_node_or_nothing() {
        let Ok(affinity) = Affinity::new("a") else { return assert!(is_name(b"a")) };
        for (name, route) in [
            ("", Some(Route::Unknown)),
            ("a", Some(Route::Here)),
            ("b", Some(Route::Elsewhere)),
            ("A", None),
            ("a.b", None),
            ("aaaaaaaaaaaaaaaaa", None),
        ] {
            assert_eq!(affinity.route(name.as_bytes()), route, "{name}");
        }
    }
}
