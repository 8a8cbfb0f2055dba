//! The demo: a small backend that admits people and devices by token, and a page to look at.
//!
//! `cargo demo` starts it. People sign in with a password and get a token; a device signs one itself with the key that its factory
//! burnt in. One filter admits both and answers everybody else.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a demo may stop at the start, and says why")]

mod accounts;
mod api;
mod gate;

use accounts::Accounts;
use countersign::UnixTime;
use countersign::key::SecretBytes;
use countersign::key::text::{KeyType, MAX_KEY_TEXT, write_string};
use gate::Gate;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The uid of the device that the factory line belongs to.
const DEVICE: &str = "dev-0123456789ab";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listen = listen_address()?;
    let listener = TcpListener::bind(&listen).await.map_err(|error| {
        format!("cannot listen on {listen}: {error}. Try another port: cargo demo -- --listen 127.0.0.1:0")
    })?;
    let address = listener.local_addr()?;

    let accounts = Accounts::create(&[("alice", "admin"), ("bob", "reader")]).await;
    let gate = Gate::new(&random_secret()?, &random_secret()?, &random_secret()?)?;
    println!("{}", welcome(&address.to_string(), &accounts, &gate)?);

    let app = api::router(Arc::new(accounts), gate);
    let stopping = Arc::new(Notify::new());
    let serving = axum::serve(listener, app).with_graceful_shutdown({
        let stopping = Arc::clone(&stopping);
        async move { stopping.notified().await }
    });
    tokio::select! {
        result = serving => result?,
        () = stop_at_last(&stopping) => {}
    }
    println!("Stopped.");
    Ok(())
}

/// Waits for Ctrl-C, then for what is under way: five seconds, or until Ctrl-C again.
async fn stop_at_last(stopping: &Notify) {
    // Without the signal there is no clean stop, but the demo still runs.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
    println!("\nStopping: answering what is under way.");
    stopping.notify_one();
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(5)) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

fn listen_address() -> Result<String, String> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Ok("127.0.0.1:8080".to_owned()),
        (Some("--listen"), Some(address)) => Ok(address),
        _ => Err("usage: cargo demo [-- --listen ADDRESS:PORT]".to_owned()),
    }
}

fn random_secret() -> Result<SecretBytes, Box<dyn std::error::Error>> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(SecretBytes::new(&bytes)?)
}

/// What to open, what to paste, and what to give to the device.
fn welcome(address: &str, accounts: &Accounts, gate: &Gate) -> Result<String, Box<dyn std::error::Error>> {
    let url = format!("http://{address}");
    let passwords = accounts.passwords.iter();
    let passwords: Vec<_> = passwords.map(|(user, password)| format!("  {user:<6} {password}")).collect();
    let (user, password) = accounts.passwords.first().ok_or("the demo has users")?;
    let device_key = gate.device_key(DEVICE.as_bytes())?;
    let factory_line = write_string::<MAX_KEY_TEXT>(KeyType::Device, 0, &device_key)?;
    let jwt_line = write_string::<MAX_KEY_TEXT>(KeyType::Device, 0, &gate.device_jwt_key(DEVICE.as_bytes())?)?;
    let long_ago = UnixTime::from_secs(UnixTime::now().as_secs().saturating_sub(3600));
    let (expired, expired_jwt) =
        (gate.token("alice", "admin", long_ago)?, gate.jwt("alice", "admin", long_ago, long_ago)?);
    let passwords = passwords.join("\n");
    Ok(format!(
        r#"countersign demo. Open {url}/ and sign in as
{passwords}

Or paste into a shell: sign in, ask who you are, leave a note (200 each)
  TOKEN=$(curl -sS {url}/login -H 'Content-Type: application/json' -d '{{"user":"{user}","password":"{password}"}}' | sed 's/.*"token":"\([^"]*\)".*/\1/')
  curl -i {url}/api/me -H "Authorization: Bearer $TOKEN"
  curl -i {url}/api/note -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{{"text":"hello"}}'

These are refused: one with another name in it, one that is an hour old (401 each)
  curl -i {url}/api/me -H "Authorization: Bearer $(echo $TOKEN | sed s/alice/admin/)"
  curl -i {url}/api/me -H "Authorization: Bearer {expired}"

The same with a JWT, and a new one for one that has expired (200 each)
  JWT=$(curl -sS {url}/login -H 'Content-Type: application/json' -d '{{"user":"{user}","password":"{password}"}}' | sed 's/.*"jwt":"\([^"]*\)".*/\1/')
  curl -i {url}/api/me -H "Authorization: Bearer $JWT"
  curl -i -X POST {url}/refresh -H "Authorization: Bearer {expired_jwt}"

And a device, with the key that its factory burnt in:
  echo {factory_line} | cargo run --release --features std --example device -- {address} {DEVICE}
Or a microcontroller in QEMU, at the other end of a serial line:
  DEVICE_KEY={factory_line} DEVICE_JWT_KEY={jwt_line} cargo xtask firmware lm3s6965evb --backend {address}

Ctrl-C stops the server; nothing is kept."#
    ))
}
