//! `cargo test`, without features and with all, and its own count.

use crate::shell::{Outcome, Tally, command, stdout_of};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// Programs of tests that start servers or browsers; no other does.
const WITH_SERVERS: [&str; 2] = ["--test clients", "--test cluster"];

pub(crate) fn run(tally: &mut Tally) -> Outcome {
    cargo_test(tally, "cargo test --quiet --no-fail-fast")?;
    // The figures that the tests print are part of the answer.
    cargo_test(tally, "cargo test --all-features --no-fail-fast -- --nocapture")
}

/// The same without the programs that start servers or browsers.
pub(crate) fn local(tally: &mut Tally) -> Outcome {
    cargo_test(tally, "cargo test --quiet --no-fail-fast")?;
    cargo_test(tally, &format!("cargo test --quiet --no-fail-fast --all-features --lib {}", programs()?.join(" ")))?;
    // Cargo takes these alone only.
    cargo_test(tally, "cargo test --quiet --all-features --doc")
}

/// Every program of tests that starts no server, and examples that have tests, as cargo is asked for them.
fn programs() -> Outcome<Vec<String>> {
    let metadata = stdout_of(&mut command("cargo metadata --no-deps --format-version 1"))?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let own = metadata["packages"].as_array().into_iter().flatten().find(|package| package["name"] == "countersign");
    let targets = own.and_then(|package| package["targets"].as_array()).ok_or("the workspace has no countersign")?;
    let name = |target: &Value| match (target["kind"][0].as_str(), target["test"].as_bool()) {
        (Some(kind @ ("test" | "example")), Some(true)) => Some(format!("--{kind} {}", target["name"].as_str()?)),
        _ => None,
    };
    let (servers, programs): (Vec<_>, Vec<_>) =
        targets.iter().filter_map(name).partition(|program| WITH_SERVERS.contains(&program.as_str()));
    // A name that is none any more would let servers in.
    if servers.len() == WITH_SERVERS.len() {
        Ok(programs)
    } else {
        Err(format!("of the programs with servers: {servers:?}"))
    }
}

/// Runs the tests and shows their output as it comes; adds up the result lines of all test programs.
fn cargo_test(tally: &mut Tally, line: &str) -> Outcome {
    println!("  {line}");
    let mut child =
        command(line).stdout(Stdio::piped()).stdin(Stdio::null()).spawn().map_err(|error| error.to_string())?;
    let stdout = child.stdout.take().ok_or("the tests have no output")?;
    let (mut passed, mut failed, mut empty) = (0, 0, 0);
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        println!("  {line}");
        if let Some(result) = line.strip_prefix("test result: ") {
            let of_program = (count(result, " passed"), count(result, " failed"));
            empty += usize::from(of_program == (0, 0));
            passed += of_program.0;
            failed += of_program.1;
        }
    }
    tally.passed += passed;
    tally.failed += failed;
    let status = child.wait().map_err(|error| error.to_string())?;
    if !status.success() && failed == 0 {
        tally.fail("the tests did not build, or one ended early");
    }
    tally.expect(empty == 0, &format!("{passed} tests have passed, and {empty} programs ran none"));
    Ok(())
}

fn count(result: &str, word: &str) -> usize {
    let before = result.split(word).next().unwrap_or_default();
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
