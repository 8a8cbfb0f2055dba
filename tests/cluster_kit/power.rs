//! A loss of power: strace records what a program writes, names and syncs, and the folder is built again as a disk would have it that got the power
//! cut at some moment. Each write that the disk was not told to sync may be missing.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A step that worked, or why it did not.
type Outcome<T = ()> = Result<T, String>;

/// Microseconds since 1970, of the clock that strace looks at.
pub(crate) type Micros = u64;

/// All that may change a file or a name, or where the next write goes; those with a question mark are not on every processor.
const CALLS: &str = "trace=openat,?open,?creat,close,dup,?dup2,dup3,chdir,write,writev,pwrite64,pwritev,?pwritev2,lseek,ftruncate,truncate,fallocate,\
     fsync,fdatasync,?rename,renameat,renameat2,?unlink,unlinkat,?link,linkat,?mkdir,mkdirat,?rmdir,copy_file_range,sendfile";

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
    pub(crate) fn new(folder: &Path, trace: &Path, except: &[&str]) -> Outcome<Self> {
        let except: Vec<_> = except.iter().map(|name| folder.join(name)).collect();
        let before = files(folder, &except)?;
        Ok(Self { folder: folder.to_owned(), trace: trace.to_owned(), except, before })
    }

    /// The program, to be started in that folder; the process is the program itself, and strace ends with it.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("strace");
        command.args(["-D", "-f", "--seccomp-bpf", "-ttt", "-T", "-xx", "-s", "67108864", "-e", CALLS, "-o"]);
        command.arg(&self.trace).arg("--").arg(program).current_dir(&self.folder);
        command
    }

    /// What was recorded until the program has ended.
    pub(crate) fn read(self) -> Outcome<Recording> {
        let text = whole(&self.trace)?;
        let mut reader = Reader::new(self);
        for line in text.lines() {
            reader.line(line).map_err(|why| format!("{why}: {}", line.chars().take(200).collect::<String>()))?;
        }
        for Begun { text, .. } in std::mem::take(&mut reader.begun).into_values() {
            reader.interrupted(&text)?;
        }
        Ok(reader.recording)
    }
}

/// What becomes of the writes that were not synced when the power went.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unsynced {
    /// None is on the disk.
    Lost,
    /// All are, as after the end of a process.
    Kept,
    /// Some are, in any order, and some of their sectors; what was appended is cut short. The number chooses which.
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
    changes: Vec<Change>,
    syncs: Vec<Sync>,
}

struct Change {
    done: Micros,
    what: Written,
}

enum Written {
    Bytes { at: usize, bytes: Vec<u8> },
    Length(usize),
}

/// So many changes had been made when it was asked for.
struct Sync {
    done: Micros,
    changes: usize,
}

