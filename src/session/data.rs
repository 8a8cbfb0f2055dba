//! What the application keeps in a session: values by name, each as JSON text until somebody asks for it.

use super::error::SessionError;
use core::fmt;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use std::borrow::{Cow, ToOwned};
use std::boxed::Box;
use std::collections::BTreeMap;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

/// As somebody else's code changes them: see [`Session::update`](super::Session::update).
pub(super) type Values = BTreeMap<String, Value>;

/// Why: most requests read one value or none, so that the map is made only once something is changed.
#[derive(Clone, Default)]
pub(super) struct Data {
    /// The record that it was read from, and where in it the JSON object begins; `None` once it is in the map.
    read: Option<(Arc<[u8]>, usize)>,
    values: BTreeMap<String, Box<RawValue>>,
}

impl Data {
    /// The data behind the first bytes of a record; `None` for what is no JSON object.
    pub(super) fn decode(record: &Arc<[u8]>, start: usize) -> Option<Self> {
        each(record.get(start..)?, |_, _| ())?;
        Some(Self { read: Some((Arc::clone(record), start)), values: BTreeMap::new() })
    }

    /// The JSON text, as long as nothing was changed.
    fn text(&self) -> Option<&[u8]> {
        self.read.as_ref().and_then(|(record, start)| record.get(*start..))
    }

    /// Writes a JSON object behind what is there.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<(), SessionError> {
        match self.text() {
            Some(text) => out.extend_from_slice(text),
            None => serde_json::to_writer(out, &self.values).map_err(|_| SessionError::Serialization)?,
        }
        Ok(())
    }

    pub(super) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, SessionError> {
        let mut found = self.values.get(key).map(|value| &**value);
        if let Some(text) = self.text() {
            each(text, |name, value| found = if name == key { Some(value) } else { found });
        }
        found.map(|value| serde_json::from_str(value.get())).transpose().map_err(|_| SessionError::Serialization)
    }

    /// The values, to change them.
    fn values(&mut self) -> &mut BTreeMap<String, Box<RawValue>> {
        if let Some((record, start)) = self.read.take() {
            let text = record.get(start..).unwrap_or_default();
            each(text, |name, value| drop(self.values.insert(name.into_owned(), value.to_owned())));
        }
        &mut self.values
    }

    pub(super) fn insert(&mut self, key: &str, value: &RawValue) {
        self.values().insert(key.into(), value.to_owned());
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.values().remove(key);
    }

    /// Changes what somebody else's code can change. What it leaves alone stays as it was written, to the byte; false if it has put something
    /// there that cannot be read again.
    pub(super) fn update(&mut self, update: &dyn Fn(&mut Values)) -> bool {
        let own = self.values();
        let values = own.iter().filter_map(|(key, value)| Some((key.clone(), parsed(value)?)));
        let before: Values = values.collect();
        let mut after = before.clone();
        update(&mut after);
        own.retain(|key, _| !before.contains_key(key) || after.contains_key(key));
        let mut is_whole = true;
        for (key, value) in after.iter().filter(|(key, value)| before.get(*key) != Some(value)) {
            match text(value) {
                Ok(text) => drop(own.insert(key.clone(), text)),
                Err(_) => is_whole = false,
            }
        }
        is_whole
    }
}

/// Gives `take` each name and value of a JSON object, in order; `None` for anything else.
fn each<'t>(json: &'t [u8], take: impl FnMut(Cow<'t, str>, &'t RawValue)) -> Option<()> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    reader.deserialize_map(Each(take)).ok()?;
    reader.end().ok()
}

struct Each<F>(F);

/// A name, in its own place unless it has escapes.
#[derive(Deserialize)]
struct Name<'t>(#[serde(borrow)] Cow<'t, str>);

impl<'t, F: FnMut(Cow<'t, str>, &'t RawValue)> Visitor<'t> for Each<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the values of a session")
    }

    fn visit_map<A: MapAccess<'t>>(mut self, mut object: A) -> Result<(), A::Error> {
        while let Some((Name(name), value)) = object.next_entry()? {
            (self.0)(name, value);
        }
        Ok(())
    }
}

fn parsed(value: &RawValue) -> Option<Value> {
    serde_json::from_str(value.get()).ok()
}

/// A value as JSON text that can be read again: it is not nested more deeply than the reader goes.
pub(super) fn text<T: Serialize + ?Sized>(value: &T) -> Result<Box<RawValue>, SessionError> {
    to_raw_value(value).ok().filter(|value| parsed(value).is_some()).ok_or(SessionError::Serialization)
}
