//! The demo as a newcomer meets it: its own lines pasted into a shell, the device, and the page in a real browser.

use crate::browser;
use crate::shell::{Outcome, Tally, capture, command, root, stdout_of, text};
use crate::tools;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

pub(crate) fn run(tally: &mut Tally) -> Outcome {
    tools::curl()?;
    tools::chromium()?;
    stdout_of(&mut command("cargo build --quiet --release --features axum --example server --example device"))?;
    let demo = Demo::start()?;
    let outcome = pasted_lines(&demo, tally)
        .and_then(|()| mistakes(&demo, tally))
        .and_then(|()| device(&demo, tally))
        .and_then(|()| page(&demo, tally));
    // A client that never finishes its request must not keep the server.
    let half_sent = demo.half_sent_request();
    let stopped = demo.stop();
    drop(half_sent);
    outcome?;
    tally.expect(stopped?.contains("Stopped."), "the demo stops cleanly on Ctrl-C");
    Ok(())
}

/// A running demo and what it has printed.
pub(crate) struct Demo {
    server: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    welcome: Vec<String>,
}

impl Demo {
    pub(crate) fn start() -> Outcome<Self> {
        Self::start_with(true)
    }

    /// The same, without a word: its lines are for somebody who can paste them.
    pub(crate) fn start_quietly() -> Outcome<Self> {
        Self::start_with(false)
    }

    fn start_with(is_shown: bool) -> Outcome<Self> {
        let mut cargo = command("cargo demo -- --listen 127.0.0.1:0");
        let mut server =
            cargo.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
        let mut stdout = BufReader::new(server.stdout.take().ok_or("the demo has no output")?).lines();
        let mut welcome = Vec::new();
        while let Some(Ok(line)) = stdout.next() {
            if is_shown {
                println!("  | {line}");
            }
            let is_last = line.starts_with("Ctrl-C");
            welcome.push(line);
            if is_last {
                return Ok(Self { server, stdout, welcome });
            }
        }
        Err("the demo has ended before it was ready".to_owned())
    }

    /// The first printed line that has all of these in it, without its indent.
    fn line(&self, parts: &[&str]) -> Outcome<&str> {
        let found = self.welcome.iter().find(|line| parts.iter().all(|part| line.contains(part)));
        found.map(|line| line.trim()).ok_or_else(|| format!("the demo prints no line with {parts:?}"))
    }

    /// A connection on which half of a request was sent.
    fn half_sent_request(&self) -> Option<TcpStream> {
        let mut stream = TcpStream::connect(self.address().ok()?).ok()?;
        stream.write_all(b"POST /login HTTP/1.1\r\nHost: demo\r\nContent-Length: 9\r\n\r\nhalf").ok()?;
        Some(stream)
    }

    /// Address and port.
    pub(crate) fn address(&self) -> Outcome<&str> {
        Ok(self.url()?.trim_start_matches("http://").trim_end_matches('/'))
    }

    /// The value of an environment variable in a printed line.
    pub(crate) fn variable(&self, name: &str) -> Outcome<&str> {
        let start = format!("{name}=");
        let mut words = self.line(&[&start])?.split_whitespace();
        words.find_map(|word| word.strip_prefix(start.as_str())).ok_or_else(|| format!("the demo prints no {name}"))
    }

    /// The address of the page.
    fn url(&self) -> Outcome<&str> {
        let mut words = self.line(&["Open http"])?.split_whitespace();
        words.find(|word| word.starts_with("http")).ok_or_else(|| "the demo names no address".to_owned())
    }

    /// Sends what Ctrl-C sends; returns what it has said since it was ready.
    pub(crate) fn stop(mut self) -> Outcome<String> {
        stdout_of(command("kill -INT").arg(self.server.id().to_string()))?;
        let last: Vec<_> = self.stdout.by_ref().map_while(Result::ok).collect();
        let status = self.server.wait().map_err(|error| error.to_string())?;
        println!("  | {}", last.join("\n  | "));
        if status.success() { Ok(last.join("\n")) } else { Err(format!("the demo ended with {status}")) }
    }
}

