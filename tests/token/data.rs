//! Reading the vectors of the token format.

#![allow(dead_code, reason = "no test program needs all of it")]

use serde_json::Value;

pub(crate) fn cases(file: &str) -> Vec<Value> {
    let path = format!("{}/tests/data/token-v1/{file}.jsonl", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn hex(value: &Value) -> Vec<u8> {
    unhex(value.as_str().unwrap())
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

/// The input of a case or of a step of it.
pub(crate) fn input(case: &Value) -> Vec<u8> {
    if let Some(text) = case["input"].as_str() {
        return text.as_bytes().to_vec();
    }
    if let Some(bytes) = case["input_hex"].as_str() {
        return unhex(bytes);
    }
    let repeat = &case["input_repeat"];
    let mut bytes = hex(&repeat["prefix"]);
    bytes.extend(hex(&repeat["unit"]).repeat(number(&repeat["count"]) as usize));
    bytes.extend(hex(&repeat["suffix"]));
    bytes
}