/// Names that come to be or go, in one step.
struct Naming {
    done: Micros,
    /// When it was synced, with its folder or with the file that has the name.
    synced: Option<Micros>,
    names: Vec<(PathBuf, Option<Node>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    File(usize),
    Folder,
}

impl Recording {
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
    pub(crate) fn without_power(&self, at: Micros, unsynced: Unsynced, into: &Path) -> Outcome {
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
    pub(crate) fn check(&self) -> Outcome {
        let mut there = files(&self.folder, &self.except)?;
        let mut chance = Chance::new(Unsynced::Kept);
        for (path, node) in self.names_at(Micros::MAX, Unsynced::Kept, &mut chance) {
            let Node::File(file) = node else { continue };
            if self.uncertain.nodes.contains(&node) || self.uncertain.names.contains(&path) {
                there.remove(&path);
                continue;
            }
            let recorded = self.files[file].content(Micros::MAX, Unsynced::Kept, &mut chance);
            match there.remove(&path) {
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
    fn content(&self, at: Micros, unsynced: Unsynced, chance: &mut Chance) -> Vec<u8> {
        let made = self.changes.iter().filter(|change| change.done <= at).count();
        let synced = self.syncs.iter().filter(|sync| sync.done <= at).map(|sync| sync.changes).max().unwrap_or(0);
        let (mut kept, mut all) = (Vec::new(), Vec::new());
        for change in &self.changes[..synced] {
            change.what.apply(&mut kept);
        }
        if matches!(unsynced, Unsynced::Lost) || synced >= made {
            return kept;
        }
        for change in &self.changes[..made] {
            change.what.apply(&mut all);
        }
        if matches!(unsynced, Unsynced::Kept) { all } else { torn(kept, &all, &self.changes[synced..made], chance) }
    }
}

/// What was written in place is there sector by sector or not; what was appended, up to somewhere.
fn torn(mut kept: Vec<u8>, all: &[u8], unsynced: &[Change], chance: &mut Chance) -> Vec<u8> {
    for change in unsynced {
        let Written::Bytes { at, bytes } = &change.what else { continue };
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
    if all.len() > kept.len() {
        let more = chance.below(all.len() - kept.len() + 1);
        kept.extend_from_slice(&all[kept.len()..][..more]);
    } else if chance.is_heads() {
        kept.truncate(all.len());
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
fn files(folder: &Path, except: &[PathBuf]) -> Outcome<BTreeMap<PathBuf, Vec<u8>>> {
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

/// The trace, once strace has seen the end of the first process.
fn whole(trace: &Path) -> Outcome<String> {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(trace).map_err(|error| format!("{}: {error}", trace.display()))?;
        let process = text.split(' ').next().unwrap_or_default();
        let has_ended = |line: &str| line.starts_with(process) && line.contains(" +++ ");
        if text.lines().rev().take(100).any(has_ended) {
            return Ok(text);
        }
        if start.elapsed() > PATIENCE {
            return Err(format!("strace has seen no end within {PATIENCE:?}"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What strace tells, line by line.
struct Reader {
    recording: Recording,
    /// Where the program looks for names that do not begin at the root.
    place: PathBuf,
    open: HashMap<String, Open>,
    /// By the number of the thread, what has begun and not ended yet.
    begun: HashMap<String, Begun>,
}

#[derive(Clone)]
struct Open {
    path: PathBuf,
    node: Node,
    is_appending: bool,
    is_synced: bool,
    position: usize,
}

/// A call that was interrupted by those of other threads.
struct Begun {
    text: String,
    /// How many changes the file had and how many names there were, for a sync.
    before: [usize; 2],
}

impl Reader {
    fn new(recorder: Recorder) -> Self {
        let Recorder { folder, except, before, .. } = recorder;
        let mut recording = Recording { folder: folder.clone(), except, ..Recording::default() };
        for (place, (path, bytes)) in before.into_iter().enumerate() {
            let length = bytes.len();
            let changes = vec![Change { done: 0, what: Written::Bytes { at: 0, bytes } }];
            recording.files.push(File { length, changes, syncs: vec![Sync { done: 0, changes: 1 }] });
            let names = vec![(path, Some(Node::File(place)))];
            recording.names.push(Naming { done: 0, synced: Some(0), names });
        }
        Self { recording, place: folder, open: HashMap::new(), begun: HashMap::new() }
    }

    fn line(&mut self, line: &str) -> Outcome {
        let (thread, rest) = line.split_once(' ').ok_or("not a line of strace")?;
        let (time, call) = rest.trim_start().split_once(' ').ok_or("not a line of strace")?;
        let time = microseconds(time)?;
        if call.starts_with("+++") || call.starts_with("---") {
            return Ok(());
        }
        if let Some(text) = call.strip_suffix(" <unfinished ...>") {
            let begun = Begun { text: text.to_owned(), before: self.before(text) };
            self.begun.insert(thread.to_owned(), begun);
            // Its number may be given to another thread before this one hears that it is free.
            if let Some(number) = text.strip_prefix("close(") {
                self.open.remove(number);
            }
            return Ok(());
        }
        let (text, before, mut done) = match call.strip_prefix("<... ") {
            None => (call.to_owned(), self.before(call), time),
            Some(rest) => {
                let begun = self.begun.remove(thread).ok_or("it has not begun")?;
                let (_, rest) = rest.split_once(" resumed>").ok_or("not a line of strace")?;
                (begun.text + rest, begun.before, time)
            }
        };
        let (text, result) = text.rsplit_once(" = ").ok_or("it has no result")?;
        let mut result = result.split(' ');
        let value = result.next().unwrap_or_default();
        if value == "?" {
            return self.interrupted(text);
        }
        if value.starts_with('-') {
            return Ok(());
        }
        let has_resumed = call.starts_with("<... ");
        if !has_resumed {
            let lasted = result.next_back().and_then(|lasted| lasted.strip_prefix('<')?.strip_suffix('>'));
            done += microseconds(lasted.ok_or("it does not say how long it took")?)?;
        }
        let (name, arguments) = text.split_once('(').ok_or("not a call")?;
        let arguments = arguments.trim_end().strip_suffix(')').ok_or("not a call")?;
        let arguments: Vec<_> = arguments.split(", ").collect();
        if has_resumed && name == "close" {
            return Ok(());
        }
        self.call(name, &arguments, value, before, done)
    }

    /// What a sync that begins now is about.
    fn before(&self, call: &str) -> [usize; 2] {
        let is_sync = call.starts_with("fsync(") || call.starts_with("fdatasync(");
        let number = call.split(['(', ')']).nth(1).unwrap_or_default();
        match self.open.get(number).map(|open| open.node).filter(|_| is_sync) {
            Some(Node::File(file)) => [self.recording.files[file].changes.len(), self.recording.names.len()],
            _ => [0, self.recording.names.len()],
        }
    }

    /// A call that was under way when the program ended.
    fn interrupted(&mut self, call: &str) -> Outcome {
        let (call, arguments) = call.split_once('(').ok_or("not a call")?;
        let first = arguments.split([',', ')']).next().unwrap_or_default();
        if let Some(open) = self.open.get(first).filter(|open| open.node != Node::Folder) {
            self.recording.uncertain.nodes.push(open.node);
        } else if ["open", "creat", "rename", "unlink"].iter().any(|name| call.starts_with(name)) {
            for name in arguments.split(", ").filter(|argument| argument.starts_with('"')) {
                let path = self.path(first, name)?;
                self.recording.uncertain.names.push(path);
            }
        }
        Ok(())
    }

    fn call(&mut self, name: &str, arguments: &[&str], value: &str, before: [usize; 2], done: Micros) -> Outcome {
        let at = |place: usize| arguments.get(place).copied().ok_or("an argument is missing");
        match name {
            "openat" => self.opened(self.path(at(0)?, at(1)?)?, at(2)?, value, done),
            "open" => self.opened(self.path("", at(0)?)?, at(1)?, value, done),
            "creat" => self.opened(self.path("", at(0)?)?, "O_CREAT|O_TRUNC", value, done),
            "close" => {
                self.open.remove(at(0)?);
                Ok(())
            }
            "dup" | "dup2" | "dup3" => {
                match self.open.get(at(0)?).cloned() {
                    Some(open) => self.open.insert(value.to_owned(), open),
                    None => self.open.remove(value),
                };
                Ok(())
            }
            "chdir" => {
                self.place = self.path("", at(0)?)?;
                Ok(())
            }
            "lseek" => {
                if let Some(open) = self.open.get_mut(at(0)?) {
                    open.position = number(value)?;
                }
                Ok(())
            }
            "write" | "writev" => self.written(at(0)?, None, arguments, value, done),
            "pwrite64" => self.written(at(0)?, Some(number(at(3)?)?), arguments, value, done),
            "pwritev" | "pwritev2" => {
                let place = arguments.iter().rposition(|argument| argument.ends_with(']')).ok_or("no list")? + 2;
                self.written(at(0)?, Some(number(at(place)?)?), arguments, value, done)
            }
            "ftruncate" => self.changed(at(0)?, Written::Length(number(at(1)?)?), done),
            "fallocate" => self.allocated(at(0)?, at(1)?, number(at(2)?)? + number(at(3)?)?, done),
            "fsync" | "fdatasync" => self.synced(at(0)?, before, done),
            "rename" => self.renamed(self.path("", at(0)?)?, self.path("", at(1)?)?, done),
            "renameat" | "renameat2" => self.renamed(self.path(at(0)?, at(1)?)?, self.path(at(2)?, at(3)?)?, done),
            "unlink" | "rmdir" => self.named(vec![(self.path("", at(0)?)?, None)], done),
            "unlinkat" => self.named(vec![(self.path(at(0)?, at(1)?)?, None)], done),
            "mkdir" => self.named(vec![(self.path("", at(0)?)?, Some(Node::Folder))], done),
            "mkdirat" => self.named(vec![(self.path(at(0)?, at(1)?)?, Some(Node::Folder))], done),
            // None of our programs does these to its files; if one begins to, the recording would not be whole.
            "truncate" | "link" | "linkat" => Err("not followed".to_owned()),
            "sendfile" if !self.open.contains_key(at(0)?) => Ok(()),
            "copy_file_range" if !self.open.contains_key(at(2)?) => Ok(()),
            _ => Err("not followed".to_owned()),
        }
    }

    fn path(&self, folder: &str, text: &str) -> Outcome<PathBuf> {
        let name = String::from_utf8(unhex(text)?.concat()).map_err(|error| error.to_string())?;
        let folder = self.open.get(folder).map_or(&self.place, |open| &open.path);
        let full = folder.join(name);
        // As the folder of the recording is written.
        Ok(full.components().filter(|part| *part != Component::CurDir).collect())
    }

    fn is_ours(&self, path: &Path) -> bool {
        path.starts_with(&self.recording.folder) && !self.recording.except.iter().any(|except| path == except)
    }

    fn opened(&mut self, path: PathBuf, flags: &str, number: &str, done: Micros) -> Outcome {
        self.open.remove(number);
        if !self.is_ours(&path) {
            return Ok(());
        }
        let has = |flag: &str| flags.split('|').any(|each| each == flag);
        let found = match self.node(&path) {
            None if has("O_CREAT") => {
                self.recording.files.push(File::default());
                let node = Node::File(self.recording.files.len() - 1);
                self.named(vec![(path.clone(), Some(node))], done)?;
                node
            }
            found => found.unwrap_or(Node::Folder),
        };
        let is_synced = has("O_SYNC") || has("O_DSYNC");
        let open = Open { path, node: found, is_appending: has("O_APPEND"), is_synced, position: 0 };
        self.open.insert(number.to_owned(), open);
        if has("O_TRUNC") { self.changed(number, Written::Length(0), done) } else { Ok(()) }
    }

    /// What has this name now.
    fn node(&self, path: &Path) -> Option<Node> {
        let mut names = self.recording.names.iter().rev().flat_map(|naming| &naming.names);
        names.find(|(name, _)| name == path).and_then(|(_, node)| *node)
    }

    fn written(&mut self, on: &str, at: Option<usize>, arguments: &[&str], value: &str, done: Micros) -> Outcome {
        let Some(open) = self.open.get(on) else { return Ok(()) };
        let mut bytes = Vec::new();
        for argument in &arguments[1..] {
            bytes.extend(unhex(argument)?.concat());
        }
        bytes.truncate(number(value)?);
        let Node::File(file) = open.node else { return Err("a folder is written to".to_owned()) };
        let end = self.recording.files[file].length;
        let from = at.unwrap_or(if open.is_appending { end } else { open.position });
        let after = from + bytes.len();
        self.changed(on, Written::Bytes { at: from, bytes }, done)?;
        if let Some(open) = self.open.get_mut(on).filter(|_| at.is_none()) {
            open.position = after;
        }
        Ok(())
    }

    fn allocated(&mut self, on: &str, mode: &str, end: usize, done: Micros) -> Outcome {
        let Some(Open { node: Node::File(file), .. }) = self.open.get(on) else { return Ok(()) };
        let length = self.recording.files[*file].length;
        match mode {
            "0" => self.changed(on, Written::Length(length.max(end)), done),
            "FALLOC_FL_KEEP_SIZE" => Ok(()),
            _ => Err("not followed".to_owned()),
        }
    }

    fn changed(&mut self, on: &str, what: Written, done: Micros) -> Outcome {
        let Some(open) = self.open.get(on) else { return Ok(()) };
        let Node::File(file) = open.node else { return Err("a folder is changed".to_owned()) };
        let file = &mut self.recording.files[file];
        file.length = match &what {
            Written::Bytes { at, bytes } => file.length.max(at + bytes.len()),
            Written::Length(length) => *length,
        };
        file.changes.push(Change { done, what });
        if open.is_synced {
            file.syncs.push(Sync { done, changes: file.changes.len() });
        }
        Ok(())
    }

    fn synced(&mut self, on: &str, [changes, names]: [usize; 2], done: Micros) -> Outcome {
        let Some(open) = self.open.get(on) else { return Ok(()) };
        if let Node::File(file) = open.node {
            self.recording.files[file].syncs.push(Sync { done, changes });
        }
        for naming in self.recording.names[..names].iter_mut().filter(|naming| naming.synced.is_none()) {
            let is_meant = |(path, node): &(PathBuf, Option<Node>)| match open.node {
                Node::Folder => path.parent() == Some(&open.path),
                file => *node == Some(file),
            };
            if naming.names.iter().any(is_meant) {
                naming.synced = Some(done);
            }
        }
        Ok(())
    }

    fn renamed(&mut self, from: PathBuf, to: PathBuf, done: Micros) -> Outcome {
        match (self.is_ours(&from), self.is_ours(&to)) {
            (false, false) => return Ok(()),
            (true, true) => {}
            _ => return Err("not followed".to_owned()),
        }
        let moved = |path: &Path| path.strip_prefix(&from).ok().map(|rest| to.join(rest));
        let mut names = Vec::new();
        for (path, node) in self.recording.names_at(done, Unsynced::Kept, &mut Chance::new(Unsynced::Kept)) {
            if let Some(new) = moved(&path) {
                names.extend([(path, None), (new, Some(node))]);
            }
        }
        for open in self.open.values_mut() {
            if let Some(new) = moved(&open.path) {
                open.path = new;
            }
        }
        self.named(names, done)
    }

    fn named(&mut self, names: Vec<(PathBuf, Option<Node>)>, done: Micros) -> Outcome {
        if names.iter().all(|(path, _)| self.is_ours(path)) {
            self.recording.names.push(Naming { done, synced: None, names });
        }
        Ok(())
    }
}

/// `1700000000.000001`, or a length of time of that form.
fn microseconds(text: &str) -> Outcome<Micros> {
    let digits: String = text.chars().filter(|character| *character != '.').collect();
    digits.parse().map_err(|_| format!("not a time: {text}"))
}

fn number(text: &str) -> Outcome<usize> {
    text.parse().map_err(|_| format!("not a number: {text}"))
}

/// The bytes of every string in a text, each byte as `\x2f`.
fn unhex(text: &str) -> Outcome<Vec<Vec<u8>>> {
    let (strings, rest): (Vec<_>, Vec<_>) = text.split('"').enumerate().partition(|(place, _)| place % 2 == 1);
    if rest.iter().any(|(_, rest)| rest.contains("...")) {
        return Err("a string is cut short".to_owned());
    }
    let bytes = |(_, string): (usize, &str)| {
        let digits = string.split("\\x").skip(1);
        digits.map(|digits| u8::from_str_radix(digits, 16).map_err(|error| error.to_string())).collect()
    };
    strings.into_iter().map(bytes).collect()
}
