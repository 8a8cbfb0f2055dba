//! The names of each public module: few enough to look through.

use crate::shell::{Outcome, Tally, root};
use std::path::{Path, PathBuf};
use syn::{Item, UseTree, Visibility};

/// Names that a module shows at its top, at most.
const MOST: usize = 20;

pub(crate) fn check(tally: &mut Tally) -> Outcome {
    let mut modules = Vec::new();
    count(&root().join("src"), "lib", "countersign", &mut modules)?;
    for (module, names) in modules.iter().filter(|(_, names)| *names > MOST) {
        println!("  {module}: {names} names");
    }
    let is_complete = ["countersign", "countersign::jwt", "countersign::session::store", "countersign::web::session"]
        .iter()
        .all(|module| modules.iter().any(|(name, names)| name == module && *names > 5));
    tally.expect(is_complete, "the names of public modules are found");
    let most = modules.iter().map(|(_, names)| *names).max().unwrap_or_default();
    tally.expect(most <= MOST, &format!("none of {} modules has more than {MOST} names: {most}", modules.len()));
    // The control.
    let names: Vec<_> = (0..=MOST).map(|number| format!("Name{number}")).collect();
    let wrong =
        syn::parse_file(&format!("pub use other::{{{}}};", names.join(", "))).map_err(|error| error.to_string())?;
    tally.expect(names_of(&wrong.items) > MOST, "one name too many is counted");
    Ok(())
}

/// Counts the names of a module and of the public ones in it.
fn count(folder: &Path, file: &str, module: &str, modules: &mut Vec<(String, usize)>) -> Outcome {
    let path = folder.join(format!("{file}.rs"));
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let items = syn::parse_file(&text).map_err(|error| format!("{}: {error}", path.display()))?.items;
    modules.push((module.to_owned(), names_of(&items)));
    let inside: PathBuf = if file == "lib" { folder.to_owned() } else { folder.join(file) };
    for item in &items {
        if let Item::Mod(item) = item
            && matches!(item.vis, Visibility::Public(_))
            && item.content.is_none()
            && !item.attrs.iter().any(quotes_doc_alone)
        {
            count(&inside, &item.ident.to_string(), &format!("{module}::{}", item.ident), modules)?;
        }
    }
    Ok(())
}

/// True for pages of the documentation.
fn quotes_doc_alone(attribute: &syn::Attribute) -> bool {
    matches!(&attribute.meta, syn::Meta::List(list) if list.path.is_ident("cfg") && list.tokens.to_string().starts_with("doc"))
}

fn names_of(items: &[Item]) -> usize {
    let is_public = |visibility: &Visibility| usize::from(matches!(visibility, Visibility::Public(_)));
    let names = items.iter().map(|item| match item {
        Item::Use(item) if is_public(&item.vis) == 1 => leaves(&item.tree),
        Item::Const(item) => is_public(&item.vis),
        Item::Enum(item) => is_public(&item.vis),
        Item::Fn(item) => is_public(&item.vis),
        Item::Struct(item) => is_public(&item.vis),
        Item::Trait(item) => is_public(&item.vis),
        Item::Type(item) => is_public(&item.vis),
        _ => 0,
    });
    names.sum()
}

fn leaves(tree: &UseTree) -> usize {
    match tree {
        UseTree::Path(path) => leaves(&path.tree),
        UseTree::Group(group) => group.items.iter().map(leaves).sum(),
        _ => 1,
    }
}
