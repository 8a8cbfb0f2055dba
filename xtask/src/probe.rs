//! The panic gate: programs without a standard library, linked and looked into.

use crate::shell::{Outcome, Tally, command, root, stdout_of};
use crate::tools;

const MARKER: &str = "panic_path_is_linked_in";
/// Link just what is used, start at `main`, and take memcpy and its like from the C library.
const LINK: &str = "-C link-arg=-nostartfiles -C link-arg=-Wl,--gc-sections -C link-arg=-Wl,-e,main -C link-arg=-lc";

pub(crate) fn run(tally: &mut Tally) -> Outcome {
    tools::binutils()?;
    let host = host()?;
    for opt in ["3", "s"] {
        build(&host, opt)?;
        let program = |name: &str| root().join(format!("probe/target/{host}/release/{name}"));
        let panics = |name: &str| -> Outcome<bool> {
            Ok(stdout_of(command("nm").arg(program(name)))?.lines().any(|line| line.ends_with(MARKER)))
        };
        let bytes = |name: &str| -> Outcome<usize> {
            let table = stdout_of(command("size").arg(program(name)))?;
            let text = table.lines().nth(1).and_then(|row| row.split_whitespace().next());
            text.and_then(|text| text.parse().ok()).ok_or_else(|| format!("size printed no figure for {name}"))
        };
        tally.expect(panics("control")?, &format!("opt {opt}: the gate finds the panic path of the control"));
        let (size, empty) = (bytes("token")?, bytes("empty")?);
        let figures = format!(".text {size} bytes, {} over an empty program", size.saturating_sub(empty));
        tally.expect(!panics("token")?, &format!("opt {opt}: token mint and verify have no panic path; {figures}"));
    }
    Ok(())
}

fn host() -> Outcome<String> {
    let version = stdout_of(&mut command("rustc -vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not name its host".to_owned())
}

fn build(host: &str, opt: &str) -> Outcome {
    let mut cargo = command("cargo build --quiet --release --manifest-path probe/Cargo.toml --target");
    cargo.arg(host).env("RUSTFLAGS", LINK).env("CARGO_PROFILE_RELEASE_OPT_LEVEL", opt);
    stdout_of(&mut cargo).map(|_| ())
}
