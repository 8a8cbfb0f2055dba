//! The kit for tests of a cluster does what it says: servers start, die and return, clusters elect, links break.

use crate::kit::balancer::{HaProxy, Nginx};
use crate::kit::link::{Link, Mode};
use crate::kit::nats::{self, Nats, NatsCluster};
use crate::kit::net::{connect, http_get};
use crate::kit::power::{Micros, Recorder, Recording, Unsynced};
use crate::kit::process::Folder;
use crate::kit::redis::{self, Connection, Redis, RedisCluster, Reply};
use crate::kit::sentinel::RedisWithSentinel;
use crate::kit::{Outcome, fail, wait_for};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::RangeInclusive;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Says how long a step took: what a test that uses it has to wait for.
fn timed<T>(what: &str, step: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let start = Instant::now();
    let done = step()?;
    println!("{what}: {:.2} s", start.elapsed().as_secs_f64());
    Ok(done)
}

fn expect(holds: bool, what: &str) -> Outcome {
    if holds { Ok(()) } else { fail(what) }
}

fn text(text: &str) -> Reply {
    Reply::Text(text.to_owned())
}

#[test]
fn redis_is_killed_and_returns_empty() -> Outcome {
    let mut redis = timed("one Redis", Redis::single)?;
    redis.ask(&["SET", "key", "value"])?;
    expect(redis.ask(&["GET", "key"])? == text("value"), "it keeps what it is given")?;
    redis.kill();
    expect(redis.ask(&["PING"]).is_err(), "a killed one does not answer")?;
    timed("one Redis again", || redis.restart())?;
    expect(redis.ask(&["GET", "key"])? == Reply::Nil, "there is no persistence")
}

#[test]
fn a_full_redis_refuses() -> Outcome {
    let redis = Redis::with(&["--maxmemory", "2mb"])?;
    let large = "x".repeat(1 << 20);
    let refused = (0..4).find_map(|i| redis.ask(&["SET", &i.to_string(), &large]).err());
    expect(refused.is_some_and(|error| error.0.starts_with("OOM")), "it says that it is full")
}

#[test]
fn a_replica_behind_a_frozen_link_misses_writes() -> Outcome {
    let primary = Redis::single()?;
    let link = Link::to(&primary.address())?;
    let replica = timed("a replica", || Redis::replica_of(&link.address()))?;
    let mut connection = Connection::to(&primary.address())?;
    connection.ask(&["SET", "key", "1"])?;
    expect(connection.ask(&["WAIT", "1", "2000"])? == Reply::Number(1), "the replica has it")?;
    link.set(Mode::Frozen)?;
    connection.ask(&["SET", "key", "2"])?;
    expect(connection.ask(&["WAIT", "1", "300"])? == Reply::Number(0), "the replica has it not")?;
    expect(replica.ask(&["GET", "key"])? == text("1"), "the replica is behind")?;
    link.set(Mode::Open)?;
    wait_for("the replica catches up", Duration::from_secs(5), || {
        expect(replica.ask(&["GET", "key"])? == text("2"), "the replica is behind")
    })
}

#[test]
fn sentinels_choose_another_primary() -> Outcome {
    let mut cluster = timed("Redis with Sentinel", RedisWithSentinel::start)?;
    let mut connection = Connection::to(&cluster.primary_address()?)?;
    connection.ask(&["SET", "key", "value"])?;
    expect(connection.ask(&["WAIT", "2", "2000"])? == Reply::Number(2), "both replicas have it")?;
    let old = cluster.kill_primary()?;
    let new = timed("a failover", || cluster.wait_for_failover(&old, Duration::from_secs(15)))?;
    expect(redis::ask(&new, &["GET", "key"])? == text("value"), "nothing is lost")?;
    redis::ask(&new, &["SET", "key", "newer"])?;
    timed("healing", || cluster.heal())?;
    expect(cluster.primary_address()? == new, "the old primary has returned as a replica")?;
    expect(redis::ask(&old, &["GET", "key"])? == text("newer"), "and has a copy")?;
    let second = cluster.kill_primary()?;
    timed("a second failover", || cluster.wait_for_failover(&second, Duration::from_secs(15))).map(drop)
}

