//! The firmware example on every board: vectors, then a sign-in to the demo at the other end of the serial line.

use crate::boards::{BOARDS, Board, Package};
use crate::demo::Demo;
use crate::shell::{Outcome, Tally, capture, command, root, text};
use std::fs::{self, File};
use std::net::TcpStream;
use std::process::Stdio;

const FIRMWARE: Package = Package { folder: "examples/firmware" };

/// What each board is to have said when it ends, in this order.
const CONVERSATION: [&str; 7] = [
    "wakes up on",
    "vectors: 847 tokens, 280 JWTs, all right, 263 of them admitted",
    "clock set by the backend",
    "signed in: 200",
    "the answer with one character changed: Invalid",
    "the backend is the backend",
    "a token that is an hour old: 401",
];

pub(crate) fn run(tally: &mut Tally, boards: &[Board]) -> Outcome {
    let demo = Demo::start_quietly()?;
    println!("  the backend is the demo, at {}; what it refuses below is what it is to refuse", demo.address()?);
    let keys = |name| demo.variable(name).map(str::to_owned);
    let keys = [("DEVICE_KEY", keys("DEVICE_KEY")?), ("DEVICE_JWT_KEY", keys("DEVICE_JWT_KEY")?)];
    let address = demo.address()?.to_owned();
    for board in boards {
        let log = on_board(board, &keys, &address)?;
        println!("  | {}", log.trim_end().replace('\n', "\n  | "));
        let mut rest = log.as_str();
        let missing = CONVERSATION.into_iter().find(|part| match rest.split_once(part) {
            Some((_, after)) => {
                rest = after;
                false
            }
            None => true,
        });
        let counts =
            log.lines().find_map(|line| line.split_once("vectors: ")).map_or("no vectors", |(_, counts)| counts);
        let counts = counts.split(" └").next().unwrap_or(counts).trim();
        match missing {
            None => tally.pass(&format!("{}: {counts}; signed in, both directions, refusals", board.name)),
            Some(part) => tally.fail(&format!("{}: its log has no {part:?} in its place; {counts}", board.name)),
        }
    }
    let (said, _) = demo.stop()?;
    let sign_ins = said.matches("has signed in, with firmware \"1.2.3\"").count();
    tally.expect(sign_ins == boards.len(), &format!("the backend has seen {sign_ins} sign-ins of {}", boards.len()));
    Ok(())
}

/// One board, or all of them, against a demo that is running already or one that is started for it.
pub(crate) fn by_hand(arguments: &[&str], tally: &mut Tally) -> Outcome {
    match arguments {
        [] => run(tally, &BOARDS),
        [board] => run(tally, std::slice::from_ref(Board::named(board)?)),
        [board, "--backend", address] => {
            let key = |name| std::env::var(name).map_err(|_| format!("{name} is not set: the demo prints it"));
            let keys = [("DEVICE_KEY", key("DEVICE_KEY")?), ("DEVICE_JWT_KEY", key("DEVICE_JWT_KEY")?)];
            TcpStream::connect(address)
                .map_err(|_| format!("no backend answers at {address}: is cargo demo running?"))?;
            let log = on_board(Board::named(board)?, &keys, address)?;
            print!("{log}");
            tally.expect(log.contains("the backend is the backend"), "signed in");
            Ok(())
        }
        _ => Err("usage: cargo xtask firmware [BOARD [--backend ADDRESS:PORT]]".to_owned()),
    }
}

/// Burns the keys in, runs the board, and returns its log as a person reads it.
fn on_board(board: &Board, keys: &[(&str, String)], address: &str) -> Outcome<String> {
    println!("  building the firmware of {}", board.name);
    let mut cargo = FIRMWARE.build(board.target)?;
    cargo.args(["--features", board.name]);
    for (name, key) in keys {
        cargo.env(name, key);
    }
    // Not the command itself in an error: the keys are in its environment.
    let built = capture(&mut cargo)?;
    if !built.status.success() {
        return Err(format!("the firmware of {} does not build:\n{}", board.name, text(&built.stderr)));
    }

    let program = FIRMWARE.program(board.target, "firmware");
    let folder = root().join("target/firmware").join(board.name);
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let log = folder.join("defmt.bin");
    // A log of an earlier run says nothing about this one.
    let _ = fs::remove_file(&log);
    let run = board.run(&program, &folder, &format!("tcp:{address}"))?;
    let frames = File::open(&log).map_err(|error| format!("{} has left no log: {error}", board.name))?;
    let mut print = command("defmt-print -e");
    print.arg(&program).stdin(Stdio::from(frames));
    let output = print.output().map_err(|error| error.to_string())?;
    let log = text(&output.stdout);
    match run.code {
        Some(0) => Ok(log),
        code => Err(format!("{} ended with {code:?}: {}\n{log}", board.name, run.stdout)),
    }
}
