//! The core for microcontrollers: targets without a standard library, the first and the last without compare-and-swap.

use crate::shell::{Outcome, Tally, capture, command};
use crate::tools;
use std::process::Command;

const TARGETS: [&str; 3] = ["thumbv6m-none-eabi", "thumbv7em-none-eabihf", "riscv32imc-unknown-none-elf"];

pub(crate) fn run(tally: &mut Tally) -> Outcome {
    for target in TARGETS {
        for (what, features) in [("the core", ""), ("the core with defmt", "defmt")] {
            let (mut cargo, how) = build(target, features)?;
            tally.command(&format!("{what} builds for {target}, {how}"), &mut cargo)?;
        }
        // The check can fail: what needs a standard library does not build in the same way.
        let (mut cargo, _) = build(target, "std")?;
        let refused = !capture(&mut cargo)?.status.success();
        tally.expect(refused, &format!("control: with std it does not build for {target}"));
    }
    Ok(())
}

/// A build for a target: with rustup's `core` where that can be had, else with `core` from Debian's source.
fn build(target: &str, features: &str) -> Outcome<(Command, &'static str)> {
    let flags = format!("--quiet --release --package countersign --no-default-features --target {target} --features");
    if capture(command("rustup target add").arg(target)).is_ok_and(|output| output.status.success()) {
        let mut cargo = command(&format!("cargo build {flags}"));
        cargo.arg(features);
        return Ok((cargo, "with rustup's core"));
    }
    tools::debian_rust_with_source()?;
    let mut cargo = command(&format!("/usr/bin/cargo build -Z build-std=core {flags}"));
    cargo.arg(features).env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
    // Another compiler, another folder.
    cargo.env("CARGO_TARGET_DIR", "target/build-std");
    Ok((cargo, "with core from source"))
}
