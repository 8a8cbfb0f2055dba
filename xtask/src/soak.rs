//! The long forms of tests that are short in `cargo xtask tests`: built for speed, as their figures are those that the guide states.

use crate::shell::{Outcome, Tally, command};
use std::time::Instant;

/// What tests go by.
const LONG: &str = "COUNTERSIGN_SOAK";

/// Programs of tests that have a long form, their module that has it, and what that shows.
const PROGRAMS: [(&str, &str, &str); 5] = [
    ("browser_model", "", "a browser: every order of three requests, and a million of four"),
    ("session", "laws::", "races in memory and in the file"),
    ("cluster", "load::", "one user, or a million strangers, beside everybody else: Redis and the file"),
    ("cluster", "redis::", "races on Redis, and primaries that are killed"),
    ("cluster", "nats::", "servers of NATS that are killed and cut off, again and again"),
];

/// Runs all of them, or those of the program, or of the module of it, that is named.
pub(crate) fn run(tally: &mut Tally, only: &[&str]) -> Outcome {
    let only = only.join(" ");
    let is_meant = |(program, module, _): &&(&str, &str, &str)| format!("{program} {module}").starts_with(&only);
    let programs: Vec<_> = PROGRAMS.iter().filter(is_meant).collect();
    // All are built with the same features, and so at once.
    let build = programs.iter().map(|(program, ..)| format!(" --test {program}")).collect::<String>();
    if programs.is_empty() || !cargo(&format!("{FEATURES}{build} --no-run"))? {
        return Err("there is nothing to run".to_owned());
    }
    for (program, module, shows) in programs {
        let start = Instant::now();
        // One after the other, as each needs the machine: the name of a test is shown when it begins, and its figures as they come.
        let passed = cargo(&format!("{FEATURES} --test {program} {module} -- --nocapture --test-threads=1"))?;
        tally.expect(passed, &format!("{program} {module}, {} s: {shows}", start.elapsed().as_secs()));
    }
    Ok(())
}

const FEATURES: &str = "cargo test --release --features full";

/// Runs it and shows what it says, as it comes; true if it succeeded.
fn cargo(line: &str) -> Outcome<bool> {
    println!("  {line}");
    let status = command(line).env(LONG, "1").status().map_err(|error| error.to_string())?;
    Ok(status.success())
}
