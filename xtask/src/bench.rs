//! JWT speed against the peers, in one table. Not part of the tests: a busy machine proves nothing.

use crate::shell::{Outcome, command, root, stdout_of};

/// jsonwebtoken has one backend a process, so the peers are built and run twice.
const BACKENDS: [&str; 2] = ["rust", "aws"];

pub(crate) fn run() -> Outcome {
    for backend in BACKENDS {
        println!("building the peers, jsonwebtoken with its {backend} backend: one or two minutes at first");
        let mut cargo = command("cargo build --quiet --release --manifest-path benches/peers/Cargo.toml --target-dir");
        stdout_of(cargo.arg(format!("benches/peers/target/{backend}")).args(["--features", backend]))?;
    }
    println!("times to the raw HMAC of the same run; 10th percentiles\n");
    for backend in BACKENDS {
        let program = root().join(format!("benches/peers/target/{backend}/release/peers"));
        println!("{}", stdout_of(&mut std::process::Command::new(program))?);
    }
    Ok(())
}
