//! Ports and plain requests.

use super::{Failure, Outcome, fail};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// No single answer on loopback takes longer, except from a server that is gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a start is tried again when somebody else took its port.
const ATTEMPTS: usize = 5;

/// Starts something on ports that are free; with other ones, if somebody takes one in between.
pub(crate) fn with_free_ports<const N: usize, T>(start: impl Fn([u16; N]) -> Outcome<T>) -> Outcome<T> {
    let mut outcome = start(free_ports()?);
    for _ in 1..ATTEMPTS {
        match &outcome {
            Err(failure) if says_port_is_taken(failure) => outcome = start(free_ports()?),
            _ => break,
        }
    }
    outcome
}

/// Redis, NATS, nginx and HAProxy say it in the same words, which are in the end of their logs.
fn says_port_is_taken(failure: &Failure) -> bool {
    failure.0.to_lowercase().contains("address already in use")
}

/// All are held until the last is known, so that they differ.
fn free_ports<const N: usize>() -> Outcome<[u16; N]> {
    let held = (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<Vec<_>, _>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

/// A port of loopback, as an address.
pub(crate) fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// Connects; no call on the connection waits forever.
pub(crate) fn connect(address: &str) -> Outcome<TcpStream> {
    let stream = TcpStream::connect_timeout(&address.parse()?, PATIENCE)?;
    // A port that nobody listens on may be the one that the system gives to this very connection.
    if stream.local_addr()? == stream.peer_addr()? {
        return fail(format!("{address} answers itself"));
    }
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Status and body of a request without anything special.
pub(crate) fn http_get(address: &str, path: &str) -> Outcome<(u16, String)> {
    http_get_with(address, path, "")
}

/// The same with lines of the header, each with its end of line.
pub(crate) fn http_get_with(address: &str, path: &str, header: &str) -> Outcome<(u16, String)> {
    let mut stream = connect(address)?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n{header}\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("an answer without an end of its header")?;
    let status = head.split(' ').nth(1).ok_or("an answer without a status")?;
    Ok((status.parse()?, body.to_owned()))
}
