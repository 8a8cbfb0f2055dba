//! Redis alone, with Sentinel, and as a cluster; none of them writes data to disk.

use super::net::{connect, local, with_free_ports};
use super::process::{Program, Server};
use super::{Outcome, fail, wait_for};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

static REDIS: Program = Program { name: "redis-server", package: "redis-server", answers: pongs };
static SENTINEL: Program = Program { name: "redis-sentinel", package: "redis-sentinel", answers: pongs };

/// How long nodes may take to agree.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the sentinels call the primary.
pub(crate) const PRIMARY_NAME: &str = "kit";

/// Two of the three sentinels must agree that the primary is down.
const QUORUM: usize = 2;

fn pongs(address: &str) -> Outcome {
    match ask(address, &["PING"])? {
        Reply::Text(text) if text == "PONG" => Ok(()),
        other => fail(format!("PING is answered with {other:?}")),
    }
}

/// What Redis answers; an error of it is a [`Failure`](super::Failure).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Nil,
    Number(i64),
    Text(String),
    List(Vec<Reply>),
}

impl Reply {
    /// A text, or an empty one.
    pub(crate) fn text(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }

    fn list(&self) -> &[Reply] {
        if let Self::List(list) = self { list } else { &[] }
    }
}

/// One question on a connection of its own.
pub(crate) fn ask(address: &str, words: &[&str]) -> Outcome<Reply> {
    Connection::to(address)?.ask(words)
}

