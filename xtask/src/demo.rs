//! The demo as a newcomer meets it: its own lines pasted into a shell, and the device. The page is next door.

use crate::page;
use crate::shell::{Outcome, Tally, capture, command, root, stdout_of, text};
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

pub(crate) fn run(tally: &mut Tally) -> Outcome {
    build()?;
    let demo = Demo::start()?;
    let outcome = pasted_lines(&demo, tally).and_then(|()| mistakes(&demo, tally)).and_then(|()| device(&demo, tally));
    // A client that never finishes its request must not keep the server.
    let half_sent = demo.half_sent_request();
    let stopped = demo.stop();
    drop(half_sent);
    outcome?;
    tally.expect(stopped?.0.contains("Stopped."), "the demo stops cleanly on Ctrl-C");
    page::run(tally)
}

fn build() -> Outcome {
    let mut build = command("cargo build --quiet --release --features axum,disk");
    stdout_of(build.args(["--example", "server", "--example", "device"])).map(|_| ())
}

/// A running demo and what it has printed.
pub(crate) struct Demo {
    server: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: Option<JoinHandle<String>>,
    welcome: Vec<String>,
    folder: Folder,
}

/// Where a demo keeps its sessions and keys; gone with its last user.
pub(crate) struct Folder(PathBuf);

impl Folder {
    fn new() -> Outcome<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("countersign-demo-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Demo {
    pub(crate) fn start() -> Outcome<Self> {
        Self::start_with(true, Folder::new()?, "127.0.0.1:0")
    }

    /// The same, without a word: its lines are for somebody who can paste them.
    pub(crate) fn start_quietly() -> Outcome<Self> {
        Self::start_with(false, Folder::new()?, "127.0.0.1:0")
    }

    /// Stops it and starts it again, on the same address and with what it has kept; what it has said until then.
    pub(crate) fn restart(self) -> Outcome<(Self, String)> {
        let address = self.address()?.to_owned();
        let (said, folder) = self.stop()?;
        Ok((Self::start_with(false, folder, &address)?, said))
    }

    fn start_with(is_shown: bool, folder: Folder, address: &str) -> Outcome<Self> {
        let mut cargo = command("cargo demo --");
        cargo.args(["--listen", address, "--data"]).arg(&folder.0).stdin(Stdio::null());
        let mut server =
            cargo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
        let mut stdout = BufReader::new(server.stdout.take().ok_or("the demo has no output")?).lines();
        let stderr = server.stderr.take().ok_or("the demo has no error output")?;
        let stderr = std::thread::spawn(move || {
            let lines = BufReader::new(stderr).lines().map_while(Result::ok);
            lines.inspect(|line| eprintln!("{line}")).fold(String::new(), |said, line| said + &line + "\n")
        });
        let mut welcome = Vec::new();
        while let Some(Ok(line)) = stdout.next() {
            if is_shown {
                println!("  | {line}");
            }
            let is_last = line.starts_with("Ctrl-C");
            welcome.push(line);
            if is_last {
                return Ok(Self { server, stdout, stderr: Some(stderr), welcome, folder });
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
    pub(crate) fn url(&self) -> Outcome<&str> {
        self.address_in("Open http")
    }

    /// That of the other site.
    pub(crate) fn hostile_url(&self) -> Outcome<&str> {
        self.address_in("another site")
    }

    pub(crate) fn password_of(&self, user: &str) -> Outcome<&str> {
        Ok(self.line(&[&format!("{user}  ")])?.rsplit(' ').next().unwrap_or_default())
    }

    fn address_in(&self, line: &str) -> Outcome<&str> {
        let mut words = self.line(&[line])?.split_whitespace();
        words.find(|word| word.starts_with("http")).ok_or_else(|| "the demo names no address".to_owned())
    }

    /// Sends what Ctrl-C sends; what it has said since it was ready, and its folder.
    pub(crate) fn stop(mut self) -> Outcome<(String, Folder)> {
        stdout_of(command("kill -INT").arg(self.server.id().to_string()))?;
        let last: Vec<_> = self.stdout.by_ref().map_while(Result::ok).collect();
        let status = self.server.wait().map_err(|error| error.to_string())?;
        println!("  | {}", last.join("\n  | "));
        let complaints = self.stderr.take().and_then(|stderr| stderr.join().ok()).unwrap_or_default();
        let folder = std::mem::replace(&mut self.folder, Folder(PathBuf::new()));
        if status.success() {
            Ok((last.join("\n") + &complaints, folder))
        } else {
            Err(format!("the demo ended with {status}"))
        }
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
    let jar = demo.line(&["JAR=$("])?;
    let session = [(demo.line(&["curl -i -b $JAR"])?, "HTTP/1.1 200", r#""user":"alice""#)];
    for (line, status, content) in cases.into_iter().chain(session) {
        let answer = shell(&format!("{jar}\n{sign_in}\n{line} 2>/dev/null"))?;
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
