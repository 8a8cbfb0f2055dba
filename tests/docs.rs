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
            .any(|line| line.match_indices("FORMAT section").any(|(at, _)| !line[..at].ends_with('[')));
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

/// True if the text has the word.
fn has(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut places = text.match_indices(word);
    places.any(|(at, _)| !text[..at].ends_with(is_part) && !text[at.saturating_add(word.len())..].starts_with(is_part))
}

/// Where the field has another word, the search of the documentation finds what is meant.
#[test]
fn other_words_are_aliases() {
    let (sources, glossary, mut count) = (all_sources(), read("docs/CONCEPTS.md"), 0);
    for words in glossary.lines().filter_map(|line| line.strip_suffix(".*")).filter_map(|line| line.rsplit('*').next())
    {
        for word in words.to_lowercase().replace(' ', "_").split(",_") {
            let alias = format!("#[doc(alias = \"{word}\")]");
            assert!(sources.iter().any(|(_, text)| text.contains(&alias)), "{word}");
            count += 1;
        }
    }
    assert!(count > 9, "{count}");
}

/// True if the text declares a function, a field, a constant or a variant of this name.
fn declares(text: &str, name: &str) -> bool {
    let starts = ["const fn", "async fn", "fn", "const", ""].map(|kind| format!("{kind} {name}").trim().to_owned());
    let declares = |line: &str| {
        let line = if line.starts_with("pub") { line.split_once(' ').unwrap_or_default().1 } else { line };
        let rests = starts.iter().filter_map(|start| line.strip_prefix(start.as_str()));
        rests.into_iter().any(|rest| rest.starts_with(['(', '<', ':', ',', ' ']))
    };
    text.lines().map(str::trim).any(declares)
}

/// True if the text declares the type or has something of it.
fn is_about(text: &str, name: &str) -> bool {
    let is_head = |line: &&str| {
        line.starts_with("impl") || ["struct", "enum", "trait"].iter().any(|kind| has(line, &format!("{kind} {name}")))
    };
    text.lines().filter(is_head).any(|line| has(line, name))
}

/// The names of a path as in `Verifier::verify_text`; nothing for what is no path.
fn names(span: &str) -> Option<Vec<&str>> {
    let is_name = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let names: Vec<_> = span.split("::").collect();
    names.iter().all(is_name).then_some(names)
}

/// A step in a table of the architecture is in one of the files of its row.
#[test]
fn steps_are_in_the_files_that_are_named() {
    let page = read("docs/ARCHITECTURE.md");
    let mut count = 0;
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let (files, steps): (Vec<_>, Vec<_>) = spans(row).into_iter().partition(|span| span.starts_with("src/"));
        let files: Vec<_> = files.into_iter().map(read).collect();
        for step in steps.into_iter().filter_map(names).filter_map(|names| names.last().copied()) {
            if !files.is_empty() && !row.starts_with("| `src/") {
                assert!(files.iter().any(|file| has(file, step)), "{step}: {row}");
                count += 1;
            }
        }
    }
    assert!(count > 50, "{count}");
}

/// Every name with a capital letter in the glossary is that of something public.
#[test]
fn types_of_the_glossary_are_public() {
    let (sources, glossary, mut count) = (all_sources(), read("docs/CONCEPTS.md"), 0);
    for name in spans(&glossary).into_iter().filter_map(names).map(|names| names[0]) {
        if name.starts_with(|c: char| c.is_ascii_uppercase()) && !["Origin", "Time"].contains(&name) {
            let kinds = ["struct", "enum", "trait", "const"].map(|kind| format!("pub {kind} {name}"));
            assert!(kinds.iter().any(|kind| sources.iter().any(|(_, text)| has(text, kind))), "{name}");
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}

/// What is said to be of a type of this crate is there. The other guide names types of other crates; its own test compiles what is of this one.
#[test]
fn members_that_are_named_exist() {
    let (sources, mut count) = (all_sources(), 0);
    for (guide, text) in guides().into_iter().filter(|(guide, _)| guide != "MIGRATING.md") {
        for span in spans(&text) {
            let Some((name, member)) = names(span).and_then(|_| span.split_once("::")) else { continue };
            let mut of_type = sources.iter().filter(|(_, text)| is_about(text, name)).peekable();
            if of_type.peek().is_some() && name.starts_with(|c: char| c.is_ascii_uppercase()) && span != "Error::custom"
            {
                assert!(of_type.any(|(_, text)| declares(text, member)), "docs/{guide} names {span}");
                count += 1;
            }
        }
    }
    assert!(count > 50, "{count}");
}

/// The program of the guide for several servers, as far as it has no runtime.
#[cfg(all(feature = "nats", feature = "redis", feature = "tower"))]
mod cluster {
    use countersign::session::nats::{NatsOptions, NatsStore};
    use countersign::session::redis::{RedisOptions, RedisStore};
    use countersign::session::store::DynStore;
    use countersign::session::{Lifetimes, Pepper, SessionManager};
    use countersign::web::CsrfGuard;
    use countersign::web::session::{Affinity, SessionLayer};
    use std::time::Duration;

    #[allow(dead_code, unused_variables, reason = "compiled, and compared with the guide")]
    async fn what_to_write(
        pepper: Pepper,
        lifetimes: Lifetimes,
        guard: CsrfGuard,
    ) -> Result<SessionLayer, Box<dyn std::error::Error>> {
        let store = RedisStore::single("redis://sessions:password@10.0.0.1:6379", RedisOptions::default())?;
        let store = RedisStore::sentinel(
            ["rediss://10.0.0.1:26379", "rediss://10.0.0.2:26379", "rediss://10.0.0.3:26379"],
            "sessions",
            Some(("sessions", "password")),
            RedisOptions { min_replica_acks: 1, ..RedisOptions::default() },
        )?;
        let store = NatsStore::connect(
            [
                "nats://sessions:password@10.0.0.1:4222",
                "nats://sessions:password@10.0.0.2:4222",
                "nats://sessions:password@10.0.0.3:4222",
            ],
            NatsOptions { stream_replicas: 3, ..NatsOptions::default() },
        )
        .await?;
        let store = std::sync::Arc::new(store);
        let sessions = SessionManager::new(DynStore::new(store.clone()), pepper, lifetimes);
        let layer = SessionLayer::new(sessions, guard, Duration::from_secs(2));
        let layer = layer.with_affinity(Affinity::new("a")?);
        Ok(layer)
    }

    /// As one line, without comments and what the formatter adds.
    fn without_space(text: &str) -> String {
        let code = text.lines().map(|line| line.split("// ").next().unwrap());
        let line = code.flat_map(str::split_whitespace).collect::<String>();
        line.replace(",}", "}").replace(",)", ")").replace(",]", "]")
    }

    #[test]
    fn the_guide_has_what_is_compiled() {
        let (guide, here) = (super::read("docs/CLUSTER.md"), include_str!("docs.rs"));
        let (_, code) = guide.split_once("```text\n").unwrap();
        let (code, _) = code.split_once("\n```").unwrap();
        let (_, function) = here.split_once("Box<dyn std::error::Error>> {\n").unwrap();
        let (function, _) = function.split_once("Ok(layer)").unwrap();
        assert_eq!(without_space(code), without_space(function));
    }
}
