//! Stickiness with real balancers: clients stay where they are, and are answered elsewhere when their node is gone; what becomes of their
//! sessions depends on the store.

use crate::kit;
use crate::kit::balancer::{HaProxy, Nginx};
use crate::kit::nats::Nats;
use crate::kit::net::http_get_with;
use crate::kit::process::Folder;
use crate::kit::redis::Redis;
use axum::Router;
use axum::routing::{get, post};
use countersign::UnixTime;
use countersign::jwt::JwtBuilder;
use countersign::jwt::keys::Hs256Key;
use countersign::session::nats::{NatsOptions, NatsStore};
use countersign::session::redis::{RedisOptions, RedisStore};
use countersign::session::store::Budgets;
use countersign::session::store::{DiskStore, DynStore, MemoryStore};
use countersign::session::{Lifetimes, Pepper, SessionError, SessionManager};
use countersign::web::CsrfGuard;
use countersign::web::session::{Affinity, CurrentSession, SessionCookie, SessionLayer};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

const CLIENTS: usize = 300;
const NAMES: [&str; 3] = ["a", "b", "c"];

/// A server of the application, in a runtime of its own: when that goes, all of its connections do.
struct Node {
    address: String,
    affinity: Affinity,
    runtime: Option<Runtime>,
}

impl Node {
    fn start(name: &'static str, store: DynStore) -> Self {
        let pepper = Pepper::new(b"an obvious test key of 32 bytes!").unwrap();
        let sessions = SessionManager::new(
            store,
            pepper,
            Lifetimes {
                idle: Duration::from_secs(1800),
                absolute: Duration::from_secs(43_200),
                renewal_grace: Duration::from_secs(10),
                max_token_age: Duration::ZERO,
            },
        );
        let affinity = Affinity::new(name).unwrap();
        let filter = SessionLayer::new(sessions, CsrfGuard::new([""; 0]).unwrap(), Duration::from_secs(5));
        let filter = filter.with_cookie(SessionCookie::new().with_secure(false)).unwrap();
        let who = async move |session: CurrentSession| format!("{name} {}", session.user().unwrap_or("nobody"));
        let app = Router::new()
            .route("/", get(who))
            .route("/in", post(sign_in))
            .layer(filter.with_affinity(affinity.clone()));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        runtime.spawn(async move { axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), app).await });
        Self { address, affinity, runtime: Some(runtime) }
    }

    fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn sign_in(mut session: CurrentSession) -> Result<String, SessionError> {
    let attempt = session.begin_sign_in("alice").await?;
    session.sign_in(&attempt, 1).await.map(|()| "in".to_owned())
}

/// A browser with a cookie jar and an address of its own.
struct Client {
    source: Ipv4Addr,
    cookies: BTreeMap<String, String>,
}

impl Client {
    fn new(number: usize) -> Self {
        Self {
            source: Ipv4Addr::new(127, 0, (number / 250) as u8 * 100 + (number % 97) as u8, 1 + (number % 250) as u8),
            cookies: BTreeMap::new(),
        }
    }

    /// Status and body; keeps the cookies.
    async fn send(&mut self, balancer: &str, method: &str, path: &str) -> (u16, String) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((self.source, 0))).unwrap();
        let mut stream = socket.connect(balancer.parse().unwrap()).await.unwrap();
        let jar: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\nCookie: {}\r\nContent-Length: 0\r\n\r\n",
            jar.join("; ")
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        for line in head.lines() {
            let Some((name, value)) = line.split_once(": ") else { continue };
            if name.eq_ignore_ascii_case("set-cookie") {
                let (name, value) = value.split(';').next().unwrap().split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        // Chunked or not, the words are in it.
        let words = body.lines().find(|line| line.contains(' ') || *line == "in").unwrap_or(body);
        (status, words.to_owned())
    }

    /// Node and user.
    async fn who(&mut self, balancer: &str) -> (String, String) {
        // The first retry is the client's own.
        let mut answer = self.send(balancer, "GET", "/").await;
        if answer.0 != 200 {
            answer = self.send(balancer, "GET", "/").await;
        }
        assert_eq!(answer.0, 200, "not within the first retry");
        let (node, user) = answer.1.split_once(' ').unwrap();
        (node.to_owned(), user.to_owned())
    }
}

/// What is in front of the nodes.
enum Balancer {
    Nginx(Nginx),
    HaProxy(HaProxy),
}

