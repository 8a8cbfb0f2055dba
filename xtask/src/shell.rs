//! Running programs and counting what they say.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A step that worked, or why it did not.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// The closing line of a suite, as it grows.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

impl Tally {
    pub(crate) fn pass(&mut self, what: &str) {
        self.passed += 1;
        println!("  ok      {what}");
    }

    pub(crate) fn fail(&mut self, what: &str) {
        self.failed += 1;
        println!("  FAILED  {what}");
    }

    /// Counts a condition, with the figures that it was judged by.
    pub(crate) fn expect(&mut self, holds: bool, what: &str) {
        if holds { self.pass(what) } else { self.fail(what) }
    }

    /// Counts a command by its exit code; shows what it printed when it failed.
    pub(crate) fn command(&mut self, what: &str, command: &mut Command) -> Outcome {
        let output = capture(command)?;
        if !output.status.success() {
            print!("{}{}", text(&output.stdout), text(&output.stderr));
        }
        self.expect(output.status.success(), what);
        Ok(())
    }
}

/// The root of the project.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default()
}

/// A command that runs in the project's root.
pub(crate) fn command(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    // Where programs are built must be known, to look into them.
    command.args(words).current_dir(root()).env_remove("CARGO_TARGET_DIR");
    command
}

pub(crate) fn capture(command: &mut Command) -> Outcome<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).output().map_err(|error| format!("{name} could not be started: {error}"))
}

/// What a command printed, or an error with what it complained about.
pub(crate) fn stdout_of(command: &mut Command) -> Outcome<String> {
    let output = capture(command)?;
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("{command:?} failed:\n{}{}", text(&output.stdout), text(&output.stderr)))
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
