//! Reading normalised JSON with serde.
//!
//! The text is valid, shallow and in one spelling, so this is short; nothing here recurses deeper than the scanner allows. A member that
//! the type does not ask for is skipped, not decoded.

use super::Text;
use super::walk::{end_of_value, quoted_len};
use crate::scan;
use core::fmt;
use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

/// Bytes of the longest string with an escape in it that is decoded without a heap.
#[cfg(not(feature = "std"))]
const UNESCAPED: usize = 256;

/// The value is of another shape than the type.
#[derive(Debug)]
pub(crate) struct Mismatch;

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value does not have the shape of the type")
    }
}

impl core::error::Error for Mismatch {}

impl de::Error for Mismatch {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

type Read<T> = Result<T, Mismatch>;

/// One value, and whatever follows it.
pub(crate) struct Reader<'b> {
    rest: &'b str,
}

impl<'b> Reader<'b> {
    pub(crate) const fn new(text: &'b str) -> Self {
        Self { rest: text }
    }

    fn peek(&self) -> Read<u8> {
        self.rest.as_bytes().first().copied().ok_or(Mismatch)
    }

    /// Takes one character of the grammar, if it is the next.
    fn take(&mut self, character: u8) -> bool {
        let is_next = self.rest.as_bytes().first() == Some(&character);
        if is_next {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        is_next
    }

    fn split(&mut self, len: usize) -> Read<&'b str> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(Mismatch)?;
        self.rest = rest;
        Ok(head)
    }

    fn string(&mut self) -> Read<Str<'b>> {
        let inner = self.rest.get(1..).filter(|_| self.peek().is_ok_and(|first| first == b'"')).ok_or(Mismatch)?;
        let special = scan::find_special(inner.as_bytes()).ok_or(Mismatch)?;
        let (plain, after) = inner.split_at_checked(special).ok_or(Mismatch)?;
        if let Some(rest) = after.strip_prefix('"') {
            self.rest = rest;
            return Ok(Str::Plain(plain));
        }
        let quoted = self.split(quoted_len(self.rest.as_bytes()))?;
        Text::of_value(quoted).map(Str::Escaped).ok_or(Mismatch)
    }

    /// A number, a word: everything up to the next character of the grammar.
    fn plain(&mut self) -> Read<&'b str> {
        let len = self
            .rest
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.'))
            .count();
        self.split(len)
    }

    /// A number without fraction and exponent.
    fn integer<V: Visitor<'b>>(&mut self, visitor: V) -> Read<V::Value> {
        let text = self.plain()?;
        if text.starts_with('-') {
            visitor.visit_i64(text.parse().map_err(|_| Mismatch)?)
        } else {
            visitor.visit_u64(text.parse().map_err(|_| Mismatch)?)
        }
    }

    /// Any number, if it fits into a double at all.
    fn double<V: Visitor<'b>>(&mut self, visitor: V) -> Read<V::Value> {
        let number = self.float_text()?.parse().ok().filter(|number: &f64| number.is_finite());
        visitor.visit_f64(number.ok_or(Mismatch)?)
    }

    /// Any number, if it fits into a float: cut down from a double, one that does not would become infinite.
    fn float<V: Visitor<'b>>(&mut self, visitor: V) -> Read<V::Value> {
        let number = self.float_text()?.parse().ok().filter(|number: &f32| number.is_finite());
        visitor.visit_f32(number.ok_or(Mismatch)?)
    }

    /// Not `inf` and `nan`, which a float's own parser takes.
    fn float_text(&mut self) -> Read<&'b str> {
        let text = self.plain()?;
        if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) { Ok(text) } else { Err(Mismatch) }
    }

    fn word<V: Visitor<'b>>(&mut self, visitor: V) -> Read<V::Value> {
        match self.plain()? {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            "null" => visitor.visit_unit(),
            _ => Err(Mismatch),
        }
    }

    fn sequence<V: Visitor<'b>>(&mut self, visitor: V) -> Read<V::Value> {
        self.take(b'[').then_some(()).ok_or(Mismatch)?;
        let value = visitor.visit_seq(Elements { reader: self, is_first: true })?;
        if self.take(b']') { Ok(value) } else { Err(Mismatch) }
    }

    fn map<V: Visitor<'b>>(&mut self, visitor: V) -> Read<V::Value> {
        self.take(b'{').then_some(()).ok_or(Mismatch)?;
        let value = visitor.visit_map(Elements { reader: self, is_first: true })?;
        if self.take(b'}') { Ok(value) } else { Err(Mismatch) }
    }
}

