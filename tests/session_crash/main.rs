//! Kills a process that writes sessions to disk, again and again, and takes the power from its disk: what it was told is done is there afterwards,
//! and what it was told is over is over. A program of its own, as the process that dies is this one.

#![allow(clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects, reason = "a test may panic")]

#[path = "../cluster/kit"]
mod kit {
    pub(crate) mod power;
}

use countersign::UnixTime;
use countersign::session::Handle;
use countersign::session::credential::Credential;
use countersign::session::store::Budgets;
use countersign::session::store::{
    CreateOutcome, Deadlines, DiskStore, SessionContent, SessionKind, SessionStore, StoreOpenError, SwapOutcome,
};
use futures_executor::block_on;
use kit::power::{Micros, Recorder, Recording, Unsynced, micros};
use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Rounds in a test run; `session_crash 1000` runs more.
const KILLS: usize = 50;

/// Moments at which the power goes.
const CUTS: usize = 200;

/// Sessions that each of four threads makes before that.
const ROUNDS: u64 = 100;

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
const DEADLINES: Deadlines =
    Deadlines { idle: UnixTime::from_secs(1_700_003_600), absolute: UnixTime::from_secs(1_700_086_400) };

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["writer", file] => write(Path::new(file), u64::MAX),
        ["writer", file, rounds] => write(Path::new(file), rounds.parse().expect("a number of rounds")),
        [kills] if kills.parse::<usize>().is_ok() => kill_often(kills.parse().unwrap_or(KILLS)),
        // Whatever cargo passes on.
        _ => {
            kill_often(KILLS);
            let mut passed = 1;
            // By what strace sees, which Linux has.
            if cfg!(target_os = "linux") {
                lose_power();
                passed += 1;
            }
            // The line that cargo's own tests end with.
            println!("test result: ok. {passed} passed; 0 failed");
        }
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

fn content(bytes: &[u8]) -> SessionContent {
    SessionContent { kind: SessionKind::SignedIn, deadlines: DEADLINES, epoch: 0, bytes: bytes.into() }
}

/// Makes, changes and ends sessions, from several threads, and says so as soon as the store has.
fn write(file: &Path, rounds: u64) {
    let store = open(file).expect("the file can be opened");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for round in 0..rounds {
                    let handle = Credential::generate_anonymous().expect("random bytes").handle();
                    let made = block_on(store.create(handle, content(&round.to_be_bytes()), NOW));
                    let Ok(CreateOutcome::Done(version)) = made else { panic!("{made:?}") };
                    say(&format!("is {handle} {version} {}", micros()));
                    let swapped = block_on(store.compare_and_swap(handle, version, content(&[thread; 500]), NOW));
                    let Ok(SwapOutcome::Done(version)) = swapped else { panic!("{swapped:?}") };
                    say(&format!("is {handle} {version} {}", micros()));
                    // Most of them, so that a long run has a file of a short one.
                    if round % 8 != 0 {
                        say(&format!("ending {handle} {}", micros()));
                        assert_eq!(block_on(store.delete(handle, NOW)), Ok(true));
                        say(&format!("over {handle} {}", micros()));
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
}

/// The power goes while sessions are written, at many moments at which not all of it is synced; the disk has all that was, and of the rest nothing,
/// or anything.
fn lose_power() {
    let folder: PathBuf = std::env::temp_dir().join(format!("countersign-power-{}", std::process::id()));
    let (written, trace) = (folder.join("written"), folder.join("trace"));
    std::fs::create_dir_all(&written).expect("a folder");
    let recorder = Recorder::new(&written, &trace, &[]).expect("the folder can be read");
    let mut writer = recorder.command(&std::env::current_exe().expect("this program"));
    let output = writer.arg("writer").arg(written.join("sessions.redb")).arg(ROUNDS.to_string()).output();
    let output = output.expect("strace starts it (apt-get install strace)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let recording = recorder.read().expect("strace has recorded it");
    assert_eq!(recording.check(), Ok(()), "the recording is not whole");
    let told: Vec<_> = String::from_utf8_lossy(&output.stdout).lines().filter_map(parse).collect();
    let sessions = told.iter().map(|(handle, _, _)| *handle).collect::<HashSet<_>>().len();
    assert_eq!(u64::try_from(sessions), Ok(4 * ROUNDS));

    // What is lost and revived, and whether the file cannot be read.
    let cut = |recording: &Recording, at: Micros, unsynced: Unsynced| {
        let disk = folder.join("disk");
        recording.without_power(at, unsynced, &disk).expect("a disk");
        let known: HashMap<_, _> =
            told.iter().filter(|(_, _, time)| *time <= at).map(|(handle, known, _)| (*handle, *known)).collect();
        let (mut lost, mut revived) = (0, 0);
        let store = open(&disk.join("sessions.redb"));
        if let Ok(store) = &store {
            judge(store, &known, &mut lost, &mut revived);
        }
        let is_unreadable = store.is_err();
        drop(store);
        std::fs::remove_dir_all(&disk).expect("it was made");
        (lost, revived, is_unreadable)
    };
    let first = told.first().map_or(0, |(_, _, time)| *time);
    let moments: Vec<_> = recording.moments(CUTS).into_iter().filter(|at| *at > first).collect();
    for (number, at) in moments.iter().enumerate() {
        for unsynced in [Unsynced::Lost, Unsynced::Torn(u64::try_from(number).unwrap_or_default())] {
            assert_eq!(cut(&recording, *at, unsynced), (0, 0, false), "cut {number}, {unsynced:?}");
        }
    }
    let unsynced: usize = moments.iter().map(|at| recording.unsynced_at(*at)).sum();
    println!(
        "session_crash: the power gone at {} moments while {sessions} sessions were written, at each {} writes not synced, and nothing of them on the disk, or some: 0 lost, 0 revived, no file unreadable",
        moments.len(),
        unsynced / moments.len()
    );
    assert!(moments.len() > CUTS / 2, "there is hardly a moment at which something is not synced");

    // On a disk that says that it has synced, and has not, this finds losses.
    let halfway = moments.get(moments.len() / 2).copied().unwrap_or_default();
    let (lost, ..) = cut(&recording.not_synced_after(halfway), Micros::MAX, Unsynced::Lost);
    println!("session_crash: on a disk that does not sync {lost} lost");
    assert!(lost > 0, "what is not synced must be missed");
    let _ = std::fs::remove_dir_all(&folder);
}

fn open(file: &Path) -> Result<DiskStore, StoreOpenError> {
    DiskStore::open(file, Budgets { anonymous: 1 << 30, signed_in: 1 << 30 })
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

/// Starts a writer, kills it after it has said so many lines, and returns what is known at its end.
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
    told.iter().filter_map(|line| parse(line)).map(|(handle, known, _)| (handle, known)).collect()
}

/// What a line says of which session, and when: of something done, just after that; of something asked for, just before.
fn parse(line: &str) -> Option<(Handle, Known, Micros)> {
    let words: Vec<_> = line.split(' ').collect();
    let (known, handle, time) = match words.as_slice() {
        ["is", handle, version, time] => (Known::Is(version.parse().ok()?), handle, time),
        ["ending", handle, time] => (Known::Ending, handle, time),
        ["over", handle, time] => (Known::Over, handle, time),
        _ => return None,
    };
    Some((handle.parse().ok()?, known, time.parse().ok()?))
}
