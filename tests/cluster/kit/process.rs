//! A server as a child process with a folder of its own.

use super::net::local;
use super::power::{Micros, Recorder, Recording, Unsynced};
use super::{Outcome, fail, wait_for};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A machine that is busy with other things starts a server slowly.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What it says, in its folder.
const LOG: &str = "log";

/// What it does, in its folder, if that is recorded.
const TRACE: &str = "trace";

/// A program that Debian ships; or, with a path as its name, one that is installed in the project's folder.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// The package of Debian, or the command that installs it there.
    pub(crate) package: &'static str,
    /// Whether the server at this address is ready.
    pub(crate) answers: fn(&str) -> Outcome,
}

impl Program {
    /// The one that is found first, so that another version can be put before it.
    fn path(&self) -> PathBuf {
        if self.name.contains('/') {
            // Of a test the root of the project, of xtask a folder in it.
            let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
            return folders.find(|folder| folder.join("tests").exists()).unwrap_or(Path::new("")).join(self.name);
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        // Debian puts some where an unprivileged path does not look.
        let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
        folders.map(|folder| folder.join(self.name)).find(|path| path.exists()).unwrap_or_else(|| self.name.into())
    }
}

/// A folder that goes with its value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Outcome<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Short, as a socket in it may have a name of 107 bytes at most.
        let path = std::env::temp_dir().join(format!("countersign-{name}-{}-{count}", std::process::id()));
        // What an earlier process of this id has left.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running or killed server.
pub(crate) struct Server {
    program: &'static Program,
    arguments: Vec<String>,
    port: u16,
    /// None after it was killed.
    child: Option<Child>,
    /// Bytes of the log that an earlier process has written.
    log_start: usize,
    recorder: Option<Recorder>,
    folder: Folder,
}

impl Server {
    /// Starts a program with the arguments that `prepare` returns once it has put its files into the folder; waits until it answers.
    pub(crate) fn start(
        program: &'static Program,
        port: u16,
        prepare: impl FnOnce(&Path) -> Outcome<Vec<String>>,
    ) -> Outcome<Self> {
        let folder = Folder::new(program.name.rsplit('/').next().unwrap_or_default())?;
        let arguments = prepare(folder.path())?;
        let mut server = Self { program, arguments, port, child: None, log_start: 0, recorder: None, folder };
        server.restart()?;
        Ok(server)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn address(&self) -> String {
        local(self.port)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it as a power cut does; nothing is said to anybody.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again with its folder and its port; kills it before if it runs.
    pub(crate) fn restart(&mut self) -> Outcome {
        self.kill();
        let log = File::options().create(true).append(true).open(self.log_file())?;
        self.log_start = fs::read(self.log_file())?.len();
        let Program { name, package, .. } = self.program;
        let path = self.program.path();
        let mut command =
            self.recorder.as_ref().map_or_else(|| Command::new(&path), |recorder| recorder.command(&path));
        command.args(&self.arguments).current_dir(self.folder());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        match command.spawn() {
            Ok(child) => self.child = Some(child),
            Err(error) => {
                let more = if self.recorder.is_some() { " strace" } else { "" };
                let install = if name.contains('/') { "" } else { "apt-get install " };
                return fail(format!(
                    "{name} could not be started: {error}. Install it with: {install}{package}{more}"
                ));
            }
        }
        self.wait_until_it_answers()
    }

    /// The same, and records what this process does in its folder.
    pub(crate) fn restart_recorded(&mut self) -> Outcome {
        self.kill();
        self.recorder = Some(Recorder::new(self.folder(), &self.folder().join(TRACE), &[LOG, TRACE])?);
        self.restart()
    }

    /// Kills it, and says what it did in its folder; later processes are not recorded.
    pub(crate) fn end_recorded(&mut self) -> Outcome<Recording> {
        self.kill();
        let recorder = self.recorder.take().ok_or("it is not recorded")?;
        let recording = recorder.read()?;
        recording.check()?;
        Ok(recording)
    }

    /// Starts it again with what its disk would have if the power had gone at this moment.
    pub(crate) fn restart_without_power(&mut self, recording: &Recording, at: Micros, unsynced: Unsynced) -> Outcome {
        self.kill();
        for entry in fs::read_dir(self.folder())? {
            let path = entry?.path();
            if path.is_dir() {
                fs::remove_dir_all(path)?;
            } else if path != self.log_file() {
                fs::remove_file(path)?;
            }
        }
        recording.without_power(at, unsynced, self.folder())?;
        self.restart()
    }

    /// The same with other arguments from now on.
    pub(crate) fn restart_with(&mut self, arguments: Vec<String>) -> Outcome {
        self.arguments = arguments;
        self.restart()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// The log of all its processes.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    fn log_file(&self) -> PathBuf {
        self.folder().join(LOG)
    }

    fn wait_until_it_answers(&mut self) -> Outcome {
        let address = self.address();
        let answers = self.program.answers;
        let mut has_ended = false;
        let outcome = wait_for("it answers", PATIENCE, || {
            let answer = answers(&address);
            // Looked at last: another server may answer on a port that this one did not get.
            has_ended = !self.is_running();
            if has_ended { Ok(()) } else { answer }
        });
        match outcome {
            Ok(()) if has_ended => fail(format!("{} at {address} has ended\n{}", self.program.name, self.log_end())),
            Ok(()) => Ok(()),
            Err(failure) => fail(format!("{} at {address}: {failure}\n{}", self.program.name, self.log_end())),
        }
    }

    /// The last lines of this process.
    pub(crate) fn log_end(&self) -> String {
        let log = fs::read(self.log_file()).unwrap_or_default();
        let text = String::from_utf8_lossy(log.get(self.log_start..).unwrap_or_default()).into_owned();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