#[test]
fn what_an_isolated_primary_acknowledges_is_lost() -> Outcome {
    let mut cluster = timed("Redis with Sentinel behind links", RedisWithSentinel::start_behind_links)?;
    let mut connection = Connection::to(&cluster.primary_address()?)?;
    connection.ask(&["SET", "key", "1"])?;
    expect(connection.ask(&["WAIT", "2", "2000"])? == Reply::Number(2), "both replicas have it")?;
    let (old, direct) = cluster.isolate_primary()?;
    expect(redis::ask(&old, &["PING"]).is_err(), "most cannot reach it")?;
    redis::ask(&direct, &["SET", "key", "2"])?;
    let new = timed("a failover", || cluster.wait_for_failover(&old, Duration::from_secs(15)))?;
    expect(redis::ask(&new, &["GET", "key"])? == text("1"), "the others know nothing of it")?;
    expect(redis::ask(&direct, &["GET", "key"])? == text("2"), "two say that they are the primary")?;
    timed("healing", || cluster.heal())?;
    expect(redis::ask(&old, &["GET", "key"])? == text("1"), "it follows the others")
}

#[test]
fn a_redis_cluster_shares_keys() -> Outcome {
    let mut cluster = timed("a Redis cluster", RedisCluster::start)?;
    let address = &cluster.addresses()[0];
    let answers: Vec<_> = (0..20).map(|i| redis::ask(address, &["SET", &i.to_string(), "value"])).collect();
    let moved = |answer: &&Outcome<Reply>| answer.as_ref().is_err_and(|error| error.0.starts_with("MOVED"));
    let count = answers.iter().filter(moved).count();
    expect(count > 0 && answers.iter().any(Result::is_ok), "some keys are elsewhere")?;
    cluster.kill(2);
    let address = cluster.addresses()[0].clone();
    timed("a Redis cluster notices", || {
        wait_for("the cluster notices", Duration::from_secs(10), || {
            let state = redis::ask(&address, &["CLUSTER", "INFO"])?;
            expect(state.text().contains("cluster_state:fail"), state.text())
        })
    })?;
    timed("a Redis cluster again", || cluster.restart(2))
}

