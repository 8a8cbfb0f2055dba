//! `cargo xtask`: every check of this project, for people and for CI.

mod arrows;
mod bench;
mod boards;
mod browser;
mod check;
mod cluster;
mod constant_time;
mod demo;
mod exports;
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
use tools::Tool;

const USAGE: &str = "\
usage: cargo xtask COMMAND [--no-install]

The minutes are those of two processors, after a first build. --no-install: a tool that is missing is an error that names it.

before a change is shown to others; these install nothing
  local                 3 min    tests that start no server and no browser, without features and with all
  pr                    5 min    arrows between files, format, lints and docs of everything, and local

what CI runs
  test                  25 min   everything below but bench and soak; says what it will install, and installs it (Debian)
  check                 2 min    arrows, format, lints with each feature alone and with all others, docs, licences, size of the dependency tree
  tests                 9 min    cargo test without features and with all, with real Redis, NATS, nginx, HAProxy and browsers on loopback
  probe                 20 s     no panic path is linked in; bytes of code; secrets are wiped
  targets               90 s     the core builds for microcontrollers without atomics and without a heap
  constant-time         40 s     no secret decides a branch or an address, watched by memcheck at opt-levels 3, s and z
  instructions          10 s     instructions of minting and verifying, against the HMAC alone
  firmware [BOARD [--backend ADDRESS:PORT]]
                        1 min    runs vectors on every board that QEMU plays, and signs in to the demo over its serial line
  sizes [--check]       1 min    measures flash, stack, heap, instructions and panic paths on a Cortex-M3; writes snapshot and README, or compares
  interop               15 s     JWTs to and from PyJWT, jose and HAProxy
  demo                  30 s     starts the demo, pastes its own lines, runs the device, clicks through its pages in two browsers
  cluster [memory|redis|sentinel|nats|nats-three] [nginx|haproxy]
                        90 s     three demo servers behind a balancer, and keys that kill and revive them; with --check a browser presses them
  fuzz [--seconds N]    13 min   every fuzz target for N seconds (default 60; 15 within test)

by hand
  bench                 5 min    JWT speed against the peers
  soak [PROGRAM [MODULE]]
                        hours    the long forms of tests that take minutes, all or those of one program or module
";

/// One suite of `cargo xtask test`, what it runs, and itself.
struct Suite {
    name: &'static str,
    needs: fn() -> Vec<Tool>,
    run: fn(&mut Tally) -> Outcome,
}

/// Fuzzing is short here: long runs are for `cargo xtask fuzz`.
const FUZZ_SECONDS_IN_TEST: u32 = 15;

const SUITES: [Suite; 12] = [
    Suite { name: "check", needs: || join([tools::rust_components(), tools::cargo_deny()]), run: check::run },
    Suite { name: "tests", needs: || join([tools::cluster_servers(), tools::clients()]), run: tests::run },
    Suite { name: "probe", needs: tools::binutils, run: probe::run },
    Suite { name: "targets", needs: || tools::core_for(targets::TARGETS), run: targets::run },
    Suite { name: "constant-time", needs: tools::valgrind, run: constant_time::run },
    Suite { name: "instructions", needs: tools::valgrind, run: instructions::run },
    Suite { name: "sizes", needs: tools_of_sizes, run: sizes::check },
    Suite { name: "firmware", needs: tools_of_firmware, run: |tally| firmware::by_hand(&[], tally) },
    Suite { name: "interop", needs: tools::peers, run: interop::run },
    Suite { name: "demo", needs: || join([tools::curl(), tools::chromium()]), run: demo::run },
    Suite { name: "cluster", needs: || join([tools::chromium(), tools::cluster_servers()]), run: cluster::check },
    Suite { name: "fuzz", needs: tools::cargo_fuzz, run: |tally| fuzz::run(tally, FUZZ_SECONDS_IN_TEST) },
];

fn tools_of_sizes() -> Vec<Tool> {
    join([tools::core_source(), tools::qemu(), tools::binutils()])
}

fn tools_of_firmware() -> Vec<Tool> {
    let targets = boards::BOARDS.iter().map(|board| board.target);
    join([tools::curl(), tools::defmt_print(), tools::core_for(targets), tools::qemu()])
}

fn join<const N: usize>(tools: [Vec<Tool>; N]) -> Vec<Tool> {
    tools.into_iter().flatten().collect()
}

fn main() -> ExitCode {
    let (flags, arguments): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|argument| argument == "--no-install");
    if !flags.is_empty() {
        tools::install_nothing();
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Outcome {
    match arguments {
        ["test"] => everything(),
        ["local"] => {
            tools::install_nothing();
            suite("local", tools::strace(), tests::local)
        }
        ["pr"] => {
            tools::install_nothing();
            suite("pr", join([tools::rust_components(), tools::strace()]), |tally| {
                check::quick(tally)?;
                tests::local(tally)
            })
        }
        ["soak", only @ ..] => suite("soak", tools::cluster_servers(), |tally| soak::run(tally, only)),
        ["fuzz", "--seconds", seconds] => match seconds.parse() {
            Ok(seconds) => suite("fuzz", tools::cargo_fuzz(), |tally| fuzz::run(tally, seconds)),
            Err(_) => Err(format!("--seconds takes a number, not {seconds}")),
        },
        ["fuzz"] => run(&["fuzz", "--seconds", "60"]),
        ["bench"] => bench::run(),
        ["firmware", rest @ ..] => suite("firmware", tools_of_firmware(), |tally| firmware::by_hand(rest, tally)),
        ["sizes"] => suite("sizes", tools_of_sizes(), sizes::write),
        ["sizes", "--check"] => suite_named("sizes"),
        ["cluster", "--check"] => suite_named("cluster"),
        ["cluster", rest @ ..] if rest.len() < 3 => {
            tools::need(tools::cluster_servers())?;
            cluster::by_hand(rest.first().unwrap_or(&"redis"), rest.get(1).unwrap_or(&"nginx"))
        }
        [name] => suite_named(name),
        _ => Err(USAGE.to_owned()),
    }
}

fn suite_named(name: &str) -> Outcome {
    let found = SUITES.iter().find(|suite| suite.name == name).ok_or(USAGE)?;
    suite(name, (found.needs)(), found.run)
}

/// All tools are seen to at once, so that what is missing is known before the first suite has run for minutes. One that cannot be installed fails the
/// suites that need it, and no other.
fn everything() -> Outcome {
    if let Err(error) = tools::need(SUITES.iter().flat_map(|suite| (suite.needs)()).collect()) {
        if !tools::may_install() {
            return Err(error);
        }
        println!("{error}");
    }
    let failed: Vec<_> = SUITES.iter().filter_map(|one| suite(one.name, (one.needs)(), one.run).err()).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// Runs one suite with its tools and closes it with its line. An error that ends it early counts as a failure.
fn suite(name: &str, needs: Vec<Tool>, run: impl FnOnce(&mut Tally) -> Outcome) -> Outcome {
    println!("== {name}");
    let start = Instant::now();
    let mut tally = Tally::default();
    if let Err(error) = tools::need(needs).and_then(|()| run(&mut tally)) {
        tally.fail(&error);
    }
    println!("{name}: {} passed, {} failed, {} s", tally.passed, tally.failed, start.elapsed().as_secs());
    match (tally.passed, tally.failed) {
        (0, 0) => Err(format!("{name} has run nothing")),
        (_, 0) => Ok(()),
        (_, failed) => Err(format!("{name}: {failed} failed")),
    }
}
