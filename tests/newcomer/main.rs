//! Three programs as somebody writes them who has read the front page: they run, with `?` alone, and are not longer than with what is known.

mod side_by_side;
mod static_buffers;
#[cfg(all(feature = "axum", feature = "disk"))]
mod visits;
#[cfg(all(feature = "axum", feature = "disk"))]
mod web_server;

const STATIC_BUFFERS: &str = include_str!("static_buffers.rs");
const SIDE_BY_SIDE: &str = include_str!("side_by_side.rs");
const WEB_SERVER: &str = include_str!("web_server.rs");

#[test]
fn a_device_signs_and_reads_without_a_heap() {
    let info = allocation_counter::measure(|| assert!(static_buffers::main().is_ok()));
    assert_eq!(info.count_total, 0);
}

#[test]
fn a_server_signs_a_struct_and_reads_it_back() {
    assert!(side_by_side::main().is_ok());
}

#[test]
fn ours_is_no_longer_than_theirs() {
    let is_code = |line: &&str| !line.trim().is_empty();
    let theirs = SIDE_BY_SIDE.lines().filter_map(|line| line.strip_prefix("//!"));
    let theirs =
        theirs.skip_while(|line| *line != " ```text").skip(1).take_while(|line| *line != " ```").filter(is_code);
    let ours = SIDE_BY_SIDE.lines().filter(|line| !line.starts_with("//")).filter(is_code);
    let (ours, theirs) = (ours.count(), theirs.count());
    println!("{ours} lines, {theirs} with jsonwebtoken");
    assert!(ours <= theirs && theirs == 30, "{ours} lines, {theirs} with jsonwebtoken");
}

/// Nothing is turned by hand into something else, and no import has to give way to another.
#[test]
fn errors_compose_and_names_do_not_collide() {
    for program in [STATIC_BUFFERS, SIDE_BY_SIDE, WEB_SERVER] {
        for by_hand in ["map_err", "unwrap", "expect(", ".ok()", "impl From"] {
            assert!(!program.contains(by_hand), "{by_hand}");
        }
        let imports = program.lines().filter(|line| line.starts_with("use "));
        assert!(imports.clone().count() > 3 && !imports.clone().any(|line| line.contains(" as ")));
    }
}