#[test]
fn nats_is_killed_and_returns_with_its_stream() -> Outcome {
    let mut nats = timed("one NATS", Nats::single)?;
    expect(nats.url().starts_with("nats://127.0.0.1:"), "it has a URL")?;
    nats.request("$JS.API.STREAM.CREATE.s", r#"{"name":"s","subjects":["s.>"]}"#)?;
    nats.request("s.one", "hello")?;
    nats.kill();
    expect(nats.request("$JS.API.INFO", "").is_err(), "a killed one does not answer")?;
    timed("one NATS again", || nats.restart())?;
    let info = nats.request("$JS.API.STREAM.INFO.s", "")?;
    expect(info["state"]["messages"] == 1, "the stream is on disk")
}

#[test]
fn a_nats_cluster_elects_another_leader() -> Outcome {
    let mut cluster = timed("a NATS cluster", NatsCluster::start)?;
    expect(cluster.urls().len() == 3, "three servers")?;
    cluster.request("$JS.API.STREAM.CREATE.s", r#"{"name":"s","subjects":["s.>"],"num_replicas":3}"#)?;
    cluster.request("s.one", "hello")?;
    let old = cluster.leader_of("s")?;
    cluster.kill(old);
    let new = timed("another leader of a stream", || cluster.leader_of("s"))?;
    expect(new != old, "a dead server does not lead")?;
    let patience = Duration::from_secs(20);
    timed("a write after that", || wait_for("a write", patience, || cluster.request("s.two", "hello")))?;
    timed("the leader of the cluster", || cluster.meta_leader())?;
    timed("one of the NATS cluster again", || cluster.restart(old))?;
    timed("a whole NATS cluster again", || cluster.wait_until_whole())?;
    let info = cluster.request("$JS.API.STREAM.INFO.s", "")?;
    expect(info["state"]["messages"] == 2, "both messages are there")
}

#[test]
fn a_nats_server_that_is_cut_off_cannot_write() -> Outcome {
    // What it took alone is gone.
    part_one_from_two(Mode::Cut, 1..=1)
}

#[test]
fn a_nats_server_behind_frozen_links_cannot_write() -> Outcome {
    // What is held may still arrive: who got no answer cannot know.
    part_one_from_two(Mode::Frozen, 1..=2)
}

/// The one acknowledges nothing, the two do, and afterwards every acknowledged message is there.
fn part_one_from_two(mode: Mode, possible: RangeInclusive<u64>) -> Outcome {
    let mut cluster = timed("a NATS cluster behind links", NatsCluster::start_behind_links)?;
    cluster.request("$JS.API.STREAM.CREATE.s", r#"{"name":"s","subjects":["s.>"],"num_replicas":3}"#)?;
    let old = cluster.leader_of("s")?;
    let [alone, other] = [old, (old + 1) % 3].map(|node| cluster.addresses()[node].clone());
    cluster.isolate(old, mode)?;
    timed(&format!("a write of the others, {mode:?}"), || {
        expect(nats::request(&alone, "s.alone", "hello").is_err(), "nobody acknowledges")?;
        wait_for("a write", Duration::from_secs(40), || nats::request(&other, "s.one", "hello"))
    })?;
    timed("a whole NATS cluster again", || cluster.rejoin())?;
    wait_for("every acknowledged message is there", Duration::from_secs(10), || {
        let info = cluster.request("$JS.API.STREAM.INFO.s", "")?;
        expect(info["state"]["messages"].as_u64().is_some_and(|count| possible.contains(&count)), &info.to_string())
    })
}

/// Answers every line with itself.
fn echo() -> Outcome<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
        }
    });
    Ok(address)
}

fn say(stream: &mut TcpStream, words: &str) -> Outcome<String> {
    stream.write_all(words.as_bytes())?;
    heard(stream, words.len())
}

fn heard(stream: &mut TcpStream, length: usize) -> Outcome<String> {
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A connection that waits for answers as long as it is worth here.
fn through(link: &Link) -> Outcome<TcpStream> {
    let stream = connect(&link.address())?;
    stream.set_read_timeout(Some(Duration::from_millis(300)))?;
    Ok(stream)
}

#[test]
fn a_cut_link_closes_and_refuses() -> Outcome {
    let link = Link::to(&echo()?)?;
    let mut stream = through(&link)?;
    expect(say(&mut stream, "one")? == "one", "it passes on")?;
    link.set(Mode::Cut)?;
    expect(link.connections() == 0, "it has closed all")?;
    expect(matches!(stream.read(&mut [0]), Ok(0) | Err(_)), "the caller sees the end")?;
    expect(TcpStream::connect(link.address()).is_err(), "it refuses")?;
    link.set(Mode::Open)?;
    expect(say(&mut through(&link)?, "two")? == "two", "it is open again")
}

#[test]
fn a_frozen_link_holds_everything() -> Outcome {
    let link = Link::to(&echo()?)?;
    let mut before = through(&link)?;
    expect(say(&mut before, "one")? == "one", "it passes on")?;
    link.set(Mode::Frozen)?;
    expect(say(&mut before, "two").is_err(), "no answer")?;
    let mut meanwhile = through(&link)?;
    expect(say(&mut meanwhile, "three").is_err(), "no answer on a new connection")?;
    link.set(Mode::Open)?;
    expect(heard(&mut before, 3)? == "two", "what was held arrives")?;
    expect(heard(&mut meanwhile, 5)? == "three", "on the new connection too")
}

#[test]
fn what_a_frozen_link_holds_is_lost_when_it_is_cut() -> Outcome {
    let redis = Redis::single()?;
    let link = Link::to(&redis.address())?;
    let mut connection = Connection::to(&link.address())?;
    connection.ask(&["SET", "key", "1"])?;
    link.set(Mode::Frozen)?;
    let asked = thread::spawn(move || connection.ask(&["SET", "key", "2"]));
    thread::sleep(Duration::from_millis(100));
    link.set(Mode::Cut)?;
    expect(asked.join().is_ok_and(|answer| answer.is_err()), "the caller gets an error")?;
    expect(redis.ask(&["GET", "key"])? == text("1"), "nothing has arrived")
}

#[test]
fn a_link_of_one_way_does_what_is_asked_and_does_not_say_so() -> Outcome {
    let redis = Redis::single()?;
    let link = Link::to(&redis.address())?;
    link.set(Mode::OneWay)?;
    let address = link.address();
    let asked = thread::spawn(move || redis::ask(&address, &["SET", "key", "1"]));
    wait_for("it is done", Duration::from_secs(5), || {
        expect(redis.ask(&["GET", "key"])? == text("1"), "it is not done")
    })?;
    link.set(Mode::Cut)?;
    expect(asked.join().is_ok_and(|answer| answer.is_err()), "the caller gets an error")
}

/// A server that answers every request with its name.
fn web(name: &'static str) -> Outcome<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream, name));
        }
    });
    Ok(address)
}

