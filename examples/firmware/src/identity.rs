//! Who this device is: burnt in when it was built.

include!(concat!(env!("OUT_DIR"), "/identity.rs"));

/// What the device runs.
pub(crate) const FIRMWARE: &str = "1.2.3";
