//! NATS with JetStream, alone and as a cluster of three.

use super::net::{connect, http_get, local, with_free_ports};
use super::process::{Program, Server};
use super::{Outcome, fail, wait_for};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

static NATS: Program = Program { name: "nats-server", package: "nats-server", answers: greets };

/// Its elections take 4 to 9 s by themselves, and a split vote repeats one.
const PATIENCE: Duration = Duration::from_secs(60);

fn greets(address: &str) -> Outcome {
    Connection::to(address).map(drop)
}

/// Asks a question at a server; returns what the first answer holds.
pub(crate) fn request(address: &str, subject: &str, body: &str) -> Outcome<Value> {
    let answer = Connection::to(address)?.request(subject, body)?;
    let answer: Value = serde_json::from_str(&answer)?;
    match &answer["error"] {
        Value::Null => Ok(answer),
        error => fail(format!("{subject}: {error}")),
    }
}

struct Connection(BufReader<TcpStream>);

impl Connection {
    fn to(address: &str) -> Outcome<Self> {
        let mut connection = Self(BufReader::new(connect(address)?));
        let greeting = connection.line()?;
        if greeting.starts_with("INFO ") { Ok(connection) } else { fail(format!("NATS greets with {greeting:?}")) }
    }

    fn request(&mut self, subject: &str, body: &str) -> Outcome<String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let inbox = format!("_INBOX.kit-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        // With headers, as the server says only by one that nobody listens.
        let said = format!(
            "CONNECT {{\"verbose\":false,\"headers\":true,\"no_responders\":true}}\r\nSUB {inbox} 1\r\n\
             PUB {subject} {inbox} {}\r\n{body}\r\n",
            body.len()
        );
        self.0.get_mut().write_all(said.as_bytes())?;
        self.answer()
    }

    fn answer(&mut self) -> Outcome<String> {
        loop {
            let line = self.line()?;
            let words: Vec<_> = line.split(' ').collect();
            match words.as_slice() {
                ["MSG", .., length] => return self.payload(length.parse()?),
                ["HMSG", .., head, length] => {
                    let (head, all) = (head.parse()?, self.payload(length.parse()?)?);
                    let (head, body) = all.split_at_checked(head).ok_or("a header longer than its message")?;
                    return if head.starts_with("NATS/1.0 503") { fail("nobody answers") } else { Ok(body.to_owned()) };
                }
                ["PING"] => self.0.get_mut().write_all(b"PONG\r\n")?,
                [""] => return fail("the connection has ended"),
                ["-ERR", ..] => return fail(line),
                _ => {}
            }
        }
    }

    fn payload(&mut self, length: usize) -> Outcome<String> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

fn url(server: &Server) -> String {
    format!("nats://{}", server.address())
}

/// What every server has: a port for clients and a store on disk.
fn start(port: u16, name: &str, more: &str) -> Outcome<Server> {
    Server::start(&NATS, port, |folder| arguments(folder, port, name, more))
}

fn arguments(folder: &Path, port: u16, name: &str, more: &str) -> Outcome<Vec<String>> {
    let store = folder.join("store");
    let file = folder.join("nats.conf");
    let text = format!(
        "server_name: {name}\nlisten: \"{}\"\n\
         jetstream {{ store_dir: \"{}\", max_memory_store: 64MB, max_file_store: 512MB }}\n{more}",
        local(port),
        store.display()
    );
    fs::write(&file, text)?;
    Ok(vec!["-c".to_owned(), file.display().to_string()])
}

/// One server.
pub(crate) struct Nats {
    pub(crate) server: Server,
}

impl Nats {
    pub(crate) fn single() -> Outcome<Self> {
        let server = with_free_ports(|[port]| start(port, "single", ""))?;
        let nats = Self { server };
        nats.wait_for_jetstream()?;
        Ok(nats)
    }

    pub(crate) fn address(&self) -> String {
        self.server.address()
    }

    pub(crate) fn url(&self) -> String {
        url(&self.server)
    }

    pub(crate) fn request(&self, subject: &str, body: &str) -> Outcome<Value> {
        request(&self.address(), subject, body)
    }

    pub(crate) fn kill(&mut self) {
        self.server.kill();
    }

    /// Its store is still there.
    pub(crate) fn restart(&mut self) -> Outcome {
        self.server.restart()?;
        self.wait_for_jetstream()
    }

