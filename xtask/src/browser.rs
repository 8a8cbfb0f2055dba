//! A real browser, by the WebDriver protocol (W3C) over loopback.

use crate::shell::Outcome;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a page may take to show what it should.
const PATIENCE: Duration = Duration::from_secs(10);

/// Headless Chromium with a profile of its own; gone when dropped.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Browser {
    pub(crate) fn start() -> Outcome<Self> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = command.spawn().map_err(|error| format!("chromedriver: {error}"))?;
        let lines = BufReader::new(driver.stdout.take().ok_or("chromedriver has no output")?).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            line.split_once("started successfully on port ")
                .and_then(|(_, port)| port.trim_end_matches('.').parse().ok())
        });
        let port = port.ok_or("chromedriver names no port")?;
        let mut browser = Self { driver, port, session: String::new() };
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=900,1100",
        ];
        let options = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}});
        let answer = browser.request("POST", "/session", &options)?;
        browser.session = answer["sessionId"].as_str().ok_or("chromedriver opens no session")?.to_owned();
        Ok(browser)
    }

    pub(crate) fn open(&self, url: &str) -> Outcome {
        self.post("/url", &json!({"url": url})).map(|_| ())
    }

    /// Makes the page as wide and as high as the screen of a device.
    pub(crate) fn resize(&self, width: u32, height: u32) -> Outcome {
        let params = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        let command = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": params});
        self.post("/goog/cdp/execute", &command).map(|_| ())
    }

    /// What an asynchronous function of the page comes to.
    pub(crate) fn evaluate(&self, expression: &str) -> Outcome<Value> {
        let script = format!(
            "const done = arguments[0]; (async () => ({expression}))().then(done, (error) => done(String(error)));"
        );
        self.post("/execute/async", &json!({"script": script, "args": []}))
    }

    /// A cookie with all that the browser knows of it, which is more than a script may see.
    pub(crate) fn cookie(&self, name: &str) -> Outcome<Value> {
        self.request("GET", &format!("/session/{}/cookie/{name}", self.session), &Value::Null)
    }

    pub(crate) fn type_into(&self, selector: &str, text: &str) -> Outcome {
        let element = self.element(selector)?;
        self.post(&format!("/element/{element}/value"), &json!({"text": text})).map(|_| ())
    }

    pub(crate) fn click(&self, selector: &str) -> Outcome {
        let element = self.element(selector)?;
        self.post(&format!("/element/{element}/click"), &json!({})).map(|_| ())
    }

    pub(crate) fn text_of(&self, selector: &str) -> Outcome<String> {
        let path = format!("/session/{}/element/{}/text", self.session, self.element(selector)?);
        let text = self.request("GET", &path, &Value::Null)?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// True as soon as the element shows this text among others, false if it never does. While the browser goes from one page to the next, the
    /// element may be gone, or not there yet.
    pub(crate) fn wait_for_text(&self, selector: &str, expected: &str) -> Outcome<bool> {
        let start = Instant::now();
        let mut shown = Ok(String::new());
        while start.elapsed() < PATIENCE {
            shown = self.text_of(selector);
            match &shown {
                Ok(text) if text.contains(expected) => return Ok(true),
                Err(error) if !error.contains("stale element") && !error.contains("no such element") => {
                    return shown.map(|_| false);
                }
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        println!("  {selector} shows {:?}", shown?);
        Ok(false)
    }

    /// Writes a picture of the page, for people to look at.
    pub(crate) fn screenshot(&self, file: &Path) -> Outcome {
        let picture = self.request("GET", &format!("/session/{}/screenshot", self.session), &Value::Null)?;
        let mut base64 = Command::new("base64");
        let fail = |error: std::io::Error| format!("{}: {error}", file.display());
        base64.arg("--decode").stdin(Stdio::piped()).stdout(std::fs::File::create(file).map_err(fail)?);
        let mut decoder = base64.spawn().map_err(fail)?;
        let mut encoded = decoder.stdin.take().ok_or("base64 takes no input")?;
        encoded.write_all(picture.as_str().unwrap_or_default().as_bytes()).map_err(fail)?;
        drop(encoded);
        decoder.wait().map_err(fail)?;
        println!("  a picture of the page is in target/{}", file.file_name().unwrap_or_default().display());
        Ok(())
    }

    fn element(&self, selector: &str) -> Outcome<String> {
        let found = self.post("/element", &json!({"using": "css selector", "value": selector}))?;
        let id = found.as_object().and_then(|object| object.values().next()).and_then(Value::as_str);
        id.map(str::to_owned).ok_or_else(|| format!("the page has no {selector}"))
    }

    fn post(&self, path: &str, body: &Value) -> Outcome<Value> {
        self.request("POST", &format!("/session/{}{path}", self.session), body)
    }

    /// One command over a connection of its own.
    fn request(&self, method: &str, path: &str, body: &Value) -> Outcome<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let fail = |error: std::io::Error| format!("chromedriver: {error}");
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(fail)?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).map_err(fail)?;
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .map_err(fail)?;
        let mut answer: Value = serde_json::from_slice(&read_body(stream).map_err(fail)?)
            .map_err(|error| format!("chromedriver: {error}"))?;
        match answer["value"]["error"].as_str() {
            Some(error) => Err(format!("{path}: {error}: {}", answer["value"]["message"])),
            None => Ok(answer["value"].take()),
        }
    }
}

/// The body of an answer, by its Content-Length: chromedriver keeps connections open.
fn read_body(stream: TcpStream) -> std::io::Result<Vec<u8>> {
    let mut stream = BufReader::new(stream);
    let (mut length, mut line) = (0, String::new());
    while stream.read_line(&mut line)? > 0 && line != "\r\n" {
        if let Some(("content-length", value)) = line.to_ascii_lowercase().split_once(':') {
            length = value.trim().parse().map_err(std::io::Error::other)?;
        }
        line.clear();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(body)
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = self.request("DELETE", &format!("/session/{}", self.session), &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
