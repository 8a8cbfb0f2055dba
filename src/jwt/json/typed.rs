//! Reads claims into types of the application, by `serde-json-core`, which needs no heap, and by `serde_json`.
//!
//! Each library reads one member of the top object at a time, so that an error can name the claim. It sees normalised
//! text alone, which is valid, shallow and in one spelling. Members that the type does not ask for are skipped here.

mod claim;
mod guard;
mod key;

use super::limits::PRIVATE;
use super::walk::{end_of_value, quoted_len};
use crate::error::{ClaimError, ClaimFault};
use crate::scan;
use claim::{Claim, NOT_READ};
use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;
use key::Key;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

/// Bytes of the longest string with an escape in it that is read without a heap.
const UNESCAPED: usize = 256;

/// A library that reads one value.
pub(crate) trait Library {
    /// Room for strings with an escape in them.
    type Room;

    const ROOM: Self::Room;

    fn read<'b, S: DeserializeSeed<'b>>(
        room: &mut Self::Room,
        value: Value<'b>,
        seed: S,
    ) -> Result<S::Value, ClaimFault>;
}

/// The text of a value.
#[derive(Clone, Copy)]
pub(crate) struct Value<'b> {
    text: &'b str,
    /// The string that it is, if there is no escape in it.
    plain: Option<&'b str>,
}

/// `serde-json-core`: without a heap.
pub(crate) struct Core;

impl Library for Core {
    type Room = [u8; UNESCAPED];

    const ROOM: Self::Room = [0; UNESCAPED];

    fn read<'b, S: DeserializeSeed<'b>>(
        room: &mut Self::Room,
        value: Value<'b>,
        seed: S,
    ) -> Result<S::Value, ClaimFault> {
        let fault = Cell::new(None);
        let mut inner = serde_json_core::de::Deserializer::new(value.text.as_bytes(), Some(room));
        match seed.deserialize(Claim::new(value.plain, &mut inner, &fault)) {
            Ok(read) if fault.get() == NOT_READ || inner.end().is_ok() => Ok(read),
            // What is left is the fraction or the exponent of a number, unless a type has read nothing.
            Ok(_) => Err(ClaimFault::ExpectedInteger),
            Err(error) => Err(fault_of_core(error, &fault)),
        }
    }
}

/// Out of line: it is the same for every type.
#[cold]
#[inline(never)]
fn fault_of_core(error: serde_json_core::de::Error, fault: &Cell<Option<ClaimFault>>) -> ClaimFault {
    use serde_json_core::de::Error;

    match error {
        Error::EscapedStringIsTooLong => ClaimFault::TooLong,
        Error::AnyIsUnsupported | Error::BytesIsUnsupported => ClaimFault::NeedsHeap,
        _ => fault_of(fault),
    }
}

/// What a library or a type has refused.
fn fault_of(fault: &Cell<Option<ClaimFault>>) -> ClaimFault {
    fault.get().filter(|fault| Some(*fault) != NOT_READ).unwrap_or(ClaimFault::Rejected)
}

// Why: with its feature `custom-error-messages`, which another package may switch on, serde-json-core panics at a message of more than 64 bytes.
// Its error is larger then, and this does not compile.
const _: () = assert!(size_of::<serde_json_core::de::Error>() == 1, "serde-json-core without custom-error-messages");

/// `serde_json`: every type of serde.
#[cfg(feature = "std")]
pub(crate) struct Std;

#[cfg(feature = "std")]
impl Library for Std {
    type Room = ();

    const ROOM: () = ();

    fn read<'b, S: DeserializeSeed<'b>>((): &mut (), value: Value<'b>, seed: S) -> Result<S::Value, ClaimFault> {
        let (mut inner, fault) = (serde_json::Deserializer::from_str(value.text), Cell::new(None));
        match seed.deserialize(Claim::new(value.plain, &mut inner, &fault)) {
            Ok(read) if fault.get() == NOT_READ || inner.end().is_ok() => Ok(read),
            _ => Err(fault_of(&fault)),
        }
    }
}

/// Reads a normalised object into a type.
pub(crate) fn read<'b, L: Library, T: Deserialize<'b>>(object: &'b str) -> Result<T, ClaimError> {
    let read = T::deserialize(Claims { object, library: PhantomData::<L> });
    read.map_err(|Failed { name, fault }| ClaimError::new(name, fault))
}

