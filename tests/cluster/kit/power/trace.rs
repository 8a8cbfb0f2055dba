//! What strace tells of a program and its threads, line by line. What is not understood is refused, so that no recording is wrong in silence.

use super::{File, Micros, Naming, Node, Recording, Unsynced, Written};
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

/// All that may change a file or a name, or say which one is meant; those with a question mark are not on every processor.
pub(super) const CALLS: &str = "trace=openat,?open,?creat,openat2,close,close_range,dup,?dup2,dup3,fcntl,chdir,fchdir,write,writev,pwrite64,\
     pwritev,?pwritev2,lseek,ftruncate,truncate,fallocate,fsync,fdatasync,?rename,renameat,renameat2,?unlink,unlinkat,?link,linkat,?mkdir,mkdirat,\
     ?rmdir,copy_file_range,sendfile,mmap,clone,clone3,?fork,?vfork,execve";

/// A clock that is set back further than this is noticed.
const SET_BACK: Micros = 1_000_000;

/// Adds to a recording what a trace tells.
pub(super) fn read(text: &str, recording: Recording) -> Result<Recording, String> {
    let first = Process { place: recording.folder.clone(), open: HashMap::new() };
    let (processes, of_thread, begun) = (vec![first], HashMap::new(), HashMap::new());
    let mut reader = Reader { recording, processes, of_thread, begun, process: 0, latest: 0 };
    for line in text.lines() {
        reader.line(line).map_err(|why| format!("{why}: {}", line.chars().take(200).collect::<String>()))?;
    }
    for (thread, begun) in std::mem::take(&mut reader.begun) {
        reader.process = reader.of_thread.get(&thread).copied().unwrap_or(0);
        reader.interrupted(&begun.text)?;
    }
    Ok(reader.recording)
}

struct Reader {
    recording: Recording,
    processes: Vec<Process>,
    /// By the number of the thread, the place of its process.
    of_thread: HashMap<String, usize>,
    /// By the number of the thread, what has begun and not ended yet.
    begun: HashMap<String, Begun>,
    /// The process of this line.
    process: usize,
    /// The end of the call that ended last.
    latest: Micros,
}

/// What threads have in common, and a process that was made from another one has its own copy of.
#[derive(Clone)]
struct Process {
    /// Where it looks for names that do not begin at the root.
    place: PathBuf,
    /// What of the folder is open, by its number.
    open: HashMap<String, Open>,
}

#[derive(Clone)]
struct Open {
    path: PathBuf,
    node: Node,
    is_appending: bool,
    is_synced: bool,
    /// It does not go along when the process becomes another program.
    is_left_behind: bool,
    position: usize,
}

/// A call that was interrupted by those of other threads.
struct Begun {
    text: String,
    at: Micros,
    sync: Option<Syncing>,
}

/// A sync is about what there was when it began, whatever its number stands for when it ends.
#[derive(Clone)]
struct Syncing {
    path: PathBuf,
    node: Node,
    changes: usize,
    names: usize,
}

/// A call that has ended.
struct Call<'t> {
    name: &'t str,
    arguments: Vec<&'t str>,
    value: &'t str,
    begun: Micros,
    done: Micros,
    sync: Option<Syncing>,
}

impl Call<'_> {
    fn at(&self, place: usize) -> Result<&str, String> {
        self.arguments.get(place).copied().ok_or_else(|| "an argument is missing".to_owned())
    }

    fn number_at(&self, place: usize) -> Result<usize, String> {
        number(self.at(place)?)
    }
}

