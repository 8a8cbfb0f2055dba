//! `cargo xtask`: every check of this project, for people and for CI.

mod arrows;
mod bench;
mod boards;
mod browser;
mod check;
mod cluster;
mod constant_time;
mod demo;
mod firmware;
mod fuzz;
mod instructions;
mod interop;
mod page;
mod probe;
mod shell;
mod sizes;
mod soak;
mod targets;
mod tests;
mod tools;

/// What starts and kills servers in tests does so here too.
#[path = "../../tests/cluster"]
mod cluster_tests {
    pub(crate) mod kit;
}

use cluster_tests::kit as cluster_kit;
use shell::{Outcome, Tally};
use std::process::ExitCode;
use std::time::Instant;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test                  everything below, in turn; what CI runs
  check                 format, lints with each feature alone and with all others, docs, licences, size of the dependency tree
  tests                 cargo test without features and with all, with real Redis, NATS, nginx and HAProxy on loopback
  probe                 no panic path is linked in; bytes of code
  targets               the core builds for microcontrollers without atomics and without a heap
  constant-time         no secret decides a branch or an address, watched by memcheck at opt-levels 3, s and z
  instructions          instructions of minting and verifying, against the HMAC alone
  firmware [BOARD [--backend ADDRESS:PORT]]
                        runs vectors on every board that QEMU plays, and signs in to the demo over its serial line
  sizes                 measures flash, stack, heap, instructions and panic paths on a Cortex-M3; writes snapshot and README
  bench                 JWT speed against the peers; not part of the tests
  fuzz [--seconds N]    every fuzz target for N seconds (default 60)
  soak [PROGRAM]        the long forms of tests that take minutes, or of one program of tests; not part of the tests
  interop               JWTs to and from PyJWT, jose and HAProxy
  cluster [memory|redis|sentinel|nats|nats-three] [nginx|haproxy]
                        three demo servers behind a balancer, and keys that kill and revive them; with --check a browser presses them
  demo                  starts the demo, pastes its own lines, runs the device, clicks through its pages in two browsers
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["test"] => everything(),
        ["check"] => suite("check", check::run),
        ["tests"] => suite("tests", tests::run),
        ["probe"] => suite("probe", probe::run),
        ["targets"] => suite("targets", targets::run),
        ["constant-time"] => suite("constant-time", constant_time::run),
        ["instructions"] => suite("instructions", instructions::run),
        ["soak"] => suite("soak", |tally| soak::run(tally, None)),
        ["soak", program] => suite("soak", |tally| soak::run(tally, Some(program))),
        ["fuzz"] => suite("fuzz", |tally| fuzz::run(tally, 60)),
        ["fuzz", "--seconds", seconds] => match seconds.parse() {
            Ok(seconds) => suite("fuzz", |tally| fuzz::run(tally, seconds)),
            Err(_) => Err(format!("--seconds takes a number, not {seconds}")),
        },
        ["bench"] => bench::run(),
        ["interop"] => suite("interop", interop::run),
        ["firmware", rest @ ..] => suite("firmware", |tally| firmware::by_hand(rest, tally)),
        ["sizes"] => suite("sizes", sizes::write),
        ["sizes", "--check"] => suite("sizes", sizes::check),
        ["demo"] => suite("demo", demo::run),
        ["cluster", "--check"] => suite("cluster", cluster::check),
        ["cluster"] => cluster::by_hand("redis", "nginx"),
        ["cluster", store] => cluster::by_hand(store, "nginx"),
        ["cluster", store, balancer] => cluster::by_hand(store, balancer),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Fuzzing is short here: long runs are for `cargo xtask fuzz`.
const FUZZ_SECONDS_IN_TEST: u32 = 15;

fn everything() -> Outcome {
    type Suite<'s> = (&'s str, &'s dyn Fn(&mut Tally) -> Outcome);
    let suites: [Suite<'_>; 12] = [
        ("check", &check::run),
        ("tests", &tests::run),
        ("probe", &probe::run),
        ("targets", &targets::run),
        ("constant-time", &constant_time::run),
        ("instructions", &instructions::run),
        ("sizes", &sizes::check),
        ("firmware", &|tally| firmware::by_hand(&[], tally)),
        ("interop", &interop::run),
        ("demo", &demo::run),
        ("cluster", &cluster::check),
        ("fuzz", &|tally| fuzz::run(tally, FUZZ_SECONDS_IN_TEST)),
    ];
    let failed: Vec<_> = suites.iter().filter_map(|(name, run)| suite(name, run).err()).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// Runs one suite and closes it with its line. An error that ends it early counts as a failure.
fn suite(name: &str, run: impl FnOnce(&mut Tally) -> Outcome) -> Outcome {
    println!("== {name}");
    let start = Instant::now();
    let mut tally = Tally::default();
    if let Err(error) = run(&mut tally) {
        tally.fail(&error);
    }
    println!("{name}: {} passed, {} failed, {} s", tally.passed, tally.failed, start.elapsed().as_secs());
    match (tally.passed, tally.failed) {
        (0, 0) => Err(format!("{name} has run nothing")),
        (_, 0) => Ok(()),
        (_, failed) => Err(format!("{name}: {failed} failed")),
    }
}
