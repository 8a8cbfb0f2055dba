//! The key of a map: a string, read into the key type of the map.

use core::fmt;
use core::str::FromStr;
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

/// Reads a key.
pub(super) struct Seed<S>(pub(super) S);

impl<'b, S: DeserializeSeed<'b>> DeserializeSeed<'b> for Seed<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Key(deserializer))
    }
}

/// Around a deserializer that is only asked for a `&str`.
pub(super) struct Key<D>(pub(super) D);

/// What the type takes the key for.
#[derive(Clone, Copy)]
enum As {
    Text,
    Unsigned,
    Signed,
    Variant,
}

/// Around a visitor.
struct Taking<V>(As, V);

macro_rules! deserialize_as {
    ($taken:ident: $($method:ident)*) => {$(
        fn $method<V: Visitor<'b>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.deserialize_str(Taking(As::$taken, visitor))
        }
    )*};
}

impl<'b, D: Deserializer<'b>> Deserializer<'b> for Key<D> {
    type Error = D::Error;

    deserialize_as!(Text: deserialize_any);
    deserialize_as!(Unsigned: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64);
    deserialize_as!(Signed: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64);

    fn deserialize_enum<V: Visitor<'b>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_str(Taking(As::Variant, visitor))
    }

    fn deserialize_option<V: Visitor<'b>>(self, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'b>>(self, _: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        <V: Visitor<'b>>
        bool i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A whole number, in the one spelling that it has: two names must not be one key.
fn shortest<N: FromStr>(text: &str) -> Option<N> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_shortest = text == "0" || digits.starts_with(|first| matches!(first, '1'..='9'));
    text.parse().ok().filter(|_| is_shortest)
}

impl<'b, V: Visitor<'b>> Visitor<'b> for Taking<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.1.expecting(f)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'b str) -> Result<V::Value, E> {
        match self {
            Self(As::Text, visitor) => visitor.visit_borrowed_str(text),
            other => other.visit_str(text),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        let Self(taken, visitor) = self;
        let no_number = || E::invalid_type(Unexpected::Str(""), &"a number as a key, in its shortest form");
        match taken {
            As::Text => visitor.visit_str(text),
            As::Unsigned => visitor.visit_u64(shortest(text).ok_or_else(no_number)?),
            As::Signed => visitor.visit_i64(shortest(text).ok_or_else(no_number)?),
            As::Variant => visitor.visit_enum(text.into_deserializer()),
        }
    }
}