    fn wait_for_jetstream(&self) -> Outcome {
        wait_for("JetStream answers", PATIENCE, || self.request("$JS.API.INFO", "").map(drop))
    }
}

/// Three servers.
pub(crate) struct NatsCluster {
    pub(crate) nodes: Vec<Node>,
}

/// A server and the port where it tells about itself.
pub(crate) struct Node {
    pub(crate) server: Server,
    monitor: u16,
}

impl NatsCluster {
    /// Waits until all three are there and one leads.
    pub(crate) fn start() -> Outcome<Self> {
        with_free_ports(|ports: [u16; 9]| {
            let (clients, others) = ports.split_at(3);
            let (routes, monitors) = others.split_at(3);
            let mut nodes = Vec::new();
            for (i, (client, monitor)) in clients.iter().zip(monitors).enumerate() {
                let server = start(*client, &name(i), &cluster_config(routes[i], routes, *monitor))?;
                nodes.push(Node { server, monitor: *monitor });
            }
            let mut cluster = Self { nodes };
            cluster.wait_until_whole()?;
            Ok(cluster)
        })
    }

    pub(crate) fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.server.address()).collect()
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| url(&node.server)).collect()
    }

    pub(crate) fn kill(&mut self, node: usize) {
        self.nodes[node].server.kill();
    }

    /// Its store is still there; whether it has caught up says [`Self::wait_until_whole`].
    pub(crate) fn restart(&mut self, node: usize) -> Outcome {
        self.nodes[node].server.restart()
    }

    /// Asks the servers in turn, until one answers.
    pub(crate) fn request(&mut self, subject: &str, body: &str) -> Outcome<Value> {
        let mut last = fail("no server runs");
        for node in &mut self.nodes {
            if node.server.is_running() {
                last = request(&node.server.address(), subject, body);
                if last.is_ok() {
                    break;
                }
            }
        }
        last
    }

    /// The running server that leads this stream; waits for an election that is under way.
    pub(crate) fn leader_of(&mut self, stream: &str) -> Outcome<usize> {
        wait_for(&format!("{stream} has a leader"), PATIENCE, || {
            let info = self.request(&format!("$JS.API.STREAM.INFO.{stream}"), "")?;
            let leader = info["cluster"]["leader"].as_str().unwrap_or_default();
            self.running(leader)
        })
    }

    /// The running server that leads the cluster and decides where streams live; waits for an election that is under way.
    pub(crate) fn meta_leader(&mut self) -> Outcome<usize> {
        wait_for("the cluster has a leader", PATIENCE, || self.meta_leader_now())
    }

    /// All run, all know the leader, and all have caught up with it.
    pub(crate) fn wait_until_whole(&mut self) -> Outcome {
        wait_for("all servers follow one leader", PATIENCE, || {
            let leader = self.meta_leader_now()?;
            for node in &mut self.nodes {
                node.check_follows(&name(leader))?;
            }
            let state = self.nodes[leader].state()?;
            let followers = state["meta_cluster"]["replicas"].as_array().into_iter().flatten();
            match followers.filter(|follower| follower["current"] == true).count() {
                2 => self.request("$JS.API.INFO", "").map(drop),
                _ => fail(format!("the leader says {}", state["meta_cluster"])),
            }
        })
    }

    fn meta_leader_now(&mut self) -> Outcome<usize> {
        let mut said = String::new();
        for node in &mut self.nodes {
            if node.server.is_running() {
                node.state()?["meta_cluster"]["leader"].as_str().unwrap_or_default().clone_into(&mut said);
            }
        }
        self.running(&said)
    }

    fn running(&mut self, wanted: &str) -> Outcome<usize> {
        let found = (0..self.nodes.len()).find(|i| name(*i) == wanted).ok_or("nobody leads")?;
        if self.nodes[found].server.is_running() { Ok(found) } else { fail(format!("{wanted} is dead and leads")) }
    }
}

impl Node {
    /// What it knows of JetStream.
    fn state(&self) -> Outcome<Value> {
        Ok(serde_json::from_str(&http_get(&local(self.monitor), "/jsz")?.1)?)
    }

    fn check_follows(&mut self, leader: &str) -> Outcome {
        let address = self.server.address();
        if !self.server.is_running() {
            return fail(format!("{address} has ended\n{}", self.server.log_end()));
        }
        if self.state()?["meta_cluster"]["leader"] != leader {
            return fail(format!("{address} does not follow {leader}"));
        }
        match http_get(&local(self.monitor), "/healthz")? {
            (200, _) => Ok(()),
            (_, why) => fail(format!("{address}: {why}")),
        }
    }
}

fn name(node: usize) -> String {
    format!("node-{node}")
}

fn cluster_config(own: u16, routes: &[u16], monitor: u16) -> String {
    let routes: Vec<_> = routes.iter().map(|port| format!("\"nats-route://{}\"", local(*port))).collect();
    format!(
        "http: \"{}\"\ncluster {{ name: kit, listen: \"{}\", routes: [{}], no_advertise: true }}\n",
        local(monitor),
        local(own),
        routes.join(", ")
    )
}