impl Balancer {
    fn start(config: &str, nodes: &[Node]) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/cluster/");
        let mut text = std::fs::read_to_string(format!("{folder}{config}")).unwrap();
        for (name, node) in NAMES.iter().zip(nodes) {
            text = text.replace(&format!("{{{name}}}"), &node.address);
        }
        if config.starts_with("nginx") {
            Self::Nginx(Nginx::with(&text).unwrap())
        } else {
            Self::HaProxy(HaProxy::with(&text).unwrap())
        }
    }

    fn address(&self) -> String {
        match self {
            Self::Nginx(nginx) => nginx.address(),
            Self::HaProxy(haproxy) => haproxy.address(),
        }
    }
}

/// Clients stay, a node is killed, all are answered; how many sessions are there afterwards, of how many that were on it. Takes the stores of the
/// nodes.
async fn lose_a_node(config: &str, stores: [DynStore; 3]) -> (usize, usize) {
    let mut nodes: Vec<_> = NAMES.into_iter().zip(stores).map(|(name, store)| Node::start(name, store)).collect();
    let balancer = Balancer::start(config, &nodes);
    let address = balancer.address();
    let mut clients: Vec<_> = (0..CLIENTS).map(Client::new).collect();
    let mut homes = Vec::new();
    for client in &mut clients {
        assert_eq!(client.send(&address, "POST", "/in").await, (200, "in".to_owned()));
        let (node, user) = client.who(&address).await;
        assert_eq!(user, "alice");
        homes.push(node);
    }
    assert_eq!(homes.iter().collect::<BTreeSet<_>>().len(), 3, "{config}: all nodes have clients");
    for (client, home) in clients.iter_mut().zip(&homes) {
        for _ in 0..2 {
            assert_eq!(client.who(&address).await, (home.clone(), "alice".to_owned()), "{config}: it stays");
        }
    }
    assert!(nodes.iter().all(|node| node.affinity.moved_count() == 0), "{config}: nobody has moved");

    nodes[0].kill();
    let (mut kept, mut lost) = (0, 0);
    for (client, home) in clients.iter_mut().zip(&homes) {
        let (node, user) = client.who(&address).await;
        if home == "a" {
            assert_ne!(node, "a");
            if user == "alice" { kept += 1 } else { lost += 1 }
        } else {
            assert_eq!((&node, user.as_str()), (home, "alice"), "{config}: who was elsewhere stays there");
        }
    }
    (kept, kept + lost)
}

fn in_file(file: &Path) -> DynStore {
    // Until the one who had it before has let go of it.
    let store = kit::wait_for("the file is free", Duration::from_secs(10), || {
        DiskStore::open(file, Budgets { anonymous: 1 << 20, signed_in: 1 << 20 })
            .or_else(|error| kit::fail(error.to_string()))
    });
    DynStore::new(store.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_stay_and_are_answered_when_their_node_is_gone() {
    let (redis, nats) = (Redis::single().unwrap(), Nats::single().unwrap());
    let (connect, answer) = (Duration::from_secs(2), Duration::from_secs(2));
    let on_redis = || {
        let options = RedisOptions { connect_timeout: connect, response_timeout: answer, ..RedisOptions::default() };
        DynStore::new(RedisStore::single(&format!("redis://{}", redis.address()), options).unwrap())
    };
    let on_nats = async || {
        let options = NatsOptions { response_timeout: answer, ..NatsOptions::default() };
        DynStore::new(NatsStore::connect([nats.url().as_str()], options).await.unwrap())
    };
    println!("{:<28} sessions of the killed node that go on: in memory, in a file, on Redis, on NATS", "balancer");
    for config in [
        "nginx-node-name.conf",
        "nginx-ip-hash.conf",
        "nginx-consistent-hash.conf",
        "haproxy-cookie.cfg",
        "haproxy-source.cfg",
        "haproxy-stick-table.cfg",
    ] {
        let folder = Folder::new("sticky").unwrap();
        let files = NAMES.map(|name| in_file(&folder.path().join(name)));
        let own = [
            lose_a_node(
                config,
                NAMES.map(|_| DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }))),
            )
            .await,
            lose_a_node(config, files).await,
        ];
        let shared = [
            lose_a_node(config, NAMES.map(|_| on_redis())).await,
            lose_a_node(config, [on_nats().await, on_nats().await, on_nats().await]).await,
        ];
        let told: Vec<_> = own.iter().chain(&shared).map(|(kept, all)| format!("{kept} of {all}")).collect();
        println!("{config:<28} {}", told.join(", "));
        for (kept, all) in own {
            assert!(all > 0 && kept == 0, "{config}: what only its node has is gone with it");
        }
        for (kept, all) in shared {
            assert!(all > 0 && kept == all, "{config}: what all nodes have goes on");
        }
    }
}