fn not_followed<T>() -> Result<T, String> {
    Err("not followed".to_owned())
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let (thread, rest) = line.split_once(' ').ok_or("not a line of strace")?;
        let (time, text) = rest.trim_start().split_once(' ').ok_or("not a line of strace")?;
        let time = microseconds(time)?;
        self.process = self.process_of(thread)?;
        if text.starts_with("+++") {
            self.of_thread.remove(thread);
            return Ok(());
        }
        if text.starts_with("---") {
            return Ok(());
        }
        if let Some(text) = text.strip_suffix(" <unfinished ...>") {
            let begun = Begun { text: text.to_owned(), at: time, sync: self.syncing(text) };
            self.begun.insert(thread.to_owned(), begun);
            // Its number may be given to another thread before this one hears that it is free.
            if let Some(number) = text.strip_prefix("close(") {
                self.open_files().remove(number);
            }
            return Ok(());
        }
        let resumed = text.strip_prefix("<... ");
        let (text, sync, begun) = match resumed {
            None => (text.to_owned(), self.syncing(text), time),
            Some(rest) => {
                let begun = self.begun.remove(thread).ok_or("it has not begun")?;
                let (_, rest) = rest.split_once(" resumed>").ok_or("not a line of strace")?;
                (begun.text + rest, begun.sync, begun.at)
            }
        };
        let (text, result) = text.rsplit_once(" = ").ok_or("it has no result")?;
        let mut result = result.split(' ');
        let value = result.next().unwrap_or_default();
        if value == "?" {
            return self.interrupted(text);
        }
        let mut done = time;
        if resumed.is_none() {
            let lasted = result.next_back().and_then(|lasted| lasted.strip_prefix('<')?.strip_suffix('>'));
            done += microseconds(lasted.ok_or("it does not say how long it took")?)?;
        }
        if done + SET_BACK < self.latest {
            return Err("the clock was set back".to_owned());
        }
        self.latest = self.latest.max(done);
        let (name, arguments) = text.split_once('(').ok_or("not a call")?;
        let arguments = arguments.trim_end().strip_suffix(')').ok_or("not a call")?.split(", ").collect();
        if value.starts_with('-') || resumed.is_some() && name == "close" {
            return Ok(());
        }
        self.call(&Call { name, arguments, value, begun, done: self.latest, sync })
    }

    /// A thread may say something before the one that has made it hears of that.
    fn process_of(&mut self, thread: &str) -> Result<usize, String> {
        if let Some(process) = self.of_thread.get(thread) {
            return Ok(*process);
        }
        if self.of_thread.is_empty() {
            self.of_thread.insert(thread.to_owned(), 0);
            return Ok(0);
        }
        let makes = |begun: &&Begun| ["clone", "fork", "vfork"].iter().any(|name| begun.text.starts_with(name));
        let (maker, begun) = self.begun.iter().find(|(_, begun)| makes(begun)).ok_or("a thread of nobody's")?;
        let maker = self.of_thread.get(maker).copied().ok_or("a thread of nobody's")?;
        let shares = begun.text.contains("CLONE_FILES");
        Ok(self.add_thread(thread, maker, shares))
    }

    fn add_thread(&mut self, thread: &str, maker: usize, shares: bool) -> usize {
        let process = if shares { maker } else { self.processes.len() };
        if !shares {
            self.processes.push(self.processes[maker].clone());
        }
        self.of_thread.insert(thread.to_owned(), process);
        process
    }

    fn open_files(&mut self) -> &mut HashMap<String, Open> {
        &mut self.processes[self.process].open
    }

    fn opened_as(&self, number: &str) -> Option<&Open> {
        self.processes[self.process].open.get(number)
    }

    /// What a sync that begins now is about.
    fn syncing(&self, text: &str) -> Option<Syncing> {
        let number = ["fsync(", "fdatasync("].iter().find_map(|name| text.strip_prefix(name))?.split(')').next()?;
        let Open { path, node, .. } = self.opened_as(number)?.clone();
        let changes = if let Node::File(file) = node { self.recording.files[file].changes.len() } else { 0 };
        Some(Syncing { path, node, changes, names: self.recording.names.len() })
    }

    /// A call that was under way when the program ended.
    fn interrupted(&mut self, text: &str) -> Result<(), String> {
        let (name, arguments) = text.split_once('(').ok_or("not a call")?;
        let is_one_of = |names: &[&str]| names.iter().any(|each| name.starts_with(each));
        let first = arguments.split([',', ')']).next().unwrap_or_default();
        if is_one_of(&["write", "pwrite", "ftruncate", "fallocate"]) {
            let node = self.opened_as(first).map(|open| open.node);
            self.recording.uncertain.nodes.extend(node);
        } else if is_one_of(&["open", "creat", "rename", "unlink"]) {
            for name in arguments.split(", ").filter(|argument| argument.starts_with('"')) {
                let path = self.path(first, name)?;
                self.recording.uncertain.names.push(path);
            }
        }
        Ok(())
    }

    fn call(&mut self, call: &Call<'_>) -> Result<(), String> {
        let is_open = |place: usize| Ok::<_, String>(self.opened_as(call.at(place)?).is_some());
        match call.name {
            "openat" => self.opened(self.path(call.at(0)?, call.at(1)?)?, call.at(2)?, call),
            "open" => self.opened(self.path("", call.at(0)?)?, call.at(1)?, call),
            "creat" => self.opened(self.path("", call.at(0)?)?, "O_CREAT|O_TRUNC", call),
            "close" => {
                self.open_files().remove(call.at(0)?);
                Ok(())
            }
            "close_range" => self.closed(call.number_at(0)?, call.number_at(1)?, call.at(2)?),
            "dup" | "dup2" | "dup3" => self.duplicated(call),
            "fcntl" if call.at(1)?.starts_with("F_DUPFD") => self.duplicated(call),
            "fcntl" if call.at(1)? == "F_SETFL" && call.at(2)?.contains("O_APPEND") && is_open(0)? => not_followed(),
            "fcntl" => Ok(()),
            "chdir" => {
                self.processes[self.process].place = self.path("", call.at(0)?)?;
                Ok(())
            }
            "lseek" => {
                let position = number(call.value)?;
                if let Some(open) = self.open_files().get_mut(call.at(0)?) {
                    open.position = position;
                }
                Ok(())
            }
            "write" | "writev" => self.written(None, call),
            "pwrite64" => self.written(Some(call.number_at(3)?), call),
            "pwritev" | "pwritev2" => {
                let list_end = call.arguments.iter().rposition(|argument| argument.ends_with(']')).ok_or("no list")?;
                self.written(Some(call.number_at(list_end + 2)?), call)
            }
            "ftruncate" => self.changed(Written::Length(call.number_at(1)?), call),
            "fallocate" => self.allocated(call),
            "fsync" | "fdatasync" => self.synced(call),
            "rename" => self.renamed(&self.path("", call.at(0)?)?, &self.path("", call.at(1)?)?, call),
            "renameat" => self.renamed_at(call),
            "renameat2" if !call.at(4)?.contains("EXCHANGE") => self.renamed_at(call),
            "unlink" | "rmdir" => self.named(vec![(self.path("", call.at(0)?)?, None)], call),
            "unlinkat" => self.named(vec![(self.path(call.at(0)?, call.at(1)?)?, None)], call),
            "mkdir" => self.named(vec![(self.path("", call.at(0)?)?, Some(Node::Folder))], call),
            "mkdirat" => self.named(vec![(self.path(call.at(0)?, call.at(1)?)?, Some(Node::Folder))], call),
            "sendfile" if !is_open(0)? => Ok(()),
            "copy_file_range" if !is_open(2)? => Ok(()),
            "openat2" if !self.is_ours(&self.path(call.at(0)?, call.at(1)?)?) => Ok(()),
            "mmap" => {
                let writes = call.at(2)?.contains("PROT_WRITE") && call.at(3)?.contains("MAP_SHARED");
                if writes && is_open(4)? { not_followed() } else { Ok(()) }
            }
            "clone" | "clone3" | "fork" | "vfork" => {
                let shares = call.arguments.iter().any(|argument| argument.contains("CLONE_FILES"));
                if !self.of_thread.contains_key(call.value) {
                    self.add_thread(call.value, self.process, shares);
                }
                Ok(())
            }
            "execve" => {
                self.open_files().retain(|_, open| !open.is_left_behind);
                Ok(())
            }
            // None of our programs does these to its files.
            _ => not_followed(),
        }
    }

    fn path(&self, folder: &str, text: &str) -> Result<PathBuf, String> {
        let name = String::from_utf8(unhex(text)?.concat()).map_err(|error| error.to_string())?;
        let folder = self.opened_as(folder).map_or(&self.processes[self.process].place, |open| &open.path);
        // As the folder of the recording is written.
        Ok(folder.join(name).components().filter(|part| *part != Component::CurDir).collect())
    }

    fn is_ours(&self, path: &Path) -> bool {
        path.starts_with(&self.recording.folder) && !self.recording.except.iter().any(|except| path == except)
    }

    fn opened(&mut self, path: PathBuf, flags: &str, call: &Call<'_>) -> Result<(), String> {
        self.open_files().remove(call.value);
        if !self.is_ours(&path) {
            return Ok(());
        }
        let has = |flag: &str| flags.split('|').any(|each| each == flag);
        let found = self.node(&path);
        let node = match found {
            None if has("O_CREAT") => {
                self.recording.files.push(File::default());
                let node = Node::File(self.recording.files.len() - 1);
                self.named(vec![(path.clone(), Some(node))], call)?;
                node
            }
            found => found.unwrap_or(Node::Folder),
        };
        if let Node::File(file) = node
            && has("O_TRUNC")
        {
            self.recording.files[file].change(call.begun, call.done, Written::Length(0));
        }
        let open = Open {
            path,
            node,
            is_appending: has("O_APPEND"),
            is_synced: has("O_SYNC") || has("O_DSYNC"),
            is_left_behind: has("O_CLOEXEC"),
            position: 0,
        };
        self.open_files().insert(call.value.to_owned(), open);
        Ok(())
    }

    fn closed(&mut self, first: usize, last: usize, flags: &str) -> Result<(), String> {
        if flags.contains("CLOEXEC") {
            return not_followed();
        }
        self.open_files().retain(|open, _| number(open).is_ok_and(|number| number < first || number > last));
        Ok(())
    }

    fn duplicated(&mut self, call: &Call<'_>) -> Result<(), String> {
        match self.opened_as(call.at(0)?).cloned() {
            Some(open) => self.open_files().insert(call.value.to_owned(), open),
            None => self.open_files().remove(call.value),
        };
        Ok(())
    }

    /// What has this name now.
    fn node(&self, path: &Path) -> Option<Node> {
        let mut names = self.recording.names.iter().rev().flat_map(|naming| naming.names.iter().rev());
        names.find(|(name, _)| name == path).and_then(|(_, node)| *node)
    }

    fn written(&mut self, at: Option<usize>, call: &Call<'_>) -> Result<(), String> {
        let Some(open) = self.opened_as(call.at(0)?) else { return Ok(()) };
        let Node::File(file) = open.node else { return Err("a folder is written to".to_owned()) };
        let mut bytes = Vec::new();
        for argument in &call.arguments[1..] {
            bytes.extend(unhex(argument)?.concat());
        }
        let written = number(call.value)?;
        if written > bytes.len() {
            return Err("it does not say all that was written".to_owned());
        }
        bytes.truncate(written);
        let end = self.recording.files[file].length;
        let from = at.unwrap_or(if open.is_appending { end } else { open.position });
        let after = from + bytes.len();
        self.changed(Written::Bytes { at: from, bytes }, call)?;
        if let Some(open) = self.open_files().get_mut(call.at(0)?).filter(|_| at.is_none()) {
            open.position = after;
        }
        Ok(())
    }

    fn allocated(&mut self, call: &Call<'_>) -> Result<(), String> {
        let Some(Open { node: Node::File(file), .. }) = self.opened_as(call.at(0)?) else { return Ok(()) };
        let length = self.recording.files[*file].length;
        match call.at(1)? {
            "0" => self.changed(Written::Length(length.max(call.number_at(2)? + call.number_at(3)?)), call),
            "FALLOC_FL_KEEP_SIZE" => Ok(()),
            _ => not_followed(),
        }
    }

    /// A change of the file that is the first argument.
    fn changed(&mut self, what: Written, call: &Call<'_>) -> Result<(), String> {
        let Some(&Open { node, is_synced, .. }) = self.opened_as(call.at(0)?) else { return Ok(()) };
        let Node::File(file) = node else { return Err("a folder is changed".to_owned()) };
        let file = &mut self.recording.files[file];
        file.change(call.begun, call.done, what);
        if is_synced {
            file.sync(call.done, file.changes.len());
        }
        Ok(())
    }

    fn synced(&mut self, call: &Call<'_>) -> Result<(), String> {
        let Some(Syncing { path, node, changes, names }) = &call.sync else { return Ok(()) };
        match node {
            Node::File(file) => self.recording.files[*file].sync(call.done, *changes),
            Node::Folder => {
                for naming in self.recording.names[..*names].iter_mut().filter(|naming| naming.synced.is_none()) {
                    if naming.names.iter().any(|(name, _)| name.parent() == Some(path)) {
                        naming.synced = Some(call.done);
                    }
                }
            }
        }
        Ok(())
    }

    fn renamed_at(&mut self, call: &Call<'_>) -> Result<(), String> {
        let (from, to) = (self.path(call.at(0)?, call.at(1)?)?, self.path(call.at(2)?, call.at(3)?)?);
        self.renamed(&from, &to, call)
    }

    /// A file, or a folder with all that is in it.
    fn renamed(&mut self, from: &Path, to: &Path, call: &Call<'_>) -> Result<(), String> {
        match (self.is_ours(from), self.is_ours(to)) {
            (false, false) => return Ok(()),
            (true, true) => {}
            _ => return not_followed(),
        }
        let moved = |path: &Path| match path.strip_prefix(from) {
            Ok(rest) if rest.as_os_str().is_empty() => Some(to.to_owned()),
            Ok(rest) => Some(to.join(rest)),
            Err(_) => None,
        };
        let mut names = Vec::new();
        let all = self.recording.names_at(Micros::MAX, Unsynced::Kept, &mut super::Chance::new(Unsynced::Kept));
        for (path, node) in all {
            if let Some(new) = moved(&path) {
                names.extend([(path, None), (new, Some(node))]);
            }
        }
        for open in self.processes.iter_mut().flat_map(|process| process.open.values_mut()) {
            if let Some(new) = moved(&open.path) {
                open.path = new;
            }
        }
        self.named(names, call)
    }

    fn named(&mut self, names: Vec<(PathBuf, Option<Node>)>, call: &Call<'_>) -> Result<(), String> {
        if !names.is_empty() && names.iter().all(|(path, _)| self.is_ours(path)) {
            self.recording.names.push(Naming { done: call.done, synced: None, names });
        }
        Ok(())
    }
}

/// `1700000000.000001`, or a length of time of that form.
fn microseconds(text: &str) -> Result<Micros, String> {
    let digits: String = text.chars().filter(|character| *character != '.').collect();
    digits.parse().map_err(|_| format!("not a time: {text}"))
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("not a number: {text}"))
}

/// The bytes of every string in a text, each byte as `\x2f`.
fn unhex(text: &str) -> Result<Vec<Vec<u8>>, String> {
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
