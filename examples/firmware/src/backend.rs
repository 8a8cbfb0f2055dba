//! The conversation: how this device proves itself to its backend, and what it asks to be proven in return.

use crate::identity::{BUILT_AT, FIRMWARE, JWT_KEY, TOKEN_KEY, UID};
use crate::{Fault, attempt, http};
use board::Uart;
use countersign::UnixTime;
use countersign::jwt::keys::Hs256Key;
use countersign::jwt::limits::max_jwt_len;
use countersign::jwt::{ClaimValue, JwtBuilder, JwtError, Policy, authenticate_in_place};
use countersign::key::MacKey;
use countersign::token::{
    Channel, Profile, SignLen, TokenBuilder, TokenError, TokenKind, UnverifiedToken, limits::max_text_len,
};

/// What device and backend have agreed on.
const PURPOSE: &str = "demo/device";
const AUDIENCE: &str = "demo-api";
const BACKEND: &str = "countersign-demo";

/// Room for the longest token of this device, with the version of its firmware and the number of the attempt.
const TOKEN_LEN: usize = max_text_len(UID.len(), &[(2, FIRMWARE.len()), (1, 4)], SignLen::N16);
/// Room for its statement: who, for whom, which firmware, when.
const STATEMENT_LEN: usize = max_jwt_len(
    &[(3, UID.len()), (3, AUDIENCE.len()), (2, FIRMWARE.len())],
    2,
    <Hs256Key as countersign::jwt::keys::JwsAlgorithm>::SIGNATURE_LEN,
);
/// Room for the longest body of an answer.
const BODY_LEN: usize = 512;

/// What a JWT of the backend must say: from the backend, for this device, young. The time came over a serial line and stands still
/// meanwhile (a board with a timer would count on), hence the leeway.
const POLICY: Policy<'_> = Policy::new(30).issuer(BACKEND).audience(UID).subject(UID).max_age(60);

/// The device's end of the line.
pub(crate) struct Backend {
    uart: Uart,
    profile: Profile<'static>,
    token_key: MacKey,
    jwt_key: Hs256Key,
}

impl Backend {
    pub(crate) fn new(uart: Uart) -> Result<Self, Fault> {
        let (token_key, jwt_key) = (MacKey::new(&TOKEN_KEY)?, Hs256Key::new(&JWT_KEY)?);
        Ok(Self { uart, profile: Profile::new(PURPOSE)?, token_key, jwt_key })
    }

    /// Signs in with a clock that is not set; the backend, which can tell that the key is right, answers with its time.
    pub(crate) fn ask_the_time(&mut self) -> Result<UnixTime, Fault> {
        let (mut token, mut fields, mut body) = ([0; TOKEN_LEN], [0; TOKEN_LEN], [0; BODY_LEN]);
        let attempt = attempt::next()?.to_be_bytes();
        let builder = TokenBuilder::time(UID.as_bytes(), UnixTime::UNSET).nonce(&attempt);
        let token = builder.mint_text_bytes(&self.profile, &self.token_key, &mut token)?;
        let path = ["POST /device/", UID, "/time"];
        let answer = http::request(&mut self.uart, &path, token, b"", &mut body)?;
        if answer.status != 200 {
            return Err(Fault::Status(answer.status));
        }
        // Bound to the sign that was sent: an answer of yesterday fits no token of today.
        let sent = UnverifiedToken::parse_text(token, &mut fields)?.authenticate(
            &self.profile,
            &self.token_key,
            Channel::NONE,
        )?;
        let mut scratch = [0; BODY_LEN];
        let reply = UnverifiedToken::parse_text(body.get(..answer.len).unwrap_or_default(), &mut scratch)?;
        let channel = Channel { uid: Some(UID.as_bytes()), binding: sent.sign() };
        let reply = reply.authenticate(&self.profile, &self.token_key, channel)?;
        match reply.issued_at() {
            // Before it was built, nobody spoke with this device.
            Some(time) if reply.kind() == TokenKind::TimeReply && time.as_secs() >= BUILT_AT => Ok(time),
            _ => Err(TokenError::Invalid.into()),
        }
    }

