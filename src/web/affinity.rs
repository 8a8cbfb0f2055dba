//! Stickiness: a client stays on the server that it was on, for as long as that one lives.
//!
//! A load balancer in front keeps to the name of a node in a cookie beside the credential's, or to the client's address. Both are hints:
//! a session in a store that the servers share goes on wherever a request arrives, one in the memory of a server is gone with it.

use core::fmt;
use core::net::IpAddr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use sha2::{Digest, Sha256};
use std::string::String;
use std::sync::Arc;

/// Characters of the longest name of a node.
pub const MAX_NODE_NAME: usize = 16;

/// Puts the name of this node into a cookie beside the session's: `__Host-at`, or `at` without TLS.
///
/// The name is no secret and opens nothing: it is looked at by the balancer, and here to see whether a client has moved. A client that comes with
/// the name of another node gets that cookie anew, so that it stays here; on a node that is draining it gets one without a name, so that the
/// balancer chooses. Take a draining node out of those that it chooses from. The credential is never set for this: an answer that is late could
/// put an old one back.
///
/// ```
/// use countersign::web::Affinity;
///
/// let affinity = Affinity::new("a").ok_or("a name of letters, digits and hyphens")?;
/// affinity.drain(true);
/// assert_eq!(affinity.moved(), 0);
/// assert!(Affinity::new("two.parts").is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

impl Affinity {
    /// A node of this name: 1 to [`MAX_NODE_NAME`] lower-case letters, digits and hyphens. `None` for any other.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let node = Node { name: name.into(), is_draining: AtomicBool::new(false), moved: AtomicU64::new(0) };
        is_name(name.as_bytes()).then(|| Self(Arc::new(node)))
    }

    /// Sends clients elsewhere, one request after the other: before this node is stopped.
    pub fn drain(&self, is_draining: bool) {
        self.0.is_draining.store(is_draining, Ordering::Relaxed);
    }

    /// How many requests came with a session that was on another node before: failovers, and what a balancer does otherwise.
    #[must_use]
    pub fn moved(&self) -> u64 {
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
        f.debug_struct("Affinity").field("name", &self.0.name).field("moved", &self.moved()).finish_non_exhaustive()
    }
}

fn is_name(name: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    (1..=MAX_NODE_NAME).contains(&name.len()) && name.iter().all(is_allowed)
}

/// Chooses a node for a client by its address (rendezvous hashing): for those who route in the application. When a node comes or goes, only the
/// clients move that it has, or gets. Of an address as many bits count as the prefix says, so that a client that changes its address within a
/// network stays: 24 and 56, for example. Every server chooses alike, whatever the order of the names.
///
/// ```
/// use countersign::web::node_for;
///
/// let nodes = ["a", "b", "c"];
/// let chosen = node_for("192.0.2.7".parse()?, 24, 56, &nodes).ok_or("there are nodes")?;
/// assert_eq!(node_for("192.0.2.200".parse()?, 24, 56, &nodes), Some(chosen));
/// let others: Vec<_> = nodes.into_iter().filter(|node| *node != chosen).collect();
/// assert_ne!(node_for("192.0.2.7".parse()?, 24, 56, &others), Some(chosen));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn node_for<'n>(client: IpAddr, v4_prefix: u8, v6_prefix: u8, nodes: &[&'n str]) -> Option<&'n str> {
    let network = match client.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_bits() & u32::MAX.checked_shl(keep(32, v4_prefix)).unwrap_or(0)),
        IpAddr::V6(address) => address.to_bits() & u128::MAX.checked_shl(keep(128, v6_prefix)).unwrap_or(0),
    };
    let weight = |node: &str| {
        let mut hash = Sha256::new();
        hash.update(network.to_be_bytes());
        hash.update(node.as_bytes());
        <[u8; 32]>::from(hash.finalize())
    };
    nodes.iter().copied().max_by_key(|node| (weight(node), *node))
}

/// How many bits do not count.
fn keep(all: u8, prefix: u8) -> u32 {
    u32::from(all.saturating_sub(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::format;
    use std::vec::Vec;

    #[test]
    fn names_are_short_and_plain() {
        let long = "a".repeat(MAX_NODE_NAME);
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
            assert_eq!(Affinity::new(name).is_some(), is_right, "{name}");
        }
        assert!(Affinity::new(&format!("{long}a")).is_none());
    }

    #[test]
    fn a_cookie_names_a_node_or_nothing() {
        let Some(affinity) = Affinity::new("a") else { return assert!(is_name(b"a")) };
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

    /// Each of three nodes has about a third; when one goes, only its clients move.
    #[test]
    fn clients_are_spread_and_move_only_if_they_must() {
        let nodes = ["a", "b", "c"];
        let clients: Vec<IpAddr> =
            (0..3000u32).map(|number| IpAddr::from((0x0A00_0000 | number << 8).to_be_bytes())).collect();
        let mut count = BTreeMap::new();
        for client in &clients {
            let chosen = node_for(*client, 24, 56, &nodes);
            *count.entry(chosen).or_insert(0) += 1;
            assert_eq!(chosen, node_for(*client, 24, 56, &["c", "a", "b"]), "the order of the names");
            if chosen != Some("c") {
                assert_eq!(chosen, node_for(*client, 24, 56, &["a", "b"]));
            }
        }
        assert!(count.values().all(|count| (900..1100).contains(count)), "{count:?}");
        assert_eq!(node_for(clients[0], 24, 56, &[]), None);
    }

    #[test]
    fn a_network_counts_as_one_client() {
        let nodes = ["a", "b", "c", "d", "e"];
        let chosen = |client: &str, v4, v6| client.parse().ok().and_then(|client| node_for(client, v4, v6, &nodes));
        assert_eq!(chosen("192.0.2.1", 24, 56), chosen("192.0.2.254", 24, 56));
        assert_eq!(
            chosen("192.0.2.1", 24, 56),
            chosen("::ffff:192.0.2.9", 24, 56),
            "an address of the other kind for the same"
        );
        assert_eq!(chosen("2001:db8:0:1::1", 24, 56), chosen("2001:db8:0:ff::2", 24, 56));
        assert_eq!(chosen("192.0.2.1", 0, 0), chosen("203.0.113.5", 0, 0), "nothing counts");
        let spread = |v4: u8| {
            (0..=255)
                .map(|last| chosen(&format!("192.0.2.{last}"), v4, 56))
                .collect::<std::collections::BTreeSet<_>>()
                .len()
        };
        assert_eq!((spread(24), spread(32)), (1, 5));
        assert_eq!(chosen("192.0.2.1", 200, 200), chosen("192.0.2.1", 32, 128), "more bits than there are");
    }
}
