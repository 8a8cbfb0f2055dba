//! The text form: `prefix field(uid) "." stamp *( "." key "_" field(value) ) "." sign` ([FORMAT section 3](crate::docs::format#3-text-form)).

use super::field;
use super::fields::Fields;
use super::params::{ParamCheck, Params};
use super::{
    TokenKind,
    limits::{MAX_SCRATCH_LEN, MAX_TEXT_LEN},
};
use crate::cursor::{Cursor, Sink};
use crate::encoding::decimal::{self, Decimal};
use crate::encoding::{hex_decode, hex_encode};
use crate::rules::MAX_UID_LEN;
use crate::{Error, Result};

/// Writes the parts of a token. `uid` is empty when detached.
pub(super) fn write<'p>(
    kind: TokenKind,
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
    if text_len < MAX_SCRATCH_LEN { text_len } else { MAX_SCRATCH_LEN }
}

/// Reads a text strictly; uid, params and sign end up decoded in `scratch`, one behind the other.
pub(super) fn parse<'b>(text: &[u8], scratch: &'b mut [u8]) -> Result<Fields<'b>> {
    if text.len() > MAX_TEXT_LEN {
        return Err(Error::Malformed);
    }
    let needed = scratch_len(text.len());
    if scratch.len() < needed {
        return Err(Error::BufferTooSmall { needed });
    }
    let (kind, mut rest) = TokenKind::strip_prefix(text).ok_or(Error::Malformed)?;
    let uid = cut_before(&mut rest, b'.').ok_or(Error::Malformed)?;
    let stamp = cut_before(&mut rest, b'.').ok_or(Error::Malformed)?;
    let mut cursor = Cursor::new(scratch);
    let uid_len = read_uid(uid, &mut cursor)?;
    let stamp = decimal::parse(stamp, u64::MAX).ok_or(Error::Malformed)?;
    kind.check_stamp(stamp).map_err(|_| Error::Malformed)?;

    // A segment is a param if another one follows, else it is the sign.
    let mut params = ParamCheck::default();
    while let Some(param) = cut_before(&mut rest, b'.') {
        read_param(param, &mut params, &mut cursor)?;
    }
    let params_len = cursor.len().saturating_sub(uid_len);
    read_sign(rest, &mut cursor)?;

    let fields: &'b [u8] = cursor.finish()?;
    let (uid, rest) = fields.split_at_checked(uid_len).ok_or(Error::Malformed)?;
    let (wire, sign) = rest.split_at_checked(params_len).ok_or(Error::Malformed)?;
    Fields::new(kind, uid, stamp, Params::from_checked(params.count, wire), sign, params.reserved)
}

fn read_uid(segment: &[u8], cursor: &mut Cursor<'_>) -> Result<usize> {
    let len = field::decoded_len(segment);
    let place = cursor.claim(len).ok_or(Error::Malformed)?;
    if len <= MAX_UID_LEN && field::read(segment, place) { Ok(len) } else { Err(Error::Malformed) }
}

/// One `key_value`. The first `_` ends the key.
fn read_param(segment: &[u8], params: &mut ParamCheck, cursor: &mut Cursor<'_>) -> Result<()> {
    let mut value = segment;
    let key = cut_before(&mut value, b'_').ok_or(Error::Malformed)?;
    cursor.put_len8(key);
    let len = field::decoded_len(value);
    let Some([len8, place @ ..]) = cursor.claim(len.saturating_add(1)) else { return Err(Error::Malformed) };
    *len8 = u8::try_from(len).map_err(|_| Error::Malformed)?;
    if !field::read(value, place) {
        return Err(Error::Malformed);
    }
    params.next(key, place)
}

fn read_sign(segment: &[u8], cursor: &mut Cursor<'_>) -> Result<()> {
    // Whether it is as long as a sign can be is asked where the token is put together.
    let place = cursor.claim(segment.len() / 2).ok_or(Error::Malformed)?;
    if hex_decode(segment, place) { Ok(()) } else { Err(Error::Malformed) }
}

/// Cuts off what is before the first such byte, and the byte itself; `None` where there is none.
fn cut_before<'t>(text: &mut &'t [u8], byte: u8) -> Option<&'t [u8]> {
    let place = text.iter().position(|found| *found == byte)?;
    let (before, from) = text.split_at_checked(place)?;
    *text = from.get(1..)?;
    Some(before)
}
