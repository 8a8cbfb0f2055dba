//! Who gets in: the keys, the verifiers, and the tokens that the server itself signs.

use axum::http::request::Parts;
use countersign::jwt::{Claims, Hs256Key, KeyRing as JwtRing, Policy, Unverified, Validity, Value, VerifiedClaims};
use countersign::key::{DeviceKeys, KeyRing, MacKey, MasterKey, SecretBytes};
use countersign::session::EPOCH_CLAIM;
use countersign::token::{self, Carrier, Draft, MAX_FIELDS, MAX_TEXT, Profile, VerifiedToken, Verifier};
use countersign::web::{Authenticate, Issued, JwtAuthenticator, TokenAuthenticator};
use countersign::{Error, HeldClock, Refusal, UnixTime, Window};

/// A token is good for five minutes, and a clock may run a minute ahead.
pub(crate) const WINDOW: Window = Window { max_age: 300, skew_future: 60 };
/// Small steps of the server's clock back, up to a minute, are held.
const CLOCK: HeldClock = HeldClock::new(60);
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
    Person(VerifiedToken),
    /// A person with a JWT that the server has signed.
    Claimed(VerifiedClaims),
    /// A device with a token of its own.
    Device(VerifiedToken),
}

impl Caller {
    pub(crate) fn uid(&self) -> String {
        match self {
            Self::Person(token) | Self::Device(token) => String::from_utf8_lossy(token.get().uid()).into_owned(),
            Self::Claimed(claims) => claims.get().subject().map(|subject| subject.to_string()).unwrap_or_default(),
        }
    }
}

