//! A loss of power: strace records what a program writes, names and syncs ([`trace`]), and the folder is built again as a disk would have it that got
//! the power cut at some moment. Each write that the disk was not told to sync may be missing.
//!
//! A sync of a file keeps what stands in it, and a sync of a folder its names, as POSIX has it. Kinder than that: a folder is there when a name in
//! it is, and who renames from one folder into another need sync only one of them.

#![allow(dead_code, reason = "no test program needs all of it")]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test may panic")]

mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970, of the clock that strace looks at.
pub(crate) type Micros = u64;

/// What a disk does at once; all others are written whole or not at all.
const SECTOR: usize = 512;

/// How long strace may take to write what it has seen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Now.
pub(crate) fn micros() -> Micros {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros::try_from(now.as_micros()).unwrap_or(Micros::MAX)
}

/// Records what a program does in a folder.
pub(crate) struct Recorder {
    folder: PathBuf,
    trace: PathBuf,
    /// Names in the folder that are not looked at.
    except: Vec<PathBuf>,
    /// The files that were there before, which are on the disk.
    before: BTreeMap<PathBuf, Vec<u8>>,
}

impl Recorder {
    /// What strace writes goes into the file `trace`; the names of `except` in the folder are not looked at.
    pub(crate) fn new(folder: &Path, trace: &Path, except: &[&str]) -> Result<Self, String> {
        let except: Vec<_> = except.iter().map(|name| folder.join(name)).collect();
        let before = files(folder, &except)?;
        Ok(Self { folder: folder.to_owned(), trace: trace.to_owned(), except, before })
    }

    /// The program, to be started in that folder; the process is the program itself, and strace ends with it.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("strace");
        command.args(["-D", "-f", "--seccomp-bpf", "-ttt", "-T", "-xx", "-s", "67108864", "-e", trace::CALLS, "-o"]);
        command.arg(&self.trace).arg("--").arg(program).current_dir(&self.folder);
        command
    }

    /// What was recorded until the program has ended.
    pub(crate) fn read(self) -> Result<Recording, String> {
        let text = whole(&self.trace)?;
        self.read_from(&text)
    }

    /// The same from what strace has written.
    pub(crate) fn read_from(self, text: &str) -> Result<Recording, String> {
        let mut recording = Recording { folder: self.folder, except: self.except, ..Recording::default() };
        for (place, (path, bytes)) in self.before.into_iter().enumerate() {
            let mut file = File::default();
            file.change(0, 0, Written::Bytes { at: 0, bytes });
            file.sync(0, 1);
            recording.files.push(file);
            recording.names.push(Naming { done: 0, synced: Some(0), names: vec![(path, Some(Node::File(place)))] });
        }
        trace::read(text, recording)
    }
}

/// What becomes of the writes that were not synced when the power went.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unsynced {
    /// None is on the disk.
    Lost,
    /// All are, as after the end of a process.
    Kept,
    /// Of those in place some sectors are, of what was appended a part from its beginning, of what a file has grown by some sectors, the others being
    /// zero; also of those that are under way. The number chooses.
    Torn(u64),
}

/// What a program did to the files of a folder.
#[derive(Default)]
pub(crate) struct Recording {
    folder: PathBuf,
    except: Vec<PathBuf>,
    files: Vec<File>,
    names: Vec<Naming>,
    /// What the program was about to change when it ended: nobody knows whether it has.
    uncertain: Uncertain,
}

#[derive(Default)]
struct Uncertain {
    nodes: Vec<Node>,
    names: Vec<PathBuf>,
}

#[derive(Default)]
struct File {
    /// In bytes, with all changes.
    length: usize,
    /// In the order in which they were done.
    changes: Vec<Change>,
    syncs: Vec<Sync>,
}

struct Change {
    begun: Micros,
    done: Micros,
    what: Written,
}

enum Written {
    Bytes { at: usize, bytes: Vec<u8> },
    Length(usize),
}

/// So many changes had been done when it was asked for.
struct Sync {
    done: Micros,
    changes: usize,
}

