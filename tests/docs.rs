//! The guides name files, headings, rooms and types that are there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders whose files a guide may name.
const FOLDERS: [&str; 7] = ["src/", "docs/", "tests/", "examples/", "benches/", "fuzz/", "xtask/"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All guides, by their names.
fn guides() -> BTreeMap<String, String> {
    let files =
        fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    files.filter(|name| name.ends_with(".md")).map(|name| (name.clone(), read(format!("docs/{name}")))).collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The text of every file in `src`, with its path.
fn all_sources() -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    sources(&root().join("src"), &mut paths);
    paths.into_iter().map(|path| (path.clone(), read(path))).collect()
}

/// What stands in backticks, code blocks left out.
fn spans(text: &str) -> Vec<&str> {
    let prose = text.split("\n```").step_by(2);
    prose.flat_map(|prose| prose.split('`').skip(1).step_by(2)).collect()
}

/// The anchors of a page's headings, as GitHub and rustdoc make them.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.split("\n```").step_by(2).flat_map(str::lines).filter(|line| line.starts_with('#'));
    let headings = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    let slug =
        |heading: String| heading.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c)).collect::<String>();
    headings.map(|heading| slug(heading).replace(' ', "-")).collect()
}

#[test]
fn files_that_are_named_exist() {
    let mut count = 0;
    for (guide, text) in guides() {
        for path in spans(&text).into_iter().filter(|span| FOLDERS.iter().any(|folder| span.starts_with(folder))) {
            let is_there = [path.to_owned(), format!("{path}.rs")].iter().any(|path| root().join(path).exists());
            assert!(is_there, "docs/{guide} names {path}");
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
}

/// Links of a guide stand at its foot, lead to a file and one of its headings, and have their counterpart in `src/docs.rs`.
#[test]
fn links_between_guides_lead_somewhere() {
    let (guides, pages) = (guides(), read("src/docs.rs"));
    for (guide, text) in &guides {
        let page = format!("#[doc = include_str!(\"../docs/{guide}\")]");
        let (before, _) = pages.split_once(&page).unwrap_or_else(|| panic!("{guide} is no page"));
        let head = before.rsplit("{}\n").next().unwrap();
        for line in text.lines() {
            assert!(line.starts_with("http") || !line.contains(".md)") && !line.contains(".svg)"), "{guide}: {line}");
            let Some((label, target)) = line.strip_prefix('[').and_then(|line| line.split_once("]: ")) else {
                continue;
            };
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let linked = read(format!("docs/{file}"));
            assert!(anchor.is_empty() || anchors(&linked).contains(&anchor.to_owned()), "{guide}: {target}");
            let counterpart = format!("/// [{label}]: ");
            let led_to = head.split(&counterpart).nth(1).unwrap_or_else(|| panic!("{guide}: no page for {label}"));
            let led_to = led_to.lines().next().unwrap();
            let module = file.trim_end_matches(".md").to_lowercase();
            assert!(led_to.starts_with("data:") || led_to == target.replace(file, &module), "{guide}: {led_to}");
        }
    }
}

/// Rustdoc checks the page of a link, and not the heading.
#[test]
fn links_to_the_format_lead_to_its_sections() {
    let (guides, mut count) = (guides(), 0);
    for (path, text) in all_sources() {
        for link in text.split("crate::docs::").skip(1) {
            let Some((link, _)) = link.split_once(')') else { continue };
            let (module, anchor) = link.split_once('#').unwrap_or((link, ""));
            let page = &guides[&format!("{}.md", module.to_uppercase())];
            assert!(anchor.is_empty() || anchors(page).contains(&anchor.to_owned()), "{}: {link}", path.display());
            count += 1;
        }
        let unlinked = text
            .lines()
            .filter(|line| ["///", "//!"].iter().any(|mark| line.trim_start().starts_with(mark)))
            .any(|line| line.match_indices("FORMAT section").any(|(at, _)| line[..at].chars().last() != Some('[')));
        assert!(!unlinked, "{} names a section of the format without a link", path.display());
    }
    assert!(count > 30, "{count}");
}

#[test]
fn every_room_is_in_the_table_and_in_the_picture() {
    let (table, picture) = (read("docs/ARCHITECTURE.md"), read("docs/rooms.svg"));
    let shown: Vec<_> = picture.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let mut count = 0;
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let room = path.file_stem().unwrap().to_str().unwrap();
        if path.is_dir() || room == "lib" {
            continue;
        }
        assert!(table.contains(&format!("\n| `src/{room}.rs` |")), "{room}");
        assert!(room == "docs" || shown.contains(&room), "{room}");
        count += 1;
    }
    assert_eq!(table.matches("\n| `src/").count(), count);
}

/// Every name with a capital letter in the glossary is that of something public.
#[test]
fn types_of_the_glossary_are_public() {
    let sources = all_sources();
    let glossary = read("docs/CONCEPTS.md");
    let mut count = 0;
    for span in spans(&glossary).into_iter().filter(|span| span.starts_with(|c: char| c.is_ascii_uppercase())) {
        let mut names = span.split("::");
        let name = names.next().unwrap();
        let kinds = ["struct", "enum", "trait", "const"].map(|kind| format!("pub {kind} {name}"));
        let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let has = |text: &str, what: &str| text.split(what).skip(1).any(is_end);
        let is_known = |(_, text): &&(PathBuf, String)| kinds.iter().any(|kind| has(text, kind));
        let is_header = ["Sec-Fetch-Site", "Origin", "Time"].contains(&span);
        let of_type: Vec<_> = sources.iter().filter(is_known).collect();
        assert!(is_header || !of_type.is_empty(), "{span}");
        if let Some(member) = names.next() {
            assert!(of_type.iter().any(|(_, text)| has(text, member)), "{span}");
        }
        count += 1;
    }
    assert!(count > 60, "{count}");
}
