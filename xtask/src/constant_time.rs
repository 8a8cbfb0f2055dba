//! Constant time, shown on optimised programs: to memcheck secrets are uninitialised, so that it reports every branch and every address that
//! depends on one. What a comparison answers is public once it is said: `tests/constant_time/shim.c` tells memcheck so.
//!
//! The processor that valgrind plays has no instructions for SHA-256: the crate `sha2` runs its portable code.

use crate::shell::{Outcome, Tally, capture, command, stdout_of, text};
use std::collections::BTreeMap;

/// Levels, each with its SHA-256: who builds for size takes the compact one.
const BUILDS: [(&str, &str); 3] = [("3", ""), ("s", ""), ("z", r#"--cfg sha2_backend_soft="compact""#)];

/// Operations with secrets.
const SUBJECTS: usize = 37;

/// Where a report is in order, as often as the program says: there a text is found to be well-formed or not.
const OF_TEXT: &str = "base64ct::";

/// What an operation came to at each level: whether it is what was due, and the figures.
type Figures = BTreeMap<String, Vec<(bool, String)>>;

pub(crate) fn run(tally: &mut Tally) -> Outcome {
    let mut subjects = Figures::new();
    for (level, flag) in BUILDS {
        println!("  building and watching at opt {level}");
        build(level, flag)?;
        let log = watch("subjects", &mut subjects, |reports, due| reports == due)?;
        let (of_text, strange): (Vec<_>, Vec<_>) = reports(&log).into_iter().partition(|report| is_of_text(report));
        strange.iter().for_each(|report| println!("{report}"));
        let what = format!(
            "opt {level}: {} places are reported, each where base64ct finds a text well-formed or not",
            of_text.len()
        );
        tally.expect(strange.is_empty() && !of_text.is_empty(), &what);
        let mut controls = Figures::new();
        watch("controls", &mut controls, |reports, due| reports >= due && (reports == 0) == (due == 0))?;
        for (name, figures) in &controls {
            let (holds, figures) = figures.first().ok_or("no figures")?;
            tally.expect(*holds, &format!("opt {level}: control, {name}: {figures}"));
        }
    }
    let levels = BUILDS.map(|(level, _)| level).join(", ");
    for (name, of_levels) in &subjects {
        let holds = of_levels.len() == BUILDS.len() && of_levels.iter().all(|(holds, _)| *holds);
        let figures: Vec<_> = of_levels.iter().map(|(_, figures)| figures.as_str()).collect();
        let figures = if holds { figures[0].to_owned() } else { figures.join("; ") };
        tally.expect(holds, &format!("{name}: {figures}; at {levels}"));
    }
    tally.expect(subjects.len() == SUBJECTS, &format!("{} of {SUBJECTS} operations were watched", subjects.len()));
    Ok(())
}

fn build(level: &str, flag: &str) -> Outcome {
    let mut cargo = command("cargo build --quiet --release --manifest-path tests/constant_time/Cargo.toml");
    stdout_of(cargo.env("RUSTFLAGS", flag).env("CARGO_PROFILE_RELEASE_OPT_LEVEL", level)).map(|_| ())
}

/// Runs operations under memcheck, adds their figures, and returns what it wrote.
fn watch(what: &str, figures: &mut Figures, holds: impl Fn(u32, u32) -> bool) -> Outcome<String> {
    let valgrind = "valgrind --quiet --leak-check=no tests/constant_time/target/release/constant_time";
    let output = capture(command(valgrind).arg(what))?;
    let log = text(&output.stderr);
    if !output.status.success() {
        return Err(format!("the operations did not end as they should:\n{log}"));
    }
    for line in text(&output.stdout).lines() {
        let words: Vec<_> = line.splitn(9, ' ').collect();
        let ["verdicts", verdicts, "of", due_verdicts, "reports", found, "of", due, name] = words[..] else {
            return Err(format!("not a line of figures: {line}"));
        };
        let number = |word: &str| word.parse().map_err(|_| format!("no number in {line}"));
        let holds = number(verdicts)? == number(due_verdicts)? && holds(number(found)?, number(due)?);
        let figure = format!("{verdicts} of {due_verdicts} verdicts, {found} of {due} reports");
        figures.entry(name.to_owned()).or_default().push((holds, figure));
    }
    Ok(log)
}

/// The reports in a log, each with the functions that it names, the innermost first.
fn reports(log: &str) -> Vec<String> {
    let lines: Vec<_> = log.lines().map(|line| line.split_once("== ").map_or("", |(_, rest)| rest)).collect();
    lines.split(|line| line.is_empty()).filter(|report| !report.is_empty()).map(|report| report.join("\n")).collect()
}

/// True for a branch, of a function that tells whether a text is well-formed. What was inlined into it is named in front of it.
fn is_of_text(report: &str) -> bool {
    let mut lines = report.lines();
    let is_branch = lines.next().is_some_and(|line| line.starts_with("Conditional jump or move depends on"));
    is_branch && lines.find(|line| !line.contains("UnknownInlinedFun")).is_some_and(|line| line.contains(OF_TEXT))
}
