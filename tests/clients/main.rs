//! Real clients: two browsers, each in two profiles, the client of the JDK and curl, with their own jars of cookies.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Html;
use axum::routing::{get, post};
use countersign::session::store::Budgets;
use countersign::session::store::{DynStore, MemoryStore};
use countersign::session::{Lifetimes, Pepper, SessionError, SessionManager};
use countersign::web::CsrfGuard;
use countersign::web::session::{CurrentSession, SessionCookie, SessionLayer};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A browser that starts on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(60);

// ---------------------------------------------------------------------------------------------- the application

async fn write(mut session: CurrentSession) -> String {
    session.insert("seen", &true).unwrap();
    "written".into()
}

async fn read(session: CurrentSession) -> String {
    let seen = session.get::<bool>("seen").unwrap().is_some();
    let level = session.last_sign_in().map_or(0, |last| last.level);
    format!("{} {level} {seen}", session.user().unwrap_or("nobody"))
}

async fn sign_in(session: CurrentSession) -> Result<&'static str, SessionError> {
    to_level(session, 1).await
}

async fn step_up(session: CurrentSession) -> Result<&'static str, SessionError> {
    to_level(session, 2).await
}

async fn to_level(mut session: CurrentSession, level: u8) -> Result<&'static str, SessionError> {
    let attempt = session.begin_sign_in("alice").await?;
    session.sign_in(&attempt, level).await.map(|()| "in")
}

async fn renew(mut session: CurrentSession) -> Result<&'static str, SessionError> {
    session.renew().await.map(|()| "renewed")
}

async fn sign_out_everywhere(session: CurrentSession) -> Result<&'static str, SessionError> {
    session.sign_out_everywhere().await.map(|()| "out")
}

/// What pages are asked to do, and what came of it, by the names of their browsers.
#[derive(Clone, Default)]
struct Pages(Arc<std::sync::Mutex<HashMap<String, Arc<Page>>>>);

#[derive(Default)]
struct Page {
    /// What is asked for, until it is done: a browser may load its page anew, and ask again.
    todo: std::sync::Mutex<Option<String>>,
    done: std::sync::Mutex<Option<String>>,
}

impl Pages {
    fn of(&self, name: &str) -> Arc<Page> {
        Arc::clone(self.0.lock().unwrap().entry(name.to_owned()).or_default())
    }
}

/// Looks for something again and again, for a while.
async fn within<T>(time: Duration, look: impl Fn() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        match look() {
            None if start.elapsed() < time => tokio::time::sleep(Duration::from_millis(5)).await,
            found => return found,
        }
    }
}

async fn todo(State(pages): State<Pages>, Path(name): Path<String>) -> String {
    let page = pages.of(&name);
    within(Duration::from_secs(5), || page.todo.lock().unwrap().clone()).await.unwrap_or_else(|| "wait".into())
}

async fn done(State(pages): State<Pages>, Path(name): Path<String>, body: String) {
    let page = pages.of(&name);
    if page.todo.lock().unwrap().take().is_some() {
        *page.done.lock().unwrap() = Some(body);
    }
}

/// Serves it on this machine; its origin.
async fn serve(pages: Pages) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let store = DynStore::new(MemoryStore::new(Budgets { anonymous: 1 << 20, signed_in: 1 << 20 }));
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
    let filter = SessionLayer::new(sessions, CsrfGuard::new([&*origin]).unwrap(), Duration::from_secs(1));
    let filter = filter.with_cookie(SessionCookie::new().with_secure(false)).unwrap();
    let app = Router::new()
        .route("/write", post(write))
        .route("/read", get(read))
        .route("/in", post(sign_in))
        .route("/up", post(step_up))
        .route("/renew", post(renew))
        .route("/out-everywhere", post(sign_out_everywhere))
        .layer(filter)
        .route("/client/{name}", get(async || Html(include_str!("client.html"))))
        .route("/todo/{name}", post(todo))
        .route("/done/{name}", post(done))
        .with_state(pages);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    origin
}

// ---------------------------------------------------------------------------------------------- the clients

/// A process with all that it has started, and its folder; both go with it.
struct Process {
    child: Child,
    folder: PathBuf,
}

