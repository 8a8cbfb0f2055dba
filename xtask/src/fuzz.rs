//! cargo-fuzz over every target, seeded from the vectors.

#[path = "../../fuzz/src/record.rs"]
#[allow(dead_code, reason = "the target reads the rest of it")]
mod record;

use crate::shell::{Outcome, Tally, capture, command, root, text};
use serde_json::Value;
use std::fs;
use std::path::Path;

const TARGETS: [&str; 13] = [
    "token_text",
    "token_binary",
    "token_roundtrip",
    "key_text",
    "jwt_verify",
    "jwt_header",
    "json_normalise",
    "jwt_typed",
    "jwt_roundtrip",
    "jwt_differential",
    "cookie_header",
    "set_cookie",
    "session_record",
];

pub(crate) fn run(tally: &mut Tally, seconds: u32) -> Outcome {
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

/// Claims of the shapes that the target reads.
const TYPED: [(&str, &str); 5] = [
    ("numbers", r#"{"a":255,"b":-9223372036854775808,"c":3.4e38,"d":-1.5e-7}"#),
    ("not-finite", r#"{"c":1e39,"d":1e999,"x":null}"#),
    ("strings", r#"{"e":["\"a\"\n",""],"f":{"k\t":"A","l":{"B":7},"m":{"C":[-1,"c"]},"n":{"D":{"x":null}}}}"#),
    ("tuple-and-keys", r#"{"g":[true,"c",null],"h":{"-7":null,"8":{"a":1,"h":{}}}}"#),
    ("variant", r#"{"c":{"D":{"x":0.25}}}"#),
];

/// Members whose names have a meaning inside of serde_json, which these targets compare with: to JSON they are names like any other.
const PRIVATE_NAMES: [(&str, &str); 3] = [
    ("private-number", r#"{"alg":"HS256","$serde_json::private::Number":1}"#),
    ("private-number-alone", r#"{"$serde_json::private::Number":"1"}"#),
    ("private-raw-value", r#"{"a":{"$serde_json::private::RawValue":"[1"}}"#),
];

/// Writes the inputs of the vectors into a corpus; the names keep them apart and make a second run change nothing.
fn seed(target: &str, corpus: &Path) -> Outcome<usize> {
    let file = match target {
        "token_text" => "token-v1/text",
        "key_text" => "token-v1/keys",
        "jwt_verify" => "attack/attack",
        "jwt_header" | "json_normalise" | "jwt_typed" | "jwt_differential" => "json/jsontestsuite",
        "cookie_header" => "cookies/cookie_header",
        "set_cookie" => "cookies/set_cookie_build",
        _ => "token-v1/binary",
    };
    let fail = |error: std::io::Error| format!("no seeds for {target}: {error}");
    fs::create_dir_all(corpus).map_err(fail)?;
    if target == "session_record" {
        for (name, user, label, data) in record::RECORDS {
            fs::write(corpus.join(name), record::record(user, label, data)).map_err(fail)?;
        }
        return Ok(record::RECORDS.len());
    }
    let mut seeds = 0;
    if target == "jwt_typed" {
        for (name, claims) in TYPED {
            fs::write(corpus.join(name), claims).map_err(fail)?;
            seeds += 1;
        }
    }
    if file.starts_with("json/") {
        for (name, claims) in PRIVATE_NAMES {
            fs::write(corpus.join(name), [prefix_of(target), claims.as_bytes()].concat()).map_err(fail)?;
            seeds += 1;
        }
    }
    let lines = fs::read_to_string(root().join(format!("tests/data/{file}.jsonl"))).map_err(fail)?;
    for line in lines.lines() {
        let case: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let name = case["id"].as_str().unwrap_or_default().replace('/', "-");
        if let Some(input) = input_of(&case) {
            fs::write(corpus.join(name), [prefix_of(target), &input].concat()).map_err(fail)?;
            seeds += 1;
        }
    }
    Ok(seeds)
}

/// What a target takes in front of the input: a clock, or which half of its work to do.
fn prefix_of(target: &str) -> &'static [u8] {
    match target {
        "token_binary" | "jwt_verify" => &[0x00, 0xB9, 0x55, 0x69, 0, 0, 0, 0],
        "jwt_differential" => &[0],
        _ => &[],
    }
}

fn input_of(case: &Value) -> Option<Vec<u8>> {
    let text = |name: &str| case[name].as_str();
    let plain =
        text("input").or(text("token")).or(text("header")).or(text("upstream")).map(|text| text.as_bytes().to_vec());
    plain.or(text("input_hex").or(text("doc_hex")).map(unhex))
}

fn unhex(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
