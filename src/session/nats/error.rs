//! What is wrong with a store on NATS, when it is opened and later.

use crate::session::store::StoreError;
use crate::shown::Shown;
use async_nats::connection::State;
use async_nats::jetstream::context::RequestErrorKind;
use async_nats::jetstream::stream::InfoError;
use async_nats::jetstream::{self, ErrorCode};
use core::error::Error;
use core::fmt::{self, Display};
use std::string::{String, ToString};

/// Why the store could not be opened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NatsError(String);

impl NatsError {
    pub(super) fn of(why: &dyn Display) -> Self {
        Self(why.to_string())
    }
}

impl Display for NatsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the session bucket cannot be opened: {}", Shown(&self.0))
    }
}

impl Error for NatsError {}

/// Why the bucket is of no use: see [`NatsStore::check`](super::NatsStore::check).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NatsCheckError(String);

impl NatsCheckError {
    pub(super) fn of(why: &dyn Display) -> Self {
        Self(why.to_string())
    }

    /// Of a question to the bucket, by a client in this state.
    pub(super) fn of_question(error: &InfoError, state: &State) -> Self {
        let said = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
        Self::of(&match (error.kind(), said) {
            (_, Some(said)) if said.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                "the bucket is gone: bring it back, or start a server of yours anew, which makes an empty one"
            }
            (RequestErrorKind::NoResponders, _) => {
                "none answers for JetStream: is it on (-js), and do most servers run?"
            }
            _ if *state != State::Connected => "none of its servers can be reached",
            _ => "the bucket does not answer in time: do most of its servers run?",
        })
    }

    pub(super) fn of_write(error: StoreError) -> Self {
        Self::of(&match error {
            StoreError::Full => "the bucket is full to the brim, and takes no writes",
            _ => "the bucket takes no writes: do most of its servers run?",
        })
    }
}

impl Display for NatsCheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NATS cannot be used: {}", Shown(&self.0))
    }
}

impl Error for NatsCheckError {}