fn answer(mut stream: TcpStream, name: &str) -> std::io::Result<()> {
    let lines = BufReader::new(stream.try_clone()?).lines();
    // A request without a body ends with an empty line.
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{name}", name.len())
}

#[test]
fn nginx_passes_on() -> Outcome {
    let web = web("one")?;
    let config = format!("server {{ listen 127.0.0.1:{{port}}; location / {{ proxy_pass http://{web}; }} }}");
    let mut nginx = timed("nginx", || Nginx::with(&config))?;
    expect(http_get(&nginx.address(), "/")? == (200, "one".to_owned()), "it passes on")?;
    nginx.server.kill();
    expect(http_get(&nginx.address(), "/").is_err(), "a killed one does not answer, and left no worker")?;
    timed("nginx again", || nginx.server.restart())?;
    expect(http_get(&nginx.address(), "/")? == (200, "one".to_owned()), "it passes on")
}

#[test]
fn haproxy_passes_on_and_drains() -> Outcome {
    let (one, two) = (web("one")?, web("two")?);
    let config = format!(
        "frontend all\n  bind 127.0.0.1:{{port}}\n  default_backend app\n\
         backend app\n  server one {one}\n  server two {two}\n"
    );
    let mut haproxy = timed("HAProxy", || HaProxy::with(&config))?;
    let answers =
        |haproxy: &HaProxy| (0..4).map(|_| Ok(http_get(&haproxy.address(), "/")?.1)).collect::<Outcome<Vec<_>>>();
    let both = answers(&haproxy)?;
    expect(both.iter().any(|name| name == "one") && both.iter().any(|name| name == "two"), "both are asked")?;
    haproxy.admin("set server app/one state drain")?;
    expect(answers(&haproxy)?.iter().all(|name| name == "two"), "a drained one is not asked")?;
    haproxy.server.kill();
    expect(http_get(&haproxy.address(), "/").is_err(), "a killed one does not answer")?;
    timed("HAProxy again", || haproxy.server.restart())?;
    expect(http_get(&haproxy.address(), "/")?.0 == 200, "it passes on")
}

/// Files and what stands in them, as they are on a disk that lost its power.
fn on_disk(folder: &Path) -> Outcome<Vec<(String, String)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.path().is_dir() {
            found.push((name, std::fs::read_to_string(entry.path())?));
        }
    }
    found.sort();
    Ok(found)
}

