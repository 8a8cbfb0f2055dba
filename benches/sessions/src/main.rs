//! Sessions: `flood`, `disk`, `filter` or `stores`, or all of them. The last one starts a Redis and a NATS of its own.

mod disk;
mod filter;
mod flood;
mod stores;

#[path = "../../../tests/cluster_kit/mod.rs"]
mod cluster_kit;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    if let [what, file] = chosen.as_slice()
        && what == "write"
    {
        return disk::write(file.as_ref()).await;
    }
    let is_chosen = |name: &str| chosen.is_empty() || chosen.iter().any(|one| one == name);
    if is_chosen("flood") {
        flood::run().await;
    }
    if is_chosen("disk") {
        disk::run().await;
    }
    if is_chosen("stores") {
        stores::run().await;
    }
    if is_chosen("filter") {
        filter::run().await;
    }
}

/// Resident memory, in MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).map_or(0.0, |kib: f64| kib / 1024.0)
}
