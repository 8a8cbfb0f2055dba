//! People, their passwords and their roles.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::collections::HashMap;
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
    /// Argon2 costs 19 MiB and a core: no more than two at a time.
    hashing: Semaphore,
}

impl Accounts {
    pub(crate) async fn create(users: &[(&str, &str)]) -> Self {
        let (mut by_name, mut passwords) = (HashMap::new(), Vec::new());
        for (name, role) in users {
            let password = random_password();
            let account = Account { role: (*role).to_owned(), password_hash: hash(password.clone()).await };
            by_name.insert((*name).to_owned(), account);
            passwords.push(((*name).to_owned(), password));
        }
        Self { by_name, passwords, decoy: hash(random_password()).await, hashing: Semaphore::new(2) }
    }

    /// The role of a user whose password is right.
    pub(crate) async fn check(&self, name: &str, password: String) -> Option<&str> {
        let account = self.by_name.get(name);
        let expected = account.map_or(&self.decoy, |account| &account.password_hash).clone();
        let _permit = self.hashing.acquire().await.ok()?;
        let matches = tokio::task::spawn_blocking(move || {
            let parsed = PasswordHash::new(&expected).expect("made by hash()");
            Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok()
        });
        let matches = matches.await.unwrap_or(false);
        account.filter(|_| matches).map(|account| account.role.as_str())
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
