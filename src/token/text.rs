//! The text form: `prefix field(uid) "." stamp *( "." key "_" field(value) ) "." sign` (FORMAT section 3).

use super::field;
use super::params::{ParamCheck, Params};
use super::unverified::Unverified;
use super::{Kind, MAX_FIELDS, MAX_TEXT, SignLen};
use crate::cursor::{Cursor, Sink};
use crate::encoding::decimal::{self, Decimal};
use crate::encoding::{hex_decode, hex_encode};
use crate::rules::MAX_UID;
use crate::{Error, Result};

/// Writes the parts of a token. `uid` is empty when detached.
pub(super) fn write<'p>(
    kind: Kind,
    uid: &[u8],
    stamp: u64,
    params: impl Iterator<Item = (&'p str, &'p [u8])>,
    sign: &[u8],
    cursor: &mut Cursor<'_>,
) {
    cursor.put(kind.prefix());
    field::write(uid, cursor);
    cursor.put(b".");
    cursor.put(Decimal::new(stamp).as_bytes());
    for (key, value) in params {
        cursor.put(b".");
        cursor.put(key.as_bytes());
        cursor.put(b"_");
        field::write(value, cursor);
    }
    cursor.put(b".");
    if let Some(place) = cursor.claim(sign.len().saturating_mul(2)) {
        hex_encode(sign, place);
    }
}

/// Scratch for a text of up to `text_len` characters: decoded fields are never longer than their text, nor than all
/// limits together.
pub(super) const fn scratch_len(text_len: usize) -> usize {
    if text_len < MAX_FIELDS { text_len } else { MAX_FIELDS }
}

/// Reads a text strictly; uid, params and sign end up decoded in `scratch`, one behind the other.
pub(super) fn parse<'b>(text: &[u8], scratch: &'b mut [u8]) -> Result<Unverified<'b>> {
    if text.len() > MAX_TEXT {
        return Err(Error::Malformed);
    }
    let needed = scratch_len(text.len());
    if scratch.len() < needed {
        return Err(Error::BufferTooSmall { needed });
    }
    let (kind, rest) = Kind::strip_prefix(text).ok_or(Error::Malformed)?;
    let mut segments = rest.split(|byte| *byte == b'.');
    let (Some(uid), Some(stamp), Some(mut segment)) = (segments.next(), segments.next(), segments.next()) else {
        return Err(Error::Malformed);
    };
    let mut cursor = Cursor::new(scratch);
    let uid_len = read_uid(uid, &mut cursor)?;
    let stamp = decimal::parse(stamp, u64::MAX).ok_or(Error::Malformed)?;
    kind.check_stamp(stamp).map_err(|_| Error::Malformed)?;

    // A segment is a param if another one follows, else it is the sign.
    let mut params = ParamCheck::default();
    for next in segments {
        read_param(segment, &mut params, &mut cursor)?;
        segment = next;
    }
    let params_len = cursor.len().saturating_sub(uid_len);
    read_sign(segment, &mut cursor)?;

    let fields: &'b [u8] = cursor.finish()?;
    let (uid, rest) = fields.split_at_checked(uid_len).ok_or(Error::Malformed)?;
    let (wire, sign) = rest.split_at_checked(params_len).ok_or(Error::Malformed)?;
    Unverified::new(kind, uid, stamp, Params::from_checked(params.count, wire), sign, params.reserved)
}

fn read_uid(segment: &[u8], cursor: &mut Cursor<'_>) -> Result<usize> {
    match field::read(segment, cursor) {
        Some(uid) if uid.len() <= MAX_UID => Ok(uid.len()),
        _ => Err(Error::Malformed),
    }
}

/// One `key_value`. The first `_` ends the key.
fn read_param<'t>(segment: &'t [u8], params: &mut ParamCheck<'t>, cursor: &mut Cursor<'_>) -> Result<()> {
    let underscore = segment.iter().position(|byte| *byte == b'_').ok_or(Error::Malformed)?;
    let (key, value) = segment.split_at_checked(underscore).ok_or(Error::Malformed)?;
    let value = value.strip_prefix(b"_").ok_or(Error::Malformed)?;
    cursor.put_len8(key);
    cursor.put(&[u8::try_from(field::decoded_len(value)).map_err(|_| Error::Malformed)?]);
    params.next(key, field::read(value, cursor).ok_or(Error::Malformed)?)
}

fn read_sign(segment: &[u8], cursor: &mut Cursor<'_>) -> Result<()> {
    let len = SignLen::from_bytes(segment.len() / 2).ok_or(Error::Malformed)?.bytes();
    let place = cursor.claim(len).ok_or(Error::Malformed)?;
    if hex_decode(segment, place) { Ok(()) } else { Err(Error::Malformed) }
}