/// A string: one that can be borrowed, or one in which something is escaped.
#[derive(Clone, Copy)]
enum Str<'b> {
    Plain(&'b str),
    Escaped(Text<'b>),
}

impl<'b> Str<'b> {
    fn visit<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        let text = match self {
            Self::Plain(plain) => return visitor.visit_borrowed_str(plain),
            Self::Escaped(text) => text,
        };
        #[cfg(feature = "std")]
        return visitor.visit_string(text.chars().collect());
        #[cfg(not(feature = "std"))]
        {
            let mut unescaped = heapless::String::<UNESCAPED>::new();
            text.chars().try_for_each(|character| unescaped.push(character)).map_err(|_| Mismatch)?;
            visitor.visit_str(&unescaped)
        }
    }
}

macro_rules! deserialize_as {
    ($inner:ident: $($method:ident)*) => {$(
        fn $method<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
            self.$inner(visitor)
        }
    )*};
}

impl<'b> Deserializer<'b> for &mut Reader<'b> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        match self.peek()? {
            b'"' => self.deserialize_str(visitor),
            b'{' => self.map(visitor),
            b'[' => self.sequence(visitor),
            b'-' | b'0'..=b'9' => {
                let end = end_of_value(self.rest.as_bytes());
                let text = self.rest.get(..end).ok_or(Mismatch)?;
                if text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
                    self.double(visitor)
                } else {
                    self.integer(visitor)
                }
            }
            _ => self.word(visitor),
        }
    }

    deserialize_as!(integer: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64);
    deserialize_as!(integer: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64);
    deserialize_as!(float: deserialize_f32);
    deserialize_as!(double: deserialize_f64);
    deserialize_as!(word: deserialize_bool deserialize_unit);
    deserialize_as!(sequence: deserialize_seq);
    deserialize_as!(map: deserialize_map);

    fn deserialize_str<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        self.string()?.visit(visitor)
    }

    fn deserialize_string<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'b>>(self, _: V) -> Read<V::Value> {
        Err(Mismatch)
    }

    fn deserialize_byte_buf<V: Visitor<'b>>(self, _: V) -> Read<V::Value> {
        Err(Mismatch)
    }

    fn deserialize_option<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        match self.rest.strip_prefix("null") {
            Some(rest) => {
                self.rest = rest;
                visitor.visit_none()
            }
            None => visitor.visit_some(self),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'b>>(self, _: &'static str, visitor: V) -> Read<V::Value> {
        self.word(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'b>>(self, _: &'static str, visitor: V) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'b>>(self, _: usize, visitor: V) -> Read<V::Value> {
        self.sequence(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'b>>(self, _: &'static str, _: usize, visitor: V) -> Read<V::Value> {
        self.sequence(visitor)
    }

    fn deserialize_struct<V: Visitor<'b>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        self.map(visitor)
    }

    /// `"Variant"`, or `{"Variant":value}`.
    fn deserialize_enum<V: Visitor<'b>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        let has_value = self.take(b'{');
        let value = visitor.visit_enum(Variant { reader: self, has_value })?;
        if !has_value || self.take(b'}') { Ok(value) } else { Err(Mismatch) }
    }

    fn deserialize_ignored_any<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        self.split(end_of_value(self.rest.as_bytes()))?;
        visitor.visit_unit()
    }
}

/// What is inside of brackets.
struct Elements<'r, 'b> {
    reader: &'r mut Reader<'b>,
    is_first: bool,
}

