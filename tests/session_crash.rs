//! Kills a process that writes sessions to disk, again and again: what it was told is done is there afterwards, and what it was told is over
//! is over. A program of its own, as the process that dies is this one.

#![allow(clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects, reason = "a test may panic")]

use countersign::UnixTime;
use countersign::session::{
    Content, Created, Credential, Deadlines, DiskStore, Handle, Kind, OpenError, SessionStore, Swapped,
};
use futures_executor::block_on;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Rounds in a test run; `session_crash 1000` runs more.
const KILLS: usize = 50;

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
const DEADLINES: Deadlines =
    Deadlines { idle: UnixTime::from_secs(1_700_003_600), absolute: UnixTime::from_secs(1_700_086_400) };

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["writer", file] => write_until_killed(Path::new(file)),
        [kills] if kills.parse::<usize>().is_ok() => kill_often(kills.parse().unwrap_or(KILLS)),
        // Whatever cargo passes on.
        _ => kill_often(KILLS),
    }
}

/// What is known of a session.
#[derive(Clone, Copy)]
enum Known {
    /// It was acknowledged in this version; a later one may be on disk that nobody has been told of.
    Is(u64),
    /// Its end was asked for; nobody has been told.
    Ending,
    /// Its end was acknowledged.
    Over,
}

fn content(bytes: &[u8]) -> Content {
    Content { kind: Kind::SignedIn, deadlines: DEADLINES, epoch: 0, bytes: bytes.into() }
}

/// Makes, changes and ends sessions, from several threads, and says so as soon as the store has.
fn write_until_killed(file: &Path) {
    let store = open(file).expect("the file can be opened");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for round in 0u64.. {
                    let handle = Credential::generate_anonymous().expect("random bytes").handle();
                    let made = block_on(store.create(handle, content(&round.to_be_bytes()), NOW));
                    let Ok(Created::Done(version)) = made else { panic!("{made:?}") };
                    say(&format!("is {handle} {version}"));
                    let swapped = block_on(store.compare_and_swap(handle, version, content(&[thread; 500]), NOW));
                    let Ok(Swapped::Done(version)) = swapped else { panic!("{swapped:?}") };
                    say(&format!("is {handle} {version}"));
                    // Most of them, so that a long run has a file of a short one.
                    if round % 8 != 0 {
                        say(&format!("ending {handle}"));
                        assert_eq!(block_on(store.delete(handle, NOW)), Ok(true));
                        say(&format!("over {handle}"));
                    }
                }
            });
        }
    });
}

/// One write for the line: a killed process leaves a whole one or none.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush()).expect("somebody listens");
}

fn kill_often(kills: usize) {
    let folder: PathBuf = std::env::temp_dir().join(format!("countersign-crash-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("sessions.redb");
    let mut acknowledged: HashMap<Handle, Known> = HashMap::new();
    let (mut lost, mut revived, mut unreadable) = (0, 0, 0);
    for round in 0..kills {
        // From the middle of the first commit to a few thousand of them.
        let lines = 1 + round * round * 7919 % 900;
        let told = acknowledged_by_a_killed_writer(&file, lines);
        let Ok(store) = open(&file) else {
            unreadable += 1;
            break;
        };
        judge(&store, &told, &mut lost, &mut revived);
        acknowledged.extend(told);
        if round % 50 == 49 || round + 1 == kills {
            // What earlier kills have left, once more.
            judge(&store, &acknowledged, &mut lost, &mut revived);
            println!("session_crash: {} of {kills} kills, {} sessions acknowledged", round + 1, acknowledged.len());
        }
    }
    let count = acknowledged.len();
    println!(
        "session_crash: {kills} kills, {count} sessions acknowledged, {lost} lost, {revived} revived, {unreadable} files unreadable"
    );
    let _ = std::fs::remove_dir_all(&folder);
    assert_eq!((lost, revived, unreadable), (0, 0, 0));
    assert!(count > kills, "hardly anything was written, so nothing was shown");
    // The line that cargo's own tests end with.
    println!("test result: ok. 1 passed; 0 failed");
}

fn open(file: &Path) -> Result<DiskStore, OpenError> {
    DiskStore::open(file, 1 << 30, 1 << 30)
}

/// Compares what was acknowledged with what is there.
fn judge(store: &DiskStore, acknowledged: &HashMap<Handle, Known>, lost: &mut usize, revived: &mut usize) {
    for (handle, expected) in acknowledged {
        let found = block_on(store.load(*handle, NOW)).expect("it can be read").map(|entry| entry.version);
        match (expected, found) {
            (Known::Is(expected), Some(found)) if found >= *expected => {}
            (Known::Ending, _) | (Known::Over, None) => {}
            (Known::Over, Some(_)) => *revived += 1,
            (Known::Is(_), _) => *lost += 1,
        }
    }
}

/// Starts a writer, kills it after it has said so many lines, and returns what it has said until its end.
fn acknowledged_by_a_killed_writer(file: &Path, lines: usize) -> HashMap<Handle, Known> {
    let mut writer = Command::new(std::env::current_exe().expect("this program"))
        .arg("writer")
        .arg(file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts");
    let mut said = BufReader::new(writer.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let mut told: Vec<String> = said.by_ref().take(lines).collect();
    writer.kill().expect("it can be killed");
    writer.wait().expect("it ends");
    told.extend(said);
    told.iter()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (what, handle) = (words.next()?, Handle::parse(words.next()?.as_bytes())?);
            match what {
                "is" => Some((handle, Known::Is(words.next()?.parse().ok()?))),
                "ending" => Some((handle, Known::Ending)),
                _ => Some((handle, Known::Over)),
            }
        })
        .collect()
}
