//! Who gets in: the keys, the verifiers, and the tokens that the server itself signs.

use axum::http::request::Parts;
use countersign::jwt::keys::Hs256Key;
use countersign::jwt::{ClaimValue, JwtBuilder, JwtError, KeySet, OwnedJwt, Policy, UnverifiedJwt, ValidityPeriod};
use countersign::key::{DeviceKeys, KeyBytes, KeyRing, MacKey, MasterKey};
use countersign::session::EPOCH_CLAIM;
use countersign::token::{
    Channel, OwnedToken, Profile, TokenBuilder, TokenError, UnverifiedToken, Verifier,
    limits::{MAX_SCRATCH_LEN, MAX_TEXT_LEN},
};
use countersign::web::{AuthError, Authenticate, JwtAuthenticator, Revocable, TokenAuthenticator};
use countersign::{Error, MonotonicClock, TimeWindow, UnixTime};
use std::error::Error as _;

/// A token is good for five minutes, and a clock may run a minute ahead.
pub(crate) const WINDOW: TimeWindow = TimeWindow { max_age: 300, max_future_skew: 60 };
/// Small steps of the server's clock back, up to a minute, are held.
const CLOCK: MonotonicClock = MonotonicClock::new(60);
const REALM: &str = "demo/devices";
/// What a device says in JWTs, it signs with another key.
const JWT_REALM: &str = "demo/device-jwt";
/// Two purposes, so that a device can never sign a token that passes for a person's.
const PEOPLE: &str = "demo/login";
const DEVICES: &str = "demo/device";

const ISSUER: &str = "countersign-demo";
const AUDIENCE: &str = "demo-api";
const POLICY: Policy<'_> = Policy::new(30).issuer(ISSUER).audience(AUDIENCE).typ("at+jwt");
/// For how many seconds after it has expired a JWT can be exchanged for a new one.
const REFRESH_GRACE: u64 = 3600;
/// For how many seconds after the password was last asked for a JWT can be exchanged for a new one, however often.
const SIGN_IN_AGAIN_AFTER: u64 = 8 * 3600;

/// Whom the filter has admitted, and so whose word the facts are: the server's own for a person, the device's for a device.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// A person with a token that the server has signed.
    Person(OwnedToken),
    /// A person with a JWT that the server has signed.
    Claimed(OwnedJwt),
    /// A device with a token of its own.
    Device(OwnedToken),
}

impl Caller {
    pub(crate) fn uid(&self) -> String {
        match self {
            Self::Person(token) | Self::Device(token) => {
                String::from_utf8_lossy(token.as_verified().uid()).into_owned()
            }
            Self::Claimed(claims) => claims.claims().subject().map(|subject| subject.to_string()).unwrap_or_default(),
        }
    }
}

impl Revocable for Caller {
    /// A device is no user, whatever it is called: nobody signs it out everywhere.
    fn user_id(&self) -> Option<Vec<u8>> {
        match self {
            Self::Person(token) => token.user_id(),
            Self::Claimed(claims) => claims.user_id(),
            Self::Device(token) => Some([b"device ", token.as_verified().uid()].concat()),
        }
    }

    fn issued_at(&self) -> Option<UnixTime> {
        match self {
            Self::Person(token) | Self::Device(token) => token.issued_at(),
            Self::Claimed(claims) => claims.issued_at(),
        }
    }

    fn epoch(&self) -> Option<u64> {
        match self {
            Self::Person(token) => Revocable::epoch(token),
            Self::Claimed(claims) => claims.epoch(),
            Self::Device(_) => None,
        }
    }
}

/// Everything that needs a key.
pub(crate) struct Gate {
    login_key: MacKey,
    master: MasterKey,
    people: TokenAuthenticator<'static, MacKey>,
    devices: TokenAuthenticator<'static, DeviceKeys<'static, 2>>,
    claims: JwtAuthenticator<'static, 1>,
}

