//! The panic gate: programs without a standard library, linked and looked into. And the memory of secrets, once they are dropped.

use crate::shell::{Outcome, Tally, command, root, stdout_of};
use std::path::PathBuf;

const MARKER: &str = "panic_path_is_linked_in";
/// Link just what is used, start at `main`, and take memcpy and its like from the C library.
const LINK: &str = "-C link-arg=-nostartfiles -C link-arg=-Wl,--gc-sections -C link-arg=-Wl,-e,main -C link-arg=-lc";

/// At z the default SHA-256 itself keeps a panic path; who builds for size takes the compact one.
const COMPACT: &str = r#" --cfg sha2_backend_soft="compact""#;

pub(crate) fn run(tally: &mut Tally) -> Outcome {
    let host = host()?;
    for (opt, backend) in [("3", ""), ("s", ""), ("z", COMPACT)] {
        build(&host, opt, backend)?;
        let name = if backend.is_empty() { format!("opt {opt}") } else { format!("opt {opt}, compact SHA-256") };
        tally.expect(
            has_panic_path(&host, "control")?,
            &format!("{name}: the gate finds the panic path of the control"),
        );
        let empty = bytes_of(&host, "empty")?;
        for (program, what) in [("token", "token mint and verify"), ("jwt", "JWT HS256 sign and verify")] {
            let size = bytes_of(&host, program)?;
            let figures = format!(".text {size} bytes, {} over an empty program", size.saturating_sub(empty));
            tally.expect(!has_panic_path(&host, program)?, &format!("{name}: no panic path in {what}; {figures}"));
        }
    }
    secrets_are_wiped(tally)
}

/// Secrets that the program looks at.
const SECRETS: usize = 7;

/// Of a secret that was dropped no byte is left where it was; of one that was forgotten the control finds some.
fn secrets_are_wiped(tally: &mut Tally) -> Outcome {
    let line = "cargo run --quiet --release --manifest-path probe/wiped/Cargo.toml";
    let printed = stdout_of(&mut command(line))?;
    for line in printed.lines() {
        let [name, "dropped", dropped, "forgotten", forgotten] = *line.split(' ').collect::<Vec<_>>() else {
            return Err(format!("not a line of the program that looks at secrets: {line}"));
        };
        let holds = dropped == "0" && forgotten != "0";
        tally.expect(holds, &format!("{name}: {dropped} bytes of it are left once dropped; forgotten, {forgotten}"));
    }
    tally.expect(printed.lines().count() == SECRETS, &format!("{SECRETS} secrets were looked at"));
    Ok(())
}

fn program(host: &str, name: &str) -> PathBuf {
    root().join(format!("probe/target/{host}/release/{name}"))
}

fn has_panic_path(host: &str, name: &str) -> Outcome<bool> {
    Ok(stdout_of(command("nm").arg(program(host, name)))?.lines().any(|line| line.ends_with(MARKER)))
}

fn bytes_of(host: &str, name: &str) -> Outcome<usize> {
    let table = stdout_of(command("size").arg(program(host, name)))?;
    let text = table.lines().nth(1).and_then(|row| row.split_whitespace().next());
    text.and_then(|text| text.parse().ok()).ok_or_else(|| format!("size printed no figure for {name}"))
}

fn host() -> Outcome<String> {
    let version = stdout_of(&mut command("rustc -vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not name its host".to_owned())
}

fn build(host: &str, opt: &str, backend: &str) -> Outcome {
    let mut cargo = command("cargo build --quiet --release --manifest-path probe/Cargo.toml --target");
    cargo.arg(host).env("RUSTFLAGS", format!("{LINK}{backend}")).env("CARGO_PROFILE_RELEASE_OPT_LEVEL", opt);
    stdout_of(&mut cargo).map(|_| ())
}
