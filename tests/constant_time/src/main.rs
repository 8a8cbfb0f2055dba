//! Runs each operation with secrets that memcheck takes for uninitialised: it reports every branch and every address that depends on one.
//!
//! `constant_time subjects` is to be reported nowhere but where a text is found to be well-formed, `constant_time controls` is to be reported. Each
//! prints a line for each operation: `verdicts N of N reports N of N NAME`, what is due behind each figure. `cargo xtask constant-time` judges.

mod controls;
mod jwt;
mod keys;
mod memcheck;
mod session;
mod token;

/// What an operation is, what is due of it, and itself, with an assertion of how it ends.
type Operation = (&'static str, Due, fn());

/// What may be known of the secrets of an operation.
#[derive(Clone, Copy)]
struct Due {
    verdicts: u32,
    reports: u32,
}

/// So many answers of `countersign::constant_time`, which are then public, and no report.
const fn verdicts(verdicts: u32) -> Due {
    Due { verdicts, reports: 0 }
}

impl Due {
    /// And so many reports of memcheck: the crate `base64ct` asks once whether all characters of a text are of the alphabet, and once whether the
    /// last of them has its one spelling.
    const fn and_reports(self, reports: u32) -> Self {
        Self { reports, ..self }
    }
}

fn main() {
    assert!(memcheck::is_watching(), "run this under valgrind");
    let operations = match std::env::args().nth(1).as_deref() {
        Some("subjects") => [keys::OPERATIONS, token::OPERATIONS, jwt::OPERATIONS, session::OPERATIONS].concat(),
        Some("controls") => controls::OPERATIONS.to_vec(),
        _ => panic!("usage: constant_time subjects|controls"),
    };
    operations.into_iter().for_each(run);
}

fn run((name, due, operation): Operation) {
    let (verdicts, reports) = (memcheck::secret_verdicts(), memcheck::reports());
    operation();
    let (verdicts, reports) = (memcheck::secret_verdicts() - verdicts, memcheck::reports() - reports);
    println!("verdicts {verdicts} of {} reports {reports} of {} {name}", due.verdicts, due.reports);
}