    /// Presents a token, states what it runs, and verifies what the backend has signed in return.
    pub(crate) fn sign_in(&mut self, now: UnixTime) -> Result<(), Fault> {
        let (mut token, mut fields, mut body) = ([0; TOKEN_LEN], [0; TOKEN_LEN], [0; BODY_LEN]);
        let token = self.token(now, &mut token)?;
        let answer = self.present(token, now, &mut body)?;
        defmt::info!("signed in: {=u16}, an answer of {=usize} bytes", answer.status, answer.len);
        if answer.status != 200 {
            return Err(Fault::Status(answer.status));
        }
        let reply = body.get_mut(..answer.len).ok_or(Fault::Http)?;
        let sent = UnverifiedToken::parse_text(token, &mut fields)?.authenticate(
            &self.profile,
            &self.token_key,
            Channel::NONE,
        )?;

        // One character changed on the way, in a copy: this device is not to be lied to either.
        let mut changed = [0; BODY_LEN];
        let changed = changed.get_mut(..reply.len()).ok_or(Fault::Http)?;
        changed.copy_from_slice(reply);
        if let Some(byte) = changed.get_mut(40) {
            *byte = if *byte == b'A' { b'B' } else { b'A' };
        }
        match authenticate_in_place(&self.jwt_key, changed) {
            Ok(_) => return Err(Fault::Admitted),
            Err(error) => defmt::info!("the answer with one character changed: {}", error),
        }

        let verified = authenticate_in_place(&self.jwt_key, reply)?.check(&POLICY, now).map_err(JwtError::from)?;
        let mut sign = [0; 32];
        let answers_this_token =
            verified.claims().get_str("answers").is_some_and(|answers| answers == hex(sent.sign(), &mut sign));
        if !answers_this_token {
            return Err(JwtError::Invalid.into());
        }
        defmt::info!("the backend is the backend: its JWT is for this device and about this token");
        Ok(())
    }

    /// What the backend must not admit: a token with another name in it, one that is too old.
    pub(crate) fn show_refusals(&mut self, now: UnixTime) -> Result<(), Fault> {
        let (mut token, mut body) = ([0; TOKEN_LEN], [0; BODY_LEN]);
        let len = self.token(now, &mut token)?.len();
        let tampered = token.get_mut(..len).unwrap_or_default();
        // The first letter of the uid, behind `cs1_`.
        if let Some(letter) = tampered.get_mut(4) {
            *letter = if *letter == b'x' { b'y' } else { b'x' };
        }
        self.expect_refused("tampered", tampered, now, &mut body)?;

        let an_hour_ago = UnixTime::from_secs(now.as_secs().saturating_sub(3600));
        let mut old = [0; TOKEN_LEN];
        let old = self.token(an_hour_ago, &mut old)?;
        self.expect_refused("an hour old", old, now, &mut body)
    }

    fn expect_refused(&mut self, what: &str, token: &[u8], now: UnixTime, body: &mut [u8]) -> Result<(), Fault> {
        let answer = self.present(token, now, body)?;
        defmt::info!("a token that is {=str}: {=u16}", what, answer.status);
        if answer.status == 401 { Ok(()) } else { Err(Fault::Admitted) }
    }

    fn token<'b>(&self, stamp: UnixTime, out: &'b mut [u8]) -> Result<&'b [u8], Fault> {
        let params = [("fw", FIRMWARE.as_bytes())];
        let builder = TokenBuilder::time(UID.as_bytes(), stamp).params(&params);
        Ok(builder.mint_text_bytes(&self.profile, &self.token_key, out)?)
    }

    /// A token in the header, a statement in the body.
    fn present(&mut self, token: &[u8], now: UnixTime, body: &mut [u8]) -> Result<http::Answer, Fault> {
        let (private, mut statement) = ([("fw", ClaimValue::Str(FIRMWARE))], [0; STATEMENT_LEN]);
        let expires_at = UnixTime::from_secs(now.as_secs().saturating_add(60));
        let claims = JwtBuilder::new().issuer(UID).audience(&[AUDIENCE]).issued_at(now).expires_at(expires_at);
        let statement = claims.private_claims(&private).sign(&self.jwt_key, &mut statement)?;
        http::request(&mut self.uart, &["POST /api/device"], token, statement.as_bytes(), body)
    }
}

/// Lower-case hex of a sign of up to 16 bytes.
fn hex<'b>(bytes: &[u8], out: &'b mut [u8; 32]) -> &'b str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let (pairs, _) = out.as_chunks_mut::<2>();
    let mut len = 0;
    for (byte, pair) in bytes.iter().zip(pairs) {
        *pair = [byte >> 4, byte & 0xF].map(|digit| DIGITS.get(usize::from(digit)).copied().unwrap_or(b'0'));
        len += 2;
    }
    out.get(..len).and_then(|text| core::str::from_utf8(text).ok()).unwrap_or_default()
}
