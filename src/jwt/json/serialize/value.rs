//! A serde serializer that writes [`Json`].

use super::Json;
use crate::encoding::decimal::Decimal;
use crate::error::ClaimFault;
use crate::jwt::json::limits::{MAX_DEPTH, PRIVATE};
use core::fmt::{self, Write};
use serde::Serialize;
use serde::ser::{
    Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

type Done = Result<(), ClaimFault>;

/// A number as text: the one of them that can be written.
const NUMBER: &str = "$serde_json::private::Number";

/// The inside of a string, written piece by piece.
struct Escaped<'j, 'b>(&'j mut Json<'b>);

impl Write for Escaped<'_, '_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.0.escaped(piece);
        Ok(())
    }
}

impl<'b> Json<'b> {
    fn number(&mut self, is_negative: bool, magnitude: u64) -> Done {
        if is_negative {
            self.put(b"-");
        }
        self.put(Decimal::new(magnitude).as_bytes());
        Ok(())
    }

    /// Writes a number with a fraction: its shortest digits are JSON, unless it is none.
    fn float(&mut self, is_finite: bool, digits: fmt::Arguments<'_>) -> Done {
        is_finite.then_some(()).ok_or(ClaimFault::NotFinite)?;
        Escaped(self).write_fmt(digits).map_err(|fmt::Error| ClaimFault::Rejected)
    }

    /// Opens an array or object that `closing` ends.
    fn compound(&mut self, closing: &'static [u8]) -> Result<Compound<'_, 'b>, ClaimFault> {
        if self.depth >= MAX_DEPTH {
            return Err(ClaimFault::TooDeep);
        }
        self.open(if closing == b"]" { b"[" } else { b"{" });
        Ok(Compound { json: self, closing, is_variant: false })
    }

    /// Opens `{"variant":` and what is in it.
    fn variant_compound(&mut self, variant: &str, closing: &'static [u8]) -> Result<Compound<'_, 'b>, ClaimFault> {
        if self.depth >= MAX_DEPTH {
            return Err(ClaimFault::TooDeep);
        }
        self.open(b"{");
        self.key(variant);
        let inner = self.compound(closing)?;
        Ok(Compound { is_variant: true, ..inner })
    }
}

/// An array or object that is open.
pub(crate) struct Compound<'j, 'b> {
    json: &'j mut Json<'b>,
    closing: &'static [u8],
    is_variant: bool,
}

impl Compound<'_, '_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.json.separate();
        value.serialize(&mut *self.json)
    }

    fn member<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Done {
        if self.closing.is_empty() {
            return value.serialize(Text { json: self.json, is_key: false });
        }
        self.json.key(key);
        value.serialize(&mut *self.json)
    }

    fn done(self) -> Done {
        if self.closing.is_empty() {
            return Ok(());
        }
        self.json.close(self.closing);
        if self.is_variant {
            self.json.close(b"}");
        }
        Ok(())
    }
}

macro_rules! unsigned {
    ($($method:ident $type:ty),*) => {$(
        fn $method(self, value: $type) -> Done {
            self.number(false, value.into())
        }
    )*};
}

macro_rules! signed {
    ($($method:ident $type:ty),*) => {$(
        fn $method(self, value: $type) -> Done {
            self.number(value < 0, value.unsigned_abs().into())
        }
    )*};
}

impl<'j, 'b> Serializer for &'j mut Json<'b> {
    type Ok = ();
    type Error = ClaimFault;
    type SerializeSeq = Compound<'j, 'b>;
    type SerializeTuple = Compound<'j, 'b>;
    type SerializeTupleStruct = Compound<'j, 'b>;
    type SerializeTupleVariant = Compound<'j, 'b>;
    type SerializeMap = Compound<'j, 'b>;
    type SerializeStruct = Compound<'j, 'b>;
    type SerializeStructVariant = Compound<'j, 'b>;

    unsigned!(serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64);
    signed!(serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64);

    fn serialize_i128(self, _: i128) -> Done {
        Err(ClaimFault::NotJson)
    }

    fn serialize_u128(self, _: u128) -> Done {
        Err(ClaimFault::NotJson)
    }

