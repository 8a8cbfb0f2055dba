//! A device without clock, heap or operating system: it checks itself against vectors, then signs in to the demo backend.
//!
//! ```text
//! device                                          backend (the demo, at the other end of the serial line)
//!   token, clock not set, nonce         ───────►
//!                                       ◄───────    its time, signed with this device's key, for that token alone
//!   token, and a statement as a JWT     ───────►    the filter admits the token; the route verifies the JWT
//!                                       ◄───────    a JWT for this device alone, about that token
//!   both directions verified: signed in
//! ```
#![no_std]
#![no_main]

mod attempt;
mod backend;
mod http;
mod identity;
mod vectors;

use backend::Backend;
use board::{Uart, entry};
use countersign::jwt::JwtError;
use countersign::token::TokenError;

#[entry]
fn main() -> ! {
    board::ticks::start();
    defmt::info!("{=str} wakes up on {=str}", identity::UID, board::NAME);
    let outcome = vectors::run().and_then(|()| converse());
    if let Err(fault) = &outcome {
        defmt::error!("{}", fault);
    }
    board::exit(outcome.is_err().into());
}

/// Everything that this device says to its backend.
fn converse() -> Result<(), Fault> {
    let mut backend = Backend::new(Uart::start())?;
    let now = backend.ask_the_time()?;
    defmt::info!("clock set by the backend: {=u64}", now.as_secs());
    backend.sign_in(now)?;
    backend.show_refusals(now)
}

/// What stops the device.
#[derive(defmt::Format)]
pub(crate) enum Fault {
    /// Something could not be built.
    Own(countersign::Error),
    /// A token of the backend is not to be believed.
    Token(TokenError),
    /// Nor is a JWT.
    Jwt(JwtError),
    /// An answer that was not expected here.
    Status(u16),
    /// No HTTP, or longer than there is room for, or not there in time.
    Http,
    /// The number of the attempt could not be stored.
    Flash,
    /// Something was admitted that must be refused.
    Admitted,
    /// A vector with another outcome.
    Vector(usize),
}

impl From<countersign::Error> for Fault {
    fn from(error: countersign::Error) -> Self {
        Self::Own(error)
    }
}

impl From<TokenError> for Fault {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<JwtError> for Fault {
    fn from(error: JwtError) -> Self {
        Self::Jwt(error)
    }
}
