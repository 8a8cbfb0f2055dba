//! The footprint workbench: flash, static RAM, stack, heap, instructions and panic paths of each operation on a Cortex-M3.
//!
//! The figures are in `probe/chip/sizes.tsv` and, drawn up, in the README; one command writes both. The tests measure again and compare.

use crate::boards::{Board, LM3S6965EVB, MICROBIT, MPS2_AN386, Package, RISCV_VIRT, cargo_build_from_source};
use crate::shell::{Outcome, Tally, command, root, stdout_of};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

const CHIP: Package = Package { folder: "probe/chip" };
const SNAPSHOT: &str = "probe/chip/sizes.tsv";
const HEADINGS: &str = "opt\tSHA-256\tprogram\tflash\tram\tstack\theap\tinstructions\tpanics";

const LEVELS: [&str; 3] = ["z", "s", "3"];
const BACKENDS: [(&str, &str); 2] = [("compact", r#" --cfg sha2_backend_soft="compact""#), ("full", "")];

/// What the core offers, and what each program is called in the README.
const PROGRAMS: [(&str, &str); 9] = [
    ("raw_hmac", "the HMAC alone (crate `hmac`)"),
    ("token_mint", "token: mint"),
    ("token_verify", "token: verify"),
    ("token", "token: both"),
    ("jwt_encode", "JWT: encode"),
    ("jwt_verify", "JWT: verify"),
    ("jwt", "JWT: both"),
    ("jwt_verify_typed", "JWT: verify, into a serde struct"),
    ("jwt_typed", "JWT: both, with a serde struct"),
];
const PEER: [(&str, &str); 3] =
    [("peer_encode", "jwt-compact: encode"), ("peer_verify", "jwt-compact: verify"), ("peer", "jwt-compact: both")];
/// Beyond the core: on the processor that has them most often, a Cortex-M4F.
const FEATURES: [(&str, &str, &str); 3] =
    [("es256_verify", "es256", "ES256"), ("eddsa_verify", "eddsa", "EdDSA"), ("logged", "log", "defmt")];

/// A byte here and there is the compiler's.
const TOLERANCE_PERCENT: u64 = 2;
/// Another compiler, another program.
const OTHER_COMPILER_PERCENT: u64 = 20;
/// What the compiler inlines of the peer: its flash differed by 5 % from one folder to another.
const PEER_PERCENT: u64 = 10;

/// What one program takes; flash and RAM over an empty one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Figures {
    flash: u64,
    ram: u64,
    stack: u64,
    heap: u64,
    instructions: u64,
    panics: u64,
}

/// By level, backend and program.
type Table = BTreeMap<(String, String, String), Figures>;

/// Measures everything anew and writes snapshot and README.
pub(crate) fn write(tally: &mut Tally) -> Outcome {
    let table = measure(tally, &ways())?;
    let features = features()?;
    let text = format!("# {}\n{HEADINGS}\n{}", compiler()?, rows(&table));
    fs::write(root().join(SNAPSHOT), text).map_err(|error| error.to_string())?;
    let readme = fs::read_to_string(root().join("README.md")).map_err(|error| error.to_string())?;
    let drawn = format!("{}{}", draw(&table)?, line_of(&features));
    println!("{drawn}");
    fs::write(root().join("README.md"), replace_drawing(&readme, &drawn)?).map_err(|error| error.to_string())?;
    constant_time(tally)
}

/// Measures anew with the compact SHA-256 at every level and compares with the snapshot. Why not the full one: it costs as many builds again, and differs
/// in the crate `sha2` alone.
pub(crate) fn check(tally: &mut Tally) -> Outcome {
    let table = measure(tally, &LEVELS.map(|level| (level, BACKENDS[0])))?;
    let text = fs::read_to_string(root().join(SNAPSHOT)).map_err(|error| format!("{SNAPSHOT}: {error}"))?;
    let is_same_compiler = text.lines().next() == Some(&format!("# {}", compiler()?));
    let snapshot = parse(&text)?;
    let rows = ways().len() * (PROGRAMS.len() + PEER.len());
    tally.expect(snapshot.len() == rows, &format!("the snapshot has {rows} rows"));
    for (name, found) in &table {
        let kept = snapshot.get(name).ok_or_else(|| format!("{SNAPSHOT} has no row {name:?}: cargo xtask sizes"))?;
        let percent = match is_same_compiler {
            false => OTHER_COMPILER_PERCENT,
            true if name.2.starts_with("peer") => PEER_PERCENT,
            true => TOLERANCE_PERCENT,
        };
        let grown = [(kept.flash, found.flash), (kept.stack, found.stack), (kept.instructions, found.instructions)];
        let fits = grown.into_iter().all(|(kept, found)| found <= kept + kept * percent / 100 + 16);
        let same = (kept.ram, kept.heap, kept.panics) == (found.ram, found.heap, found.panics);
        let (level, backend, program) = name;
        let figures = format!("flash {}, stack {}, {} instructions", found.flash, found.stack, found.instructions);
        tally.expect(
            fits && (same || !is_same_compiler),
            &format!("{program} at {level}, {backend}: {figures}; at most {percent} % over the snapshot"),
        );
    }
    let readme = fs::read_to_string(root().join("README.md")).map_err(|error| error.to_string())?;
    tally.expect(readme.contains(&draw(&snapshot)?), "the README shows the figures of the snapshot, all of them");
    constant_time(tally)
}

/// An opt-level, and a SHA-256 with the flag that asks for it.
type Way = (&'static str, (&'static str, &'static str));

fn ways() -> Vec<Way> {
    LEVELS.iter().flat_map(|level| BACKENDS.map(|backend| (*level, backend))).collect()
}

fn measure(tally: &mut Tally, ways: &[Way]) -> Outcome<Table> {
    let mut table = Table::new();
    for (level, (backend, flag)) in ways {
        println!("  building and running at opt {level} with the {backend} SHA-256");
        build(&LM3S6965EVB, level, flag, "typed", &[])?;
        let empty = run(&LM3S6965EVB, "empty", Figures::default())?;
        let own: Outcome<Vec<_>> =
            PROGRAMS.iter().map(|(name, _)| Ok((*name, run(&LM3S6965EVB, name, empty)?))).collect();
        build(&LM3S6965EVB, level, flag, "peer", &PEER.map(|(name, _)| name))?;
        let peer: Outcome<Vec<_>> = PEER.iter().map(|(name, _)| Ok((*name, run(&LM3S6965EVB, name, empty)?))).collect();
        for (name, figures) in own?.into_iter().chain(peer?) {
            table.insert(((*level).to_owned(), (*backend).to_owned(), name.to_owned()), figures);
        }
    }
    let own = |name: &str| PROGRAMS.iter().any(|(program, _)| *program == name && !name.ends_with("typed"));
    let without_typed = table.iter().filter(|((_, _, name), _)| own(name));
    let with_panics: Vec<_> =
        without_typed.filter(|((_, _, name), figures)| name != "raw_hmac" && figures.panics > 0).collect();
    let has_compact_panics = with_panics.iter().any(|((_, backend, _), _)| backend == "compact");
    tally.expect(
        !has_compact_panics,
        "no panic path in tokens and in JWTs without serde, at z, s and 3, compact SHA-256",
    );
    for ((level, backend, name), figures) in &with_panics {
        println!("  {name} at {level}, {backend}: {} panic symbols, those of SHA-256 itself", figures.panics);
    }
    let peer_panics =
        table.iter().filter(|((_, _, name), _)| name.starts_with("peer")).all(|(_, figures)| figures.panics > 0);
    tally.expect(peer_panics, "control: the count finds the panic paths of the peer");
    tally.expect(
        table.values().filter(|figures| figures.heap > 0).count() == ways.len() * PEER.len(),
        "no heap but the peer's",
    );
    Ok(table)
}

/// What each feature adds to the flash of a program that verifies a JWT, on a Cortex-M4F.
fn features() -> Outcome<Vec<(&'static str, u64)>> {
    let compact = BACKENDS[0].1;
    FEATURES
        .iter()
        .map(|(program, feature, title)| {
            println!("  building with {title}");
            build(&MPS2_AN386, "z", compact, "", &["empty", "jwt_verify"])?;
            let empty = run(&MPS2_AN386, "empty", Figures::default())?;
            let plain = run(&MPS2_AN386, "jwt_verify", empty)?;
            let flag = if *feature == "log" { format!("{compact} -C link-arg=-Tdefmt.x") } else { compact.to_owned() };
            build(&MPS2_AN386, "z", &flag, feature, &[program])?;
            // It runs, too: a program that does not work may be of any size.
            let found = run(&MPS2_AN386, program, empty)?;
            Ok((*title, found.flash.saturating_sub(plain.flash)))
        })
        .collect()
}

/// The same number of instructions wherever a tag is wrong; a comparison that stops early shows that the number tells.
fn constant_time(tally: &mut Tally) -> Outcome {
    for board in [&MICROBIT, &LM3S6965EVB, &RISCV_VIRT] {
        build(board, "z", BACKENDS[0].1, "", &["constant_time"])?;
        let printed = printed_by(board, "constant_time")?;
        for (what, is_constant) in [("token", true), ("jwt", true), ("control", false)] {
            let figure = |which| number(&printed, &format!("{what} {which}"));
            let (least, most, places) = (figure("least")?, figure("most")?, figure("places")?);
            let holds = (least == most) == is_constant && places >= 32;
            let what = if is_constant {
                format!("a refused {what}")
            } else {
                "control, a comparison that stops early".to_owned()
            };
            tally.expect(
                holds,
                &format!("{}: {what}: {least} to {most} instructions, wrong in each of {places} places", board.name),
            );
        }
    }
    Ok(())
}

fn build(board: &Board, level: &str, flags: &str, features: &str, programs: &[&str]) -> Outcome {
    let mut cargo = cargo_build_from_source(board.target)?;
    CHIP.in_folder(&mut cargo);
    let scripts = if board.target.starts_with("riscv") { "-C link-arg=-Tmemory.x " } else { "" };
    cargo.env("RUSTFLAGS", format!("{scripts}-C link-arg=-Tlink.x -C link-arg=--nmagic{flags}"));
    cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", level).args(["--features", board.name, "--features", features]);
    for program in programs {
        cargo.args(["--bin", program]);
    }
    stdout_of(&mut cargo).map(|_| ())
}

fn run(board: &Board, program: &str, empty: Figures) -> Outcome<Figures> {
    let (flash, ram) = sizes_of(board, program)?;
    let printed = printed_by(board, program)?;
    let symbols = stdout_of(command("nm -C").arg(CHIP.program(board.target, program)))?;
    let is_panic = |line: &&str| {
        ["panicking", "unwrap_failed", "expect_failed", "slice_index_fail"].iter().any(|part| line.contains(part))
    };
    Ok(Figures {
        flash: flash.saturating_sub(empty.flash),
        ram: ram.saturating_sub(empty.ram),
        stack: number(&printed, "stack")?,
        heap: number(&printed, "heap").unwrap_or(0),
        instructions: number(&printed, "instructions")?,
        panics: symbols.lines().filter(is_panic).count() as u64,
    })
}

/// Bytes of flash (code, constants, initial values) and of static RAM.
fn sizes_of(board: &Board, program: &str) -> Outcome<(u64, u64)> {
    let table = stdout_of(command("size").arg(CHIP.program(board.target, program)))?;
    let row: Vec<u64> =
        table.lines().nth(1).unwrap_or_default().split_whitespace().map_while(|cell| cell.parse().ok()).collect();
    match row.as_slice() {
        [text, data, bss, ..] => Ok((text + data, data + bss)),
        _ => Err(format!("size printed no figures for {program}")),
    }
}

fn printed_by(board: &Board, program: &str) -> Outcome<String> {
    let run = board.run_counting(&CHIP.program(board.target, program), &root().join("target"))?;
    match run.code {
        Some(0) => Ok(run.stdout),
        code => Err(format!("{program} on {} ended with {code:?}: {}", board.name, run.stdout)),
    }
}

fn number(printed: &str, name: &str) -> Outcome<u64> {
    let value = printed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.parse().ok()).ok_or_else(|| format!("no {name} in {printed:?}"))
}

fn compiler() -> Outcome<String> {
    // The one that builds, which need not be the one on the path.
    let cargo = cargo_build_from_source(LM3S6965EVB.target)?;
    let rustc = cargo.get_envs().find(|(name, _)| *name == "RUSTC").and_then(|(_, value)| value);
    let mut rustc = rustc.map_or_else(|| command("rustc"), std::process::Command::new);
    stdout_of(rustc.arg("--version")).map(|version| version.trim().to_owned())
}

fn rows(table: &Table) -> String {
    let mut text = String::new();
    for ((level, backend, program), found) in table {
        let Figures { flash, ram, stack, heap, instructions, panics } = found;
        let _ =
            writeln!(text, "{level}\t{backend}\t{program}\t{flash}\t{ram}\t{stack}\t{heap}\t{instructions}\t{panics}");
    }
    text
}

fn parse(text: &str) -> Outcome<Table> {
    let row = |line: &str| {
        let cells: Vec<_> = line.split('\t').collect();
        let [level, backend, program, figures @ ..] = cells.as_slice() else { return None };
        let figures: Vec<u64> = figures.iter().map_while(|cell| cell.parse().ok()).collect();
        let [flash, ram, stack, heap, instructions, panics] = *figures.as_slice() else { return None };
        let name = ((*level).to_owned(), (*backend).to_owned(), (*program).to_owned());
        Some((name, Figures { flash, ram, stack, heap, instructions, panics }))
    };
    let lines = text.lines().skip_while(|line| *line != HEADINGS).skip(1);
    lines.map(|line| row(line).ok_or_else(|| format!("{SNAPSHOT}: not a row: {line}"))).collect()
}

fn row_of(title: &str, figures: &Figures) -> String {
    let Figures { flash, stack, heap, instructions, panics, .. } = figures;
    format!("| {title} | {flash} | {stack} | {heap} | {instructions} | {panics} |")
}

/// The tables of the README.
fn draw(table: &Table) -> Outcome<String> {
    let get = |level: &str, backend: &str, program: &str| {
        let name = (level.to_owned(), backend.to_owned(), program.to_owned());
        table.get(&name).ok_or_else(|| format!("nothing was measured for {name:?}"))
    };
    let mut text = String::from(
        "| opt-level z, compact SHA-256 | flash | stack | heap | instructions | panic symbols |\n|---|--:|--:|--:|--:|--:|\n",
    );
    for (program, title) in PROGRAMS.iter().chain(&PEER) {
        let _ = writeln!(text, "{}", row_of(title, get("z", "compact", program)?));
    }
    let ways: Vec<_> = ways().into_iter().map(|(level, (backend, _))| (level, backend)).collect();
    text.push_str("\n| flash / instructions |");
    text.extend(ways.iter().map(|(level, backend)| format!(" {level}, {backend} |")));
    text.push_str("\n|---|");
    text.push_str(&"--:|".repeat(ways.len()));
    for (program, title) in PROGRAMS.iter().chain(&PEER) {
        let _ = write!(text, "\n| {title} |");
        for (level, backend) in &ways {
            let figures = get(level, backend, program)?;
            let _ = write!(text, " {} / {} |", figures.flash, figures.instructions);
        }
    }
    Ok(text)
}

/// What each feature adds.
fn line_of(features: &[(&str, u64)]) -> String {
    let added: Vec<_> = features.iter().map(|(title, flash)| format!("{title} {flash}")).collect();
    format!(
        "\n\nOn a Cortex-M4F, a program that verifies a JWT takes so many bytes of flash more with {}; the first two in place of HS256.",
        added.join(", ")
    )
}

fn replace_drawing(readme: &str, drawn: &str) -> Outcome<String> {
    const BEGIN: &str = "<!-- sizes: written by `cargo xtask sizes` -->\n";
    const END: &str = "\n<!-- end of sizes -->";
    let (before, rest) = readme.split_once(BEGIN).ok_or("the README has no place for the sizes")?;
    let (_, after) = rest.split_once(END).ok_or("the place for the sizes in the README has no end")?;
    Ok(format!("{before}{BEGIN}{drawn}{END}{after}"))
}