impl Drop for Demo {
    /// If a step has failed, the server still goes; after [`Demo::stop`] there is nothing left to end.
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn shell(script: &str) -> Outcome<String> {
    let output = capture(Command::new("sh").arg("-c").arg(script).current_dir(root()))?;
    Ok(text(&output.stdout))
}

/// Pastes the lines that the demo printed, as they are.
fn pasted_lines(demo: &Demo, tally: &mut Tally) -> Outcome {
    let sign_in = format!("{}\n{}", demo.line(&["TOKEN=$("])?, demo.line(&["JWT=$("])?);
    let expired =
        demo.welcome.iter().rev().find(|line| line.contains("Bearer cs1_")).ok_or("no expired token is printed")?;
    let cases = [
        (demo.line(&["curl -i", "/api/me", "$TOKEN\""])?, "HTTP/1.1 200", r#""uid":"alice""#),
        (demo.line(&["curl -i", "/api/note"])?, "HTTP/1.1 200", r#""by":"alice""#),
        (demo.line(&["curl -i", "sed s/alice/"])?, "HTTP/1.1 401", "problem:token-not-valid"),
        (expired.trim(), "HTTP/1.1 401", "problem:token-expired"),
        (demo.line(&["curl -i", "/api/me", "$JWT\""])?, "HTTP/1.1 200", r#""sub":"alice""#),
        (demo.line(&["/refresh"])?, "HTTP/1.1 200", r#""jwt":""#),
    ];
    for (line, status, content) in cases {
        let answer = shell(&format!("{sign_in}\n{line} 2>/dev/null"))?;
        println!("  $ {line}\n  > {}", answer.trim_end().replace('\n', "\n  > "));
        let what = format!("{status} and {content}");
        tally.expect(answer.starts_with(status) && answer.contains(content), &what);
    }
    Ok(())
}

/// What a newcomer would try next: each meets a clear answer that repeats nothing of what was sent.
fn mistakes(demo: &Demo, tally: &mut Tally) -> Outcome {
    let url = demo.url()?;
    let json = "-H 'Content-Type: application/json'";
    for (what, arguments, status) in [
        (
            "a wrong password is told apart from a missing token",
            format!(r#"{url}login {json} -d '{{"user":"alice","password":"guess"}}'"#),
            "403",
        ),
        (
            "a password that is no string is not echoed",
            format!(r#"{url}login {json} -d '{{"user":"alice","password":24681012}}'"#),
            "400",
        ),
        ("a path that does not exist is not found", format!("{url}nothing"), "404"),
        ("a missing token is asked for", format!("{url}api/me"), "401"),
        ("a refresh without a token is refused", format!("-X POST {url}refresh"), "401"),
    ] {
        let answer = shell(&format!("curl -sS -i {arguments} 2>/dev/null"))?;
        let has_challenge = status != "401" || answer.contains("www-authenticate: Bearer ");
        let holds = answer.starts_with(&format!("HTTP/1.1 {status}")) && has_challenge && !answer.contains("24681012");
        tally.expect(holds, what);
    }
    Ok(())
}

fn device(demo: &Demo, tally: &mut Tally) -> Outcome {
    let line = demo.line(&["--example device"])?;
    let conversation = shell(&format!("{line} 2>/dev/null"))?;
    println!("  $ {line}\n  > {}", conversation.trim_end().replace('\n', "\n  > "));
    let times = |part: &str| conversation.matches(part).count();
    tally.expect(times("-> 200 OK") == 2, "the device is admitted twice");
    tally.expect(
        times("-> 401 Unauthorized") == 2 && times("problem:token-not-valid") == 1,
        "its tampered token is refused",
    );
    tally.expect(times("problem:token-expired") == 1, "its token of an hour ago is told to be expired");
    Ok(())
}

/// Signs in on the page, uses the token, and tries each forgery that it offers.
fn page(demo: &Demo, tally: &mut Tally) -> Outcome {
    let url = demo.url()?;
    let password = demo.line(&["alice  "])?.rsplit(' ').next().unwrap_or_default();
    let browser = browser::Browser::start()?;
    browser.open(url)?;
    browser.type_into("#password", password)?;
    browser.click("#sign-in")?;
    tally.expect(browser.wait_for_text("#status", "200 admitted")?, "the page signs in");
    tally.expect(browser.text_of("#token")?.starts_with("cs1_alice."), "the page shows the token in its parts");
    for (button, status) in [
        ("#me", "200 admitted"),
        ("#rename", "401 refused"),
        ("#note", "200 admitted"),
        ("#promote", "401 refused"),
        ("#me", "200 admitted"),
        ("#refresh", "401 refused"),
        ("#me", "200 admitted"),
        ("#flip", "401 refused"),
    ] {
        browser.click(button)?;
        tally.expect(browser.wait_for_text("#status", status)?, &format!("the button {button} gives {status}"));
    }
    browser.screenshot(&root().join("target/demo.png"))
}