impl Issued for Caller {
    /// A device is no user, whatever it is called: nobody signs it out everywhere.
    fn user(&self) -> Option<Vec<u8>> {
        match self {
            Self::Person(token) => token.user(),
            Self::Claimed(claims) => claims.user(),
            Self::Device(token) => Some([b"device ", token.get().uid()].concat()),
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
            Self::Person(token) => Issued::epoch(token),
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
    pub(crate) fn new(login: &SecretBytes, master: &SecretBytes, jwt: &SecretBytes) -> Result<Self, Error> {
        let people = Verifier::new(Profile::new(PEOPLE)?, MacKey::from_secret(login)?, WINDOW);
        let masters = KeyRing::new(0, MasterKey::from_secret(master)?);
        let devices = Verifier::new(Profile::new(DEVICES)?, DeviceKeys::new(masters, REALM)?, WINDOW);
        let mut ring = JwtRing::new();
        ring.insert("demo-1", Hs256Key::new(jwt.expose())?, Validity::ALWAYS)?;
        ring.sign_with_key("demo-1")?;
        Ok(Self {
            login_key: MacKey::from_secret(login)?,
            master: MasterKey::from_secret(master)?,
            people: TokenAuthenticator::new(people, CLOCK),
            devices: TokenAuthenticator::new(devices, CLOCK),
            claims: JwtAuthenticator::new(ring, POLICY, CLOCK),
        })
    }

    /// A person's token, made at `stamp`. The role travels as a param, so that no request has to look it up again.
    pub(crate) fn token(&self, user: &str, role: &str, epoch: u64, stamp: UnixTime) -> Result<String, Error> {
        let (mut out, params) = ([0; MAX_TEXT], [("role", role.as_bytes())]);
        let draft = Draft::time(user.as_bytes(), stamp).epoch(epoch).params(&params);
        draft.mint_text(&Profile::new(PEOPLE)?, &self.login_key, &mut out).map(str::to_owned)
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
        let integer = |number: u64| i64::try_from(number).map(Value::Integer).map_err(|_| Error::StampRange);
        let auth_time = ("auth_time", integer(signed_in_at.as_secs())?);
        let private = [("role", Value::Text(role)), auth_time, (EPOCH_CLAIM, integer(epoch)?)];
        let claims = Claims::new().typ("at+jwt").issuer(ISSUER).audience(&[AUDIENCE]).subject(user);
        let claims = claims.issued_at(now).expires_at(expires_at).private(&private);
        self.claims.ring().sign(&claims, &mut [0; 1024]).map(str::to_owned)
    }

    /// Whom a JWT is about that may have expired and is otherwise in order, when that person signed in, and in which epoch.
    pub(crate) fn refreshable(&self, jwt: &[u8]) -> Result<(String, UnixTime, u64), Refusal> {
        let now = self.claims.now()?;
        let token = Unverified::parse(jwt).map_err(|_| Refusal::Invalid)?;
        let mut scratch = vec![0; token.scratch_len()];
        let claims = match self.claims.ring().authenticate(&token, now, &mut scratch)?.check(&POLICY, now) {
            Ok(verified) => *verified.claims(),
            Err(unfit) => *unfit.into_expired(REFRESH_GRACE).map_err(Refusal::from)?.claims(),
        };
        let number = |name| claims.json(name).and_then(|digits| digits.parse().ok()).ok_or(Refusal::Invalid);
        let (signed_in_at, epoch) = (number("auth_time")?, number(EPOCH_CLAIM)?);
        let user = claims.subject().ok_or(Refusal::Invalid)?.to_string();
        match now.as_secs().saturating_sub(signed_in_at).checked_sub(SIGN_IN_AGAIN_AFTER) {
            Some(by) if by > 0 => Err(Refusal::TooOld { by }),
            _ => Ok((user, UnixTime::from_secs(signed_in_at), epoch)),
        }
    }

    /// What the factory burns into a device: the key of its tokens.
    pub(crate) fn device_key(&self, uid: &[u8]) -> Result<SecretBytes, Error> {
        self.master.derive_bytes(REALM, uid, 0)
    }

    /// And that of its JWTs.
    pub(crate) fn device_jwt_key(&self, uid: &[u8]) -> Result<SecretBytes, Error> {
        self.master.derive_bytes(JWT_REALM, uid, 0)
    }

    /// Tells a device the time whose token is good but for its clock: signed with the device's own key, bound to the sign that it sent
    /// (FORMAT section 7). A token without a nonce gets none: an old answer would fit it again.
    pub(crate) fn time_reply(&self, uid: &str, bearer: &[u8], request: &Parts) -> Result<Option<String>, Refusal> {
        match self.devices.authenticate(bearer, request) {
            Ok(_) => return Ok(None),
            Err(Refusal::TooOld { .. } | Refusal::TooNew { .. } | Refusal::ClockUnset) => {}
            Err(refusal) => return Err(refusal),
        }
        let now = self.claims.now()?;
        let reply = || {
            let (profile, key) = (Profile::new(DEVICES)?, self.master.derive(REALM, uid.as_bytes(), 0)?);
            let mut fields = [0; MAX_FIELDS];
            let token = token::Unverified::parse_text(bearer, &mut fields)?;
            // Under the key of whom the path names: it may be another device's token.
            let token = token.authenticate(&profile, &key, Carrier::NONE).map_err(|_| Error::Malformed)?;
            token.nonce().ok_or(Error::Malformed)?;
            let draft = Draft::time_reply(token.uid(), now).bind(token.sign());
            draft.mint_text(&profile, &key, &mut [0; MAX_TEXT]).map(str::to_owned)
        };
        reply().map(Some).map_err(|_: Error| Refusal::Invalid)
    }

    /// Verifies what a device states, and signs an answer for it alone, about the token that it came with.
    pub(crate) fn answer_device(&self, token: &VerifiedToken, statement: &[u8]) -> Result<(String, String), Refusal> {
        let (token, now) = (token.get(), self.claims.now()?);
        let uid = core::str::from_utf8(token.uid()).map_err(|_| Refusal::Invalid)?;
        let key = self.device_jwt_key(token.uid()).and_then(|key| Hs256Key::new(key.expose()));
        let key = key.map_err(|_| Refusal::Invalid)?;
        let policy = Policy::new(30).issuer(uid).audience(AUDIENCE).max_age(WINDOW.max_age);
        let parsed = Unverified::parse(statement).map_err(|_| Refusal::Invalid)?;
        let mut scratch = vec![0; parsed.scratch_len()];
        let stated = parsed.authenticate(&key, &mut scratch)?.check(&policy, now)?;
        let firmware = stated.claims().text("fw").ok_or(Refusal::Invalid)?.to_string();

        let sign: String = token.sign().iter().map(|byte| format!("{byte:02x}")).collect();
        let expires_at = UnixTime::from_secs(now.as_secs().saturating_add(60));
        let (private, audience) = ([("answers", Value::Text(&sign))], [uid]);
        let claims =
            Claims::new().issuer(ISSUER).audience(&audience).subject(uid).issued_at(now).expires_at(expires_at);
        let answer = claims.private(&private).sign(&key, &mut [0; 512]).map(str::to_owned);
        Ok((firmware, answer.map_err(|_| Refusal::Invalid)?))
    }
}

impl Authenticate for Gate {
    type Identity = Caller;

    /// A token and a JWT never look alike: the former starts with its version.
    fn authenticate(&self, bearer: &[u8], request: &Parts) -> Result<Caller, Refusal> {
        if !bearer.starts_with(b"cs1") {
            return self.claims.authenticate(bearer, request).map(Caller::Claimed);
        }
        match self.people.authenticate(bearer, request) {
            Err(Refusal::Invalid) => self.devices.authenticate(bearer, request).map(Caller::Device),
            outcome => outcome.map(Caller::Person),
        }
    }
}
