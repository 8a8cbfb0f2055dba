//! Redis alone and as a cluster, and what it takes to talk to it; nothing is written to disk.

use super::link::Link;
use super::net::{connect, local, with_free_ports};
use super::process::{Folder, Program, Server};
use super::{Outcome, fail, wait_for};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

static REDIS: Program = Program { name: "redis-server", package: "redis-server", answers: pongs };

/// How long nodes may take to agree.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often nodes are told of each other, and how long that may take each time: a handshake has run out by then.
const JOINS: usize = 5;
const HANDSHAKE: Duration = Duration::from_secs(8);

/// Whether it answers at all.
pub(super) fn pongs(address: &str) -> Outcome {
    match ask(address, &["PING"]) {
        Ok(Reply::Text(text)) if text == "PONG" => Ok(()),
        // It wants to know who asks.
        Err(failure) if failure.0.starts_with("NOAUTH") => Ok(()),
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

    /// A list, or an empty one.
    pub(crate) fn list(&self) -> &[Reply] {
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

/// One server, maybe behind a link.
pub(crate) struct Redis {
    pub(crate) server: Server,
    pub(crate) link: Option<Link>,
    options: Vec<String>,
}

impl Redis {
    /// Alone, with an empty memory.
    pub(crate) fn single() -> Outcome<Self> {
        Self::with(&[])
    }

    /// Alone, with further options in the way of its command line: `&["--maxmemory", "8mb"]`.
    pub(crate) fn with(options: &[&str]) -> Outcome<Self> {
        with_free_ports(|[port]| Self::at(port, options, None))
    }

    /// Alone, on this configuration, in a folder that is to be kept as long as the server.
    pub(crate) fn start_as(config: &str) -> Outcome<(Self, Folder)> {
        let folder = Folder::new("redis-conf")?;
        let file = folder.path().join("redis.conf");
        fs::write(&file, config)?;
        Ok((Self::with(&["--include", &file.display().to_string()])?, folder))
    }

    /// Alone, with a second port for TLS; returns the address there.
    pub(crate) fn over_tls(certificate: &Certificate) -> Outcome<(Self, String)> {
        with_free_ports(|[port, over_tls]| {
            let (second, certificate) = (over_tls.to_string(), certificate.options("--"));
            let options: Vec<_> =
                ["--tls-port", &second].into_iter().chain(certificate.iter().map(String::as_str)).collect();
            Ok((Self::at(port, &options, None)?, local(over_tls)))
        })
    }

    /// A copy of the primary at this address, which may be that of a [`Link`]; waits for the first copy.
    pub(crate) fn replica_of(address: &str) -> Outcome<Self> {
        let mut replica = Self::single()?;
        replica.restart_as_replica_of(address)?;
        Ok(replica)
    }

    /// Behind a link, it tells others the address of that.
    pub(super) fn at(port: u16, options: &[&str], link: Option<Link>) -> Outcome<Self> {
        let announced = link.as_ref().map_or(port, Link::port).to_string();
        let options = words(&[base_options(&port.to_string(), &announced).as_flattened(), options].concat());
        let arguments = options.clone();
        Ok(Self { server: Server::start(&REDIS, port, |_| Ok(arguments))?, link, options })
    }

    /// Where others reach it: at its link, if it has one. A test reaches it at the address of its server in any case.
    pub(crate) fn address(&self) -> String {
        self.link.as_ref().map_or_else(|| self.server.address(), Link::address)
    }

    /// Asks itself, whatever its link does.
    pub(crate) fn ask(&self, words: &[&str]) -> Outcome<Reply> {
        ask(&self.server.address(), words)
    }

    /// The port on which nodes of a cluster speak to it.
    fn bus(&self) -> Outcome<String> {
        Ok(self.ask(&["CONFIG", "GET", "cluster-port"])?.list()[1].text().to_owned())
    }

    pub(crate) fn kill(&mut self) {
        self.server.kill();
    }

    /// Its memory is empty afterwards.
    pub(crate) fn restart(&mut self) -> Outcome {
        self.server.restart()
    }

    /// The same, and it takes a copy of this primary's; waits for that.
    pub(crate) fn restart_as_replica_of(&mut self, primary: &str) -> Outcome {
        let primary = primary.replace(':', " ");
        let role = words(&["--replicaof", &primary]);
        self.server.restart_with([self.options.clone(), role].concat())?;
        self.wait_for_copy()
    }

    fn wait_for_copy(&self) -> Outcome {
        wait_for("a replica has its copy", PATIENCE, || {
            let info = self.ask(&["INFO", "replication"])?;
            if info.text().contains("master_link_status:up") { Ok(()) } else { fail(info.text()) }
        })
    }
}

/// Files of a certificate, its key, and the root that has signed it.
pub(crate) struct Certificate {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) root: String,
}

impl Certificate {
    /// Names and values for Redis and Sentinel, which ask their clients for none.
    pub(super) fn options(&self, prefix: &str) -> Vec<String> {
        let options = [
            ("tls-cert-file", self.certificate.as_str()),
            ("tls-key-file", &self.key),
            ("tls-ca-cert-file", &self.root),
            ("tls-auth-clients", "no"),
        ];
        options.iter().flat_map(|(name, value)| [format!("{prefix}{name}"), (*value).to_owned()]).collect()
    }
}

/// On a port and a second one for the other nodes: by default that is the first plus 10 000, which may be above all ports.
fn start_node(ports: &[u16]) -> Outcome<Redis> {
    let bus = ports[1].to_string();
    let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", &bus];
    // A test may put it to sleep.
    let debug = ["--enable-debug-command", "local"];
    Redis::at(ports[0], &[options.as_slice(), &debug].concat(), None)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn base_options<'a>(port: &'a str, announced: &'a str) -> [[&'a str; 2]; 8] {
    [
        ["--port", port],
        ["--bind", "127.0.0.1"],
        ["--save", ""],
        ["--appendonly", "no"],
        ["--maxmemory-policy", "noeviction"],
        // Else the first copy to a replica waits for five seconds.
        ["--repl-diskless-sync-delay", "0"],
        ["--replica-announce-ip", "127.0.0.1"],
        ["--replica-announce-port", announced],
    ]
}

/// Three primaries that share the keys, without replicas at first.
pub(crate) struct RedisCluster {
    pub(crate) nodes: Vec<Redis>,
    /// Of the node in the same place.
    pub(crate) replicas: Vec<Redis>,
}

impl RedisCluster {
    pub(crate) fn start() -> Outcome<Self> {
        with_free_ports(|ports: [u16; 6]| {
            let nodes = ports.chunks_exact(2).map(start_node).collect::<Outcome<_>>()?;
            let cluster = Self { nodes, replicas: Vec::new() };
            cluster.join()?;
            cluster.wait_until_whole()?;
            Ok(cluster)
        })
    }

    pub(crate) fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::address).collect()
    }

    /// Gives every primary a replica.
    pub(crate) fn add_replicas(&mut self) -> Outcome {
        for node in &self.nodes {
            let replica = with_free_ports(|ports: [u16; 2]| start_node(&ports))?;
            let (port, id) = (node.server.port().to_string(), node.ask(&["CLUSTER", "MYID"])?);
            replica.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &node.bus()?])?;
            // Until it has heard of it.
            wait_for("a replica of a cluster", PATIENCE, || replica.ask(&["CLUSTER", "REPLICATE", id.text()]))?;
            replica.wait_for_copy()?;
            self.replicas.push(replica);
        }
        self.wait_until_whole()
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
        const SLOTS: [[&str; 2]; 3] = [["0", "5460"], ["5461", "10922"], ["10923", "16383"]];
        for ((node, [from, to]), epoch) in self.nodes.iter().zip(SLOTS).zip(["1", "2", "3"]) {
            node.ask(&["CLUSTER", "ADDSLOTSRANGE", from, to])?;
            node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", epoch])?;
        }
        // Why not `redis-cli --cluster create`: it asks once, and waits without end for nodes whose handshake has run out on a busy machine.
        let mut outcome = Ok(());
        for _ in 0..JOINS {
            for node in &self.nodes[1..] {
                self.nodes[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &node.server.port().to_string(), &node.bus()?])?;
            }
            outcome = wait_for("the nodes of a cluster know each other", HANDSHAKE, || self.is_whole());
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    pub(crate) fn wait_until_whole(&self) -> Outcome {
        wait_for("the cluster is whole", PATIENCE, || self.is_whole())
    }

    /// Every node thinks that every slot is served.
    fn is_whole(&self) -> Outcome {
        let known = format!("cluster_known_nodes:{}", self.nodes.len() + self.replicas.len());
        for node in &self.nodes {
            let info = node.ask(&["CLUSTER", "INFO"])?;
            let is_whole = ["cluster_state:ok", known.as_str()].iter().all(|line| info.text().contains(line));
            if !is_whole {
                return fail(format!("{}: {}", node.address(), info.text()));
            }
        }
        Ok(())
    }
}
