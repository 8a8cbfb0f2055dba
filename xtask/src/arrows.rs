//! What the files of the crate name of each other: no circles, and nothing that stands above.

use crate::shell::{Outcome, Tally, root};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use syn::visit::{self, Visit};
use syn::{Attribute, File, ItemMod, ItemUse, Meta, UseTree, Visibility};

/// The rooms of the crate, the lowest first: a file names those of its own floor and of the floors below.
const FLOORS: [&[&str]; 5] = [
    &["bytes", "constant_time", "cursor", "encoding", "error", "hmac", "rules", "scan", "shown", "time"],
    &["key"],
    &["token", "jwt", "cookie"],
    &["session"],
    &["web"],
];

/// The files of a crate, by the paths of their modules.
type Files = BTreeMap<String, String>;

pub(crate) fn check(tally: &mut Tally) -> Outcome {
    let mut files = Files::new();
    read(&root().join("src"), "", &mut files)?;
    let arrows = arrows(&files)?;
    if let Some(circle) = circle(&arrows) {
        println!("  a circle: {circle}");
    }
    for up in up(&arrows) {
        println!("  an arrow up: {up}");
    }
    tally.expect(circle(&arrows).is_none(), &format!("no circle among {} files", files.len()));
    tally.expect(up(&arrows).is_empty(), "arrows point down");
    // The control: what is wrong is found.
    let wrong = [
        ("key", "use crate::token::{text::{self, Text}, Other};"),
        ("token", "mod text; pub use text::Text; #[cfg(test)] mod tests { use crate::web::Bearer; }"),
        ("token::text", "fn read() { crate::token::builder::build() }"),
        ("token::builder", "use super::Text as Other;"),
    ];
    let wrong = wrong.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let arrows = self::arrows(&wrong.into())?;
    let found = circle(&arrows);
    tally.expect(
        found.as_deref() == Some("token::text → token::builder → token::text")
            && up(&arrows) == ["key → token", "key → token::text"],
        "a circle and arrows up are found where there are some",
    );
    Ok(())
}

/// Reads a folder of sources; the file of the crate itself is left out, as it is nothing but names of others.
fn read(folder: &Path, module: &str, files: &mut Files) -> Outcome {
    let entries = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let name = if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") };
        if path.is_dir() {
            read(&path, &name, files)?;
        } else if name != "lib" {
            files.insert(name, std::fs::read_to_string(&path).map_err(|error| error.to_string())?);
        }
    }
    Ok(())
}

/// What a file says of others.
#[derive(Default)]
struct Said {
    /// Paths that it names.
    paths: Vec<Vec<String>>,
    /// Names that it passes on, and where they come from.
    passed_on: Vec<(String, Vec<String>)>,
}

/// Not for tests, and not for links of the documentation alone.
fn counts(attributes: &[Attribute]) -> bool {
    attributes.iter().all(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => !["test", "doc"].contains(&list.tokens.to_string().as_str()),
        _ => true,
    })
}

impl<'a> Visit<'a> for Said {
    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        if counts(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        if counts(&item.attrs) {
            let is_passed_on = !matches!(item.vis, Visibility::Inherited);
            self.take(&item.tree, &mut Vec::new(), is_passed_on);
        }
    }

    /// Who may name something is no arrow.
    fn visit_visibility(&mut self, _: &'a Visibility) {}

    fn visit_path(&mut self, path: &'a syn::Path) {
        let parts: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if ["crate", "super"].contains(&parts[0].as_str()) {
            self.paths.push(parts);
        }
        visit::visit_path(self, path);
    }
}

impl Said {
    fn take(&mut self, tree: &UseTree, before: &mut Vec<String>, is_passed_on: bool) {
        let (name, shown) = match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.take(&path.tree, before, is_passed_on);
                before.pop();
                return;
            }
            UseTree::Group(group) => return group.items.iter().for_each(|tree| self.take(tree, before, is_passed_on)),
            UseTree::Glob(_) => return self.paths.push(before.clone()),
            UseTree::Name(name) => (&name.ident, &name.ident),
            UseTree::Rename(name) => (&name.ident, &name.rename),
        };
        let mut path = before.clone();
        if name != "self" {
            path.push(name.to_string());
        }
        // A file names the files of its own folder to pass their names on, and they need not know of it.
        if is_passed_on {
            self.passed_on.push((shown.to_string(), path));
        } else {
            self.paths.push(path);
        }
    }
}

