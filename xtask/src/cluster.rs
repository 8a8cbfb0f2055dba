//! Three demo servers behind a balancer, on a store of one's choice, and a key for each that kills and revives it.

use crate::browser::Browser;
use crate::cluster_kit::Failure;
use crate::cluster_kit::balancer::{HaProxy, Nginx};
use crate::cluster_kit::nats::{Nats, NatsCluster};
use crate::cluster_kit::net::with_free_ports;
use crate::cluster_kit::process::Folder;
use crate::cluster_kit::redis::Redis;
use crate::cluster_kit::sentinel::{PRIMARY_NAME, RedisWithSentinel};
use crate::shell::{Outcome, Tally, command, root};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const NAMES: [&str; 3] = ["a", "b", "c"];
const PASSWORD: &str = "obvious-demo-password";
/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(20);

const HELP: &str = "a, b or c: kills or revives that server.  s: kills or revives the store, of several servers the one that leads (the one Redis keeps nothing on disk).  q: ends all of it.";

/// For a person: takes lines from the terminal, until that or somebody else ends it.
pub(crate) fn by_hand(store: &str, balancer: &str) -> Outcome {
    println!("Building the demo; the first time that takes a few minutes.");
    build()?;
    let keys = keys()?;
    let mut cluster = Cluster::start(store, balancer)?;
    println!(
        "Open {}/ and sign in as alice, password {PASSWORD}. Each answer says which server it is from.",
        cluster.url
    );
    println!("{HELP}");
    for line in keys {
        match line.trim() {
            "" => {}
            "q" => break,
            key => println!("{}", cluster.press(key)?),
        }
    }
    println!("Ending all of it.");
    Ok(())
}

/// What is typed, and a `q` at the end of that and at a signal to end: unheeded it would leave the servers behind.
fn keys() -> Outcome<mpsc::Receiver<String>> {
    let (send, keys) = mpsc::channel();
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(|error| error.to_string())?;
    let ends = send.clone();
    std::thread::spawn(move || signals.forever().try_for_each(|_| ends.send("q".to_owned())));
    std::thread::spawn(move || {
        let typed = std::io::stdin().lines().map_while(Result::ok);
        typed.chain(["q".to_owned()]).try_for_each(|line| send.send(line))
    });
    Ok(keys)
}

/// In CI: a browser stays signed in while its servers die, as far as the store promises.
pub(crate) fn check(tally: &mut Tally) -> Outcome {
    build()?;
    for (store, balancer) in
        [("memory", "nginx"), ("redis", "haproxy"), ("sentinel", "nginx"), ("nats", "nginx"), ("nats-three", "haproxy")]
    {
        let survives = store != "memory";
        let mut cluster = Cluster::start(store, balancer)?;
        let browser = Browser::start()?;
        browser.open(&format!("{}/", cluster.url))?;
        browser.type_into("#password", PASSWORD)?;
        browser.click("#sign-in")?;
        let what = |event: &str| format!("{store} behind {balancer}: {event}");
        tally.expect(browser.wait_for_text("#who", "alice")?, &what("signed in"));
        let home = last_node(&browser)?;
        tally.expect(NAMES.contains(&home.as_str()), &what(&format!("on server {home}")));
        cluster.press(&home)?;
        // The page asks every two seconds: those it has asked since say who is there.
        browser.click("#session-me")?;
        let status = if survives { "200 admitted" } else { "401 refused" };
        tally.expect(browser.wait_for_text("#session-answer", status)?, &what(&format!("{home} is killed: {status}")));
        let next = last_node(&browser)?;
        tally.expect(next != home && NAMES.contains(&next.as_str()), &what(&format!("answered by {next}")));
        cluster.press(&home)?;
        if !survives {
            continue;
        }
        cluster.press("s")?;
        if matches!(cluster.store, Store::Sentinel(..) | Store::NatsThree(..)) {
            tally.expect(comes_to(&browser, "503")?, &what("the server that leads is killed: 503"));
            tally.expect(comes_to(&browser, "200 admitted")?, &what("the others go on: 200 admitted"));
            cluster.press("s")?;
            continue;
        }
        tally.expect(comes_to(&browser, "503")?, &what("the store is killed: 503"));
        cluster.press("s")?;
        // The cookie was kept; this Redis keeps nothing on disk, NATS does.
        let status = if store == "nats" { "200 admitted" } else { "401 refused" };
        tally.expect(comes_to(&browser, status)?, &what(&format!("the store is back: {status}")));
    }
    Ok(())
}

