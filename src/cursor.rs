//! A bounded writer over the caller's buffer that knows how much would have been needed.

use crate::bytes::copy;
use crate::{Error, Result};

/// Anything that takes bytes in order: a buffer or a running MAC.
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);

    /// `len8(x)` of [FORMAT section 2](crate::docs::format#2-mac-input): one length byte, then x.
    ///
    /// Every caller has checked that x is at most 64 bytes; a longer one could not be written unambiguously, so its length saturates
    /// and the whole no longer parses.
    fn put_len8(&mut self, bytes: &[u8]) {
        self.put(&[u8::try_from(bytes.len()).unwrap_or(u8::MAX)]);
        self.put(bytes);
    }
}

/// Writes until the buffer is full and goes on counting, so that [`Cursor::finish`] can say what was needed.
pub(crate) struct Cursor<'b> {
    buf: &'b mut [u8],
    len: usize,
}

impl<'b> Cursor<'b> {
    pub(crate) const fn new(buf: &'b mut [u8]) -> Self {
        Self { buf, len: 0 }
    }

    /// Bytes written so far, those that did not fit included.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// What was written so far, from a place on; `None` if it did not fit.
    #[cfg(feature = "serde")]
    pub(crate) fn written(&self, from: usize) -> Option<&[u8]> {
        self.buf.get(from..self.len)
    }

    /// Claims the next `n` bytes; `None` when they do not fit, in which case they are only counted.
    pub(crate) fn claim(&mut self, n: usize) -> Option<&mut [u8]> {
        let start = self.len;
        self.len = start.saturating_add(n);
        self.buf.get_mut(start..self.len)
    }

    /// The written part, or how large the buffer should have been.
    pub(crate) fn finish(self) -> Result<&'b mut [u8]> {
        let needed = self.len;
        self.buf.get_mut(..needed).ok_or(Error::BufferTooSmall { needed })
    }
}

impl Sink for Cursor<'_> {
    fn put(&mut self, bytes: &[u8]) {
        if let Some(place) = self.claim(bytes.len()) {
            copy(bytes, place);
        }
    }
}
