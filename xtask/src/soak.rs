//! The long forms of tests that are short in `cargo xtask tests`: built for speed, as their figures are those that the guide states.

use crate::shell::{Outcome, Tally, command};
use crate::tools;

/// What tests go by.
const LONG: &str = "COUNTERSIGN_SOAK";

pub(crate) fn run(tally: &mut Tally) -> Outcome {
    tools::redis()?;
    let line = "cargo test --release --features std,disk,redis --test session_load -- --nocapture --test-threads=1";
    println!("  {line}");
    let status = command(line).env(LONG, "1").status().map_err(|error| error.to_string())?;
    tally.expect(status.success(), "one user, or a million strangers, beside everybody else: Redis and the file");
    Ok(())
}
