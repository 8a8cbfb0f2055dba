//! Writes the linker script with the memory of the board that was chosen.

use std::path::PathBuf;
use std::{env, fs};

/// What riscv-rt wants to know beyond the two regions.
const RISCV_ALIASES: &str = r#"
REGION_ALIAS("REGION_TEXT", FLASH);
REGION_ALIAS("REGION_RODATA", FLASH);
REGION_ALIAS("REGION_DATA", RAM);
REGION_ALIAS("REGION_BSS", RAM);
REGION_ALIAS("REGION_HEAP", RAM);
REGION_ALIAS("REGION_STACK", RAM);
"#;

/// Name, start and size of the flash, start and size of the RAM.
const BOARDS: [(&str, u32, &str, u32, &str); 5] = [
    ("LM3S6965EVB", 0x0000_0000, "256K", 0x2000_0000, "64K"),
    ("MICROBIT", 0x0000_0000, "256K", 0x2000_0000, "16K"),
    ("MPS2_AN386", 0x0000_0000, "4M", 0x2000_0000, "4M"),
    // It starts in the secure state, in the secure aliases of both.
    ("MPS2_AN505", 0x1000_0000, "4M", 0x3800_0000, "2M"),
    ("RISCV_VIRT", 0x8000_0000, "1M", 0x8010_0000, "64K"),
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is_chosen = |name: &str| env::var_os(format!("CARGO_FEATURE_{name}")).is_some();
    let chosen: Vec<_> = BOARDS.iter().filter(|board| is_chosen(board.0)).collect();
    let [(name, flash, flash_size, ram, ram_size)] = chosen.as_slice() else {
        panic!("choose exactly one board: --features lm3s6965evb, microbit, mps2-an386, mps2-an505 or riscv-virt");
    };
    let mut script = format!(
        "MEMORY {{\n  FLASH : ORIGIN = {flash:#x}, LENGTH = {flash_size}\n  RAM : ORIGIN = {ram:#x}, LENGTH = {ram_size}\n}}\n"
    );
    if *name == "RISCV_VIRT" {
        script.push_str(RISCV_ALIASES);
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("memory.x"), script).expect("the build folder can be written");
    println!("cargo:rustc-link-search={}", out.display());
}
