//! Records of sessions as the crate writes them (`src/session/record.rs`): the seeds of `session_record`, which its target finds before anything else.

/// The name, the user, the label and the data of each; nobody has signed in without a user.
pub const RECORDS: [(&str, &str, &str, &str); 2] =
    [("anonymous", "", "", "{}"), ("signed-in", "alice", "laptop", r#"{"cart":["apples"],"count":7}"#)];

/// Where the verifier that counts stands, and the first one before it.
pub const VERIFIERS: [std::ops::Range<usize>; 2] = [13..31, 48..66];

/// A record with 1s in the place of its verifier, and 2s in that of the one before.
pub fn record(user: &str, label: &str, data: &str) -> Vec<u8> {
    const LAYOUT: u8 = 4;
    let len = |text: &str| u16::try_from(text.len()).unwrap_or_default();
    let is_signed_in = !user.is_empty();
    let mut record = vec![LAYOUT, 0, 0, 0, 0];
    record.extend(1_700_000_000u64.to_be_bytes());
    record.extend([1; 18]);
    record.extend(if is_signed_in { 1_700_000_000u64 } else { 0 }.to_be_bytes());
    // The level, no flags, and the generation.
    record.extend([1, 0, 0, 0]);
    record.extend(if is_signed_in { len(user) } else { u16::MAX }.to_be_bytes());
    record.extend(len(label).to_be_bytes());
    record.push(is_signed_in.into());
    if is_signed_in {
        record.extend([2; 18].iter().chain(&1_700_000_010u64.to_be_bytes()));
    }
    record.extend([user, label, data].concat().bytes());
    record
}
