//! Keys of the token format. A key is prepared once, wiped on drop, and never shown by `Debug`.
//!
//! | type | role | source |
//! |---|---|---|
//! | [`MacKey`] | signs and verifies tokens | 32 bytes, a key text, or derivation |
//! | [`MasterKey`] | derives the [`MacKey`] of each device and nothing else | 32 bytes or a key text |
//! | [`KeyRing`] | holds keys by slot, a current and a previous one | inserted keys |
//! | [`DeviceKeys`] | finds the keys of all devices of a realm | a key ring of masters and the realm |
//! | [`KeyBytes`] | holds 32 raw bytes on their way into a key or a key text | the factory |

mod derive;
mod key_bytes;
mod key_text;
mod mac_key;
mod provider;
mod ring;

pub use derive::{DeviceKeys, MasterKey};
pub use key_bytes::{KEY_LEN, KeyBytes};
pub use key_text::{KeyRole, KeyText};
pub use mac_key::MacKey;
pub(crate) use mac_key::Tag;
pub use provider::{KeyMatch, KeyProvider, KeyQuery};
pub use ring::KeyRing;
