//! Arrows between files, format, lints, docs, licences and the size of the dependency tree.

use crate::shell::{Outcome, Tally, capture, command, stdout_of, text};
use crate::{arrows, exports};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Crates that the bare core may pull in, itself included.
const CORE_CRATES: usize = 25;

pub(crate) fn run(tally: &mut Tally) -> Outcome {
    arrows::check(tally)?;
    exports::check(tally)?;
    format(tally)?;
    let mut features = features()?;
    full_is_all(tally, &features);
    // It is nothing but others.
    features.remove("full");
    for set in sets_of_features(&features) {
        let mut clippy = command("cargo clippy --quiet --lib --no-default-features --features");
        tally.command(
            &format!("lints with features [{set}]"),
            clippy.args([set.as_str(), "--", "--deny", "warnings"]),
        )?;
    }
    lints_of_everything(tally)?;
    docs(tally)?;
    dependency_tree(tally)?;
    rust_versions(tally)?;
    licences(tally)
}

/// What is right before a change is shown to others: arrows, format, lints of everything at once, docs.
pub(crate) fn quick(tally: &mut Tally) -> Outcome {
    arrows::check(tally)?;
    exports::check(tally)?;
    format(tally)?;
    lints_of_everything(tally)?;
    docs(tally)
}

fn format(tally: &mut Tally) -> Outcome {
    for manifest in [
        "Cargo.toml",
        "probe/Cargo.toml",
        "probe/wiped/Cargo.toml",
        "fuzz/Cargo.toml",
        "benches/peers/Cargo.toml",
        "tests/constant_time/Cargo.toml",
    ] {
        let line = format!("cargo fmt --all --check --manifest-path {manifest}");
        tally.command(&format!("format of {manifest}"), &mut command(&line))?;
    }
    Ok(())
}

/// A feature that is new is of use to a server, or is named here.
fn full_is_all(tally: &mut Tally, features: &BTreeMap<String, Vec<String>>) {
    let is_in = |one: &&String| turns_on(features, "full", one);
    let others: Vec<_> = features.keys().filter(|one| *one != "full" && !is_in(one)).collect();
    tally.expect(others == ["defmt"], &format!("the feature full has all but defmt: {others:?} are not in it"));
}

fn lints_of_everything(tally: &mut Tally) -> Outcome {
    let all = "cargo clippy --quiet --workspace --all-targets --all-features -- --deny warnings";
    tally.command("lints of everything", &mut command(all))
}

fn docs(tally: &mut Tally) -> Outcome {
    let docs = "cargo doc --quiet --no-deps --all-features --package countersign";
    tally.command("docs", command(docs).env("RUSTDOCFLAGS", "--deny warnings"))
}

/// The manifest declares the compiler that all features need, the README that of the core alone: each as the manifests of the packages have it.
fn rust_versions(tally: &mut Tally) -> Outcome {
    let metadata = stdout_of(&mut command("cargo metadata --all-features --format-version 1"))?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let packages: Vec<&Value> = metadata["packages"].as_array().into_iter().flatten().collect();
    let of_tree = |features: &str| -> Outcome<(u64, u64)> {
        let tree = format!("cargo tree --package countersign -e normal --prefix none --format {{p}} {features}");
        let tree = stdout_of(&mut command(&tree))?;
        let is_used = |package: &&&Value| {
            let name = format!("{} v{}", package["name"].as_str()?, package["version"].as_str()?);
            (package["name"] != "countersign" && tree.lines().any(|line| line.starts_with(&name))).then_some(())
        };
        let versions = packages.iter().filter(|package| is_used(package).is_some()).filter_map(|package| {
            let (major, minor) = package["rust_version"].as_str()?.split_once('.')?;
            Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
        });
        versions.max().ok_or_else(|| "no package says which compiler it needs".to_owned())
    };
    let (all, core) = (of_tree("--all-features")?, of_tree("--no-default-features")?);
    let declared = packages.iter().find(|package| package["name"] == "countersign").map(|own| &own["rust_version"]);
    let all = format!("{}.{}", all.0, all.1);
    tally.expect(
        declared.and_then(|version| version.as_str()) == Some(&all),
        &format!("rust-version is {all}, as all features need"),
    );
    let readme = std::fs::read_to_string(crate::shell::root().join("README.md")).map_err(|error| error.to_string())?;
    let core = format!("the core alone needs {}.{}", core.0, core.1);
    tally.expect(readme.contains(&core), &format!("the README says that {core}"));
    Ok(())
}

