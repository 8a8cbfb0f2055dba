//! Plays a device: takes its key from the factory line, signs in to the demo backend over HTTP, and shows what is refused.
//!
//! The demo server prints the command that starts it.

use countersign::key::MacKey;
use countersign::token::{Profile, SignLen, TokenBuilder, limits::max_text_len};
use countersign::{Error, UnixTime};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const USAGE: &str = "usage: echo KEY-TEXT | device ADDRESS:PORT UID (the demo server prints all three)";
const FIRMWARE: &[u8] = b"1.2.3";
const TOKEN_LEN: usize = max_text_len(64, &[(2, FIRMWARE.len())], SignLen::N16);
/// What the demo server has agreed on with its devices.
const PURPOSE: &str = "demo/device";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, uid] = arguments.as_slice() else { return Err(USAGE.into()) };
    let device = Device { address, uid: uid.as_bytes(), key: burnt_in_key()? };

    let now = UnixTime::now();
    let token = device.token(now)?;
    println!("{uid} signs in\n  token    {token}");
    device.show("GET /api/me", &token, "")?;
    device.show("POST /api/note", &token, r#"{"text":"23.5 degrees"}"#)?;

    println!("\nSomebody puts another device's name in");
    device.show("GET /api/me", &tampered(&token), "")?;
    println!("\nSomebody replays a token of an hour ago");
    device.show("GET /api/me", &device.token(UnixTime::from_secs(now.as_secs().saturating_sub(3600)))?, "")
}

/// The key of the factory line, from the standard input: an argument could be read by every process of the machine.
fn burnt_in_key() -> Result<MacKey, Box<dyn std::error::Error>> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let (_slot, key) = MacKey::from_key_text(line.trim_end().as_bytes())?;
    Ok(key)
}

/// Another name of the same shape: the last character of the uid changed, sign and all else kept.
fn tampered(token: &str) -> String {
    let (head, rest) = token.split_once('.').unwrap_or((token, ""));
    let other = if head.ends_with('0') { '1' } else { '0' };
    let mut head: String = head.chars().take(head.chars().count().saturating_sub(1)).collect();
    head.push(other);
    format!("{head}.{rest}")
}

struct Device<'a> {
    address: &'a str,
    uid: &'a [u8],
    key: MacKey,
}

impl Device<'_> {
    /// Uid, time and sign, with the firmware version as a fixed param: the backend need not look it up.
    fn token(&self, stamp: UnixTime) -> Result<String, Error> {
        let (mut buffer, params) = ([0; TOKEN_LEN], [("fw", FIRMWARE)]);
        let builder = TokenBuilder::time(self.uid, stamp).params(&params);
        builder.mint_text(&Profile::new(PURPOSE)?, &self.key, &mut buffer).map(str::to_owned)
    }

    /// One request over a connection of its own; prints the status, the challenge and the body.
    fn show(&self, request_line: &str, token: &str, body: &str) -> Result<(), Box<dyn std::error::Error>> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let (address, length) = (self.address, body.len());
        write!(
            stream,
            "{request_line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        let (head, answer) = response.split_once("\r\n\r\n").ok_or("not an HTTP answer")?;
        let status = head.lines().next().unwrap_or_default();
        println!("  {request_line} -> {}", status.trim_start_matches("HTTP/1.1 "));
        if let Some(challenge) = head.lines().find(|line| line.starts_with("www-authenticate")) {
            println!("    {challenge}");
        }
        println!("    {answer}");
        Ok(())
    }
}