impl Gate {
    pub(crate) fn new(login: &KeyBytes, master: &KeyBytes, jwt: &KeyBytes) -> Result<Self, Error> {
        let people = Verifier::new(Profile::new(PEOPLE)?, MacKey::from_key_bytes(login)?, WINDOW);
        let masters = KeyRing::new(0, MasterKey::from_key_bytes(master)?);
        let devices = Verifier::new(Profile::new(DEVICES)?, DeviceKeys::new(masters, REALM)?, WINDOW);
        let mut ring = KeySet::new();
        ring.insert("demo-1", Hs256Key::new(jwt.expose_secret())?, ValidityPeriod::ALWAYS)?;
        ring.set_signing_key("demo-1")?;
        Ok(Self {
            login_key: MacKey::from_key_bytes(login)?,
            master: MasterKey::from_key_bytes(master)?,
            people: TokenAuthenticator::new(people, CLOCK),
            devices: TokenAuthenticator::new(devices, CLOCK),
            claims: JwtAuthenticator::new(ring, POLICY, CLOCK),
        })
    }

    /// A person's token, made at `stamp`. The role travels as a param, so that no request has to look it up again.
    pub(crate) fn token(&self, user: &str, role: &str, epoch: u64, stamp: UnixTime) -> Result<String, Error> {
        let (mut out, params) = ([0; MAX_TEXT_LEN], [("role", role.as_bytes())]);
        let builder = TokenBuilder::time(user.as_bytes(), stamp).epoch(epoch).params(&params);
        builder.mint_text(&Profile::new(PEOPLE)?, &self.login_key, &mut out).map(str::to_owned)
    }

    /// The same facts as a JWT, for clients that speak nothing else, and when the password was last asked for.
    pub(crate) fn jwt(
        &self,
        user: &str,
        role: &str,
        epoch: u64,
        signed_in_at: UnixTime,
        now: UnixTime,
    ) -> Result<String, Error> {
        let expires_at = UnixTime::from_secs(now.as_secs().saturating_add(WINDOW.max_age));
        let integer = |number: u64| i64::try_from(number).map(ClaimValue::Int).map_err(|_| Error::StampRange);
        let auth_time = ("auth_time", integer(signed_in_at.as_secs())?);
        let private = [("role", ClaimValue::Str(role)), auth_time, (EPOCH_CLAIM, integer(epoch)?)];
        let claims = JwtBuilder::new().typ("at+jwt").issuer(ISSUER).audience(&[AUDIENCE]).subject(user);
        let claims = claims.issued_at(now).expires_at(expires_at).private_claims(&private);
        self.claims.keys().sign(&claims, &mut [0; 1024]).map(str::to_owned)
    }

    /// Whom a JWT is about that may have expired and is otherwise in order, when that person signed in, and in which epoch.
    pub(crate) fn refreshable(&self, jwt: &[u8]) -> Result<(String, UnixTime, u64), AuthError> {
        let now = self.claims.now()?;
        let token = UnverifiedJwt::parse(jwt)?;
        let mut scratch = vec![0; token.scratch_len()];
        let authentic = self.claims.keys().authenticate(&token, now, &mut scratch)?;
        let claims = match authentic.check_expired(&POLICY, now, REFRESH_GRACE) {
            Some(expired) => *expired.claims(),
            None => *authentic.check(&POLICY, now)?.claims(),
        };
        let number = |name| claims.get_json(name).and_then(|digits| digits.parse().ok()).ok_or(JwtError::Invalid);
        let (signed_in_at, epoch) = (number("auth_time")?, number(EPOCH_CLAIM)?);
        let user = claims.subject().ok_or(JwtError::Invalid)?.to_string();
        match now.as_secs().saturating_sub(signed_in_at).checked_sub(SIGN_IN_AGAIN_AFTER) {
            Some(by) if by > 0 => Err(TokenError::Expired { by }.into()),
            _ => Ok((user, UnixTime::from_secs(signed_in_at), epoch)),
        }
    }

    /// What the factory burns into a device: the key of its tokens.
    pub(crate) fn device_key(&self, uid: &[u8]) -> Result<KeyBytes, Error> {
        self.master.derive_key_bytes(REALM, uid, 0)
    }

