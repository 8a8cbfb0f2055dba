//! The boards that QEMU plays, and how programs for them are built and run.

use crate::shell::{Outcome, capture, command, root, text};
use crate::tools;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A board: the feature of the example and its target, and the machine in QEMU.
pub(crate) struct Board {
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    qemu: &'static str,
}

pub(crate) const LM3S6965EVB: Board =
    Board { name: "lm3s6965evb", target: "thumbv7m-none-eabi", qemu: "qemu-system-arm -M lm3s6965evb" };
pub(crate) const MICROBIT: Board =
    Board { name: "microbit", target: "thumbv6m-none-eabi", qemu: "qemu-system-arm -M microbit" };
pub(crate) const MPS2_AN386: Board =
    Board { name: "mps2-an386", target: "thumbv7em-none-eabihf", qemu: "qemu-system-arm -M mps2-an386" };
const MPS2_AN505: Board =
    Board { name: "mps2-an505", target: "thumbv8m.main-none-eabi", qemu: "qemu-system-arm -M mps2-an505" };
pub(crate) const RISCV_VIRT: Board =
    Board { name: "riscv-virt", target: "riscv32imc-unknown-none-elf", qemu: "qemu-system-riscv32 -M virt -bios none" };

/// Cortex-M3, M0, M4F, M33, and RISC-V.
pub(crate) const BOARDS: [Board; 5] = [LM3S6965EVB, MICROBIT, MPS2_AN386, MPS2_AN505, RISCV_VIRT];

/// A package that is built for boards, in its own folder, where cargo finds its own settings.
pub(crate) struct Package {
    pub(crate) folder: &'static str,
}

impl Package {
    fn path(&self) -> PathBuf {
        root().join(self.folder)
    }

    /// `cargo build --release` for a target: with rustup's `core` where that can be had, else with `core` from Debian's source.
    pub(crate) fn build(&self, target: &str) -> Outcome<Command> {
        let mut cargo = cargo_build(target)?;
        self.in_folder(&mut cargo);
        Ok(cargo)
    }

    /// Lets cargo work in the package's own folder.
    pub(crate) fn in_folder(&self, cargo: &mut Command) {
        cargo.current_dir(self.path()).env("CARGO_TARGET_DIR", self.path().join("target"));
    }

    /// The program that such a build has left.
    pub(crate) fn program(&self, target: &str, name: &str) -> PathBuf {
        self.path().join(format!("target/{target}/release/{name}"))
    }
}

/// `cargo build --release` for a target that has no standard library.
pub(crate) fn cargo_build(target: &str) -> Outcome<Command> {
    if has(target) {
        return Ok(command(&format!("cargo build --quiet --release --target {target}")));
    }
    debian_cargo_build(target)
}

/// The same with `core` from source in any case, so that it is built for size as well: what comes with rustup is built for speed.
pub(crate) fn cargo_build_from_source(target: &str) -> Outcome<Command> {
    if has("src/rust") {
        let mut cargo = command(&format!("cargo build --quiet --release {FROM_SOURCE} --target {target}"));
        // Building core is not stable yet.
        cargo.env("RUSTC_BOOTSTRAP", "1");
        return Ok(cargo);
    }
    debian_cargo_build(target)
}

/// Whether rustup has brought this library of the compiler.
fn has(library: &str) -> bool {
    tools::library(library).is_ok_and(|folder| Path::new(&folder).exists())
}

const FROM_SOURCE: &str = "-Z build-std=core,alloc";

fn debian_cargo_build(target: &str) -> Outcome<Command> {
    let mut cargo = command(&format!("/usr/bin/cargo build --quiet --release {FROM_SOURCE} --target {target}"));
    cargo.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
    // rustup brings a linker of its own; Debian's is a package.
    let linker = format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace(['-', '.'], "_"));
    cargo.env(linker, "ld.lld");
    Ok(cargo)
}

/// How [`cargo_build`] builds.
pub(crate) fn way_to_build(target: &str) -> &'static str {
    if has(target) { "with rustup's core" } else { "with core from source" }
}

/// What a program printed, and the code that it ended with.
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) code: Option<i32>,
}

impl Board {
    pub(crate) fn named(name: &str) -> Outcome<&'static Self> {
        let names: Vec<_> = BOARDS.iter().map(|board| board.name).collect();
        BOARDS.iter().find(|board| board.name == name).ok_or_else(|| format!("{name} is none of {}", names.join(", ")))
    }

    /// Runs a program in `folder`, for at most two minutes, in the time of the host.
    pub(crate) fn run(&self, program: &Path, folder: &Path, serial: &str) -> Outcome<Run> {
        self.run_with("", program, folder, serial)
    }

    /// The same, but each instruction takes 1024 ns: so the counters tell instructions.
    pub(crate) fn run_counting(&self, program: &Path, folder: &Path) -> Outcome<Run> {
        self.run_with("-icount shift=10", program, folder, "null")
    }

    fn run_with(&self, clock: &str, program: &Path, folder: &Path, serial: &str) -> Outcome<Run> {
        let options = "-display none -monitor none -no-reboot -semihosting-config enable=on,target=native";
        let mut qemu = command(&format!("timeout 120 {} {clock} {options} -serial {serial} -kernel", self.qemu));
        let output = capture(qemu.arg(program).current_dir(folder))?;
        let complaints = text(&output.stderr);
        for line in complaints.lines().filter(|line| !line.contains("Timer with period zero")) {
            println!("  qemu: {line}");
        }
        Ok(Run { stdout: text(&output.stdout), code: output.status.code() })
    }
}
