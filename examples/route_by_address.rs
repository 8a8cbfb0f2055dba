//! Stickiness in an application that routes for itself: each client has a node by its address.
//!
//! `cargo run --example route_by_address -- 192.0.2.7 192.0.2.200 2001:db8::1`

use sha2::{Digest, Sha256};
use std::error::Error;
use std::net::IpAddr;

const NODES: [&str; 3] = ["a", "b", "c"];

fn main() -> Result<(), Box<dyn Error>> {
    for address in std::env::args().skip(1) {
        let node = node_for(address.parse()?, 24, 56, &NODES).ok_or("there are no nodes")?;
        println!("{address} goes to node {node}");
    }
    Ok(())
}

/// Chooses a node for a client by its address (rendezvous hashing).
///
/// When a node comes or goes, only its own clients move. The first `v4_prefix` or `v6_prefix` bits of an address count, so that a client that changes its
/// address within a network stays: 24 and 56, for example. Every server chooses alike, whatever the order of the names.
fn node_for<'n>(client: IpAddr, v4_prefix: u8, v6_prefix: u8, nodes: &[&'n str]) -> Option<&'n str> {
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