#[test]
fn without_power_what_is_not_synced_is_gone() -> Outcome {
    let place = Folder::new("self")?;
    let (folder, trace, disk) = (place.path().join("its"), place.path().join("trace"), place.path().join("disk"));
    std::fs::create_dir(&folder)?;
    std::fs::write(folder.join("before"), "before")?;
    let recorder = Recorder::new(&folder, &trace, &["log"])?;
    let script = "printf one > synced; sync synced; printf ,two >> synced; mv synced renamed; printf x > new; rm before; \
                  printf y > over; sync over; sync .; printf z > moved; sync moved; mv moved over; : > log; mkdir one; printf 1 > one/file; mv one two; sync two/file two";
    let status = recorder.command(Path::new("/bin/sh")).args(["-c", script]).status()?;
    expect(status.success(), "the script works")?;
    let recording = recorder.read()?;
    recording.check()?;
    let in_two = |disk: &Path| std::fs::read_to_string(disk.join("two/file")).unwrap_or_default();
    let known = |unsynced, name: &str| -> Outcome<Vec<(String, String)>> {
        recording.without_power(Micros::MAX, unsynced, &disk.join(name))?;
        on_disk(&disk.join(name))
    };
    let as_is = |files: &[(&str, &str)]| -> Vec<_> {
        files.iter().map(|(name, content)| ((*name).to_owned(), (*content).to_owned())).collect()
    };
    // Names were synced with the folder; the content of two was not, and the last name is not, but for those in another folder.
    let lost = known(Unsynced::Lost, "lost")?;
    expect(lost == as_is(&[("new", ""), ("over", "y"), ("renamed", "one")]), &format!("{lost:?}"))?;
    expect(in_two(&disk.join("lost")) == "1" && !disk.join("lost/one").exists(), "a folder has another name")?;
    let kept = known(Unsynced::Kept, "kept")?;
    expect(kept == as_is(&[("new", "x"), ("over", "z"), ("renamed", "one,two")]), &format!("{kept:?}"))?;
    let mut ends = BTreeSet::new();
    for seed in 0..40 {
        let torn = known(Unsynced::Torn(seed), &seed.to_string())?;
        let renamed = torn.iter().find(|(name, _)| name == "renamed").map(|(_, content)| content.clone());
        let renamed = renamed.ok_or("it was synced")?;
        expect("one,two".starts_with(&renamed) && renamed.len() >= 3, &renamed)?;
        ends.insert(renamed);
    }
    expect(ends.len() > 2, "it is cut at different places")?;
    expect(known(Unsynced::Kept, "once more")? == kept, "the same each time")?;
    let never = recording.not_synced_after(0);
    never.without_power(Micros::MAX, Unsynced::Lost, &disk.join("never"))?;
    let never_synced = on_disk(&disk.join("never"))?;
    expect(never_synced == as_is(&[("before", "before")]), "only what was there before")?;
    std::fs::write(folder.join("new"), "y")?;
    expect(never.check().is_err(), "a write that was not recorded is noticed")?;
    std::fs::write(folder.join("new"), "x")?;
    expect(never.check().is_ok(), "all is as it was recorded")?;
    std::fs::write(folder.join("newer"), "")?;
    expect(never.check().is_err(), "a file that was not recorded is noticed")
}

/// A program of which strace has written these lines, each a second after the one before, behind those that open the file `a` as 3 and its folder as 9
/// and make a second thread. What stands in quotes is bytes.
struct Traced {
    place: Folder,
    recording: Recording,
}

impl Traced {
    fn of(lines: &[&str]) -> Outcome<Self> {
        let place = Folder::new("self")?;
        let folder = place.path().join("its");
        std::fs::create_dir(&folder)?;
        let first = [
            "1 openat(AT_FDCWD, \"a\", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 3",
            "1 clone3({flags=CLONE_VM|CLONE_FILES, exit_signal=0}, 88) = 2",
            "1 openat(AT_FDCWD, \".\", O_RDONLY|O_DIRECTORY) = 9",
            "1 fsync(9) = 0",
        ];
        let mut text = String::new();
        for (second, line) in first.iter().chain(lines).enumerate() {
            let (thread, call) = line.split_once(' ').ok_or("no thread")?;
            let mut written = format!("{thread} {second}.000000 ");
            for (place, part) in call.split('"').enumerate() {
                let hex = part.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
                written += &if place % 2 == 1 { format!("\"{hex}\"") } else { part.to_owned() };
            }
            let has_result = call.contains(" = ") && !call.starts_with("<... ");
            text += &format!("{written}{}\n", if has_result { " <0.000001>" } else { "" });
        }
        let recorder = Recorder::new(&folder, &place.path().join("trace"), &[])?;
        Ok(Self { recording: recorder.read_from(&text)?, place })
    }

