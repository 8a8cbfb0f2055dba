//! M, what is signed (FORMAT section 2). Every variable part is counted or length-prefixed, so distinct tokens have distinct M.

use super::params::WireParams;
use super::{Kind, Profile};
use crate::cursor::{Cursor, Sink};
use crate::key::{MacKey, Tag};
use crate::{Error, Result};

pub(super) struct MacInput<'a, P> {
    pub(super) kind: Kind,
    pub(super) uid: &'a [u8],
    pub(super) stamp: u64,
    pub(super) params: &'a P,
    pub(super) bind: &'a [u8],
}

impl<P: WireParams> MacInput<'_, P> {
    /// The whole tag of M, of which a sign is the first N bytes.
    pub(super) fn tag(&self, profile: &Profile<'_>, key: &MacKey) -> Result<Tag> {
        self.check_len(profile)?;
        let mut mac = key.start();
        self.put(profile, &mut mac);
        Ok(mac.finish())
    }

    /// M itself, for a secure element that signs one buffer.
    pub(super) fn write<'b>(&self, profile: &Profile<'_>, out: &'b mut [u8]) -> Result<&'b [u8]> {
        self.check_len(profile)?;
        let mut cursor = Cursor::new(out);
        self.put(profile, &mut cursor);
        cursor.finish().map(|written| &*written)
    }

    fn check_len(&self, profile: &Profile<'_>) -> Result<()> {
        // Magic, kind and N; four length or count bytes; the stamp.
        let variable = [profile.purpose().len(), self.uid.len(), self.params.wire_len(), self.bind.len()];
        let length = variable.into_iter().fold(6 + 4 + 8, usize::saturating_add);
        let cap = profile.max_mac_input();
        if length > cap { Err(Error::MacInputTooLong { length, cap }) } else { Ok(()) }
    }

    fn put(&self, profile: &Profile<'_>, sink: &mut impl Sink) {
        sink.put(&[b'C', b'S', b'v', b'1', self.kind.code(), profile.sign_len().code()]);
        sink.put_len8(profile.purpose().as_bytes());
        sink.put_len8(self.uid);
        sink.put(&self.stamp.to_be_bytes());
        sink.put(&[self.params.count()]);
        self.params.put_wire(sink);
        sink.put_len8(self.bind);
    }
}
