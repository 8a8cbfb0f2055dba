//! Both filters behind axum on a socket of this machine, asked by wrk over 64 connections, each with a session of its own.

use crate::filter;
use axum::Router;
use std::process::Command;

const CONNECTIONS: &str = "64";
const SECONDS: &str = "10s";

pub async fn run() {
    let script = std::env::temp_dir().join(format!("countersign-wrk-{}.lua", std::process::id()));
    for (what, method) in [("read", "GET"), ("write", "POST")] {
        // In turns, so that a busy moment meets both.
        for (name, app) in [
            ("ours", filter::ours()),
            ("tower-sessions", filter::theirs(false)),
            ("ours", filter::ours()),
            ("tower-sessions", filter::theirs(false)),
        ] {
            let said = ask(&script, app, what, method).await;
            println!("socket, {what}, {name}: {said}");
        }
    }
    std::fs::remove_file(script).unwrap();
}

async fn ask(script: &std::path::Path, app: Router, what: &str, method: &str) -> String {
    let mut cookies = String::new();
    for _ in 0..256 {
        cookies += &format!("\"{}\",", filter::cookie(&app).await);
    }
    let lua = format!(
        "local cookies, next = {{{cookies}}}, 0\nfunction request()\n  next = next % #cookies + 1\n  return wrk.format('{method}', nil, {{ ['Cookie'] = cookies[next], ['Sec-Fetch-Site'] = 'same-origin' }})\nend\n"
    );
    std::fs::write(script, lua).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/{what}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let script = script.to_owned();
    let wrk = tokio::task::spawn_blocking(move || {
        let mut wrk = Command::new("wrk");
        wrk.args(["-t1", "-c", CONNECTIONS, "-d", SECONDS, "--latency", "-s"]).arg(script).arg(url);
        wrk.output().expect("wrk has to be installed")
    });
    let output = String::from_utf8(wrk.await.unwrap().stdout).unwrap();
    server.abort();
    let line =
        |start: &str| output.lines().map(str::trim).find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
    let bad = output
        .lines()
        .find(|line| line.contains("Non-2xx"))
        .map(|line| format!(", {}", line.trim()))
        .unwrap_or_default();
    format!("{}, {}, {}{bad}", line("Requests/sec"), line("50%"), line("99%")).replace("    ", " ")
}
