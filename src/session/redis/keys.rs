//! The names of keys. All keys of an application begin with its prefix.

use super::error;
use super::record::selector;
use crate::encoding::base64url_encode;
use crate::session::credential::UserHash;
use crate::session::handle::Handle;
use crate::session::store::StoreOpenError;
use crate::session::store::store_keys::is_name;
use std::format;
use std::vec::Vec;

pub(super) struct Keys {
    prefix: Vec<u8>,
}

impl Keys {
    pub(super) fn of(prefix: &str) -> Result<Self, StoreOpenError> {
        // Why no other characters: a brace would tell the slot, and a pattern of an ACL for one application would admit to another.
        if is_name(prefix) { Ok(Self { prefix: format!("{prefix}:{{").into() }) } else { Err(error::of_prefix(prefix)) }
    }

    /// What all keys of a user begin with: one slot of a cluster. A key that consists of it, and of a selector, is that of a session.
    pub(super) fn of_user(&self, tag: UserHash) -> Vec<u8> {
        // Why: not the bytes themselves, as a brace among them would end the part that tells the slot.
        let mut text = [0; 11];
        base64url_encode(tag.as_bytes(), &mut text);
        [self.prefix.as_slice(), &text, b"}"].concat()
    }

    pub(super) fn index(&self, tag: UserHash) -> Vec<u8> {
        [self.of_user(tag).as_slice(), b"x"].concat()
    }

    pub(super) fn epoch(&self, tag: UserHash) -> Vec<u8> {
        [self.of_user(tag).as_slice(), b"e"].concat()
    }

    pub(super) fn session(&self, handle: Handle) -> Vec<u8> {
        [self.of_user(handle.user_hash()), selector(handle)].concat()
    }

    /// Session, index and epoch.
    pub(super) fn of_session(&self, handle: Handle) -> [Vec<u8>; 3] {
        [self.session(handle), self.index(handle.user_hash()), self.epoch(handle.user_hash())]
    }

    /// One that is never written.
    pub(super) fn of_nobody(&self) -> Vec<u8> {
        [self.prefix.as_slice(), b"check}e"].concat()
    }
}
