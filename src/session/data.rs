//! What the application keeps in a session: values by name, each as JSON text until somebody asks for it.

use super::error::SessionError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use std::borrow::ToOwned;
use std::boxed::Box;
use std::collections::BTreeMap;
use std::string::String;
use std::vec::Vec;

/// As somebody else's code changes them: see [`Session::update`](super::Session::update).
pub(super) type Values = BTreeMap<String, Value>;

#[derive(Clone, Default)]
pub(super) struct Data(BTreeMap<String, Box<RawValue>>);

impl Data {
    /// `None` for what is no JSON object.
    pub(super) fn decode(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok().map(Self)
    }

    /// Writes a JSON object behind what is there.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<(), SessionError> {
        serde_json::to_writer(out, &self.0).map_err(|_| SessionError::Data)
    }

    pub(super) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, SessionError> {
        let value = self.0.get(key).map(|value| serde_json::from_str(value.get()));
        value.transpose().map_err(|_| SessionError::Data)
    }

    pub(super) fn insert(&mut self, key: &str, value: &RawValue) {
        self.0.insert(key.into(), value.to_owned());
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// Changes what somebody else's code can change. What it leaves alone stays as it was written, to the byte; false if it has put something
    /// there that cannot be read again.
    pub(super) fn update(&mut self, update: &dyn Fn(&mut Values)) -> bool {
        let values = self.0.iter().filter_map(|(key, value)| Some((key.clone(), parsed(value)?)));
        let before: Values = values.collect();
        let mut after = before.clone();
        update(&mut after);
        self.0.retain(|key, _| !before.contains_key(key) || after.contains_key(key));
        let mut is_whole = true;
        for (key, value) in after.iter().filter(|(key, value)| before.get(*key) != Some(value)) {
            match text(value) {
                Ok(text) => drop(self.0.insert(key.clone(), text)),
                Err(_) => is_whole = false,
            }
        }
        is_whole
    }
}

fn parsed(value: &RawValue) -> Option<Value> {
    serde_json::from_str(value.get()).ok()
}

/// A value as JSON text that can be read again: it is not nested more deeply than the reader goes.
pub(super) fn text<T: Serialize + ?Sized>(value: &T) -> Result<Box<RawValue>, SessionError> {
    to_raw_value(value).ok().filter(|value| parsed(value).is_some()).ok_or(SessionError::Data)
}
