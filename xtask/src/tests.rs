//! `cargo test`, without features and with all, and its own count.

use crate::shell::{Outcome, Tally, command, stdout_of};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// Programs of tests that start servers or browsers; no other does.
const WITH_SERVERS: [&str; 2] = ["clients", "cluster"];

pub(crate) fn run(tally: &mut Tally) -> Outcome {
    cargo_test(tally, "cargo test --quiet --no-fail-fast")?;
    // The figures that the tests print are part of the answer.
    cargo_test(tally, "cargo test --all-features --no-fail-fast -- --nocapture")
}

/// The same without the programs that start servers or browsers.
pub(crate) fn local(tally: &mut Tally) -> Outcome {
    cargo_test(tally, "cargo test --quiet --no-fail-fast")?;
    let programs: String = programs()?.iter().map(|program| format!(" --test {program}")).collect();
    cargo_test(tally, &format!("cargo test --quiet --no-fail-fast --all-features --lib{programs}"))?;
    // Cargo takes these alone only.
    cargo_test(tally, "cargo test --quiet --all-features --doc")
}

/// Every program of tests that starts no server, as the manifest and the folder of tests have it.
fn programs() -> Outcome<Vec<String>> {
    let metadata = stdout_of(&mut command("cargo metadata --no-deps --format-version 1"))?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let own = metadata["packages"].as_array().into_iter().flatten().find(|package| package["name"] == "countersign");
    let targets = own.and_then(|package| package["targets"].as_array()).ok_or("the workspace has no countersign")?;
    let tests = targets.iter().filter(|target| target["kind"][0] == "test");
    let names: Vec<_> = tests.filter_map(|target| target["name"].as_str().map(str::to_owned)).collect();
    if let Some(missing) = WITH_SERVERS.iter().find(|name| !names.iter().any(|other| other == *name)) {
        return Err(format!("no program of tests is called {missing}"));
    }
    Ok(names.into_iter().filter(|name| !WITH_SERVERS.contains(&name.as_str())).collect())
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
