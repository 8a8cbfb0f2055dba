//! What nobody should write: memcheck reports it, at least as often as is due. Nothing secret, no report.

use crate::keys::KEY;
use crate::memcheck::secret;
use crate::{Operation, verdicts};
use std::hint::black_box;

pub const OPERATIONS: &[Operation] = &[
    ("a comparison of what is public", verdicts(0), || assert!(stops_early(black_box(KEY), black_box(KEY)))),
    ("a comparison that stops early", verdicts(0).and_reports(32), || {
        assert!(stops_early(&secret(KEY), black_box(KEY)));
    }),
    ("a table in which a secret is looked up", verdicts(0).and_reports(1), || {
        _ = black_box(looked_up(&secret(KEY)));
    }),
];

/// Stops at the first byte that differs.
#[inline(never)]
fn stops_early(left: &[u8], right: &[u8]) -> bool {
    left.iter().zip(right).all(|(left, right)| left == black_box(right))
}

/// Reads from where the first byte says.
#[inline(never)]
fn looked_up(key: &[u8]) -> u8 {
    static TABLE: [u8; 256] = [7; 256];
    black_box(&TABLE)[usize::from(key[0])]
}
