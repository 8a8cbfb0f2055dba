//! What is kept of a session: who, since when, under which verifier, and the application's data.

use super::credential::SealedVerifier;
use super::sessions::SessionError;
use crate::UnixTime;
use crate::encoding::{base64url_decode, base64url_encode, base64url_len};
use core::fmt;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::string::String;
use std::sync::Arc;

/// Bytes of the longest record. Larger things belong into a database, and their key into the session.
pub const MAX_RECORD: usize = 16 * 1024;

/// The layout below. A record of another one is no session, and no error either.
const LAYOUT: u8 = 1;

/// The application's data.
pub(super) type Data = BTreeMap<String, Value>;

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    layout: u8,
    pub(super) created: u64,
    pub(super) user: Option<SignedInUser>,
    /// What the list of devices calls it.
    pub(super) label: String,
    /// Of the application's data.
    pub(super) schema: u32,
    pub(super) verifier: Sealed,
    pub(super) previous: Option<Previous>,
    pub(super) data: Data,
}

#[derive(Clone, Deserialize, Serialize)]
pub(super) struct SignedInUser {
    pub(super) name: String,
    pub(super) at: u64,
    pub(super) level: u8,
}

/// The verifier before the last renewal, for requests that were under way.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Previous {
    pub(super) verifier: Sealed,
    /// From then on its use is theft.
    pub(super) until: u64,
}

/// A sealed verifier as text.
#[derive(Clone)]
pub(super) struct Sealed(pub(super) SealedVerifier);

impl Record {
    pub(super) fn new(verifier: SealedVerifier, schema: u32, now: UnixTime) -> Self {
        Self {
            layout: LAYOUT,
            created: now.as_secs(),
            user: None,
            label: String::new(),
            schema,
            verifier: Sealed(verifier),
            previous: None,
            data: Data::new(),
        }
    }

    /// Of no session.
    #[cfg(feature = "session-filter")]
    pub(super) fn blank() -> Self {
        Self::new(SealedVerifier::from_bytes([0; 32]), 0, UnixTime::UNSET)
    }

    pub(super) fn encode(&self) -> Result<Arc<[u8]>, SessionError> {
        let bytes = serde_json::to_vec(self).map_err(|_| SessionError::Data)?;
        match bytes.len().checked_sub(MAX_RECORD) {
            Some(by) if by > 0 => Err(SessionError::TooLarge { by }),
            _ => Ok(bytes.into()),
        }
    }

    /// `None` for what is no record of this layout.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_RECORD {
            return None;
        }
        serde_json::from_slice::<Self>(bytes).ok().filter(|record| record.layout == LAYOUT)
    }
}

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [0; base64url_len(32)];
        base64url_encode(self.0.as_bytes(), &mut text);
        serializer.collect_str(&text.escape_ascii())
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (text, mut bytes) = (String::deserialize(deserializer)?, [0; 32]);
        if base64url_decode(text.as_bytes(), &mut bytes) {
            Ok(Self(SealedVerifier::from_bytes(bytes)))
        } else {
            Err(D::Error::custom("not a sealed verifier"))
        }
    }
}

/// Shows nothing of it: the data is the application's.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").finish_non_exhaustive()
    }
}