impl Elements<'_, '_> {
    /// Takes the comma in front of all but the first; false at the end.
    fn advance(&mut self, closing: u8) -> Read<bool> {
        if self.reader.peek()? == closing {
            return Ok(false);
        }
        if !core::mem::take(&mut self.is_first) && !self.reader.take(b',') {
            return Err(Mismatch);
        }
        Ok(true)
    }
}

impl<'b> SeqAccess<'b> for Elements<'_, 'b> {
    type Error = Mismatch;

    fn next_element_seed<T: DeserializeSeed<'b>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        if self.advance(b']')? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }
}

impl<'b> MapAccess<'b> for Elements<'_, 'b> {
    type Error = Mismatch;

    fn next_key_seed<T: DeserializeSeed<'b>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        if self.advance(b'}')? { seed.deserialize(Key { text: self.reader.string()? }).map(Some) } else { Ok(None) }
    }

    fn next_value_seed<T: DeserializeSeed<'b>>(&mut self, seed: T) -> Read<T::Value> {
        if self.reader.take(b':') { seed.deserialize(&mut *self.reader) } else { Err(Mismatch) }
    }
}

/// The key of a member: a string and nothing else.
#[derive(Clone, Copy)]
struct Key<'b> {
    text: Str<'b>,
}

impl<'b> Deserializer<'b> for Key<'b> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        self.text.visit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'b>>(self, _: &'static str, visitor: V) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'b>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_enum(UnitVariant(self))
    }

    forward_to_deserialize_any! {
        <V: Visitor<'b>>
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple tuple_struct map
        struct identifier ignored_any
    }
}

/// An enum as the key of a map: its variants have no value.
#[derive(Clone, Copy)]
struct UnitVariant<'b>(Key<'b>);

impl<'b> EnumAccess<'b> for UnitVariant<'b> {
    type Error = Mismatch;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'b>>(self, seed: T) -> Read<(T::Value, Self)> {
        Ok((seed.deserialize(self.0)?, self))
    }
}

impl<'b> VariantAccess<'b> for UnitVariant<'b> {
    type Error = Mismatch;

    fn unit_variant(self) -> Read<()> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'b>>(self, _: T) -> Read<T::Value> {
        Err(Mismatch)
    }

    fn tuple_variant<V: Visitor<'b>>(self, _: usize, _: V) -> Read<V::Value> {
        Err(Mismatch)
    }

    fn struct_variant<V: Visitor<'b>>(self, _: &'static [&'static str], _: V) -> Read<V::Value> {
        Err(Mismatch)
    }
}

/// An enum as a value.
struct Variant<'r, 'b> {
    reader: &'r mut Reader<'b>,
    has_value: bool,
}

impl<'b> EnumAccess<'b> for Variant<'_, 'b> {
    type Error = Mismatch;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'b>>(self, seed: T) -> Read<(T::Value, Self)> {
        let variant = seed.deserialize(Key { text: self.reader.string()? })?;
        if self.has_value && !self.reader.take(b':') {
            return Err(Mismatch);
        }
        Ok((variant, self))
    }
}

impl<'b> VariantAccess<'b> for Variant<'_, 'b> {
    type Error = Mismatch;

    fn unit_variant(self) -> Read<()> {
        if self.has_value { Err(Mismatch) } else { Ok(()) }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'b>>(self, seed: T) -> Read<T::Value> {
        if self.has_value { seed.deserialize(self.reader) } else { Err(Mismatch) }
    }

    fn tuple_variant<V: Visitor<'b>>(self, _: usize, visitor: V) -> Read<V::Value> {
        if self.has_value { self.reader.sequence(visitor) } else { Err(Mismatch) }
    }

    fn struct_variant<V: Visitor<'b>>(self, _: &'static [&'static str], visitor: V) -> Read<V::Value> {
        if self.has_value { self.reader.map(visitor) } else { Err(Mismatch) }
    }
}