/// Several questions in turn, for `WAIT` and `MULTI`.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn to(address: &str) -> Outcome<Self> {
        Ok(Self(BufReader::new(connect(address)?)))
    }

    pub(crate) fn ask(&mut self, words: &[&str]) -> Outcome<Reply> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request += &format!("${}\r\n{word}\r\n", word.len());
        }
        self.0.get_mut().write_all(request.as_bytes())?;
        self.reply()
    }

    fn reply(&mut self) -> Outcome<Reply> {
        let line = self.line()?;
        let (kind, rest) = line.split_at_checked(1).ok_or("the connection has ended")?;
        match (kind, rest) {
            ("$" | "*", "-1") => Ok(Reply::Nil),
            ("+", text) => Ok(Reply::Text(text.to_owned())),
            ("-", error) => fail(error),
            (":", number) => Ok(Reply::Number(number.parse()?)),
            ("$", length) => {
                let mut bytes = vec![0; length.parse::<usize>()? + 2];
                self.0.read_exact(&mut bytes)?;
                Ok(Reply::Text(String::from_utf8_lossy(&bytes[..bytes.len() - 2]).into_owned()))
            }
            ("*", count) => {
                Ok(Reply::List((0..count.parse::<usize>()?).map(|_| self.reply()).collect::<Outcome<_>>()?))
            }
            _ => fail(format!("not an answer of Redis: {line}")),
        }
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

/// One server.
pub(crate) struct Redis {
    pub(crate) server: Server,
}

impl Redis {
    /// Alone, with an empty memory.
    pub(crate) fn single() -> Outcome<Self> {
        Self::with(&[])
    }

    /// Alone, with further options in the way of its command line: `&["--maxmemory", "8mb"]`.
    pub(crate) fn with(options: &[&str]) -> Outcome<Self> {
        with_free_ports(|[port]| Self::at(port, options))
    }

    /// A copy of the primary at this address, which may be that of a [`Link`](super::link::Link); waits for the first copy.
    pub(crate) fn replica_of(address: &str) -> Outcome<Self> {
        let options = replica_options(address);
        let replica = Self::with(&options.iter().map(String::as_str).collect::<Vec<_>>())?;
        replica.wait_for_copy()?;
        Ok(replica)
    }

    fn at(port: u16, options: &[&str]) -> Outcome<Self> {
        let options = options.iter().map(|option| (*option).to_owned());
        let arguments = node_arguments(port).into_iter().chain(options).collect();
        Ok(Self { server: Server::start(&REDIS, port, |_| Ok(arguments))? })
    }

    pub(crate) fn address(&self) -> String {
        self.server.address()
    }

    pub(crate) fn ask(&self, words: &[&str]) -> Outcome<Reply> {
        ask(&self.address(), words)
    }

    pub(crate) fn kill(&mut self) {
        self.server.kill();
    }

    /// Its memory is empty afterwards.
    pub(crate) fn restart(&mut self) -> Outcome {
        self.server.restart()
    }

    fn wait_for_copy(&self) -> Outcome {
        wait_for("a replica has its copy", PATIENCE, || {
            let info = self.ask(&["INFO", "replication"])?;
            if info.text().contains("master_link_status:up") { Ok(()) } else { fail(info.text()) }
        })
    }
}

fn node_arguments(port: u16) -> Vec<String> {
    let port = port.to_string();
    [
        ["--port", &port],
        ["--bind", "127.0.0.1"],
        ["--save", ""],
        ["--appendonly", "no"],
        ["--maxmemory-policy", "noeviction"],
        // Else the first copy to a replica waits for five seconds.
        ["--repl-diskless-sync-delay", "0"],
    ]
    .as_flattened()
    .iter()
    .map(|word| (*word).to_owned())
    .collect()
}

fn replica_options(primary: &str) -> Vec<String> {
    let (host, port) = primary.split_once(':').unwrap_or((primary, ""));
    ["--replicaof", &format!("{host} {port}")].map(str::to_owned).into()
}

/// A primary, two replicas, and three sentinels that choose a new primary.
pub(crate) struct RedisWithSentinel {
    /// Any of them may be the primary by now.
    pub(crate) nodes: Vec<Redis>,
    pub(crate) sentinels: Vec<Server>,
}

impl RedisWithSentinel {
    pub(crate) fn start() -> Outcome<Self> {
        with_free_ports(|ports: [u16; 6]| Self::at(&ports))
    }

    fn at(ports: &[u16; 6]) -> Outcome<Self> {
        let [primary, rest @ ..] = ports;
        let (replicas, sentinels) = rest.split_at(2);
        let mut nodes = vec![Redis::at(*primary, &[])?];
        let options = replica_options(&local(*primary));
        for port in replicas {
            let node = Redis::at(*port, &options.iter().map(String::as_str).collect::<Vec<_>>())?;
            node.wait_for_copy()?;
            nodes.push(node);
        }
        let sentinels = sentinels.iter().map(|port| start_sentinel(*port, *primary)).collect::<Outcome<_>>()?;
        let mut cluster = Self { nodes, sentinels };
        cluster.wait_until_whole()?;
        Ok(cluster)
    }

    /// Where clients ask for the primary.
    pub(crate) fn sentinel_addresses(&self) -> Vec<String> {
        self.sentinels.iter().map(Server::address).collect()
    }

    /// The primary, as the first sentinel that answers says it; right after a kill this is still the dead one.
    pub(crate) fn primary_address(&self) -> Outcome<String> {
        let mut last = fail("no sentinel");
        for sentinel in &self.sentinels {
            last = ask(&sentinel.address(), &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", PRIMARY_NAME]);
            if let Ok(Reply::List(pair)) = &last {
                return Ok(pair.iter().map(Reply::text).collect::<Vec<_>>().join(":"));
            }
        }
        fail(format!("no sentinel knows a primary: {:?}", last?))
    }

    /// Kills the primary; returns its address.
    pub(crate) fn kill_primary(&mut self) -> Outcome<String> {
        let address = self.primary_address()?;
        let node = self.nodes.iter_mut().find(|node| node.address() == address).ok_or("a primary of nobody's")?;
        node.kill();
        Ok(address)
    }

    /// Waits until all sentinels that run agree on a node other than this one, and it knows; returns its address. While only some know,
    /// another one may still start a failover of its own and choose again.
    pub(crate) fn wait_for_failover(&mut self, old: &str, patience: Duration) -> Outcome<String> {
        wait_for("there is a new primary", patience, || {
            let address = self.agreed_primary()?;
            if address == old { fail(format!("{old} is still the primary")) } else { Ok(address) }
        })
    }

    /// Starts what is dead again: nodes as replicas of the present primary, which must be alive, as a primary that restarts has
    /// forgotten everything and its replicas would follow it in that.
    pub(crate) fn heal(&mut self) -> Outcome {
        let primary = wait_for("there is a primary", PATIENCE, || self.agreed_primary())?;
        for node in &mut self.nodes {
            if !node.server.is_running() {
                let mut arguments = node_arguments(node.server.port());
                arguments.extend(replica_options(&primary));
                node.server.restart_with(arguments)?;
            }
        }
        for sentinel in &mut self.sentinels {
            if !sentinel.is_running() {
                sentinel.restart()?;
            }
        }
        self.wait_until_whole()
    }

    /// The primary of all sentinels that run, which must be one and have no failover under way.
    fn agreed_primary(&mut self) -> Outcome<String> {
        let address = self.primary_address()?;
        for sentinel in self.sentinels.iter_mut().filter_map(|sentinel| sentinel.is_running().then_some(sentinel)) {
            let view = ask(&sentinel.address(), &["SENTINEL", "MASTER", PRIMARY_NAME])?;
            if local(field(&view, "port").parse()?) != address || field(&view, "flags") != "master" {
                return fail(format!("{} does not see {address} in peace: {view:?}", sentinel.address()));
            }
        }
        let role = ask(&address, &["ROLE"])?;
        match role.list().first().map(Reply::text) {
            Some("master") => Ok(address),
            _ => fail(format!("{address} is not a primary yet: {role:?}")),
        }
    }

    /// All agree on the primary, both replicas follow it, and every sentinel sees them and the other sentinels.
    fn wait_until_whole(&mut self) -> Outcome {
        wait_for("sentinels and replicas know each other", PATIENCE, || {
            let primary = self.agreed_primary()?;
            let info = ask(&primary, &["INFO", "replication"])?;
            if info.text().matches("state=online").count() != 2 {
                return fail(format!("{primary}: {}", info.text()));
            }
            self.sentinel_addresses().iter().try_for_each(|sentinel| check_view_of(sentinel))
        })
    }
}

fn check_view_of(sentinel: &str) -> Outcome {
    let usable = ask(sentinel, &["SENTINEL", "CKQUORUM", PRIMARY_NAME])?;
    let replicas = ask(sentinel, &["SENTINEL", "REPLICAS", PRIMARY_NAME])?;
    let following = replicas.list().iter().filter(|replica| field(replica, "flags") == "slave").count();
    let is_whole = usable.text().starts_with("OK 3") && following == 2;
    if is_whole { Ok(()) } else { fail(format!("{sentinel}: {usable:?} {replicas:?}")) }
}

/// A value in the list of names and values that Sentinel answers with.
fn field<'a>(list: &'a Reply, name: &str) -> &'a str {
    list.list().chunks_exact(2).find(|pair| pair[0].text() == name).map_or("", |pair| pair[1].text())
}

