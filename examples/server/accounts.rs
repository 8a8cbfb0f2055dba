//! People, their passwords and their roles.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Semaphore;

struct Account {
    role: String,
    password_hash: String,
}

/// The users of the demo, made at the start.
pub(crate) struct Accounts {
    by_name: HashMap<String, Account>,
    /// Printed once, so that somebody can sign in.
    pub(crate) passwords: Vec<(String, String)>,
    /// A hash of no password: an unknown user takes as long as a known one.
    decoy: String,
    /// Argon2 costs 19 MiB and a core: no more than two at a time, whoever has hung up meanwhile.
    hashing: Arc<Semaphore>,
    /// How many may wait for that; all others are told to come back.
    waiting: Semaphore,
}

/// What came of a sign-in.
pub(crate) enum SignIn<'a> {
    /// The password is right; this is the role.
    Role(&'a str),
    Wrong,
    /// Too many at once.
    Busy,
}

impl Accounts {
    pub(crate) async fn create(users: &[(&str, &str)]) -> Self {
        let (mut by_name, mut passwords) = (HashMap::new(), Vec::new());
        for (name, role) in users {
            // Several servers that are one to their clients are told the same one.
            let password = std::env::var("DEMO_PASSWORD").unwrap_or_else(|_| random_password());
            let account = Account { role: (*role).to_owned(), password_hash: hash(password.clone()).await };
            by_name.insert((*name).to_owned(), account);
            passwords.push(((*name).to_owned(), password));
        }
        Self {
            by_name,
            passwords,
            decoy: hash(random_password()).await,
            hashing: Arc::new(Semaphore::new(2)),
            waiting: Semaphore::new(16),
        }
    }

    /// Checks a password.
    pub(crate) async fn check(&self, name: &str, password: String) -> SignIn<'_> {
        let Ok(_place) = self.waiting.try_acquire() else { return SignIn::Busy };
        let Ok(permit) = Arc::clone(&self.hashing).acquire_owned().await else { return SignIn::Busy };
        let account = self.by_name.get(name);
        let expected = account.map_or(&self.decoy, |account| &account.password_hash).clone();
        // The permit goes along: the work goes on when the client has hung up.
        let matches = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let parsed = PasswordHash::new(&expected).expect("made by hash()");
            Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok()
        });
        let matches = matches.await.unwrap_or(false);
        account.filter(|_| matches).map_or(SignIn::Wrong, |account| SignIn::Role(&account.role))
    }

    /// The role of a user, as it is now.
    pub(crate) fn role(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).map(|account| account.role.as_str())
    }
}

async fn hash(password: String) -> String {
    let hashed = tokio::task::spawn_blocking(move || {
        Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
    });
    hashed.await.expect("argon2 does not panic").expect("argon2 takes any password of this length")
}

/// Twelve letters and digits, without those that look alike.
fn random_password() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0u8; 12];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32))).copied().map(char::from).collect()
}