/// The features of the crate and what each turns on, from its manifest.
fn features() -> Outcome<BTreeMap<String, Vec<String>>> {
    let metadata = stdout_of(&mut command("cargo metadata --no-deps --format-version 1"))?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    let own = packages.find(|package| package["name"] == "countersign").ok_or("the workspace has no countersign")?;
    let mut features: BTreeMap<String, Vec<String>> =
        serde_json::from_value(own["features"].clone()).map_err(|error| error.to_string())?;
    features.remove("default");
    Ok(features)
}

/// No feature, each, and all without each and what turns it on; of equal ones one. All together are checked with everything else.
/// Why not every pair: a condition on two features shows with one of them alone, or with all but the other; and pairs are three times as many.
fn sets_of_features(features: &BTreeMap<String, Vec<String>>) -> BTreeSet<String> {
    let names = || features.keys().map(String::as_str);
    let without = |one: &str| {
        let others = names().filter(|other| *other != one && !turns_on(features, other, one));
        others.collect::<Vec<_>>().join(",")
    };
    names().map(str::to_owned).chain(names().map(without)).chain([String::new()]).collect()
}

fn turns_on(features: &BTreeMap<String, Vec<String>>, one: &str, other: &str) -> bool {
    let on = features.get(one).into_iter().flatten();
    on.into_iter().any(|next| next == other || turns_on(features, next, other))
}

/// The packages that do the work, each with the features that bring it.
const PACKAGES: [(&str, &[&str]); 3] =
    [("", &["hmac", "sha2", "subtle", "heapless", "base64ct"]), ("serde", &["serde-json-core"]), ("defmt", &["defmt"])];

fn dependency_tree(tally: &mut Tally) -> Outcome {
    for (features, packages) in PACKAGES {
        let tree = "cargo tree --package countersign -e normal --no-default-features --prefix none --features";
        let tree = stdout_of(command(tree).arg(features))?;
        let crates: BTreeSet<_> = tree.lines().filter_map(|line| line.split(" v").next()).collect();
        let missing: Vec<_> = packages.iter().filter(|package| !crates.contains(*package)).collect();
        tally.expect(missing.is_empty(), &format!("features [{features}] bring {packages:?}"));
        let of_servers = ["moka", "serde_json", "tokio", "http"].iter().any(|package| crates.contains(package));
        tally.expect(!of_servers, &format!("features [{features}] bring nothing of a server"));
        if features.is_empty() {
            let holds = crates.len() < CORE_CRATES;
            tally.expect(holds, &format!("the bare core is {} crates, fewer than {CORE_CRATES}", crates.len()));
        }
    }
    Ok(())
}

fn licences(tally: &mut Tally) -> Outcome {
    tally
        .command("licences, bans and sources", &mut command("cargo deny --all-features check licenses bans sources"))?;
    // The advisories live in a repository of their own, which not every machine may reach.
    let output = capture(&mut command("cargo deny --all-features check advisories"))?;
    let complaint = text(&output.stderr);
    if complaint.contains("failed to fetch advisory database") {
        println!("  (advisories not checked: their database cannot be fetched from here)");
    } else {
        tally.expect(output.status.success(), "advisories");
        if !output.status.success() {
            println!("{complaint}");
        }
    }
    Ok(())
}