fn start_sentinel(port: u16, primary: u16) -> Outcome<Server> {
    let server = Server::start(&SENTINEL, port, |folder| sentinel_arguments(folder, port, primary))?;
    // Its own defaults make a cluster that has just started, or one on a busy machine, wait for long: it greets the others each 2 s, asks
    // nodes each 10 s, and does nothing for 30 s after it got no processor for 2 s.
    let pace = ["PUBLISH-PERIOD", "200", "INFO-PERIOD", "500", "TILT-TRIGGER", "5000", "TILT-PERIOD", "5000"];
    ask(&server.address(), &[["SENTINEL", "DEBUG"].as_slice(), &pace].concat())?;
    Ok(server)
}

/// Sentinel keeps what it learns in its configuration, so a restart finds it there.
fn sentinel_arguments(folder: &Path, port: u16, primary: u16) -> Outcome<Vec<String>> {
    let file = folder.join("sentinel.conf");
    let text = format!(
        "port {port}\nbind 127.0.0.1\ndir {}\n\
         sentinel monitor {PRIMARY_NAME} 127.0.0.1 {primary} {QUORUM}\n\
         sentinel down-after-milliseconds {PRIMARY_NAME} 1000\n\
         sentinel failover-timeout {PRIMARY_NAME} 3000\n\
         sentinel parallel-syncs {PRIMARY_NAME} 2\n",
        folder.display()
    );
    fs::write(&file, text)?;
    Ok(vec![file.display().to_string()])
}

/// Three primaries that share the keys, without replicas.
pub(crate) struct RedisCluster {
    pub(crate) nodes: Vec<Redis>,
}

impl RedisCluster {
    pub(crate) fn start() -> Outcome<Self> {
        with_free_ports(|ports: [u16; 6]| {
            // By default the second port of a node is the first plus 10 000, which may be above all ports.
            let start = |pair: &[u16]| {
                let bus = pair[1].to_string();
                let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", &bus];
                Redis::at(pair[0], &options)
            };
            let nodes = ports.chunks_exact(2).map(start).collect::<Outcome<_>>()?;
            let cluster = Self { nodes };
            cluster.join()?;
            cluster.wait_until_whole()?;
            Ok(cluster)
        })
    }

    pub(crate) fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::address).collect()
    }

    pub(crate) fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
    }

    /// The keys of the node are gone, its slots are its own still.
    pub(crate) fn restart(&mut self, node: usize) -> Outcome {
        self.nodes[node].restart()?;
        self.wait_until_whole()
    }

    fn join(&self) -> Outcome {
        let mut cli = Command::new("redis-cli");
        cli.args(["--cluster", "create"]).args(self.addresses()).arg("--cluster-yes").stdin(Stdio::null());
        let output = cli.output().or_else(|error| {
            fail(format!("redis-cli could not be started: {error}. Install it with: apt-get install redis-tools"))
        })?;
        if output.status.success() {
            Ok(())
        } else {
            let said = [output.stdout, output.stderr].concat();
            fail(format!("redis-cli --cluster create: {}", String::from_utf8_lossy(&said)))
        }
    }

    /// Every node thinks that every slot is served.
    pub(crate) fn wait_until_whole(&self) -> Outcome {
        wait_for("the cluster is whole", PATIENCE, || {
            for node in &self.nodes {
                let info = node.ask(&["CLUSTER", "INFO"])?;
                let is_whole =
                    ["cluster_state:ok", "cluster_known_nodes:3"].iter().all(|line| info.text().contains(line));
                if !is_whole {
                    return fail(format!("{}: {}", node.address(), info.text()));
                }
            }
            Ok(())
        })
    }
}
