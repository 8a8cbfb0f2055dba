//! Who gets in: the keys, the two verifiers, and the tokens that the server itself signs.

use countersign::key::{DeviceKeys, KeyRing, MacKey, MasterKey, SecretBytes};
use countersign::token::{Draft, MAX_TEXT, Profile, VerifiedToken, Verifier};
use countersign::web::{Authenticate, TokenAuthenticator};
use countersign::{Error, Refusal, UnixTime, Window};

/// A token is good for five minutes, and a clock may run a minute ahead.
pub(crate) const WINDOW: Window = Window { max_age: 300, skew_future: 60 };
/// Small steps of the server's clock back are held for this many seconds.
const HOLD: u64 = 60;
const REALM: &str = "demo/devices";
/// Two purposes, so that a device can never sign a token that passes for a person's.
const PEOPLE: &str = "demo/login";
const DEVICES: &str = "demo/device";

/// Whom the filter has admitted, and so whose word the params are: the server's own for a person, the device's for a device.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    Person(VerifiedToken),
    Device(VerifiedToken),
}

/// Everything that needs a key.
pub(crate) struct Gate {
    login_key: MacKey,
    master: MasterKey,
    people: TokenAuthenticator<'static, MacKey>,
    devices: TokenAuthenticator<'static, DeviceKeys<'static, 2>>,
}

impl Gate {
    pub(crate) fn new(login: &SecretBytes, master: &SecretBytes) -> Result<Self, Error> {
        let people = Verifier::new(Profile::new(PEOPLE)?, MacKey::from_secret(login)?, WINDOW);
        let masters = KeyRing::new(0, MasterKey::from_secret(master)?);
        let devices = Verifier::new(Profile::new(DEVICES)?, DeviceKeys::new(masters, REALM)?, WINDOW);
        Ok(Self {
            login_key: MacKey::from_secret(login)?,
            master: MasterKey::from_secret(master)?,
            people: TokenAuthenticator::new(people, HOLD),
            devices: TokenAuthenticator::new(devices, HOLD),
        })
    }

    /// A person's token. The role travels as a param, so that no request has to look it up again.
    pub(crate) fn token(&self, user: &str, role: &str) -> Result<String, Error> {
        self.token_at(user, role, UnixTime::now())
    }

    /// A genuine token of an hour ago, to see it refused.
    pub(crate) fn expired_token(&self, user: &str, role: &str) -> Result<String, Error> {
        self.token_at(user, role, UnixTime::from_secs(UnixTime::now().as_secs().saturating_sub(3600)))
    }

    fn token_at(&self, user: &str, role: &str, stamp: UnixTime) -> Result<String, Error> {
        let (mut out, params) = ([0; MAX_TEXT], [("role", role.as_bytes())]);
        let draft = Draft::time(user.as_bytes(), stamp).params(&params);
        draft.mint_text(&Profile::new(PEOPLE)?, &self.login_key, &mut out).map(str::to_owned)
    }

    /// What the factory burns into a device.
    pub(crate) fn device_key(&self, uid: &[u8]) -> Result<SecretBytes, Error> {
        self.master.derive_bytes(REALM, uid, 0)
    }
}

impl Authenticate for Gate {
    type Identity = Caller;

    fn authenticate(&self, bearer: &[u8]) -> Result<Caller, Refusal> {
        match self.people.authenticate(bearer) {
            Err(Refusal::Invalid) => self.devices.authenticate(bearer).map(Caller::Device),
            outcome => outcome.map(Caller::Person),
        }
    }
}
