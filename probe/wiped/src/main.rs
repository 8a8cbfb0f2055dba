//! Looks at the memory of each secret after it was dropped, in an optimised build; and, as the control, after it was forgotten.
//!
//! A line for each says how many bytes of the secret were found: `name dropped N forgotten N`.

use countersign::jwt::keys::{Hs256Key, Hs512Key};
use countersign::key::{KeyBytes, MacKey, MasterKey};
use countersign::session::Pepper;
use countersign::session::credential::Credential;
use std::hint::black_box;
use std::mem::MaybeUninit;

/// An obvious test key, no two bytes of which are the same.
const KEY: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// A cookie's value: its last 32 bytes are the verifier.
const COOKIE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAwMTIzNDU2Nzg5YWJjZGVmZ2hpamtsbW5vcHFyc3R1dg";

fn main() {
    // A prepared key is the states of the hash: of these nothing may be left but zeros.
    look("MacKey", &[], || MacKey::new(KEY).unwrap());
    look("MasterKey", &[], || MasterKey::new(KEY).unwrap());
    look("Pepper", &[], || Pepper::new(KEY).unwrap());
    look("Hs256Key", &[], || Hs256Key::new(KEY).unwrap());
    look("Hs512Key", &[], || Hs512Key::new(&[*KEY, *KEY].concat()).unwrap());
    // The others hold the bytes themselves, a credential beside its handle, which is public.
    look("KeyBytes", KEY, || KeyBytes::new(KEY).unwrap());
    look("Credential", KEY, || Credential::parse(COOKIE.as_bytes()).unwrap());
}

fn look<T>(name: &str, secret: &[u8], make: impl Fn() -> T) {
    let dropped = found(secret, &make, |place| {
        // SAFETY: it was written a moment ago, and is not used as a `T` again.
        unsafe { place.assume_init_drop() }
    });
    let forgotten = found(secret, &make, |place| _ = black_box(place));
    println!("{name} dropped {dropped} forgotten {forgotten}");
}

/// Makes a value in a place, ends it there, and counts the bytes of the secret that are left: those in runs of four, or all that are not zero.
#[inline(never)]
fn found<T>(secret: &[u8], make: &impl Fn() -> T, end: impl Fn(&mut MaybeUninit<T>)) -> usize {
    let mut place = Box::new(MaybeUninit::<T>::zeroed());
    place.write(black_box(make()));
    end(black_box(&mut place));
    let start = black_box(place.as_ptr()).cast::<u8>();
    // SAFETY: every byte lies inside of the place, which lives to the end of this function and was zeroed before anything was written.
    let bytes: Vec<u8> = (0..size_of::<T>()).map(|i| unsafe { start.add(i).read_volatile() }).collect();
    if secret.is_empty() {
        return bytes.iter().filter(|byte| **byte != 0).count();
    }
    let is_of_secret = |run: &&[u8]| secret.windows(4).any(|part| part == *run);
    bytes.windows(4).filter(is_of_secret).count()
}
