//! HS256 over claims of 150 bytes and of 1 KiB: this crate, its peers, and the HMAC alone over the same bytes.
//!
//! Contenders take turns in short batches; what counts is the 10th percentile, and its ratio to the raw HMAC of the same run.

mod claims;
mod contenders;
mod strictness;

use std::hint::black_box;
use std::time::Instant;

/// One thing to time.
pub struct Contender {
    pub name: &'static str,
    pub run: Box<dyn FnMut()>,
}

impl Contender {
    pub fn new<T>(name: &'static str, mut run: impl FnMut() -> T + 'static) -> Self {
        Self { name, run: Box::new(move || drop(black_box(run()))) }
    }
}

const TURNS: usize = 400;
/// Long enough for caches and branch predictors to settle after the turn of somebody else, short enough to get past the noise.
const BATCH_NANOSECONDS: u128 = 200_000;

fn main() {
    // A library that panics on a hostile token is told of in the table, not on the terminal.
    std::panic::set_hook(Box::new(|_| {}));
    strictness::print_table();
    let _ = std::panic::take_hook();
    for (title, contenders) in contenders::tables() {
        print_table(title, contenders);
    }
}

/// Times all contenders in turns; the first is what the others are compared with.
fn print_table(title: &str, mut contenders: Vec<Contender>) {
    let batches: Vec<u32> = contenders.iter_mut().map(batch_size).collect();
    let mut times = vec![Vec::with_capacity(TURNS); contenders.len()];
    for _ in 0..TURNS {
        for ((contender, batch), times) in contenders.iter_mut().zip(&batches).zip(&mut times) {
            let start = Instant::now();
            (0..*batch).for_each(|_| (contender.run)());
            times.push(start.elapsed().as_nanos() as f64 / f64::from(*batch));
        }
    }
    println!("{title}");
    let p10 = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 10]
    };
    let raw = p10(&mut times[0]);
    for (contender, times) in contenders.iter_mut().zip(&mut times) {
        let time = p10(times);
        let allocations = allocation_counter::measure(|| (contender.run)()).count_total;
        println!("  {:<44} {time:>9.0} ns  {:>6.2}  {allocations:>3} allocations", contender.name, time / raw);
    }
}

fn batch_size(contender: &mut Contender) -> u32 {
    (contender.run)();
    let start = Instant::now();
    (0..16).for_each(|_| (contender.run)());
    let one = (start.elapsed().as_nanos() / 16).max(1);
    u32::try_from(BATCH_NANOSECONDS / one).unwrap_or(1).clamp(1, 4096)
}
