//! Arrows between the files of the core point down only: what a file uses does not use it back, on no way.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The rooms without a circle; what they use in common belongs to them.
const ROOMS: [&str; 12] =
    ["bytes", "constant_time", "cursor", "encoding", "error", "hmac", "jwt", "key", "rules", "shown", "time", "token"];

/// A path of modules, as in `["jwt", "json", "text"]`.
type Module = Vec<String>;

/// What a file brings in, and what it hands on under which name.
#[derive(Default)]
struct File {
    uses: Vec<Module>,
    exports: BTreeMap<String, Module>,
}

/// The code of a file: without its tests and its comments.
fn code_of(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("\nmod tests {").next().unwrap();
    code.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

fn files_in(folder: &Path, module: &[String], found: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mut module = module.to_vec();
        module.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
        if path.is_dir() {
            files_in(&path, &module, found);
        } else {
            // The root has no name, and hands on much.
            let is_root = module == ["lib"];
            found.insert(if is_root { Vec::new() } else { module }, code_of(&path));
        }
    }
}

/// Every path of a tree as it stands behind `use`.
fn paths_of(tree: &str, before: &str, found: &mut Vec<String>) {
    let Some((head, rest)) = tree.split_once('{') else {
        return found.push(format!("{before}{}", tree.split(" as ").next().unwrap().trim()));
    };
    let (inner, before) = (rest.rsplit_once('}').unwrap().0, format!("{before}{}", head.trim()));
    let (mut depth, mut start) = (0, 0);
    for (place, character) in inner.char_indices().chain([(inner.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[start..place].trim().is_empty() {
                    paths_of(inner[start..place].trim(), &before, found);
                }
                start = place + 1;
            }
            _ => {}
        }
    }
}

/// A path from the root of the crate; `None` for another crate.
fn absolute(module: &[String], path: &str, files: &BTreeMap<Module, String>) -> Option<Module> {
    let mut rest = path.split("::").peekable();
    let mut found = match *rest.peek()? {
        "crate" => Vec::new(),
        "super" | "self" => module.to_vec(),
        child => {
            let is_child = files.contains_key(&[module, &[child.to_owned()]].concat());
            return is_child.then(|| module.iter().cloned().chain(path.split("::").map(str::to_owned)).collect());
        }
    };
    for part in rest {
        match part {
            "crate" | "self" => {}
            "super" => _ = found.pop(),
            part => found.push(part.to_owned()),
        }
    }
    Some(found)
}

fn read(module: &[String], code: &str, files: &BTreeMap<Module, String>) -> File {
    let (mut file, mut rest) = (File::default(), String::new());
    let mut exported = Vec::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let Some((before, tree)) = ["", "pub ", "pub(crate) ", "pub(super) "]
            .iter()
            .find_map(|before| Some((before, line.trim().strip_prefix(before)?.strip_prefix("use ")?.to_owned())))
        else {
            rest.push_str(line);
            rest.push('\n');
            continue;
        };
        let mut tree = tree;
        while !tree.ends_with(';') {
            tree.push_str(lines.next().unwrap().trim());
        }
        let mut paths = Vec::new();
        paths_of(tree.trim_end_matches(';'), "", &mut paths);
        for path in paths.iter().filter_map(|path| absolute(module, path, files)) {
            if before.is_empty() { file.uses.push(path) } else { exported.push(path) }
        }
    }
    for path in exported {
        let name = path.last().unwrap().clone();
        // A façade hands on; a file that also needs what it hands on uses it.
        if rest.split(|character: char| !character.is_alphanumeric() && character != '_').any(|word| word == name) {
            file.uses.push(path.clone());
        }
        file.exports.insert(name, path);
    }
    for start in ["crate::", "super::"] {
        for (place, _) in rest.match_indices(start) {
            let path: String = rest[place..]
                .chars()
                .take_while(|character| character.is_alphanumeric() || "_:".contains(*character))
                .collect();
            file.uses.extend(absolute(module, path.trim_end_matches(':'), files));
        }
    }
    file
}

/// The file in which the item at the end of a path is written.
fn file_of(path: &[String], files: &BTreeMap<Module, File>) -> Option<Module> {
    for len in (0..=path.len()).rev() {
        let Some(file) = files.get(&path[..len]) else { continue };
        return match path.get(len).and_then(|name| file.exports.get(name)) {
            Some(exported) if exported[..] != path[..=len] => {
                file_of(&[exported.as_slice(), &path[len + 1..]].concat(), files)
            }
            _ => Some(path[..len].to_vec()),
        };
    }
    None
}

/// All that a file reaches over others.
fn reached(from: &Module, arrows: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<Module> {
    let (mut found, mut next) = (BTreeSet::new(), vec![from.clone()]);
    while let Some(module) = next.pop() {
        for other in arrows.get(&module).into_iter().flatten() {
            if found.insert(other.clone()) {
                next.push(other.clone());
            }
        }
    }
    found
}

fn is_in_rooms(module: &[String]) -> bool {
    module.first().is_some_and(|room| ROOMS.contains(&room.as_str()))
}

#[test]
fn no_file_of_the_core_is_used_by_what_it_uses() {
    let mut codes = BTreeMap::new();
    files_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &[], &mut codes);
    let files: BTreeMap<_, _> =
        codes.iter().map(|(module, code)| (module.clone(), read(module, code, &codes))).collect();
    let mut arrows: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, file) in files.iter().filter(|(module, _)| is_in_rooms(module)) {
        let targets = file
            .uses
            .iter()
            .filter_map(|path| file_of(path, &files))
            .filter(|other| other != module && !other.is_empty());
        arrows.insert(module.clone(), targets.collect());
    }
    assert!(arrows.len() > 70 && arrows.values().map(BTreeSet::len).sum::<usize>() > 200, "the graph is read");
    for module in arrows.keys() {
        let reached = reached(module, &arrows);
        assert!(!reached.contains(module), "{module:?} is in a circle of {reached:?}");
        assert_eq!(reached.iter().find(|other| !is_in_rooms(other)), None, "{module:?} needs what stands above it");
    }
}