/// Asks for the session until this is the answer, or patience has run out.
fn comes_to(browser: &Browser, status: &str) -> Outcome<bool> {
    let start = Instant::now();
    // A store of several servers may choose twice, if votes are split.
    while start.elapsed() < PATIENCE * 3 {
        browser.evaluate("document.getElementById('session-answer').replaceChildren()")?;
        browser.click("#session-me")?;
        if browser.wait_for_text("#session-answer", " ")? && browser.text_of("#session-answer")?.starts_with(status) {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(false)
}

fn last_node(browser: &Browser) -> Outcome<String> {
    let last = browser.evaluate("document.getElementById('node-list').lastChild?.textContent ?? ''")?;
    Ok(last.as_str().unwrap_or_default().to_owned())
}

fn build() -> Outcome {
    let build = "cargo build --release --features axum,disk,redis,nats --example server";
    // What it prints is progress.
    let status = command(build).status().map_err(|error| format!("cargo could not be started: {error}"))?;
    if status.success() { Ok(()) } else { Err("the demo could not be built".to_owned()) }
}

fn failed(failure: Failure) -> String {
    failure.to_string()
}

enum Store {
    None,
    Redis(Redis, bool),
    Nats(Nats, bool),
    /// And whether all of its servers run.
    Sentinel(RedisWithSentinel, bool),
    /// And which of its servers is killed.
    NatsThree(NatsCluster, Option<usize>),
}

enum Balancer {
    #[expect(dead_code, reason = "it runs for as long as this is there")]
    Nginx(Nginx),
    #[expect(dead_code, reason = "as above")]
    HaProxy(HaProxy),
}

/// Ends with its value, whatever has happened.
struct Cluster {
    url: String,
    nodes: Vec<Node>,
    store: Store,
    _balancer: Balancer,
    _folder: Folder,
}

struct Node {
    name: &'static str,
    address: String,
    arguments: Vec<String>,
    child: Option<Child>,
}

impl Cluster {
    fn start(store: &str, balancer: &str) -> Outcome<Self> {
        let folder = Folder::new("cluster").map_err(failed)?;
        let (store, store_name) = match store {
            "memory" => (Store::None, "memory".to_owned()),
            "redis" => {
                let redis = Redis::single().map_err(failed)?;
                let url = format!("redis://{}", redis.address());
                (Store::Redis(redis, true), url)
            }
            "nats" => {
                let nats = Nats::single().map_err(failed)?;
                let url = nats.url();
                (Store::Nats(nats, true), url)
            }
            "sentinel" => {
                let redis = RedisWithSentinel::start().map_err(failed)?;
                let url = format!("sentinels://{}/{PRIMARY_NAME}", redis.sentinel_addresses().join(","));
                (Store::Sentinel(redis, true), url)
            }
            "nats-three" => {
                let nats = NatsCluster::start().map_err(failed)?;
                let urls = nats.urls().join(",");
                (Store::NatsThree(nats, None), urls)
            }
            other => return Err(format!("no store is called {other}: memory, redis, sentinel, nats, nats-three")),
        };
        let ports = with_free_ports(|ports: [u16; 3]| Ok(ports)).map_err(failed)?;
        let addresses = ports.map(|port| format!("127.0.0.1:{port}"));
        let (balancer, url) = start_balancer(balancer, &addresses)?;
        let mut nodes = Vec::new();
        for (name, address) in NAMES.into_iter().zip(addresses) {
            let mut arguments =
                ["--listen", &address, "--store", &store_name, "--node", name].map(str::to_owned).to_vec();
            arguments.extend(["--origin".to_owned(), url.clone(), "--data".to_owned()]);
            arguments.push(folder.path().display().to_string());
            let mut node = Node { name, address, arguments, child: None };
            // One after the other: the first one makes the keys.
            node.start()?;
            nodes.push(node);
        }
        Ok(Self { url, nodes, store, _balancer: balancer, _folder: folder })
    }

    /// Kills what runs and starts what does not; says which.
    fn press(&mut self, key: &str) -> Outcome<String> {
        if key == "s" {
            return self.store.toggle();
        }
        let Some(node) = self.nodes.iter_mut().find(|node| node.name == key) else { return Ok(HELP.to_owned()) };
        if node.child.is_some() {
            node.kill();
            Ok(format!("server {key} is killed"))
        } else {
            node.start()?;
            Ok(format!("server {key} is back"))
        }
    }
}

impl Store {
    fn toggle(&mut self) -> Outcome<String> {
        let is_up = match self {
            Self::None => return Ok("there is no store but the servers' own memory".to_owned()),
            Self::Redis(redis, is_up) => {
                if *is_up {
                    redis.kill()
                } else {
                    redis.restart().map_err(failed)?
                }
                is_up
            }
            Self::Nats(nats, is_up) => {
                if *is_up {
                    nats.kill()
                } else {
                    nats.restart().map_err(failed)?
                }
                is_up
            }
            Self::Sentinel(redis, is_whole) => {
                if *is_whole {
                    redis.kill_primary().map_err(failed)?;
                } else {
                    redis.heal().map_err(failed)?;
                }
                is_whole
            }
            Self::NatsThree(nats, killed) => {
                return match killed.take() {
                    Some(node) => {
                        nats.restart(node).map_err(failed)?;
                        Ok("the store is whole again".to_owned())
                    }
                    None => {
                        let leader = nats.leader_of("KV_countersign").map_err(failed)?;
                        nats.kill(leader);
                        *killed = Some(leader);
                        Ok("the server that leads is killed: two others choose another one".to_owned())
                    }
                };
            }
        };
        *is_up = !*is_up;
        Ok(format!("the store is {}", if *is_up { "back" } else { "killed" }))
    }
}

fn start_balancer(name: &str, addresses: &[String; 3]) -> Outcome<(Balancer, String)> {
    let file = match name {
        "nginx" => "nginx-node-name.conf",
        "haproxy" => "haproxy-cookie.cfg",
        other => return Err(format!("no balancer is called {other}: nginx, haproxy")),
    };
    let file = root().join("examples/cluster").join(file);
    let mut config = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    for (name, address) in NAMES.iter().zip(addresses) {
        config = config.replace(&format!("{{{name}}}"), address);
    }
    let (balancer, address) = if name == "nginx" {
        let nginx = Nginx::with(&config).map_err(failed)?;
        let address = nginx.address();
        (Balancer::Nginx(nginx), address)
    } else {
        let haproxy = HaProxy::with(&config).map_err(failed)?;
        let address = haproxy.address();
        (Balancer::HaProxy(haproxy), address)
    };
    Ok((balancer, format!("http://{address}")))
}

impl Node {
    fn start(&mut self) -> Outcome {
        let mut server = Command::new(root().join("target/release/examples/server"));
        server.args(&self.arguments).env("DEMO_PASSWORD", PASSWORD).stdin(Stdio::null());
        let mut child =
            server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(|error| error.to_string())?;
        // Read to the end, so that it never waits for somebody to read.
        let lines = BufReader::new(child.stdout.take().ok_or("a server has no output")?).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        self.child = Some(child);
        let start = Instant::now();
        while TcpStream::connect(&self.address).is_err() {
            if start.elapsed() > PATIENCE {
                return Err(format!("server {} does not answer on {}", self.name, self.address));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
