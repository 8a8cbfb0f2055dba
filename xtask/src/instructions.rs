//! Instructions of one operation under callgrind: exact and repeatable, whatever else the machine does.

use crate::shell::{Outcome, Tally, capture, command, root, stdout_of, text};

const ROUNDS: u64 = 1000;
/// Times the two compressions that an operation under a prepared key must do.
const LIMIT: f64 = 1.5;

pub(crate) fn run(tally: &mut Tally) -> Outcome {
    let bench = build()?;
    let compressions = per_round(&bench, "compress")?;
    let hmac = per_round(&bench, "hmac")?;
    println!("  two SHA-256 compressions   {compressions:>7.0}  1.00");
    println!("  raw HMAC, prepared key     {hmac:>7.0}  {:.2}", hmac / compressions);
    for operation in ["mint-text", "verify-text", "mint-binary", "verify-binary"] {
        let instructions = per_round(&bench, operation)?;
        let ratio = instructions / compressions;
        let what = format!("{operation:<14} {instructions:>7.0}  {ratio:.2} of two compressions, limit {LIMIT}");
        tally.expect(ratio < LIMIT, &what);
    }
    Ok(())
}

/// Builds the bench and finds its program.
fn build() -> Outcome<String> {
    let built = stdout_of(&mut command("cargo bench --no-run --quiet --bench token --message-format json"))?;
    let artifact = built.lines().filter(|line| line.contains(r#""name":"token""#));
    let program = artifact.filter_map(|line| line.split(r#""executable":""#).nth(1)?.split('"').next()).next_back();
    program.map(str::to_owned).ok_or_else(|| "cargo built no bench".to_owned())
}

/// The difference of two runs: what is not the operation drops out.
fn per_round(bench: &str, operation: &str) -> Outcome<f64> {
    let (few, many) = (instructions(bench, operation, ROUNDS)?, instructions(bench, operation, 2 * ROUNDS)?);
    Ok((many - few) as f64 / ROUNDS as f64)
}

fn instructions(bench: &str, operation: &str, rounds: u64) -> Outcome<i64> {
    let out = root().join("target/callgrind.out");
    let mut valgrind = command("valgrind --tool=callgrind");
    valgrind.arg(format!("--callgrind-out-file={}", out.display())).arg(bench).arg(operation).arg(rounds.to_string());
    let log = text(&capture(&mut valgrind)?.stderr);
    let total = log.lines().find_map(|line| line.split("Collected :").nth(1)).map(str::trim);
    total.and_then(|total| total.parse().ok()).ok_or_else(|| format!("callgrind counted nothing:\n{log}"))
}
