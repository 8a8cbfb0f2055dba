//! The binary form: `b0 . [len8(uid)] . stamp . [count . (len8(key) . len8(value))*] . sign` ([FORMAT section 4](crate::docs::format#4-binary-form)).

use super::fields::Fields;
use super::params::{ParamCheck, Params, WireParams, split_len8};
use super::reserved::Reserved;
use super::{TokenKind, limits::MAX_BINARY_LEN, short_stamp};
use crate::cursor::{Cursor, Sink};
use crate::rules::{MAX_PARAMS, check_uid};
use crate::{Error, Result, UnixTime};

/// The top bits of the first byte, which no UTF-8 text starts with.
const MARK: u8 = 0b1010_0000;
const MARK_MASK: u8 = 0b1110_0000;
const KIND_MASK: u8 = 0b0001_1000;
const KIND_SHIFT: u32 = 3;
const PARAMS: u8 = 0b100;
const DETACHED: u8 = 0b010;
const SHORT: u8 = 0b001;

/// Writes the parts of a token that has a binary form. `uid` is empty when detached.
pub(super) fn write(
    kind: TokenKind,
    uid: &[u8],
    stamp: u64,
    short: bool,
    params: WireParams<'_>,
    sign: &[u8],
    cursor: &mut Cursor<'_>,
) {
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    let has_params = params.count() > 0;
    let flags = flag(has_params, PARAMS) | flag(uid.is_empty(), DETACHED) | flag(short, SHORT);
    cursor.put(&[MARK | kind.code() << KIND_SHIFT | flags]);
    if !uid.is_empty() {
        cursor.put_len8(uid);
    }
    // A stamp is below 2^40, so its low five bytes are all of it.
    let [_, _, _, low5 @ ..] = stamp.to_be_bytes();
    let [_, _, _, low2 @ ..] = low5;
    cursor.put(if short { &low2 } else { &low5 });
    if has_params {
        cursor.put(&[params.count()]);
        params.put(cursor);
    }
    cursor.put(sign);
}

/// Reads a binary token strictly, borrowing from it. `now` expands a short stamp.
pub(super) fn parse(bytes: &[u8], now: Option<UnixTime>) -> Result<Fields<'_>> {
    if bytes.len() > MAX_BINARY_LEN {
        return Err(Error::Malformed);
    }
    let (first, rest) = bytes.split_first().ok_or(Error::Malformed)?;
    let has = |bit: u8| first & bit != 0;
    let kind = match (first & MARK_MASK, (first & KIND_MASK) >> KIND_SHIFT) {
        (MARK, 0) => TokenKind::Time,
        (MARK, 1) => TokenKind::Answer,
        (MARK, 2) => TokenKind::Sequence,
        (MARK, 3) => TokenKind::TimeReply,
        _ => return Err(Error::Malformed),
    };
    let (uid, rest) = if has(DETACHED) { (&[][..], rest) } else { split_uid(rest)? };
    let (stamp, rest) = if has(SHORT) { split_short_stamp(kind, rest, now)? } else { split_stamp(rest)? };
    kind.check_stamp(stamp).map_err(|_| Error::Malformed)?;
    let (params, reserved, sign) =
        if has(PARAMS) { split_params(rest)? } else { (Params::default(), Reserved::default(), rest) };
    Fields::new(kind, uid, stamp, params, sign, reserved)
}

fn split_uid(rest: &[u8]) -> Result<(&[u8], &[u8])> {
    let (uid, rest) = split_len8(rest).ok_or(Error::Malformed)?;
    check_uid(uid).map_err(|_| Error::Malformed)?;
    Ok((uid, rest))
}

fn split_stamp(rest: &[u8]) -> Result<(u64, &[u8])> {
    let ([a, b, c, d, e], rest) = rest.split_first_chunk().ok_or(Error::Malformed)?;
    Ok((u64::from_be_bytes([0, 0, 0, *a, *b, *c, *d, *e]), rest))
}

fn split_short_stamp(kind: TokenKind, rest: &[u8], now: Option<UnixTime>) -> Result<(u64, &[u8])> {
    let (low, rest) = rest.split_first_chunk().ok_or(Error::Malformed)?;
    if !matches!(kind, TokenKind::Time | TokenKind::Answer) {
        return Err(Error::Malformed);
    }
    let now = now.ok_or(Error::MissingClock)?;
    let stamp = short_stamp::expand(now, u16::from_be_bytes(*low)).ok_or(Error::Malformed)?;
    Ok((stamp.as_secs(), rest))
}

type SplitParams<'b> = (Params<'b>, Reserved, &'b [u8]);

fn split_params(rest: &[u8]) -> Result<SplitParams<'_>> {
    let (count, wire) = rest.split_first().ok_or(Error::Malformed)?;
    if *count == 0 || usize::from(*count) > MAX_PARAMS {
        return Err(Error::Malformed);
    }
    let (mut check, mut tail) = (ParamCheck::default(), wire);
    for _ in 0..*count {
        let (key, rest) = split_len8(tail).ok_or(Error::Malformed)?;
        let (value, rest) = split_len8(rest).ok_or(Error::Malformed)?;
        check.next(key, value)?;
        tail = rest;
    }
    let wire = wire.get(..wire.len().saturating_sub(tail.len())).unwrap_or_default();
    Ok((Params::from_checked(check.count, wire), check.reserved, tail))
}
