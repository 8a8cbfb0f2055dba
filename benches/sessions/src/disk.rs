//! A million sessions in a file: written, then the writer is killed, and the file opened again, as a crash and as a clean end leave it.

use countersign::UnixTime;
use countersign::session::Handle;
use countersign::session::credential::Credential;
use countersign::session::store::Budgets;
use countersign::session::store::{CreateOutcome, Deadlines, DiskStore, SessionContent, SessionKind, SessionStore};
use futures_util::future::join_all;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const SESSIONS: usize = 1_000_000;
const AT_ONCE: usize = 500;
const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

pub async fn run() {
    let folder = std::env::temp_dir().join(format!("countersign-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("sessions.redb");
    let start = Instant::now();
    let mut writer = Command::new(std::env::current_exe().unwrap());
    let mut writer = writer.arg("write").arg(&file).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(writer.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let written = start.elapsed();
    writer.kill().unwrap();
    writer.wait().unwrap();
    let last = line.trim().parse::<Handle>().unwrap();
    let mut opened = Vec::new();
    for _ in 0..2 {
        let start = Instant::now();
        let store = open(&file);
        assert!(store.load(last, NOW).await.unwrap().is_some());
        opened.push(start.elapsed());
    }
    let megabytes = std::fs::metadata(&file).unwrap().len() >> 20;
    println!(
        "disk: {SESSIONS} sessions written in {written:.1?}, {AT_ONCE} at once, each on disk before it was answered; {megabytes} MiB; opened, and one read, in {:.1?} after kill -9, in {:.1?} after a clean end",
        opened[0], opened[1]
    );
    std::fs::remove_dir_all(folder).unwrap();
}

fn open(file: &Path) -> DiskStore {
    DiskStore::open(file, Budgets { anonymous: 1 << 30, signed_in: 1 << 30 }).unwrap()
}

/// Writes them, names the last one, and goes on writing until it is killed.
pub async fn write(file: &Path) {
    let store = open(file);
    let content = SessionContent {
        kind: SessionKind::SignedIn,
        deadlines: Deadlines { idle: UnixTime::from_secs(1_700_001_800), absolute: UnixTime::from_secs(1_700_086_400) },
        epoch: 0,
        bytes: [b'x'; 300].as_slice().into(),
    };
    for group in 1usize.. {
        let handles: Vec<_> = (0..AT_ONCE).map(|_| Credential::generate_anonymous().unwrap().handle()).collect();
        let made = join_all(handles.iter().map(|handle| store.create(*handle, content.clone(), NOW))).await;
        assert!(made.iter().all(|made| matches!(made, Ok(CreateOutcome::Done(_)))));
        if group * AT_ONCE == SESSIONS {
            println!("{}", handles[0]);
        }
    }
}
