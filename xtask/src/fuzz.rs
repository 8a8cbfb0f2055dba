//! cargo-fuzz over every target, seeded from the vectors.

use crate::shell::{Outcome, Tally, capture, command, root, text};
use crate::tools;
use serde_json::Value;
use std::fs;
use std::path::Path;

const TARGETS: [&str; 4] = ["token_text", "token_binary", "token_roundtrip", "key_text"];

pub(crate) fn run(tally: &mut Tally, seconds: u32) -> Outcome {
    tools::cargo_fuzz()?;
    for target in TARGETS {
        let corpus = root().join("fuzz/corpus").join(target);
        let seeds = seed(target, &corpus)?;
        let mut fuzz = command("cargo +nightly fuzz run");
        fuzz.arg(target).arg(&corpus).args(["--", "-print_final_stats=1", "-timeout=5", "-max_len=1200"]);
        fuzz.arg(format!("-max_total_time={seconds}"));
        let output = capture(&mut fuzz)?;
        let log = text(&output.stderr);
        let stat = |name: &str| {
            let line = log.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.rsplit(' ').next()).unwrap_or("?").to_owned()
        };
        let (runs, rate) = (stat("stat::number_of_executed_units"), stat("stat::average_exec_per_sec"));
        let what = format!("{target}: {seconds} s from {seeds} seeds, {runs} runs, {rate} a second");
        tally.expect(output.status.success(), &what);
        if !output.status.success() {
            let tail: Vec<_> = log.lines().rev().take(40).collect();
            println!("{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
    }
    Ok(())
}

/// Writes the inputs of the vectors into a corpus; the names keep them apart and make a second run change nothing.
fn seed(target: &str, corpus: &Path) -> Outcome<usize> {
    let file = match target {
        "token_text" => "text",
        "key_text" => "keys",
        _ => "binary",
    };
    let fail = |error: std::io::Error| format!("no seeds for {target}: {error}");
    fs::create_dir_all(corpus).map_err(fail)?;
    let lines = fs::read_to_string(root().join(format!("tests/data/token-v1/{file}.jsonl"))).map_err(fail)?;
    let mut seeds = 0;
    for line in lines.lines() {
        let case: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let id = case["id"].as_str().unwrap_or_default();
        let input = match (case["input"].as_str(), case["input_hex"].as_str()) {
            (Some(text), _) => text.as_bytes().to_vec(),
            (_, Some(hex)) => unhex(hex),
            _ => continue,
        };
        // That target takes a clock in front.
        let clock = if target == "token_binary" { &1_767_225_600u64.to_le_bytes()[..] } else { &[] };
        fs::write(corpus.join(id), [clock, &input].concat()).map_err(fail)?;
        seeds += 1;
    }
    Ok(seeds)
}

fn unhex(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
