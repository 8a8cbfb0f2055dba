//! Keys are prepared: whether one is a placeholder, well-formed or public may be known, nothing else.

use crate::memcheck::{hide, secret};
use crate::{Operation, verdicts};
use countersign::Error;
use countersign::jwt::keys::{Hs256Key, Hs384Key, Hs512Key};
use countersign::key::{KeyBytes, MacKey, MasterKey};
use countersign::session::Pepper;
use std::hint::black_box;

pub const KEY: &[u8; 32] = b"an obvious test key of 32 bytes!";
pub const OTHER_KEY: &[u8; 32] = b"another obvious test key, again!";
/// Prefix, slot and `_`: what is public of a key text.
const HEAD: usize = 8;

pub const OPERATIONS: &[Operation] = &[
    ("a key of tokens is prepared", verdicts(1), || _ = black_box(MacKey::new(&secret(KEY)).unwrap())),
    ("a placeholder is refused", verdicts(1), || {
        assert_eq!(MacKey::new(&secret(&[7; 32])).unwrap_err(), Error::KeyRepeated);
    }),
    ("a master key is prepared", verdicts(1), || _ = black_box(MasterKey::new(&secret(KEY)).unwrap())),
    ("secret bytes are kept", verdicts(1), || _ = black_box(KeyBytes::new(&secret(KEY)).unwrap())),
    ("a pepper is prepared", verdicts(1), || _ = black_box(Pepper::new(&secret(KEY)).unwrap())),
    // A text of another kind of key is asked for eight times over, and whether all bytes are the same once.
    ("a key of HS256 is prepared", verdicts(9), || _ = black_box(Hs256Key::new(&secret(KEY)).unwrap())),
    ("a key of HS384 is prepared", verdicts(9), || _ = black_box(Hs384Key::new(&secret(&KEY.repeat(2))).unwrap())),
    ("a key of HS512, longer than a block, is prepared", verdicts(9), || {
        _ = black_box(Hs512Key::new(&secret(&KEY.repeat(5))).unwrap());
    }),
    ("a key that is an SSH key is refused", verdicts(3), || {
        let key = b"a comment, and then ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA";
        assert_eq!(Hs256Key::new(&secret(key)).unwrap_err(), Error::KeyLooksPublic);
    }),
    ("a key text is read", verdicts(2).and_reports(2), || {
        let mut line = *b"csk1d_0_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh89b3f82";
        hide(&mut line[HEAD..]);
        assert_eq!(MacKey::from_key_text(&line).unwrap().0, 0);
    }),
    ("a mistyped key text is refused", verdicts(1).and_reports(2), || {
        let mut line = *b"csk1d_0_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh89b3f83";
        hide(&mut line[HEAD..]);
        assert_eq!(MacKey::from_key_text(&line).unwrap_err(), Error::KeyTextChecksum);
    }),
    ("the key of a device is derived", verdicts(2), || {
        let master = MasterKey::new(&secret(KEY)).unwrap();
        _ = black_box(master.derive_key("acme", b"dev-7", 0).unwrap());
    }),
];
