//! The core for microcontrollers: targets without a standard library, three of them without compare-and-swap.

use crate::boards::{cargo_build, way_to_build};
use crate::shell::{Outcome, Tally, capture};
use std::process::Command;

pub(crate) const TARGETS: [&str; 6] = [
    "thumbv6m-none-eabi",
    "thumbv7m-none-eabi",
    "thumbv7em-none-eabihf",
    "thumbv8m.main-none-eabi",
    "riscv32i-unknown-none-elf",
    "riscv32imc-unknown-none-elf",
];

/// Where every feature of the core is built.
const WITH_FEATURES: &str = "thumbv7em-none-eabihf";

pub(crate) fn run(tally: &mut Tally) -> Outcome {
    for target in TARGETS {
        let how = way_to_build(target);
        let all: &[&str] =
            if target == WITH_FEATURES { &["", "defmt", "serde", "es256", "eddsa"] } else { &["", "defmt"] };
        for features in all {
            let what = if features.is_empty() { "the core".to_owned() } else { format!("the core with {features}") };
            tally.command(&format!("{what} builds for {target}, {how}"), &mut build(target, features)?)?;
        }
        // The check can fail: what needs a standard library does not build in the same way.
        let refused = !capture(&mut build(target, "std")?)?.status.success();
        tally.expect(refused, &format!("control: with std it does not build for {target}"));
    }
    Ok(())
}

fn build(target: &str, features: &str) -> Outcome<Command> {
    let mut cargo = cargo_build(target)?;
    cargo.args(["--package", "countersign", "--no-default-features", "--features", features]);
    // Another compiler, another folder.
    cargo.env("CARGO_TARGET_DIR", "target/boards");
    Ok(cargo)
}