/// Names that come to be or go, in one step.
struct Naming {
    done: Micros,
    /// When it was synced, with its folder.
    synced: Option<Micros>,
    names: Vec<(PathBuf, Option<Node>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    File(usize),
    Folder,
}

impl Recording {
    /// So many moments, evenly spread, at which something was written and not synced.
    pub(crate) fn moments(&self, count: usize) -> Vec<Micros> {
        let changes = self.files.iter().flat_map(|file| &file.changes).map(|change| change.done);
        let moments: BTreeSet<_> = changes.filter(|done| *done > 0 && self.unsynced_at(*done) > 0).collect();
        let moments: Vec<_> = moments.into_iter().collect();
        (0..count.min(moments.len())).map(|number| moments[number * moments.len() / count]).collect()
    }

    /// How many changes were done and not synced at that moment.
    pub(crate) fn unsynced_at(&self, at: Micros) -> usize {
        self.files.iter().map(|file| file.done_at(at) - file.synced_at(at)).sum()
    }

    /// The same on a disk that syncs nothing any more from this moment on, and says that it does.
    pub(crate) fn not_synced_after(mut self, time: Micros) -> Self {
        for file in &mut self.files {
            file.syncs.retain(|sync| sync.done <= time);
        }
        for naming in &mut self.names {
            naming.synced = naming.synced.filter(|synced| *synced <= time);
        }
        self
    }

    /// Makes a folder with what the disk has if the power goes at this moment.
    pub(crate) fn without_power(&self, at: Micros, unsynced: Unsynced, into: &Path) -> Result<(), String> {
        fs::create_dir_all(into).map_err(|error| error.to_string())?;
        let mut chance = Chance::new(unsynced);
        for (name, node) in self.names_at(at, unsynced, &mut chance) {
            let path = into.join(name.strip_prefix(&self.folder).map_err(|error| error.to_string())?);
            let made = match node {
                Node::Folder => fs::create_dir_all(&path),
                Node::File(file) => {
                    let folder = path.parent().unwrap_or(into);
                    let content = self.files[file].content(at, unsynced, &mut chance);
                    fs::create_dir_all(folder).and_then(|()| fs::write(&path, content))
                }
            };
            made.map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }

    /// Whether the recording is whole: all that it says was written is what stands in the folder.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut there = files(&self.folder, &self.except)?;
        let mut chance = Chance::new(Unsynced::Kept);
        for (path, node) in self.names_at(Micros::MAX, Unsynced::Kept, &mut chance) {
            let Node::File(file) = node else { continue };
            let found = there.remove(&path);
            if self.uncertain.nodes.contains(&node) || self.uncertain.names.contains(&path) {
                continue;
            }
            let recorded = self.files[file].content(Micros::MAX, Unsynced::Kept, &mut chance);
            match found {
                Some(bytes) if bytes == recorded => {}
                Some(bytes) => {
                    let (is, says) = (bytes.len(), recorded.len());
                    return Err(format!("{} is not as recorded, {is} and {says} bytes", path.display()));
                }
                None => return Err(format!("{} was recorded and is not there", path.display())),
            }
        }
        match there.keys().find(|path| !self.uncertain.names.contains(path)) {
            Some(path) => Err(format!("{} was not recorded", path.display())),
            None => Ok(()),
        }
    }

    fn names_at(&self, at: Micros, unsynced: Unsynced, chance: &mut Chance) -> BTreeMap<PathBuf, Node> {
        let mut names = BTreeMap::new();
        // A file system keeps the order of its names: after the first one that is missing, only those that were synced are there.
        let mut is_missing = false;
        for naming in self.names.iter().filter(|naming| naming.done <= at) {
            let is_synced = naming.synced.is_some_and(|synced| synced <= at);
            is_missing |= !is_synced && !chance.keeps(unsynced);
            if is_synced || !is_missing {
                for (path, node) in &naming.names {
                    match node {
                        Some(node) => _ = names.insert(path.clone(), *node),
                        None => _ = names.remove(path),
                    }
                }
            }
        }
        names
    }
}

impl File {
    fn change(&mut self, begun: Micros, done: Micros, what: Written) {
        self.length = match &what {
            Written::Bytes { at, bytes } => self.length.max(at + bytes.len()),
            Written::Length(length) => *length,
        };
        self.changes.push(Change { begun, done, what });
    }