    /// And that of its JWTs.
    pub(crate) fn device_jwt_key(&self, uid: &[u8]) -> Result<KeyBytes, Error> {
        self.master.derive_key_bytes(JWT_REALM, uid, 0)
    }

    /// Tells a device the time whose token is good but for its clock: signed with the device's own key, bound to the sign that it sent
    /// (FORMAT section 7). A token without a nonce gets none: an old answer would fit it again.
    pub(crate) fn time_reply(&self, uid: &str, bearer: &[u8], request: &Parts) -> Result<Option<String>, AuthError> {
        let Err(error) = self.devices.authenticate(bearer, request) else { return Ok(None) };
        match cause(&error) {
            Some(TokenError::Expired { .. } | TokenError::FromFuture { .. } | TokenError::HolderClockUnset) => {}
            _ => return Err(error),
        }
        let now = self.claims.now()?;
        let mut fields = [0; MAX_SCRATCH_LEN];
        let token = UnverifiedToken::parse_text(bearer, &mut fields)?;
        let keys = || Ok((Profile::new(DEVICES)?, self.master.derive_key(REALM, uid.as_bytes(), 0)?));
        // Under the key of whom the path names: it may be another device's token, or a name that no device has.
        let (profile, key) = keys().map_err(not_valid)?;
        let token = token.authenticate(&profile, &key, Channel::NONE)?;
        token.nonce().ok_or(TokenError::Invalid)?;
        let builder = TokenBuilder::time_reply(token.uid(), now).binding(token.sign());
        let mut out = [0; MAX_TEXT_LEN];
        Ok(Some(builder.mint_text(&profile, &key, &mut out).map_err(not_valid)?.to_owned()))
    }

    /// Verifies what a device states, and signs an answer for it alone, about the token that it came with.
    pub(crate) fn answer_device(&self, token: &OwnedToken, statement: &[u8]) -> Result<(String, String), AuthError> {
        let (token, now) = (token.as_verified(), self.claims.now()?);
        let uid = core::str::from_utf8(token.uid()).map_err(|_| TokenError::Invalid)?;
        let key = self.device_jwt_key(token.uid()).and_then(|key| Hs256Key::new(key.expose_secret()));
        let key = key.map_err(not_valid)?;
        let policy = Policy::new(30).issuer(uid).audience(AUDIENCE).max_age(WINDOW.max_age);
        let parsed = UnverifiedJwt::parse(statement)?;
        let mut scratch = vec![0; parsed.scratch_len()];
        let stated = parsed.authenticate(&key, &mut scratch)?.check(&policy, now)?;
        let firmware = stated.claims().get_str("fw").ok_or(JwtError::Invalid)?.to_string();

        let sign: String = token.sign().iter().map(|byte| format!("{byte:02x}")).collect();
        let expires_at = UnixTime::from_secs(now.as_secs().saturating_add(60));
        let (private, audience) = ([("answers", ClaimValue::Str(&sign))], [uid]);
        let claims =
            JwtBuilder::new().issuer(ISSUER).audience(&audience).subject(uid).issued_at(now).expires_at(expires_at);
        let answer = claims.private_claims(&private).sign(&key, &mut [0; 512]).map(str::to_owned);
        Ok((firmware, answer.map_err(not_valid)?))
    }
}

impl Authenticate for Gate {
    type Identity = Caller;

    /// A token and a JWT never look alike: the former starts with its version.
    fn authenticate(&self, bearer: &[u8], request: &Parts) -> Result<Caller, AuthError> {
        if !bearer.starts_with(b"cs1") {
            return self.claims.authenticate(bearer, request).map(Caller::Claimed);
        }
        match self.people.authenticate(bearer, request) {
            Err(error) if cause(&error) == Some(TokenError::Invalid) => {
                self.devices.authenticate(bearer, request).map(Caller::Device)
            }
            outcome => outcome.map(Caller::Person),
        }
    }
}

/// What the verifier of a token found.
fn cause(error: &AuthError) -> Option<TokenError> {
    error.source()?.downcast_ref().copied()
}

/// A credential with which nothing of this server can be made.
fn not_valid(error: Error) -> AuthError {
    AuthError::invalid().with_source(error)
}