/// Until then they are lost, as above.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_a_file_is_there_again_with_its_node() {
    let folder = Folder::new("sticky").unwrap();
    let file = folder.path().join("sessions");
    let mut node = Node::start("a", in_file(&file));
    let mut clients: Vec<_> = (0..20).map(Client::new).collect();
    for client in &mut clients {
        client.send(&node.address, "POST", "/in").await;
    }
    node.kill();
    let node = Node::start("a", in_file(&file));
    for client in &mut clients {
        assert_eq!(client.who(&node.address).await, ("a".to_owned(), "alice".to_owned()));
    }
}

/// The name in the cookie follows the client to its next node, and leaves one that drains.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cookie_names_the_node_where_the_session_is_now() {
    let store = DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }));
    let mut nodes: Vec<_> = NAMES.iter().map(|name| Node::start(name, store.clone())).collect();
    let balancer = Balancer::start("nginx-node-name.conf", &nodes);
    let address = balancer.address();
    let mut client = Client::new(7);
    client.send(&address, "POST", "/in").await;
    let (first, _) = client.who(&address).await;
    let named = |client: &Client| client.cookies["at"].clone();
    assert_eq!(named(&client), first);
    let place = NAMES.iter().position(|name| *name == first).unwrap();

    nodes[place].affinity.set_draining(true);
    assert_eq!(client.who(&address).await.0, first, "the last answer of a node that drains");
    assert_eq!(named(&client), "");
    nodes[place].kill();
    let (second, user) = client.who(&address).await;
    assert_ne!(first, second);
    assert_eq!((named(&client), user.as_str()), (second.clone(), "alice"));
    for _ in 0..5 {
        assert_eq!(client.who(&address).await.0, second, "it stays where it is now");
    }
    // Killed without a word: found on another node, which counts it and puts its own name in.
    let place = NAMES.iter().position(|name| *name == second).unwrap();
    nodes[place].kill();
    let (third, user) = client.who(&address).await;
    assert_eq!((named(&client), user.as_str()), (third.clone(), "alice"));
    let moved: u64 = nodes.iter().map(|node| node.affinity.moved_count()).sum();
    assert_eq!(moved, 1);
    assert_eq!(client.who(&address).await.0, third);
    assert_eq!(nodes.iter().map(|node| node.affinity.moved_count()).sum::<u64>(), 1);
}

/// The balancer's own check knows no `exp`: the rules beside it do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_balancer_checks_the_expiry_of_a_jwt() {
    const KEY: &str = "an obvious test key of 32 bytes!";
    let node = Node::start("a", DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 })));
    let text =
        include_str!("../../examples/cluster/haproxy-jwt.cfg").replace("{key}", KEY).replace("{a}", &node.address);
    let haproxy = HaProxy::with(&text).unwrap();
    let (now, key) = (UnixTime::now().as_secs(), Hs256Key::new(KEY.as_bytes()).unwrap());
    let jwt = |expires_at: Option<u64>, key: &Hs256Key| {
        let claims = JwtBuilder::new().subject("alice");
        let claims = expires_at.map_or(claims, |time| claims.expires_at(UnixTime::from_secs(time)));
        claims.sign(key, &mut [0; 256]).unwrap().to_owned()
    };
    let good = jwt(Some(now + 60), &key);
    let (_, rest) = good.split_once('.').unwrap();
    let other = Hs256Key::new(b"another obvious test key, 32 b.!").unwrap();
    for (what, bearer, status) in [
        ("a good one", good.clone(), 200),
        ("one that has expired", jwt(Some(now - 60), &key), 401),
        ("one without exp", jwt(None, &key), 401),
        ("one of another key", jwt(Some(now + 60), &other), 401),
        ("one that says none", format!("eyJhbGciOiJub25lIn0.{rest}"), 401),
        ("junk", "junk".to_owned(), 401),
    ] {
        let header = format!("Authorization: Bearer {bearer}\r\n");
        assert_eq!(http_get_with(&haproxy.address(), "/", &header).unwrap().0, status, "{what}");
    }
    assert_eq!(kit::net::http_get(&haproxy.address(), "/").unwrap().0, 401, "none");
}
