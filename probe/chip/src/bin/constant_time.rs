//! Counts the instructions of refusing a tag, for a wrong bit in each of its bytes: the same, whichever it is. A comparison that stops early
//! counts too, to show that the count tells.
#![no_std]
#![no_main]

use board::{Console, entry, ticks};
use chip::claims::{KEY, NOW, PURPOSE};
use chip::{JWT, TOKEN, line};
use core::hint::black_box;
use countersign::TimeWindow;
use countersign::jwt::authenticate_in_place;
use countersign::jwt::keys::Hs256Key;
use countersign::key::MacKey;
use countersign::token::{Channel, Profile, Verifier, limits::MAX_SCRATCH_LEN};

/// The fewest and the most instructions, and of how many places.
struct Range {
    least: u32,
    most: u32,
    count: u32,
}

impl Range {
    /// Of an operation that refuses, for each place.
    fn of(places: core::ops::Range<usize>, mut refuse: impl FnMut(usize) -> Option<u32>) -> Option<Self> {
        let mut range = Self { least: u32::MAX, most: 0, count: 0 };
        for place in places {
            let instructions = refuse(place)?;
            range.least = range.least.min(instructions);
            range.most = range.most.max(instructions);
            range.count += 1;
        }
        Some(range)
    }

    fn print(&self, console: Console, name: &str) {
        console.text(name);
        line(console, " least ", self.least);
        console.text(name);
        line(console, " most ", self.most);
        console.text(name);
        line(console, " places ", self.count);
    }
}

#[entry]
fn main() -> ! {
    ticks::start();
    let console = Console::open();
    let outcome = token().and_then(|token| Some((token, jwt()?, control()?)));
    if let Some((token, jwt, control)) = &outcome {
        token.print(console, "token");
        jwt.print(console, "jwt");
        control.print(console, "control");
    }
    board::exit(outcome.is_none().into())
}

/// Another character of the same kind, so that the text is still well-formed: only the comparison can refuse it.
fn other(character: u8) -> u8 {
    match character {
        b'0' => b'1',
        b'a' => b'b',
        b'A' => b'B',
        b'_' => b'-',
        character => character - 1,
    }
}

/// Every character of the sign of a token.
fn token() -> Option<Range> {
    let (key, profile) = (MacKey::new(black_box(KEY)).ok()?, Profile::new(PURPOSE).ok()?);
    let verifier = Verifier::new(profile, &key, TimeWindow { max_age: 300, max_future_skew: 60 });
    Range::of(TOKEN.len() - 32..TOKEN.len(), |place| {
        let (mut text, mut scratch) = ([0; TOKEN.len()], [0; MAX_SCRATCH_LEN]);
        text.copy_from_slice(TOKEN.as_bytes());
        let character = text.get_mut(place)?;
        *character = if character.is_ascii_digit() { b'0' + b'9' - *character } else { other(*character) };
        let (instructions, refused) =
            ticks::instructions(|| verifier.verify_text(black_box(&text), Channel::NONE, NOW, &mut scratch).is_err());
        refused.then_some(instructions)
    })
}

/// Every character of the signature of a JWT.
fn jwt() -> Option<Range> {
    let key = Hs256Key::new(black_box(KEY)).ok()?;
    Range::of(JWT.len() - 43..JWT.len(), |place| {
        let mut text = [0; JWT.len()];
        text.copy_from_slice(JWT.as_bytes());
        let character = text.get_mut(place)?;
        // The last one stands for four bits: all but every fourth character are no text of anything.
        let is_last = place == JWT.len() - 1;
        *character = if !is_last {
            other(*character)
        } else if *character == b'A' {
            b'E'
        } else {
            b'A'
        };
        let (instructions, refused) =
            ticks::instructions(|| authenticate_in_place(&key, black_box(&mut text)).is_err());
        refused.then_some(instructions)
    })
}

/// The comparison that nobody should write.
fn control() -> Option<Range> {
    let tag = black_box([0x5A_u8; 32]);
    Range::of(0..32, |place| {
        let mut sent = tag;
        *sent.get_mut(place)? ^= 1;
        let (instructions, refused) =
            ticks::instructions(|| !tag.iter().zip(black_box(&sent)).all(|(left, right)| left == black_box(right)));
        refused.then_some(instructions)
    })
}
