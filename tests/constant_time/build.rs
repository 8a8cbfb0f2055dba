//! Compiles what speaks to memcheck. Its header comes with valgrind.

fn main() {
    println!("cargo::rerun-if-changed=shim.c");
    // Why: nothing calls the wrappers by name, so that the linker would drop them from sections of their own.
    cc::Build::new().file("shim.c").flag("-fno-function-sections").warnings_into_errors(true).compile("shim");
}
