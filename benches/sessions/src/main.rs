//! Sessions: `flood`, `disk`, `stores` or `filter`, or all of these; `socket`; `scale memory 10`, `scale disk 10`, in minutes. `stores` starts a
//! Redis and a NATS of its own, `socket` needs wrk.

mod disk;
mod filter;
mod flood;
mod scale;
mod socket;
mod stores;

#[path = "../../../tests/cluster"]
mod cluster_tests {
    pub(crate) mod kit;
}

use tokio::runtime::Builder;

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let chosen: Vec<&str> = chosen.iter().map(String::as_str).collect();
    // As servers are: what the others measure is the work itself.
    let by_two = || Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match *chosen {
        ["scale", store, minutes] => by_two().block_on(async {
            tokio::spawn(scale::run(store.to_owned(), minutes.parse().unwrap())).await.unwrap();
        }),
        ["socket"] => by_two().block_on(socket::run()),
        _ => Builder::new_current_thread().enable_all().build().unwrap().block_on(by_one(&chosen)),
    }
}

async fn by_one(chosen: &[&str]) {
    if let ["write", file] = *chosen {
        return disk::write(file.as_ref()).await;
    }
    let is_chosen = |name| chosen.is_empty() || chosen.contains(&name);
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