    fn serialize_bool(self, value: bool) -> Done {
        self.put(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Done {
        self.float(value.is_finite(), format_args!("{value:?}"))
    }

    fn serialize_f64(self, value: f64) -> Done {
        self.float(value.is_finite(), format_args!("{value:?}"))
    }

    fn serialize_char(self, value: char) -> Done {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Done {
        self.string(value);
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Done {
        Err(ClaimFault::NotJson)
    }

    fn serialize_none(self) -> Done {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Done {
        self.put(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Done {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        let mut object = self.compound(b"}")?;
        object.member(variant, value)?;
        object.done()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'j, 'b>, ClaimFault> {
        self.compound(b"]")
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'j, 'b>, ClaimFault> {
        self.compound(b"]")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'j, 'b>, ClaimFault> {
        self.compound(b"]")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'j, 'b>, ClaimFault> {
        self.variant_compound(variant, b"]")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'j, 'b>, ClaimFault> {
        self.compound(b"}")
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Compound<'j, 'b>, ClaimFault> {
        match name {
            // A number of serde_json, where any package has switched on `arbitrary_precision`.
            NUMBER => Ok(Compound { json: self, closing: b"", is_variant: false }),
            _ if name.starts_with(PRIVATE) => Err(ClaimFault::NotJson),
            _ => self.compound(b"}"),
        }
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'j, 'b>, ClaimFault> {
        self.variant_compound(variant, b"}")
    }

    /// What types such as dates and addresses do: their text is never whole in memory.
    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Done {
        self.put(b"\"");
        write!(Escaped(self), "{value}").map_err(|fmt::Error| ClaimFault::Rejected)?;
        self.put(b"\"");
        Ok(())
    }
}

macro_rules! array {
    ($($trait:ident $method:ident),*) => {$(
        impl $trait for Compound<'_, '_> {
            type Ok = ();
            type Error = ClaimFault;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
                self.element(value)
            }

            fn end(self) -> Done {
                self.done()
            }
        }
    )*};
}

array!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! object {
    ($($trait:ident),*) => {$(
        impl $trait for Compound<'_, '_> {
            type Ok = ();
            type Error = ClaimFault;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Done {
                self.member(key, value)
            }

            fn end(self) -> Done {
                self.done()
            }
        }
    )*};
}

object!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = ClaimFault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        key.serialize(Text { json: self.json, is_key: true })
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        value.serialize(&mut *self.json)
    }

    fn end(self) -> Done {
        self.done()
    }
}

/// Writes a key of a map, or a number that is given as text; refuses every value but a string.
pub(super) struct Text<'j, 'b> {
    pub(super) json: &'j mut Json<'b>,
    pub(super) is_key: bool,
}

/// Everything that a serializer of few types refuses.
macro_rules! refuse {
    ($fault:ident: $($method:ident($($type:ty),*) -> $ok:ident;)*) => {$(
        fn $method(self, $(_: $type),*) -> Result<Self::$ok, Self::Error> {
            Err(ClaimFault::$fault.into())
        }
    )*};
}

/// What neither a key nor claims as a whole can be.
macro_rules! refuse_scalars {
    ($fault:ident) => {
        refuse! {
            $fault:
            serialize_bool(bool) -> Ok;
            serialize_i8(i8) -> Ok; serialize_i16(i16) -> Ok; serialize_i32(i32) -> Ok; serialize_i64(i64) -> Ok;
            serialize_u8(u8) -> Ok; serialize_u16(u16) -> Ok; serialize_u32(u32) -> Ok; serialize_u64(u64) -> Ok;
            serialize_f32(f32) -> Ok; serialize_f64(f64) -> Ok; serialize_char(char) -> Ok; serialize_bytes(&[u8]) -> Ok;
            serialize_none() -> Ok; serialize_unit() -> Ok; serialize_unit_struct(&'static str) -> Ok;
            serialize_seq(Option<usize>) -> SerializeSeq;
            serialize_tuple(usize) -> SerializeTuple;
            serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct;
            serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant;
            serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant;
        }

        fn serialize_newtype_variant<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: &T,
        ) -> Result<Self::Ok, Self::Error> {
            Err(ClaimFault::$fault.into())
        }

        fn serialize_newtype_struct<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            value: &T,
        ) -> Result<Self::Ok, Self::Error> {
            value.serialize(self)
        }

        fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Self::Ok, Self::Error> {
            value.serialize(self)
        }

        fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<Self::Ok, Self::Error> {
            Err(ClaimFault::$fault.into())
        }
    };
}

pub(super) use {refuse, refuse_scalars};

impl Serializer for Text<'_, '_> {
    type Ok = ();
    type Error = ClaimFault;
    type SerializeSeq = Impossible<(), ClaimFault>;
    type SerializeTuple = Impossible<(), ClaimFault>;
    type SerializeTupleStruct = Impossible<(), ClaimFault>;
    type SerializeTupleVariant = Impossible<(), ClaimFault>;
    type SerializeMap = Impossible<(), ClaimFault>;
    type SerializeStruct = Impossible<(), ClaimFault>;
    type SerializeStructVariant = Impossible<(), ClaimFault>;

    refuse_scalars!(NotJson);

    refuse! {
        NotJson:
        serialize_map(Option<usize>) -> SerializeMap;
        serialize_struct(&'static str, usize) -> SerializeStruct;
    }

    fn serialize_str(self, text: &str) -> Done {
        if self.is_key {
            self.json.key(text);
            return Ok(());
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_json = digits.starts_with(|first: char| first.is_ascii_digit())
            && !digits.ends_with('.')
            && (digits.starts_with("0.") || digits.starts_with("0e") || !digits.starts_with('0') || digits == "0");
        let number: f64 = text.parse().ok().filter(|_| is_json).ok_or(ClaimFault::NotJson)?;
        number.is_finite().then(|| self.json.put(text.as_bytes())).ok_or(ClaimFault::NotFinite)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.serialize_str(variant)
    }
}
