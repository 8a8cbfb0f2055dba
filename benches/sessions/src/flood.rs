//! Five million strangers against a budget of 64 MiB.

use crate::resident;
use countersign::UnixTime;
use countersign::session::credential::Credential;
use countersign::session::store::Budgets;
use countersign::session::store::{CreateOutcome, Deadlines, MemoryStore, SessionContent, SessionKind, SessionStore};

const STRANGERS: usize = 5_000_000;
const BUDGET: u64 = 64 << 20;
const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

pub async fn run() {
    let before = resident();
    let store = MemoryStore::new(Budgets { anonymous: BUDGET, signed_in: 4 << 20 });
    let content = |kind| SessionContent {
        kind,
        deadlines: Deadlines { idle: UnixTime::from_secs(1_700_001_800), absolute: UnixTime::from_secs(1_700_086_400) },
        epoch: 0,
        bytes: [b'x'; 200].as_slice().into(),
    };
    let mut known = Vec::new();
    for _ in 0..5000 {
        let handle = Credential::generate_anonymous().unwrap().handle();
        assert!(matches!(store.create(handle, content(SessionKind::SignedIn), NOW).await, Ok(CreateOutcome::Done(_))));
        known.push(handle);
    }
    let mut most = 0.0f64;
    for i in 0..STRANGERS {
        let handle = Credential::generate_anonymous().unwrap().handle();
        assert!(matches!(store.create(handle, content(SessionKind::Anonymous), NOW).await, Ok(CreateOutcome::Done(_))));
        if i % 50_000 == 0 {
            most = most.max(resident() - before);
        }
    }
    let mut lost = 0;
    for handle in &known {
        lost += usize::from(store.load(*handle, NOW).await.unwrap().is_none());
    }
    println!(
        "flood: {STRANGERS} anonymous sessions against {} MiB: at most {most:.1} MiB resident, 5000 signed-in sessions among them, {lost} of those lost",
        BUDGET >> 20
    );
}
