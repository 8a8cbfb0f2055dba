//! A serializer of a struct or map as claims. It writes each name once, behind the members that are there already.

use super::Json;
use super::value::{Text, refuse, refuse_scalars};
use crate::error::{ClaimError, ClaimFault};
use crate::jwt::json::limits::{MAX_CLAIMS, PRIVATE};
use crate::jwt::json::members::KeyFilter;
use crate::jwt::json::walk::{members, quoted_len};
use core::fmt;
use serde::Serialize;
use serde::ser::{Impossible, SerializeMap, SerializeStruct, Serializer};

impl Json<'_> {
    /// Writes the members of a struct or map into the object that is open, the only thing in the buffer. `fault_of` judges each name without its
    /// quotes, and its value.
    pub(crate) fn claims(&mut self, value: &impl Serialize, fault_of: FaultOf) -> Result<(), ClaimError> {
        let mut names = KeyFilter::up_to(MAX_CLAIMS);
        let written = self.cursor.written(0).and_then(|text| core::str::from_utf8(text).ok());
        let text = written.unwrap_or_default();
        let mut start = 1usize;
        for (name, value) in members(text.strip_prefix('{').unwrap_or_default()) {
            names.add(text.as_bytes().get(..start).unwrap_or_default(), name.as_bytes())?;
            // A colon and a comma.
            start = start.saturating_add(name.len()).saturating_add(value.len()).saturating_add(2);
        }
        value.serialize(Claims { json: self, names: &mut names, last: 0, value: 0, fault_of })
    }
}

/// What is wrong with a member that was written.
pub(crate) type FaultOf = fn(name: &[u8], value: &[u8]) -> Option<ClaimFault>;

/// Writes a struct or map without its brackets; refuses every other value, and a name that is there twice.
pub(crate) struct Claims<'j, 'b> {
    json: &'j mut Json<'b>,
    names: &'j mut KeyFilter,
    /// Where the latest name begins.
    last: usize,
    /// Where its value does.
    value: usize,
    fault_of: FaultOf,
}

impl Claims<'_, '_> {
    /// Writes a name. What does not fit into the buffer is only counted, and so not compared: the buffer is refused later.
    fn name<K: Serialize + ?Sized>(&mut self, name: &K) -> Result<(), ClaimError> {
        self.last = self.json.len().saturating_add(usize::from(!self.json.is_first));
        name.serialize(Text { json: self.json, is_key: true }).map_err(|fault| ClaimError::new("", fault))?;
        self.value = self.json.len();
        let Some(text) = self.json.cursor.written(0) else { return Ok(()) };
        let Some((before, [name @ .., _colon])) = text.split_at_checked(self.last) else { return Ok(()) };
        self.names.add(before, name).map_err(|fault| self.error(fault))
    }

    fn value<V: Serialize + ?Sized>(&mut self, value: &V) -> Result<(), ClaimError> {
        value.serialize(&mut *self.json).map_err(|fault| self.error(fault))?;
        self.fault().map_or(Ok(()), |fault| Err(self.error(fault)))
    }

    /// What is wrong with the latest member, if it did fit into the buffer.
    fn fault(&self) -> Option<ClaimFault> {
        let member = self.json.cursor.written(self.last)?;
        let (name, value) = member.split_at_checked(self.value.saturating_sub(self.last))?;
        let [_quote, name @ .., _, _colon] = name else { return None };
        (self.fault_of)(name, value)
    }

    /// About the latest name.
    #[cold]
    fn error(&self, fault: ClaimFault) -> ClaimError {
        let name = self.json.cursor.written(self.last).and_then(|text| text.get(1..quoted_len(text).saturating_sub(1)));
        ClaimError::new(name.and_then(|name| core::str::from_utf8(name).ok()).unwrap_or_default(), fault)
    }
}

impl<'j, 'b> Serializer for Claims<'j, 'b> {
    type Ok = ();
    type Error = ClaimError;
    type SerializeSeq = Impossible<(), ClaimError>;
    type SerializeTuple = Impossible<(), ClaimError>;
    type SerializeTupleStruct = Impossible<(), ClaimError>;
    type SerializeTupleVariant = Impossible<(), ClaimError>;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Impossible<(), ClaimError>;

    refuse_scalars!(NotAnObject);

    refuse! {
        NotAnObject:
        serialize_str(&str) -> Ok;
        serialize_unit_variant(&'static str, u32, &'static str) -> Ok;
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, ClaimError> {
        Ok(self)
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Self, ClaimError> {
        if name.starts_with(PRIVATE) { Err(ClaimFault::NotAnObject.into()) } else { Ok(self) }
    }
}

impl SerializeStruct for Claims<'_, '_> {
    type Ok = ();
    type Error = ClaimError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), ClaimError> {
        self.name(key)?;
        self.value(value)
    }

    fn end(self) -> Result<(), ClaimError> {
        Ok(())
    }
}

impl SerializeMap for Claims<'_, '_> {
    type Ok = ();
    type Error = ClaimError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ClaimError> {
        self.name(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ClaimError> {
        self.value(value)
    }

    fn end(self) -> Result<(), ClaimError> {
        Ok(())
    }
}
