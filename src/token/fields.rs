//! The fields of a parsed token, shared by all degrees of trust.

use super::mac_input::MacInput;
use super::params::WireParams;
use super::reserved::Reserved;
use super::{Channel, Params, Profile, SignLen, TokenKind};
use crate::key::MacKey;
use crate::{Error, Result, constant_time, rules};

#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) struct Fields<'a> {
    pub(super) kind: TokenKind,
    /// Empty when detached.
    pub(super) sent_uid: &'a [u8],
    pub(super) stamp: u64,
    pub(super) params: Params<'a>,
    pub(super) sign: &'a [u8],
    pub(super) reserved: Reserved,
}

impl<'a> Fields<'a> {
    /// Puts parsed parts together and checks the rules that span them.
    pub(super) fn new(
        kind: TokenKind,
        sent_uid: &'a [u8],
        stamp: u64,
        params: Params<'a>,
        sign: &'a [u8],
        reserved: Reserved,
    ) -> Result<Self> {
        let sign_len = SignLen::from_bytes(sign.len()).ok_or(Error::Malformed)?;
        let is_bare = sent_uid.is_empty() && params.is_empty();
        if (kind.is_verifiers() && !is_bare) || (kind == TokenKind::Challenge && sign_len != SignLen::N8) {
            return Err(Error::Malformed);
        }
        Ok(Self { kind, sent_uid, stamp, params, sign, reserved })
    }

    /// Who the token is for: the channel's uid, the sent one, or both if they are equal ([FORMAT section 3](crate::docs::format#3-text-form), detached).
    pub(super) fn uid<'u>(&self, channel: &Channel<'u>) -> Option<&'u [u8]>
    where
        'a: 'u,
    {
        rules::check_binding(channel.binding).ok()?;
        match (channel.uid, self.sent_uid) {
            (None, []) => None,
            (None, sent) => Some(sent),
            (Some(named), _) if rules::check_uid(named).is_err() => None,
            (Some(named), []) => Some(named),
            (Some(named), sent) => constant_time::eq(named, sent).then_some(sent),
        }
    }

    /// True if the sign has the profile's length and is the one that `key` makes. Compares every byte in constant time.
    pub(super) fn fits(&self, profile: &Profile<'_>, key: &MacKey, uid: &[u8], binding: &[u8]) -> bool {
        self.sign.len() == profile.sign_len().bytes()
            && self.mac_input_of(uid, binding).has_sign(profile, key, self.sign)
    }

    pub(super) const fn mac_input_of<'p>(&'p self, uid: &'p [u8], binding: &'p [u8]) -> MacInput<'p> {
        MacInput { kind: self.kind, uid, stamp: self.stamp, params: WireParams::Parsed(self.params), binding }
    }
}
