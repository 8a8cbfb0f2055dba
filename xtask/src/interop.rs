//! Live interoperability: tokens that are minted here verify in PyJWT, jose and HAProxy, and theirs verify here.

use crate::shell::{Outcome, Tally, command, root, stdout_of, text};
use crate::tools;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Obviously a test key; good as an HMAC key, as a scalar of P-256 and as a seed of Ed25519.
const SECRET: &str = "an obvious test key of 32 bytes!";
const ALGORITHMS: [&str; 3] = ["HS256", "ES256", "EdDSA"];

pub(crate) fn run(tally: &mut Tally) -> Outcome {
    stdout_of(&mut command("cargo build --quiet --release --example jwt --features eddsa,es256,serde,std"))?;
    let folder = root().join("target/interop");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let secret = hex(SECRET.as_bytes());
    let tokens = ALGORITHMS.map(|alg| Ok((alg, jwt(&["sign", alg, &secret])?)));
    let tokens = tokens.into_iter().collect::<Outcome<Vec<_>>>()?;
    let points = json!({"ES256": jwt(&["public", "ES256", &secret])?, "EdDSA": jwt(&["public", "EdDSA", &secret])?});
    let given = json!({
        "secret": secret,
        "points": points,
        "issuer": "https://issuer.example",
        "audience": "https://api.example",
        "tokens": tokens.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
    });

    let python = folder.join("venv/bin/python");
    peer(tally, "PyJWT", Command::new(python).arg(root().join("xtask/interop/peer.py")), &given)?;
    // Where node looks for its packages: beside the script.
    let script = folder.join("peer.mjs");
    fs::copy(root().join("xtask/interop/peer.mjs"), &script).map_err(|error| error.to_string())?;
    peer(tally, "jose", Command::new("node").arg(script), &given)?;
    haproxy(tally, &folder, &tokens, &points)
}

/// The example, as a person runs it.
fn jwt(arguments: &[&str]) -> Outcome<String> {
    let program = root().join("target/release/examples/jwt");
    Ok(stdout_of(Command::new(program).args(arguments))?.trim().to_owned())
}

/// Gives our tokens to another library, which verifies them and mints its own; verifies those.
fn peer(tally: &mut Tally, name: &str, program: &mut Command, given: &Value) -> Outcome {
    let mut child =
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| format!("{name}: {error}"))?;
    let mut stdin = child.stdin.take().ok_or("no input")?;
    stdin.write_all(given.to_string().as_bytes()).map_err(|error| format!("{name}: {error}"))?;
    drop(stdin);
    let output = child.wait_with_output().map_err(|error| format!("{name}: {error}"))?;
    tally.expect(output.status.success(), &format!("{name} verifies our HS256, ES256 and EdDSA"));
    let minted: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("{name} mints nothing: {error}"))?;
    for alg in ALGORITHMS {
        let token = minted[alg].as_str().unwrap_or_default();
        let key = given["points"][alg].as_str().or(given["secret"].as_str()).unwrap_or_default();
        let read = jwt(&["verify", alg, key, token]);
        tally.expect(
            read.is_ok_and(|line| line.contains("dev-7: -3 degrees in Süd 🌡")),
            &format!("we verify {alg} of {name}"),
        );
    }
    Ok(())
}

/// A proxy that lets a request through if HAProxy's own `jwt_verify` says yes.
fn haproxy(tally: &mut Tally, folder: &Path, tokens: &[(&str, String)], points: &Value) -> Outcome {
    let pem = folder.join("es256.pem");
    fs::write(&pem, spki_pem(points["ES256"].as_str().unwrap_or_default())).map_err(|error| error.to_string())?;
    for (alg, token) in tokens.iter().filter(|(alg, _)| *alg != "EdDSA") {
        let key = if *alg == "HS256" { SECRET.replace(' ', "\\ ") } else { pem.display().to_string() };
        let proxy = Proxy::start(folder, alg, &key)?;
        let (good, bad) = (proxy.status_of(token)?, proxy.status_of(&tampered(token))?);
        tally.expect(
            (good, bad) == (200, 403),
            &format!("HAProxy verifies our {alg} ({good}) and refuses it tampered ({bad})"),
        );
    }
    Ok(())
}

/// The first character of the payload changed.
fn tampered(token: &str) -> String {
    let (header, rest) = token.split_once('.').unwrap_or((token, ""));
    let other = if rest.starts_with('e') { "f" } else { "e" };
    format!("{header}.{other}{}", rest.get(1..).unwrap_or_default())
}

struct Proxy {
    child: Child,
    port: u16,
}

impl Proxy {
    fn start(folder: &Path, alg: &str, key: &str) -> Outcome<Self> {
        // Asked of the system, and free again a moment before HAProxy takes it.
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .map_err(|error| error.to_string())?
            .port();
        let configuration = format!(
            "defaults\n  mode http\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\n\
             frontend api\n  bind 127.0.0.1:{port}\n\
             \x20 http-request deny unless {{ http_auth_bearer,jwt_verify(\"{alg}\",\"{key}\") -m int 1 }}\n\
             \x20 http-request return status 200\n",
            key = key.replace("\\ ", " "),
        );
        let file = folder.join("haproxy.cfg");
        fs::write(&file, configuration).map_err(|error| error.to_string())?;
        let mut haproxy = Command::new(tools::HAPROXY);
        let child =
            haproxy.arg("-db").arg("-f").arg(&file).stdin(Stdio::null()).spawn().map_err(|error| error.to_string())?;
        Ok(Self { child, port })
    }

    /// The status of a request with this token; waits until the proxy listens.
    fn status_of(&self, token: &str) -> Outcome<u16> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            let mut curl = Command::new("curl");
            curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H"])
                .arg(format!("Authorization: Bearer {token}"));
            let output =
                curl.arg(format!("http://127.0.0.1:{}/", self.port)).output().map_err(|error| error.to_string())?;
            if output.status.success() {
                return text(&output.stdout).parse().map_err(|_| "curl prints no status".to_owned());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("HAProxy does not answer".to_owned())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A public key of P-256 as PEM: the fixed start of its SubjectPublicKeyInfo (RFC 5480), then the point.
fn spki_pem(point_hex: &str) -> String {
    const START: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    let der: Vec<u8> = format!("{START}{point_hex}")
        .as_bytes()
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(&text(pair), 16).ok())
        .collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64(&der))
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for i in 0..4 {
            let digit = char::from(ALPHABET[(word >> (18 - 6 * i)) as usize & 63]);
            text.push(if i <= group.len() { digit } else { '=' });
        }
    }
    text
}
