//! `cargo test`, without features and with all, and its own count.

use crate::shell::{Outcome, Tally, command};
use crate::tools;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

pub(crate) fn run(tally: &mut Tally) -> Outcome {
    tools::cluster_servers()?;
    tools::strace()?;
    tools::clients()?;
    cargo_test(tally, "cargo test --quiet --no-fail-fast")?;
    // The figures that the tests print are part of the answer.
    cargo_test(tally, "cargo test --all-features --no-fail-fast -- --nocapture")
}

/// Runs the tests and shows their output as it comes; adds up the result lines of all test programs.
fn cargo_test(tally: &mut Tally, line: &str) -> Outcome {
    println!("  {line}");
    let mut child =
        command(line).stdout(Stdio::piped()).stdin(Stdio::null()).spawn().map_err(|error| error.to_string())?;
    let stdout = child.stdout.take().ok_or("the tests have no output")?;
    let (mut passed, mut failed) = (0, 0);
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        println!("  {line}");
        if let Some(result) = line.strip_prefix("test result: ") {
            passed += count(result, " passed");
            failed += count(result, " failed");
        }
    }
    tally.passed += passed;
    tally.failed += failed;
    let status = child.wait().map_err(|error| error.to_string())?;
    if !status.success() && failed == 0 {
        tally.fail("the tests did not build, or one ended early");
    }
    Ok(())
}

fn count(result: &str, word: &str) -> usize {
    let before = result.split(word).next().unwrap_or_default();
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
