//! nginx and HAProxy in front of something, with a configuration of the test's own.

use super::net::{connect, with_free_ports};
use super::process::{Program, Server};
use super::{Outcome, fail};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

static NGINX: Program = Program { name: "nginx", package: "nginx-light", answers: accepts };
static HAPROXY: Program = Program { name: "haproxy", package: "haproxy", answers: accepts };

fn accepts(address: &str) -> Outcome {
    connect(address).map(drop)
}

/// nginx as one process, so that killing it leaves no worker behind.
pub(crate) struct Nginx {
    pub(crate) server: Server,
}

impl Nginx {
    /// Takes what stands inside of `http`; writes the port for `{port}` and the folder for `{folder}`.
    pub(crate) fn with(config: &str) -> Outcome<Self> {
        with_free_ports(|[port]| {
            let server = Server::start(&NGINX, port, |folder| {
                let place = folder.display();
                let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                    .iter()
                    .map(|kind| format!("  {kind}_temp_path {place}/{kind};\n"))
                    .collect();
                let text = format!(
                    "daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log stderr;\nevents {{}}\n\
                     http {{\n  access_log off;\n{paths}{}\n}}\n",
                    filled(config, port, &place.to_string())
                );
                let file = folder.join("nginx.conf");
                fs::write(&file, text)?;
                // Without -e it opens Debian's log before it reads a configuration.
                Ok(["-e", "stderr", "-p", &place.to_string(), "-c", &file.display().to_string()]
                    .map(str::to_owned)
                    .into())
            })?;
            Ok(Self { server })
        })
    }

    pub(crate) fn address(&self) -> String {
        self.server.address()
    }
}

/// HAProxy in the foreground.
pub(crate) struct HaProxy {
    pub(crate) server: Server,
}

impl HaProxy {
    /// Takes the frontends and backends; writes the port for `{port}` and the folder for `{folder}`. `defaults` are HTTP and five seconds,
    /// and may be given again.
    pub(crate) fn with(config: &str) -> Outcome<Self> {
        with_free_ports(|[port]| {
            let server = Server::start(&HAPROXY, port, |folder| {
                let place = folder.display().to_string();
                let text = format!(
                    "global\n  maxconn 1000\n  stats socket {place}/admin level admin\n\
                     defaults\n  mode http\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\n{}\n",
                    filled(config, port, &place)
                );
                let file = folder.join("haproxy.cfg");
                fs::write(&file, text)?;
                Ok(vec!["-db".to_owned(), "-f".to_owned(), file.display().to_string()])
            })?;
            Ok(Self { server })
        })
    }

    pub(crate) fn address(&self) -> String {
        self.server.address()
    }

    /// Says a line to its admin socket, such as `set server app/a state drain`.
    pub(crate) fn admin(&self, line: &str) -> Outcome<String> {
        let mut socket = UnixStream::connect(self.server.folder().join("admin"))?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        socket.write_all(format!("{line}\n").as_bytes())?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        let answer = answer.trim().to_owned();
        if answer.starts_with("Unknown command") || answer.starts_with("No such") { fail(answer) } else { Ok(answer) }
    }
}

/// Plain replacement, as both languages are full of braces.
fn filled(config: &str, port: u16, folder: &str) -> String {
    config.replace("{port}", &port.to_string()).replace("{folder}", folder)
}