/// What a [`ClaimError`] is made of. Small, as it is handed up for each field of a type.
#[derive(Debug)]
struct Failed<'b> {
    name: &'b str,
    fault: ClaimFault,
}

impl fmt::Display for Failed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl core::error::Error for Failed<'_> {}

impl de::Error for Failed<'_> {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self { name: "", fault: ClaimFault::Rejected }
    }

    fn missing_field(name: &'static str) -> Self {
        Self { name, fault: ClaimFault::Missing }
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self { name, fault: ClaimFault::Duplicate }
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self { name: "", fault: ClaimFault::Unknown }
    }
}

/// The whole object.
#[derive(Clone, Copy)]
struct Claims<'b, L> {
    object: &'b str,
    library: PhantomData<L>,
}

impl<'b, L: Library> Deserializer<'b> for Claims<'b, L> {
    type Error = Failed<'b>;

    fn deserialize_any<V: Visitor<'b>>(self, visitor: V) -> Result<V::Value, Failed<'b>> {
        let mut members = Members::<L> { rest: self.object, name: "", room: L::ROOM };
        let value = visitor.visit_map(&mut members)?;
        if members.is_at_end() { Ok(value) } else { Err(de::Error::custom("")) }
    }

    fn deserialize_option<V: Visitor<'b>>(self, visitor: V) -> Result<V::Value, Failed<'b>> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'b>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failed<'b>> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        <V: Visitor<'b>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        struct enum identifier ignored_any
    }
}

/// Its members, one by one.
struct Members<'b, L: Library> {
    /// From the bracket or the comma in front of a member on.
    rest: &'b str,
    /// The latest name.
    name: &'b str,
    room: L::Room,
}

impl<'b, L: Library> Members<'b, L> {
    fn is_at_end(&self) -> bool {
        // Empty, it still has both brackets.
        self.rest.len() <= 1 || self.rest.len() == 2 && self.name.is_empty()
    }

    /// Takes the key or the value that is behind the next character. The text is normalised, so it is there.
    #[cfg_attr(feature = "std", inline(always))]
    fn take(&mut self) -> Value<'b> {
        let rest = self.rest.get(1..).unwrap_or_default();
        let (plain, end) = match rest.strip_prefix('"') {
            Some(inner) => {
                let len = scan::find_special(inner.as_bytes()).unwrap_or_default();
                let plain = inner.split_at_checked(len).filter(|(_, after)| after.starts_with('"'));
                (
                    plain.map(|(plain, _)| plain),
                    plain.map_or_else(|| quoted_len(rest.as_bytes()), |_| len.saturating_add(2)),
                )
            }
            None => (None, end_of_value(rest.as_bytes())),
        };
        let (text, rest) = rest.split_at_checked(end).unwrap_or_default();
        self.rest = rest;
        Value { text, plain }
    }

    fn read<S: DeserializeSeed<'b>>(&mut self, value: Value<'b>, seed: S) -> Result<S::Value, Failed<'b>> {
        L::read(&mut self.room, value, seed).map_err(|fault| Failed { name: self.name, fault })
    }
}

impl<'b, L: Library> MapAccess<'b> for &mut Members<'b, L> {
    type Error = Failed<'b>;

    fn next_key_seed<S: DeserializeSeed<'b>>(&mut self, seed: S) -> Result<Option<S::Value>, Failed<'b>> {
        if self.is_at_end() {
            return Ok(None);
        }
        let key = self.take();
        self.name = key.text.get(1..key.text.len().saturating_sub(1)).unwrap_or_default();
        if self.name.starts_with(PRIVATE) {
            return Err(Failed { name: self.name, fault: ClaimFault::Rejected });
        }
        let key = match key.plain {
            Some(name) => seed.deserialize(Key(BorrowedStrDeserializer::new(name))),
            None => self.read(key, key::Seed(seed)),
        };
        key.map(Some).map_err(|failed| Failed { name: self.name, ..failed })
    }

    fn next_value_seed<S: DeserializeSeed<'b>>(&mut self, seed: S) -> Result<S::Value, Failed<'b>> {
        let value = self.take();
        self.read(value, seed)
    }
}
