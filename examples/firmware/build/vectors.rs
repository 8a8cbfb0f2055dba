//! Turns vectors into constants: those that are about what every board does, and that fit into the smallest one.

use serde_json::Value;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// How many of the vectors there are.
const TOKENS: usize = 847;
const JWTS: usize = 280;

/// Characters of the longest token: it has to fit into the RAM of the smallest board.
const MAX_LEN: usize = 640;

pub(crate) fn generate(data: &Path) -> Result<String, Box<dyn Error>> {
    let (mut tokens, mut jwts) = (0, 0);
    let mut source = String::from("pub(crate) static TOKENS: &[TokenCase] = &[\n");
    for case in cases(&data.join("token-v1/text.jsonl"))? {
        if let Some(case) = token(&case) {
            writeln!(source, "    {case},")?;
            tokens += 1;
        }
    }
    source.push_str("];\npub(crate) static JWTS: &[JwtCase] = &[\n");
    for file in ["attack/attack.jsonl", "interop/interop.jsonl"] {
        for case in cases(&data.join(file))? {
            if let Some(case) = jwt(&case) {
                writeln!(source, "    {case},")?;
                jwts += 1;
            }
        }
    }
    source.push_str("];\n");
    // A case that no longer fits is missed, not passed over.
    if (tokens, jwts) != (TOKENS, JWTS) {
        return Err(format!("{tokens} token and {jwts} JWT vectors fit a board, not {TOKENS} and {JWTS}").into());
    }
    Ok(source)
}

fn cases(path: &Path) -> Result<Vec<Value>, Box<dyn Error>> {
    fs::read_to_string(path)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// A Time token, judged with one key that is in its first place.
fn token(case: &Value) -> Option<String> {
    let spec = &case["verifier"];
    let keys = spec["keys"].as_object()?;
    let is_plain = keys.len() == 1 && spec["kinds"] == serde_json::json!(["Time"]) && spec["previous"].is_null();
    let known =
        ["purpose", "bind", "n", "uid", "now", "max_age", "skew_future", "kinds", "current", "previous", "keys"];
    let has_more = spec.as_object()?.keys().any(|name| !known.contains(&name.as_str()));
    let input = case["input"].as_str().filter(|input| input.len() <= MAX_LEN && input.is_ascii())?;
    if case["op"] != "verify" || !is_plain || has_more || spec["current"] != 0 {
        return None;
    }
    let is_admitted = case["expect"].get("reject").is_none();
    Some(format!(
        "TokenCase {{ purpose: {:?}, binding: &{:?}, sign_len: {}, uid: {}, now: {}, max_age: {}, max_future_skew: {}, key: {:?}, input: {:?}, is_admitted: {is_admitted} }}",
        spec["purpose"].as_str()?,
        hex(spec["bind"].as_str()?)?,
        spec["n"],
        spec["uid"].as_str().map_or(Some("None".to_owned()), |uid| Some(format!("Some(&{:?})", hex(uid)?)))?,
        spec["now"].as_u64()?,
        spec["max_age"].as_u64()?,
        spec["skew_future"].as_u64()?,
        hex(keys.get("0")?.as_str()?)?,
        input,
    ))
}

/// An HS256 token, judged by the claims that the firmware's own policies are about.
fn jwt(case: &Value) -> Option<String> {
    let spec = &case["policy"];
    let known = ["algs", "keys", "now", "leeway", "iss", "aud", "sub"];
    let has_more = spec.as_object()?.keys().any(|name| !known.contains(&name.as_str()));
    let [key] = spec["keys"].as_array()?.as_slice() else { return None };
    let token = case["token"].as_str().filter(|token| token.len() <= MAX_LEN && token.is_ascii())?;
    let is_hs256 = spec["algs"] == serde_json::json!(["HS256"]) && key["kty"] == "oct" && key.get("alg").is_none();
    // Where readers may differ, and nesting beyond ours, are for the tests of the host.
    let is_settled = case["basis"] == "must" || case["minter"].is_string();
    if case["level"] != "jwt" || !is_hs256 || has_more || !is_settled {
        return None;
    }
    let is_admitted = match case["expected"].as_str()? {
        "accept" => true,
        "reject" => false,
        _ => return None,
    };
    Some(format!(
        "JwtCase {{ key: &{:?}, now: {}, leeway: {}, issuer: {:?}, audience: {:?}, subject: {:?}, token: {token:?}, is_admitted: {is_admitted} }}",
        hex(key["k_hex"].as_str()?).filter(|key| key.len() >= 32)?,
        spec["now"].as_u64()?,
        spec["leeway"].as_u64().unwrap_or(0),
        spec["iss"].as_str(),
        spec["aud"].as_str(),
        spec["sub"].as_str(),
    ))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
}