/// From each file to those that it names.
fn arrows(files: &Files) -> Outcome<BTreeMap<String, BTreeSet<String>>> {
    let mut said = BTreeMap::new();
    for (name, text) in files {
        let file: File = syn::parse_str(text).map_err(|error| format!("{name}: {error}"))?;
        let mut of_file = Said::default();
        of_file.visit_file(&file);
        said.insert(name.as_str(), of_file);
    }
    let mut passed_on = BTreeMap::new();
    for (name, of_file) in &said {
        for (shown, path) in &of_file.passed_on {
            passed_on.extend(target(files, name, path).map(|from| ((*name, shown.as_str()), from)));
        }
    }
    let arrows = said.iter().map(|(name, of_file)| {
        let named = of_file.paths.iter().filter_map(|path| {
            let (mut module, mut rest) = target(files, name, path)?;
            // To where a name that is passed on is made.
            while let Some((next, behind)) = rest.first().and_then(|first| passed_on.get(&(&*module, first.as_str()))) {
                (module, rest) = (next.clone(), behind.clone());
            }
            Some(module)
        });
        ((*name).to_owned(), named.filter(|module| module != name).collect())
    });
    Ok(arrows.collect())
}

/// The file that a path leads to, and what is named in it; nothing for what is of another crate, or of the file itself.
fn target(files: &Files, file: &str, path: &[String]) -> Option<(String, Vec<String>)> {
    let mut module: Vec<&str> = file.split("::").collect();
    let mut rest = path;
    match rest.first()?.as_str() {
        "crate" => {
            module.clear();
            rest = &rest[1..];
        }
        "self" => rest = &rest[1..],
        "super" => {
            while rest.first().is_some_and(|part| part == "super") {
                module.pop();
                rest = &rest[1..];
            }
        }
        child if files.contains_key(&format!("{file}::{child}")) => {}
        _ => return None,
    }
    while let Some(part) = rest.first()
        && files.contains_key(&[&module[..], &[part]].concat().join("::"))
    {
        module.push(part);
        rest = &rest[1..];
    }
    let module = module.join("::");
    files.contains_key(&module).then(|| (module, rest.to_vec()))
}

/// A circle, if there is one.
fn circle(arrows: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    fn follow<'a>(
        arrows: &'a BTreeMap<String, BTreeSet<String>>,
        way: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<String> {
        let last = *way.last()?;
        for next in arrows.get(last).into_iter().flatten() {
            if let Some(start) = way.iter().position(|file| file == next) {
                return Some([&way[start..], &[next]].concat().join(" → "));
            }
            if !done.contains(next.as_str()) {
                way.push(next);
                let found = follow(arrows, way, done);
                if found.is_some() {
                    return found;
                }
                way.pop();
            }
        }
        done.insert(last);
        None
    }
    let mut done = BTreeSet::new();
    arrows.keys().find_map(|file| follow(arrows, &mut vec![file], &mut done))
}

/// Arrows to a floor above.
fn up(arrows: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let floor = |file: &str| {
        let room = file.split("::").next().unwrap_or_default();
        FLOORS.iter().position(|rooms| rooms.contains(&room))
    };
    let all = arrows.iter().flat_map(|(file, named)| named.iter().map(move |other| (file, other)));
    // A room that stands on no floor is above all.
    let is_up = |(file, other): &(&String, &String)| floor(other).unwrap_or(FLOORS.len()) > floor(file).unwrap_or(0);
    all.filter(is_up).map(|(file, other)| format!("{file} → {other}")).collect()
}
