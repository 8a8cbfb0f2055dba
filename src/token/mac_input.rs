//! M, the bytes under the sign ([FORMAT section 2](crate::docs::format#2-mac-input)). Every variable part is counted or length-prefixed, so distinct
//! tokens have distinct M.

use super::params::WireParams;
use super::{Profile, TokenKind};
use crate::cursor::{Cursor, Sink};
use crate::key::{MacKey, Tag};
use crate::{Error, Result};

/// Bytes of M besides its parts of variable length: format, kind and length of the sign, stamp, count, and a length byte for three parts.
const FIXED_LEN: usize = 6 + 8 + 1 + 3;

pub(super) struct MacInput<'a> {
    pub(super) kind: TokenKind,
    pub(super) uid: &'a [u8],
    pub(super) stamp: u64,
    pub(super) params: WireParams<'a>,
    pub(super) binding: &'a [u8],
}

impl MacInput<'_> {
    /// Writes the whole tag of M, of which a sign is the first N bytes.
    pub(super) fn write_tag(&self, profile: &Profile<'_>, key: &MacKey, tag: &mut Tag) -> Result<()> {
        self.check_len(profile)?;
        key.write_tag_of(|mac| self.put(profile, mac), tag);
        Ok(())
    }

    /// True if `sign` is the beginning of the tag of M. Compares every byte of it in constant time.
    pub(super) fn has_sign(&self, profile: &Profile<'_>, key: &MacKey, sign: &[u8]) -> bool {
        let mut tag = Tag::default();
        self.write_tag(profile, key, &mut tag).is_ok() && tag.starts_with(sign)
    }

    /// M itself, for a secure element that signs one buffer.
    pub(super) fn write<'b>(&self, profile: &Profile<'_>, out: &'b mut [u8]) -> Result<&'b [u8]> {
        self.check_len(profile)?;
        let mut cursor = Cursor::new(out);
        self.put(profile, &mut cursor);
        cursor.finish().map(|written| &*written)
    }

    fn put(&self, profile: &Profile<'_>, sink: &mut impl Sink) {
        sink.put(&[b'C', b'S', b'v', b'1', self.kind.code(), profile.sign_len().code()]);
        sink.put_len8(profile.purpose().as_bytes());
        sink.put_len8(self.uid);
        sink.put(&self.stamp.to_be_bytes());
        sink.put(&[self.params.count()]);
        self.params.put(sink);
        sink.put_len8(self.binding);
    }

    fn check_len(&self, profile: &Profile<'_>) -> Result<()> {
        let parts = [profile.purpose().len(), self.uid.len(), self.params.len(), self.binding.len()];
        // Each part has a limit, and they make 770 bytes together.
        let (length, cap) = (parts.into_iter().fold(FIXED_LEN, usize::wrapping_add), profile.max_mac_input_len());
        if length > cap { Err(Error::MacInputTooLong { length, cap }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{Params, SignLen, limits::MAX_MAC_INPUT_LEN};
    use serde_json::Value;
    use std::string::String;
    use std::vec::Vec;

    fn unhex(value: &Value) -> Vec<u8> {
        let text = value.as_str().unwrap();
        let pairs = text.as_bytes().chunks(2).map(|pair| core::str::from_utf8(pair).unwrap());
        pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| std::format!("{byte:02x}")).collect()
    }

    /// Here and not in the black-box tests, since some of these fields make no token that a parser lets through.
    #[test]
    fn vectors() {
        let file = include_str!("../../tests/data/token-v1/protocol.jsonl");
        let cases = file.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut checked = 0;
        for case in cases.filter(|case| case["op"] == "mac_input") {
            let fields = &case["fields"];
            let kind = match fields["kind"].as_str().unwrap() {
                "Time" => TokenKind::Time,
                "Answer" => TokenKind::Answer,
                "Sequence" => TokenKind::Sequence,
                "TimeReply" => TokenKind::TimeReply,
                _ => TokenKind::Challenge,
            };
            let sign_len = SignLen::from_bytes(fields["n"].as_u64().unwrap().try_into().unwrap()).unwrap();
            let profile = Profile::new(fields["purpose"].as_str().unwrap()).unwrap().with_sign_len(sign_len);
            let (mut wire, pairs) = (Vec::new(), fields["params"].as_array().unwrap());
            for pair in pairs {
                let (key, value) = (pair[0].as_str().unwrap(), unhex(&pair[1]));
                wire.push(key.len().try_into().unwrap());
                wire.extend(key.as_bytes());
                wire.push(value.len().try_into().unwrap());
                wire.extend(value);
            }
            let params = Params::from_checked(pairs.len().try_into().unwrap(), &wire);
            let (uid, binding) = (unhex(&fields["uid"]), unhex(&fields["bind"]));
            let stamp = fields["stamp"].as_u64().unwrap();
            let input = MacInput { kind, uid: &uid, stamp, params: WireParams::Parsed(params), binding: &binding };
            let m = case["expect"]["m"].as_str().unwrap();
            assert!(input.write(&profile.with_max_mac_input_len(m.len() / 2), &mut [0; MAX_MAC_INPUT_LEN]).is_ok());
            assert!(
                input.write(&profile.with_max_mac_input_len(m.len() / 2 - 1), &mut [0; MAX_MAC_INPUT_LEN]).is_err()
            );
            assert_eq!(
                hex(input.write(&profile, &mut [0; MAX_MAC_INPUT_LEN]).unwrap()),
                case["expect"]["m"].as_str().unwrap()
            );
            let mut tag = Tag::default();
            input.write_tag(&profile, &MacKey::new(&unhex(&case["key"])).unwrap(), &mut tag).unwrap();
            assert_eq!(hex(tag.truncated(sign_len.bytes())), case["expect"]["sign"].as_str().unwrap(), "{case}");
            checked += 1;
        }
        assert_eq!(checked, 44);
    }
}
