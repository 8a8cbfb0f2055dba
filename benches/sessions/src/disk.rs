//! A million sessions in a file: written, and opened again.

use countersign::UnixTime;
use countersign::session::{Content, Created, Credential, Deadlines, DiskStore, Kind, SessionStore};
use futures_util::future::join_all;
use std::time::Instant;

const SESSIONS: usize = 1_000_000;
const AT_ONCE: usize = 500;
const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

pub async fn run() {
    let folder = std::env::temp_dir().join(format!("countersign-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("sessions.redb");
    let store = DiskStore::open(&file).unwrap();
    let content = Content {
        kind: Kind::SignedIn,
        deadlines: Deadlines { idle: UnixTime::from_secs(1_700_001_800), absolute: UnixTime::from_secs(1_700_086_400) },
        epoch: 0,
        bytes: [b'x'; 300].as_slice().into(),
    };
    let start = Instant::now();
    let mut last = None;
    for _ in 0..SESSIONS / AT_ONCE {
        let handles: Vec<_> = (0..AT_ONCE).map(|_| Credential::generate_anonymous().unwrap().handle()).collect();
        let made = join_all(handles.iter().map(|handle| store.create(*handle, content.clone(), NOW))).await;
        assert!(made.iter().all(|made| matches!(made, Ok(Created::Done(_)))));
        last = handles.last().copied();
    }
    let written = start.elapsed();
    drop(store);
    let start = Instant::now();
    let store = DiskStore::open(&file).unwrap();
    let found = store.load(last.unwrap(), NOW).await.unwrap();
    let opened = start.elapsed();
    assert!(found.is_some());
    let megabytes = std::fs::metadata(&file).unwrap().len() >> 20;
    println!(
        "disk: {SESSIONS} sessions written in {written:.1?}, {AT_ONCE} at once, each on disk before it was answered; {megabytes} MiB; opened, and one read, in {opened:.1?}"
    );
    drop(store);
    std::fs::remove_dir_all(folder).unwrap();
}