impl Process {
    fn start(command: &mut Command, name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("countersign-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let command = command.env("HOME", &folder).process_group(0).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} has to be installed: {error}"));
        Self { child, folder }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-9", "--", &group]).status();
        let _ = self.child.wait();
        // A browser's last writes may still come.
        for _ in 0..50 {
            if std::fs::remove_dir_all(&self.folder).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

enum Client {
    /// A page in a browser.
    Browser {
        page: Arc<Page>,
        _process: Process,
    },
    Jdk {
        input: ChildStdin,
        output: BufReader<ChildStdout>,
        _process: Process,
    },
    Curl {
        jar: PathBuf,
        origin: String,
    },
}

impl Client {
    fn folder(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("countersign-{name}-{}", std::process::id()))
    }

    fn chromium(name: &str, origin: &str, pages: &Pages) -> Self {
        let mut command = Command::new("chromium");
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"]);
        command.arg(format!("--user-data-dir={}", Self::folder(name).display()));
        Self::browser(command, name, origin, pages)
    }

    fn firefox(name: &str, origin: &str, pages: &Pages) -> Self {
        let mut command = Command::new("firefox-esr");
        command.args(["--headless", "--no-remote", "--profile"]).arg(Self::folder(name));
        Self::browser(command, name, origin, pages)
    }

    fn browser(mut command: Command, name: &str, origin: &str, pages: &Pages) -> Self {
        command.arg(format!("{origin}/client/{name}")).stdout(Stdio::null());
        Self::Browser { page: pages.of(name), _process: Process::start(&mut command, name) }
    }

    fn jdk(name: &str, origin: &str) -> Self {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/Client.java");
        let mut command = Command::new("java");
        command.args([source, origin]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start(&mut command, name);
        let (input, output) = (process.child.stdin.take().unwrap(), process.child.stdout.take().unwrap());
        Self::Jdk { input, output: BufReader::new(output), _process: process }
    }

    fn curl(name: &str, origin: &str) -> Self {
        let jar = Self::folder(name);
        let _ = std::fs::remove_file(&jar);
        Self::Curl { jar, origin: origin.to_owned() }
    }

    /// What the application answers: the status, and the body.
    async fn ask(&mut self, request: &str) -> String {
        match self {
            Self::Browser { page, .. } => {
                *page.todo.lock().unwrap() = Some(request.to_owned());
                let answer = within(PATIENCE, || page.done.lock().unwrap().take()).await;
                answer.unwrap_or_else(|| panic!("no answer to {request}"))
            }
            Self::Jdk { input, output, .. } => {
                writeln!(input, "{request}").unwrap();
                let mut line = String::new();
                tokio::task::block_in_place(|| output.read_line(&mut line)).unwrap();
                line.trim_end().to_owned()
            }
            Self::Curl { jar, origin } => {
                let (method, path) = request.split_once(' ').unwrap();
                let mut command = Command::new("curl");
                command.args(["--silent", "--http2", "--max-time", "30", "--request", method, "--header"]);
                command.arg(format!("Origin: {origin}")).arg("--cookie").arg(&*jar).arg("--cookie-jar").arg(&*jar);
                command.args(["--write-out", "\n%{http_code}"]).arg(format!("{origin}{path}"));
                let output =
                    String::from_utf8(tokio::task::block_in_place(|| command.output()).unwrap().stdout).unwrap();
                let (body, status) = output.rsplit_once('\n').unwrap();
                format!("{status} {body}")
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Self::Curl { jar, .. } = self {
            let _ = std::fs::remove_file(jar);
        }
    }
}

/// Two of a kind, each with a jar of its own.
async fn use_it(kind: &str, [mut one, mut other]: [Client; 2]) {
    let steps: [(usize, &str, &str); 19] = [
        (0, "POST /write", "200 written"),
        (0, "GET /read", "200 nobody 0 true"),
        (0, "POST /in", "200 in"),
        (0, "GET /read", "200 alice 1 true"),
        (1, "GET /read", "200 nobody 0 false"),
        (1, "POST /in", "200 in"),
        (0, "POST /renew", "200 renewed"),
        (0, "GET /read", "200 alice 1 true"),
        (0, "POST /up", "200 in"),
        (0, "GET /read", "200 alice 2 true"),
        (0, "POST /renew", "200 renewed"),
        (0, "POST /write", "200 written"),
        (0, "GET /read", "200 alice 2 true"),
        (1, "GET /read", "200 alice 1 false"),
        (1, "POST /write", "200 written"),
        (0, "POST /out-everywhere", "200 out"),
        (1, "GET /read", "200 nobody 0 false"),
        (0, "GET /read", "200 nobody 0 false"),
        (1, "POST /in", "200 in"),
    ];
    for (number, (which, request, expected)) in steps.into_iter().enumerate() {
        let client = if which == 0 { &mut one } else { &mut other };
        assert_eq!(client.ask(request).await, expected, "{kind}, step {number}, {request} of client {which}");
    }
    println!("{kind}: signed in, renewed, stepped up and signed out everywhere, {} requests", steps.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_keeps_its_session() {
    let pages = Pages::default();
    let origin = serve(pages.clone()).await;
    use_it("Chromium", ["chromium-1", "chromium-2"].map(|name| Client::chromium(name, &origin, &pages))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn firefox_keeps_its_session() {
    let pages = Pages::default();
    let origin = serve(pages.clone()).await;
    use_it("Firefox", ["firefox-1", "firefox-2"].map(|name| Client::firefox(name, &origin, &pages))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_of_the_jdk_keeps_its_session() {
    let origin = serve(Pages::default()).await;
    use_it("JDK", ["jdk-1", "jdk-2"].map(|name| Client::jdk(name, &origin))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_keeps_its_session() {
    let origin = serve(Pages::default()).await;
    use_it("curl", ["curl-1", "curl-2"].map(|name| Client::curl(name, &origin))).await;
}
