//! The demo: a small backend that admits people and devices by token, and a page to look at.
//!
//! `cargo demo` starts it. People sign in with a password and get a session, a token and a JWT; a device signs tokens itself with the key that
//! its factory burnt in. Two filters admit them and answer everybody else. On another port is a site that nobody should trust.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a demo may stop at the start, and says why")]

mod accounts;
mod api;
mod gate;
mod hostile;
mod secrets;
mod session;
mod store;

use accounts::Accounts;
use axum::http::HeaderValue;
use axum::middleware::map_response;
use axum::response::Response;
use countersign::UnixTime;
use countersign::key::{KeyRole, KeyText};
use countersign::session::{Lifetimes, Pepper, SessionManager};
use countersign::web::CsrfGuard;
use countersign::web::session::{Affinity, SessionCookie, SessionLayer};
use gate::{Gate, WINDOW};
use hostile::Journal;
use secrets::Secrets;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The uid of the device that the factory line belongs to.
const DEVICE: &str = "dev-0123456789ab";

/// Short, so that somebody can watch a session end; an application has its own reasons for longer ones.
const LIFETIMES: Lifetimes = Lifetimes {
    idle: Duration::from_secs(15 * 60),
    absolute: Duration::from_secs(8 * 3600),
    renewal_grace: Duration::from_secs(10),
    max_token_age: Duration::from_secs(WINDOW.max_age),
};
/// How long a request waits for the file: a synced write on a busy disk takes a while.
const DEADLINE: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let Arguments { listen, data, store, node, origin } = arguments()?;
    let listener = TcpListener::bind(&listen).await.map_err(|error| {
        format!("cannot listen on {listen}: {error}. Try another port: cargo demo -- --listen 127.0.0.1:0")
    })?;
    let address = listener.local_addr()?;
    let hostile = TcpListener::bind((address.ip(), 0)).await?;
    let hostile_url = format!("http://{}", hostile.local_addr()?);

    std::fs::create_dir_all(&data)?;
    let secrets = Secrets::load(&data.join("secrets"))?;
    let sessions = store::open(&store, &data).await?;
    // The page has these two names, and that of a balancer in front of it.
    let origins = [format!("http://{address}"), format!("http://localhost:{}", address.port())];
    let guard = CsrfGuard::new(origins.into_iter().chain(origin))?;
    let known = SessionManager::new(sessions.clone(), Pepper::new(secrets.pepper.expose_secret())?, LIFETIMES);
    let filter = SessionLayer::new(known, guard, DEADLINE).with_cookie(SessionCookie::new().with_secure(false))?;
    let mut filter = filter.with_login_page(HeaderValue::from_static("/"));
    if let Some(node) = &node {
        let affinity = Affinity::new(node)?;
        filter = filter.with_affinity(affinity);
    }
    let accounts = Accounts::create(&[("alice", "admin"), ("bob", "reader")]).await;
    let gate = Gate::new(&secrets.login, &secrets.devices, &secrets.jwt)?;
    println!("{}", welcome(&address.to_string(), &hostile_url, &data, &accounts, &gate)?);

    let journal = Journal::default();
    let others = hostile::router(journal.clone(), &format!("http://{address}"));
    let mut app = api::router(accounts, gate, filter, journal, &hostile_url);
    if let Some(node) = node {
        // For somebody who watches which one answers.
        let node = HeaderValue::from_str(&node)?;
        app = app.layer(map_response(move |mut response: Response| {
            response.headers_mut().insert("x-node", node.clone());
            std::future::ready(response)
        }));
    }
    let sweeping = tokio::spawn(store::delete_expired(sessions));
    let stopping = Arc::new(Notify::new());
    let serving = axum::serve(listener, app).with_graceful_shutdown({
        let stopping = Arc::clone(&stopping);
        async move { stopping.notified().await }
    });
    tokio::select! {
        result = serving => result?,
        result = axum::serve(hostile, others) => result?,
        () = stop_at_last(&stopping) => {}
    }
    sweeping.abort();
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

struct Arguments {
    listen: String,
    /// The folder of keys and sessions.
    data: PathBuf,
    store: String,
    /// Behind a balancer: the name of this server, and the address of that one.
    node: Option<String>,
    origin: Option<String>,
}

fn arguments() -> Result<Arguments, String> {
    // Where cargo builds, if it is cargo that runs this; else here.
    let home = std::env::var_os("CARGO_MANIFEST_DIR").map(|home| PathBuf::from(home).join("target"));
    let data = home.unwrap_or_default().join("countersign-demo");
    let (listen, store) = ("127.0.0.1:8080".to_owned(), "disk".to_owned());
    let mut chosen = Arguments { listen, data, store, node: None, origin: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match (word.as_str(), words.next()) {
            ("--listen", Some(address)) => chosen.listen = address,
            ("--data", Some(folder)) => chosen.data = folder.into(),
            ("--store", Some(store)) => chosen.store = store,
            ("--node", Some(name)) => chosen.node = Some(name),
            ("--origin", Some(origin)) => chosen.origin = Some(origin),
            _ => {
                return Err("usage: cargo demo -- [--listen ADDRESS:PORT] [--data FOLDER] [--store disk|memory|URL]\n\
                     \x20                     [--node NAME --origin http://BALANCER]"
                    .to_owned());
            }
        }
    }
    Ok(chosen)
}

/// What to open, what to paste, and what to give to the device.
fn welcome(
    address: &str,
    hostile: &str,
    data: &Path,
    accounts: &Accounts,
    gate: &Gate,
) -> Result<String, Box<dyn std::error::Error>> {
    let url = format!("http://{address}");
    let passwords = accounts.passwords.iter();
    let passwords: Vec<_> = passwords.map(|(user, password)| format!("  {user:<6} {password}")).collect();
    let (user, password) = accounts.passwords.first().ok_or("the demo has users")?;
    let line = |key| KeyText { role: KeyRole::Device, slot: 0, key }.encode_heapless::<{ KeyText::MAX_LEN }>();
    let factory_line = line(gate.device_key(DEVICE.as_bytes())?)?;
    let jwt_line = line(gate.device_jwt_key(DEVICE.as_bytes())?)?;
    let long_ago = UnixTime::from_secs(UnixTime::now().as_secs().saturating_sub(3600));
    let (expired, expired_jwt) =
        (gate.token("alice", "admin", 0, long_ago)?, gate.jwt("alice", "admin", 0, long_ago, long_ago)?);
    let passwords = passwords.join("\n");
    Ok(format!(
        r#"countersign demo. Open {url}/ and sign in as
{passwords}
On {hostile}/ is another site: see what it can do once you have signed in.

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

A session, in a cookie jar: curl has to say which page it speaks for, as a browser does (200 each)
  JAR=$(mktemp); curl -sS -c $JAR {url}/session/login -H 'Origin: {url}' -H 'Content-Type: application/json' -d '{{"user":"{user}","password":"{password}"}}' -o /dev/null
  curl -i -b $JAR {url}/session

And a device, with the key that its factory burnt in:
  echo {factory_line} | cargo run --release --features std --example device -- {address} {DEVICE}
Or a microcontroller in QEMU, at the other end of a serial line:
  DEVICE_KEY={factory_line} DEVICE_JWT_KEY={jwt_line} cargo xtask firmware lm3s6965evb --backend {address}

Sessions and keys are kept in {data}: they survive a restart, on the same address. Passwords are new each time.
Ctrl-C stops the server."#,
        data = data.display()
    ))
}