    fn sync(&mut self, done: Micros, changes: usize) {
        self.syncs.push(Sync { done, changes });
    }

    fn done_at(&self, at: Micros) -> usize {
        self.changes.partition_point(|change| change.done <= at)
    }

    fn synced_at(&self, at: Micros) -> usize {
        let syncs = &self.syncs[..self.syncs.partition_point(|sync| sync.done <= at)];
        syncs.iter().map(|sync| sync.changes).max().unwrap_or(0)
    }

    fn content(&self, at: Micros, unsynced: Unsynced, chance: &mut Chance) -> Vec<u8> {
        let (done, synced) = (self.done_at(at), self.synced_at(at));
        let mut content = Vec::new();
        for change in &self.changes[..synced] {
            change.what.apply(&mut content);
        }
        match unsynced {
            Unsynced::Lost => content,
            Unsynced::Kept => {
                for change in self.changes.get(synced..done).unwrap_or_default() {
                    change.what.apply(&mut content);
                }
                content
            }
            Unsynced::Torn(_) => {
                let begun = self.changes[synced..].iter().filter(|change| change.begun <= at);
                torn(content, &begun.map(|change| &change.what).collect::<Vec<_>>(), chance)
            }
        }
    }
}

/// What a disk may have of these writes, on which no sync has followed.
fn torn(mut kept: Vec<u8>, unsynced: &[&Written], chance: &mut Chance) -> Vec<u8> {
    let mut all = kept.clone();
    for written in unsynced {
        written.apply(&mut all);
    }
    for written in unsynced {
        match written {
            // Sooner or later than what was written before and after it.
            Written::Length(length) if *length < kept.len() && chance.is_heads() => kept.truncate(*length),
            // What it has grown by is zero, until it is written.
            Written::Length(length) if *length > kept.len() && chance.is_heads() => kept.resize(*length, 0),
            Written::Length(_) => {}
            Written::Bytes { at, bytes } => {
                let end = (at + bytes.len()).min(kept.len());
                let mut start = *at;
                while start < end {
                    let next = (start / SECTOR * SECTOR + SECTOR).min(end);
                    if chance.is_heads() {
                        kept[start..next].copy_from_slice(&bytes[start - at..next - at]);
                    }
                    start = next;
                }
            }
        }
    }
    if all.len() > kept.len() {
        let more = chance.below(all.len() - kept.len() + 1);
        kept.extend_from_slice(&all[kept.len()..][..more]);
    }
    kept
}

impl Written {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Bytes { at, bytes } => {
                let end = at + bytes.len();
                content.resize(content.len().max(end), 0);
                content[*at..end].copy_from_slice(bytes);
            }
            Self::Length(length) => content.resize(*length, 0),
        }
    }
}

/// The same numbers for the same seed.
struct Chance(u64);

impl Chance {
    fn new(unsynced: Unsynced) -> Self {
        let Unsynced::Torn(seed) = unsynced else { return Self(1) };
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % bound
    }

    fn is_heads(&mut self) -> bool {
        self.below(2) == 0
    }

    fn keeps(&mut self, unsynced: Unsynced) -> bool {
        match unsynced {
            Unsynced::Lost => false,
            Unsynced::Kept => true,
            Unsynced::Torn(_) => self.is_heads(),
        }
    }
}

/// The files below a folder, without some.
fn files(folder: &Path, except: &[PathBuf]) -> Result<BTreeMap<PathBuf, Vec<u8>>, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.is_dir() {
            found.append(&mut files(&path, except)?);
        } else if !except.contains(&path) {
            found.insert(path.clone(), fs::read(&path).map_err(fail)?);
        }
    }
    Ok(found)
}

/// What strace has written, once it has seen the end of the first process.
fn whole(trace: &Path) -> Result<String, String> {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(trace).map_err(|error| format!("{}: {error}", trace.display()))?;
        let process = text.split(' ').next();
        let has_ended = |line: &str| line.split(' ').next() == process && line.contains(" +++ ");
        if text.lines().rev().take(100).any(has_ended) {
            return Ok(text);
        }
        if start.elapsed() > PATIENCE {
            return Err(format!("strace has seen no end within {PATIENCE:?}"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
