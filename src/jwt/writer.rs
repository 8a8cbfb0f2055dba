//! JSON to base64url in one stream, straight into the caller's buffer.

use crate::cursor::{Cursor, Sink, copy};
use crate::encoding::{base64url_encode_public, base64url_len};

/// Bytes that are gathered before they are encoded: a multiple of three, so that no text ends in between. More where stack is plenty and vector
/// instructions encode: they like it long.
const STAGE: usize = if cfg!(feature = "std") { 768 } else { 96 };
const STAGE_TEXT: usize = base64url_len(STAGE);

/// Encodes what is put into it, in blocks.
pub(super) struct Base64Writer<'c, 'b> {
    cursor: &'c mut Cursor<'b>,
    stage: [u8; STAGE],
    filled: usize,
}

impl<'c, 'b> Base64Writer<'c, 'b> {
    pub(super) const fn new(cursor: &'c mut Cursor<'b>) -> Self {
        Self { cursor, stage: [0; STAGE], filled: 0 }
    }

    fn flush(&mut self) {
        let bytes = self.stage.get(..self.filled).unwrap_or_default();
        if let Some(place) = self.cursor.claim(base64url_len(bytes.len()).min(STAGE_TEXT)) {
            base64url_encode_public(bytes, place);
        }
        self.filled = 0;
    }

    /// Encodes the rest. Nothing may follow: the last group of a text may be shorter.
    pub(super) fn finish(mut self) {
        self.flush();
    }
}

impl Sink for Base64Writer<'_, '_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let room = self.stage.get_mut(self.filled..).unwrap_or_default();
        match room.get_mut(..bytes.len()) {
            // One byte is left free, so that a full stage is met in one place alone.
            Some(place) if self.filled.saturating_add(bytes.len()) < STAGE => {
                copy(bytes, place);
                self.filled = self.filled.saturating_add(bytes.len());
            }
            _ => self.put_across(bytes),
        }
    }

    #[cfg(feature = "std")]
    #[inline]
    fn put_quoted(&mut self, text: &[u8]) {
        let room = self.stage.get_mut(self.filled..).unwrap_or_default();
        let len = text.len().saturating_add(2);
        match room.get_mut(..len) {
            // As above.
            Some([first, place @ .., last]) if self.filled.saturating_add(len) < STAGE => {
                (*first, *last) = (b'"', b'"');
                copy(text, place);
                self.filled = self.filled.saturating_add(len);
            }
            _ => [b"\"", text, b"\""].into_iter().for_each(|part| self.put_across(part)),
        }
    }
}

impl Base64Writer<'_, '_> {
    /// Fills the stage, encodes it, and goes on.
    #[inline(never)]
    fn put_across(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.stage.get_mut(self.filled..).unwrap_or_default();
            let n = room.len().min(bytes.len());
            let Some((head, rest)) = bytes.split_at_checked(n) else { return };
            copy(head, room);
            self.filled = self.filled.saturating_add(n);
            bytes = rest;
            if self.filled == STAGE {
                self.flush();
            }
        }
    }
}
