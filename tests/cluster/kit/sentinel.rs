//! Redis with Sentinel, which chooses a new primary.

use super::link::{Link, Mode};
use super::net::{local, with_free_ports};
use super::process::{Program, Server};
use super::redis::{Certificate, Connection, Redis, Reply, ask, pongs};
use super::{Outcome, fail, wait_for};
use std::fs;
use std::path::Path;
use std::time::Duration;

static SENTINEL: Program = Program { name: "redis-sentinel", package: "redis-sentinel", answers: pongs };

/// How long all may take to agree.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the sentinels call the primary.
pub(crate) const PRIMARY_NAME: &str = "kit";

/// What a sentinel is told, with `{primary}` for the primary; two of three must agree that it is down.
const CONFIG: &str = "sentinel monitor kit {primary} 2\n\
                      sentinel down-after-milliseconds kit 1000\n\
                      sentinel failover-timeout kit 3000\n\
                      sentinel parallel-syncs kit 2\n";

/// A primary, two replicas, and three sentinels that choose a new primary.
pub(crate) struct RedisWithSentinel {
    /// Any of them may be the primary by now.
    pub(crate) nodes: Vec<Redis>,
    pub(crate) sentinels: Vec<Server>,
}

impl RedisWithSentinel {
    pub(crate) fn start() -> Outcome<Self> {
        Self::start_with(false, &[], CONFIG)
    }

    /// The same with further options for the nodes, as on their command line, and another configuration for the sentinels.
    pub(crate) fn start_as(options: &[&str], config: &str) -> Outcome<Self> {
        Self::start_with(false, options, config)
    }

    /// Everybody reaches the nodes through links, so that [`Self::isolate_primary`] can cut one of them off. Clients get the addresses of the
    /// links from the sentinels.
    pub(crate) fn start_behind_links() -> Outcome<Self> {
        Self::start_with(true, &[], CONFIG)
    }

    fn start_with(is_behind_links: bool, options: &[&str], config: &str) -> Outcome<Self> {
        with_free_ports(|ports: [u16; 6]| {
            let (data, sentinels) = ports.split_at(3);
            let link = |port: &u16| is_behind_links.then(|| Link::to(&local(*port))).transpose();
            let start = |port: &u16| Redis::at(*port, options, link(port)?);
            let mut nodes = data.iter().map(start).collect::<Outcome<Vec<_>>>()?;
            let primary = nodes[0].address();
            for node in &mut nodes[1..] {
                node.restart_as_replica_of(&primary)?;
            }
            let watch = |port: &u16| start_sentinel(*port, &primary, config);
            let sentinels = sentinels.iter().map(watch).collect::<Outcome<_>>()?;
            let mut cluster = Self { nodes, sentinels };
            cluster.wait_until_whole()?;
            Ok(cluster)
        })
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
        let primary = self.primary()?;
        primary.kill();
        Ok(primary.address())
    }

    /// Cuts the link of the primary; returns its address there, and its own, where it still takes writes that will be lost.
    pub(crate) fn isolate_primary(&mut self) -> Outcome<(String, String)> {
        let primary = self.primary()?;
        primary.link.as_ref().ok_or("there are no links")?.set(Mode::Cut)?;
        Ok((primary.address(), primary.server.address()))
    }

    /// Takes the primary away from its replicas and from the sentinels, but not from the clients that are connected to it, which notice nothing;
    /// returns its address. It lets in nobody from now on.
    pub(crate) fn seclude_primary(&mut self) -> Outcome<String> {
        let address = self.primary()?.server.address();
        let mut connection = Connection::to(&address)?;
        connection.ask(&["CONFIG", "SET", "requirepass", "that nobody knows"])?;
        let clients = connection.ask(&["CLIENT", "LIST"])?;
        let of_others = |line: &&str| ["name=sentinel-", "flags=S"].iter().any(|mark| line.contains(mark));
        for line in clients.text().lines().filter(of_others) {
            let id = line.split(' ').find_map(|word| word.strip_prefix("id=")).ok_or("a client without a number")?;
            connection.ask(&["CLIENT", "KILL", "ID", id])?;
        }
        Ok(address)
    }