    /// The file as it is on the disk.
    fn file(&self, name: &str, second: u64, unsynced: Unsynced) -> Outcome<String> {
        let disk = self.place.path().join("disk");
        let _ = std::fs::remove_dir_all(&disk);
        self.recording.without_power(second * 1_000_000 + 500_000, unsynced, &disk)?;
        Ok(std::fs::read_to_string(disk.join(name)).unwrap_or_else(|_| "none".to_owned()))
    }

    /// All that it may be, by chance.
    fn torn(&self, name: &str, second: u64) -> Outcome<BTreeSet<String>> {
        (0..200).map(|seed| self.file(name, second, Unsynced::Torn(seed))).collect()
    }
}

#[test]
fn a_trace_is_read_in_the_order_in_which_things_happened() -> Outcome {
    let of = |lines: &[&str]| Traced::of(lines);
    let at_the_end = |traced: &Traced, name: &str| traced.file(name, 99, Unsynced::Lost);
    let is = |found: &str, wanted: &str, what: &str| expect(found == wanted, &format!("{what}: {found:?}"));

    let write = "1 write(3, \"one\", 3) = 3";
    let traced =
        of(&[write, "1 fsync(3 <unfinished ...>", "2 write(3, \"two\", 3) = 3", "1 <... fsync resumed>) = 0"])?;
    is(&at_the_end(&traced, "a")?, "one", "a sync is of what was written before it began")?;
    is(&traced.file("a", 99, Unsynced::Kept)?, "onetwo", "all of it")?;
    is(&traced.file("a", 6, Unsynced::Lost)?, "", "a sync counts when it is answered")?;

    let other = "2 openat(AT_FDCWD, \"b\", O_RDWR|O_CREAT, 0600) = 3";
    let begun = ["1 write(3, \"one\", 3) = 3", "1 fsync(3 <unfinished ...>", "2 close(3) = 0"];
    let then = [other, "2 write(3, \"two\", 3) = 3", "1 <... fsync resumed>) = 0", "1 fsync(9) = 0"];
    let traced = of(&[&begun[..], &then].concat())?;
    is(&at_the_end(&traced, "a")?, "one", "a sync is of the file that the number stood for")?;
    is(&at_the_end(&traced, "b")?, "", "and not of another one")?;

    let traced =
        of(&["1 close(3 <unfinished ...>", other, "1 <... close resumed>) = 0", "2 write(3, \"two\", 3) = 3"])?;
    is(&traced.file("b", 99, Unsynced::Kept)?, "two", "a number is free before that is heard")?;

    let closed = ["1 close(3 <unfinished ...>", "1 <... close resumed>) = 0", "2 write(3, \"two\", 3) = 3"];
    is(&of(&closed)?.file("a", 99, Unsynced::Kept)?, "", "its number is that of something else by now")?;

    let again = "1 openat(AT_FDCWD, \"a\", O_WRONLY|O_TRUNC) = 4";
    let traced = of(&[write, "1 fsync(3) = 0", again, "1 write(4, \"new\", 3) = 3"])?;
    is(&at_the_end(&traced, "a")?, "one", "what was synced is there until it is cut")?;
    let torn = traced.torn("a", 99)?;
    let all = ["", "n", "ne", "new", "one"].map(str::to_owned);
    expect(torn.is_superset(&all.into()), &format!("a file that is written anew may be empty: {torn:?}"))?;

    let grown = of(&["1 ftruncate(3, 1024) = 0", "1 fsync(3) = 0", "1 pwrite64(3, \"end\", 3, 1000) = 3"])?;
    is(&at_the_end(&grown, "a")?, &"\0".repeat(1024), "what a file has grown by is zero")?;
    expect(grown.torn("a", 99)?.len() == 2, "a sector is written or not")?;

    let renamed = ["1 rename(\"a\", \"c\") = 0", "1 fsync(9) = 0", write, "1 fsync(3) = 0"];
    is(&at_the_end(&of(&renamed)?, "c")?, "one", "a file that is open has its new name")?;
    is(&at_the_end(&of(&[write, "1 fsync(3) = 0", renamed[0]])?, "a")?, "one", "a name is synced with its folder")?;

    let made = ["1 mkdir(\"d\", 0700) = 0", "1 openat(AT_FDCWD, \"d\", O_RDONLY) = 4", "1 rename(\"d\", \"e\") = 0"];
    let in_it = ["1 openat(4, \"f\", O_RDWR|O_CREAT, 0600) = 5", "1 write(5, \"one\", 3) = 3"];
    is(&of(&[&made[..], &in_it].concat())?.file("e/f", 99, Unsynced::Kept)?, "one", "so has a folder that is open")?;

    let slow =
        of(&["1 write(3, \"one\", 3 <unfinished ...>", "2 lseek(7, 0, SEEK_SET) = 0", "1 <... write resumed>) = 3"])?;
    is(&slow.file("a", 5, Unsynced::Kept)?, "", "it is not written yet")?;
    expect(slow.torn("a", 5)?.contains("one"), "it may be on the disk before it is answered")?;

    let synced =
        of(&["1 openat(AT_FDCWD, \"a\", O_WRONLY|O_APPEND|O_DSYNC) = 4", write, "1 write(4, \"two\", 3) = 3"])?;
    is(&at_the_end(&synced, "a")?, "onetwo", "a file of synced writes, which go to its end")?;
    let copies = of(&[
        "1 dup(3) = 5",
        "1 close(3) = 0",
        "1 writev(5, [{iov_base=\"on\", iov_len=2}, {iov_base=\"e\", iov_len=1}], 2) = 3",
    ])?;
    is(&copies.file("a", 99, Unsynced::Kept)?, "one", "another number of the same file")?;
    let apart = of(&["1 fork() = 7", "7 close(3) = 0", write])?;
    is(&apart.file("a", 99, Unsynced::Kept)?, "one", "a process of its own closes its own numbers")?;
    let failed = of(&["1 write(3, \"one\", 3) = -1 ENOSPC (No space left on device)", "1 write(3, \"two\", 3) = 2"])?;
    is(&failed.file("a", 99, Unsynced::Kept)?, "tw", "what was not written")?;

    for refused in [
        "1 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 3, 0) = 0x7f0000000000",
        "1 fcntl(3, F_SETFL, O_RDWR|O_APPEND) = 0",
        "1 renameat2(AT_FDCWD, \"a\", AT_FDCWD, \"b\", RENAME_EXCHANGE) = 0",
        "1 linkat(AT_FDCWD, \"a\", AT_FDCWD, \"b\", 0) = 0",
        "1 truncate(\"a\", 0) = 0",
        "1 sendfile(3, 4, NULL, 100) = 100",
        "5 write(3, \"one\", 3) = 3",
        "1 write(3) = 3 and more",
        "nonsense",
    ] {
        expect(of(&[refused]).is_err(), &format!("it is not followed: {refused}"))?;
    }
    Ok(())
}

#[test]
fn a_server_that_cannot_start_shows_its_log() -> Outcome {
    let why = Nginx::with("no_such_directive;").err().map(|failure| failure.0).unwrap_or_default();
    expect(why.contains("unknown directive \"no_such_directive\""), &why)
}

#[test]
fn nothing_is_left_behind() -> Outcome {
    let redis = Redis::single()?;
    let (address, folder) = (redis.address(), redis.server.folder().to_owned());
    drop(redis);
    expect(TcpStream::connect(address).is_err() && !folder.exists(), "the server and its folder are gone")?;
    let folder = Folder::new("self")?;
    let path = folder.path().to_owned();
    drop(folder);
    expect(!path.exists(), "a folder is gone")
}