    fn primary(&mut self) -> Outcome<&mut Redis> {
        let address = self.primary_address()?;
        Ok(self.nodes.iter_mut().find(|node| node.address() == address).ok_or("a primary of nobody's")?)
    }

    /// Waits until all sentinels that run agree on a node other than this one, and it knows; returns its address. While only some know,
    /// another one may still start a failover of its own and choose again.
    pub(crate) fn wait_for_failover(&mut self, old: &str, patience: Duration) -> Outcome<String> {
        wait_for("there is a new primary", patience, || {
            let address = self.agreed_primary()?;
            if address == old { fail(format!("{old} is still the primary")) } else { Ok(address) }
        })
    }

    /// Opens all links and starts what is dead again: nodes as replicas of the present primary, which must be alive, as a primary that
    /// restarts has forgotten everything and its replicas would follow it in that.
    pub(crate) fn heal(&mut self) -> Outcome {
        for link in self.nodes.iter().filter_map(|node| node.link.as_ref()) {
            link.set(Mode::Open)?;
        }
        let primary = wait_for("there is a primary", PATIENCE, || self.agreed_primary())?;
        for node in self.nodes.iter_mut().filter_map(|node| (!node.server.is_running()).then_some(node)) {
            node.restart_as_replica_of(&primary)?;
        }
        for sentinel in self.sentinels.iter_mut().filter_map(|sentinel| (!sentinel.is_running()).then_some(sentinel)) {
            sentinel.restart()?;
            set_pace(sentinel)?;
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

/// One sentinel that speaks TLS, and is enough to name this primary, which does, too; returns its address.
pub(crate) fn over_tls(primary: &str, certificate: &Certificate) -> Outcome<(Server, String)> {
    with_free_ports(|[port, over_tls]| {
        let sentinel = Server::start(&SENTINEL, port, |folder| {
            let arguments = sentinel_arguments(folder, port, primary, CONFIG)?;
            let mut text = fs::read_to_string(&arguments[0])?;
            text += &format!("tls-port {over_tls}\ntls-replication yes\n");
            for pair in certificate.options("").chunks_exact(2) {
                text += &format!("{}\n", pair.join(" "));
            }
            fs::write(&arguments[0], text)?;
            Ok(arguments)
        })?;
        Ok((sentinel, local(over_tls)))
    })
}

/// One sentinel, which knows no other and names this primary.
pub(crate) fn alone(primary: &str) -> Outcome<Server> {
    with_free_ports(|[port]| start_sentinel(port, primary, CONFIG))
}

fn start_sentinel(port: u16, primary: &str, config: &str) -> Outcome<Server> {
    let sentinel = Server::start(&SENTINEL, port, |folder| sentinel_arguments(folder, port, primary, config))?;
    set_pace(&sentinel)?;
    Ok(sentinel)
}

/// Its own pace makes a cluster that has just started, or one on a busy machine, wait for long: it greets the others each 2 s, asks nodes each
/// 10 s, and does nothing for 30 s after it got no processor for 2 s. A restart forgets what is set here.
fn set_pace(sentinel: &Server) -> Outcome {
    let pace = ["PUBLISH-PERIOD", "200", "INFO-PERIOD", "500", "TILT-TRIGGER", "5000", "TILT-PERIOD", "5000"];
    ask(&sentinel.address(), &[["SENTINEL", "DEBUG"].as_slice(), &pace].concat()).map(drop)
}

/// Sentinel keeps what it learns in its configuration, so a restart finds it there.
fn sentinel_arguments(folder: &Path, port: u16, primary: &str, config: &str) -> Outcome<Vec<String>> {
    let file = folder.join("sentinel.conf");
    let config = config.replace("{primary}", &primary.replace(':', " "));
    fs::write(&file, format!("port {port}\nbind 127.0.0.1\ndir {}\n{config}", folder.display()))?;
    Ok(vec![file.display().to_string()])
}
