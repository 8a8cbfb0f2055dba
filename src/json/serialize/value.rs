//! A serde serializer over [`Json`]. No floats: their printing is larger than all else together.

use super::{Json, put_escaped, put_string};
use crate::Error;
use crate::cursor::Sink;
use crate::encoding::decimal::Decimal;
use crate::json::MAX_DEPTH;
use core::fmt::{self, Write};
use serde::Serialize;
use serde::ser::{
    self, Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// A value that JSON, or this crate, cannot say.
#[derive(Debug)]
pub(crate) struct NoJson;

impl fmt::Display for NoJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no JSON for this value")
    }
}

impl core::error::Error for NoJson {}

impl ser::Error for NoJson {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

type Done = Result<(), NoJson>;

/// The inside of a string, written piece by piece.
struct Escaped<'s, S>(&'s mut S);

impl<S: Sink> Write for Escaped<'_, S> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        put_escaped(self.0, piece);
        Ok(())
    }
}

impl<S: Sink> Json<S> {
    /// Writes the members of a struct or map into the object that is open. None may have a name that is `taken`.
    pub(crate) fn object_members(&mut self, value: &impl Serialize, taken: &dyn Fn(&str) -> bool) -> Result<(), Error> {
        let mut names = heapless::Vec::new();
        value.serialize(TopMembers { json: self, taken, names: &mut names }).map_err(|NoJson| Error::Claims)
    }

    fn number(&mut self, is_negative: bool, magnitude: u64) -> Done {
        if is_negative {
            self.sink.put(b"-");
        }
        self.sink.put(Decimal::new(magnitude).as_bytes());
        Ok(())
    }

    /// Opens an array or object that `closing` ends.
    fn compound(&mut self, closing: &'static [u8]) -> Result<Compound<'_, S>, NoJson> {
        if self.depth >= MAX_DEPTH {
            return Err(NoJson);
        }
        self.open(if closing == b"]" { b"[" } else { b"{" });
        Ok(Compound { json: self, closing, is_variant: false })
    }

    /// Opens `{"variant":` and what is in it.
    fn variant_compound(&mut self, variant: &str, closing: &'static [u8]) -> Result<Compound<'_, S>, NoJson> {
        if self.depth >= MAX_DEPTH {
            return Err(NoJson);
        }
        self.open(b"{");
        self.key(variant);
        let inner = self.compound(closing)?;
        Ok(Compound { is_variant: true, ..inner })
    }
}

/// An array or object that is open.
pub(crate) struct Compound<'j, S> {
    json: &'j mut Json<S>,
    closing: &'static [u8],
    is_variant: bool,
}

impl<S: Sink> Compound<'_, S> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.json.separate();
        value.serialize(&mut *self.json)
    }

    fn member<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Done {
        self.json.key(key);
        value.serialize(&mut *self.json)
    }

    fn done(self) -> Done {
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

impl<'j, S: Sink> Serializer for &'j mut Json<S> {
    type Ok = ();
    type Error = NoJson;
    type SerializeSeq = Compound<'j, S>;
    type SerializeTuple = Compound<'j, S>;
    type SerializeTupleStruct = Compound<'j, S>;
    type SerializeTupleVariant = Compound<'j, S>;
    type SerializeMap = Compound<'j, S>;
    type SerializeStruct = Compound<'j, S>;
    type SerializeStructVariant = Compound<'j, S>;

    unsigned!(serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64);
    signed!(serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64);

    fn serialize_bool(self, value: bool) -> Done {
        self.sink.put(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_f32(self, _: f32) -> Done {
        Err(NoJson)
    }

    fn serialize_f64(self, _: f64) -> Done {
        Err(NoJson)
    }

    fn serialize_char(self, value: char) -> Done {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Done {
        put_string(&mut self.sink, value);
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Done {
        Err(NoJson)
    }

    fn serialize_none(self) -> Done {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Done {
        self.sink.put(b"null");
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

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'j, S>, NoJson> {
        self.compound(b"]")
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'j, S>, NoJson> {
        self.compound(b"]")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'j, S>, NoJson> {
        self.compound(b"]")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'j, S>, NoJson> {
        self.variant_compound(variant, b"]")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'j, S>, NoJson> {
        self.compound(b"}")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'j, S>, NoJson> {
        self.compound(b"}")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'j, S>, NoJson> {
        self.variant_compound(variant, b"}")
    }

    /// What types such as dates and addresses do: their text is never whole in memory.
    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Done {
        self.sink.put(b"\"");
        write!(Escaped(&mut self.sink), "{value}").map_err(|fmt::Error| NoJson)?;
        self.sink.put(b"\"");
        Ok(())
    }
}

macro_rules! array {
    ($($trait:ident $method:ident),*) => {$(
        impl<S: Sink> $trait for Compound<'_, S> {
            type Ok = ();
            type Error = NoJson;

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
        impl<S: Sink> $trait for Compound<'_, S> {
            type Ok = ();
            type Error = NoJson;

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

impl<S: Sink> SerializeMap for Compound<'_, S> {
    type Ok = ();
    type Error = NoJson;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        key.serialize(MapKey { json: self.json, taken: &|_| false, names: None })
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        value.serialize(&mut *self.json)
    }

    fn end(self) -> Done {
        self.done()
    }
}

/// The names of private claims so far, as hashes: what was written is base64 by now.
type Names = heapless::Vec<u32, MAX_PRIVATE>;

/// Private claims of one token.
const MAX_PRIVATE: usize = 32;

/// Writes the members of a struct or map, without its brackets; refuses every other value, and a name that is there twice.
pub(crate) struct TopMembers<'j, 't, S> {
    json: &'j mut Json<S>,
    taken: &'t dyn Fn(&str) -> bool,
    names: &'t mut Names,
}

impl<S: Sink> TopMembers<'_, '_, S> {
    fn claim_name(names: &mut Names, name: &str) -> Done {
        // FNV-1a. Two names of one hash are refused too: with 32 names, one set in eight million.
        let hash = name.bytes().fold(0x811C_9DC5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        if names.contains(&hash) { Err(NoJson) } else { names.push(hash).map_err(|_| NoJson) }
    }
}

/// Writes a key; refuses every value but a string, and one that is taken.
struct MapKey<'j, 't, S> {
    json: &'j mut Json<S>,
    taken: &'t dyn Fn(&str) -> bool,
    names: Option<&'t mut Names>,
}

impl<S: Sink> MapKey<'_, '_, S> {
    fn put(self, key: &str) -> Done {
        if (self.taken)(key) {
            return Err(NoJson);
        }
        if let Some(names) = self.names {
            TopMembers::<S>::claim_name(names, key)?;
        }
        self.json.key(key);
        Ok(())
    }
}

/// Everything that a serializer of few types refuses.
macro_rules! refuse {
    ($($method:ident($($type:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $(_: $type),*) -> Result<$ok, NoJson> {
            Err(NoJson)
        }
    )*};
}

macro_rules! refuse_scalars {
    () => {
        refuse! {
            serialize_bool(bool) -> ();
            serialize_i8(i8) -> (); serialize_i16(i16) -> (); serialize_i32(i32) -> (); serialize_i64(i64) -> ();
            serialize_u8(u8) -> (); serialize_u16(u16) -> (); serialize_u32(u32) -> (); serialize_u64(u64) -> ();
            serialize_f32(f32) -> (); serialize_f64(f64) -> (); serialize_char(char) -> (); serialize_bytes(&[u8]) -> ();
            serialize_none() -> (); serialize_unit() -> (); serialize_unit_struct(&'static str) -> ();
            serialize_seq(Option<usize>) -> Self::SerializeSeq;
            serialize_tuple(usize) -> Self::SerializeTuple;
            serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
            serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
            serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
        }

        fn serialize_newtype_variant<T: Serialize + ?Sized>(self, _: &'static str, _: u32, _: &'static str, _: &T) -> Done {
            Err(NoJson)
        }

        fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Done {
            value.serialize(self)
        }

        fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
            value.serialize(self)
        }

        fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Done {
            Err(NoJson)
        }
    };
}

impl<S: Sink> Serializer for MapKey<'_, '_, S> {
    type Ok = ();
    type Error = NoJson;
    type SerializeSeq = Impossible<(), NoJson>;
    type SerializeTuple = Impossible<(), NoJson>;
    type SerializeTupleStruct = Impossible<(), NoJson>;
    type SerializeTupleVariant = Impossible<(), NoJson>;
    type SerializeMap = Impossible<(), NoJson>;
    type SerializeStruct = Impossible<(), NoJson>;
    type SerializeStructVariant = Impossible<(), NoJson>;

    refuse_scalars!();

    refuse! {
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
    }

    fn serialize_str(self, key: &str) -> Done {
        self.put(key)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.put(variant)
    }
}

impl<'j, 't, S: Sink> Serializer for TopMembers<'j, 't, S> {
    type Ok = ();
    type Error = NoJson;
    type SerializeSeq = Impossible<(), NoJson>;
    type SerializeTuple = Impossible<(), NoJson>;
    type SerializeTupleStruct = Impossible<(), NoJson>;
    type SerializeTupleVariant = Impossible<(), NoJson>;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Impossible<(), NoJson>;

    refuse_scalars!();

    refuse! {
        serialize_str(&str) -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, NoJson> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, NoJson> {
        Ok(self)
    }
}

impl<S: Sink> SerializeStruct for TopMembers<'_, '_, S> {
    type Ok = ();
    type Error = NoJson;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Done {
        MapKey { json: self.json, taken: self.taken, names: Some(self.names) }.put(key)?;
        value.serialize(&mut *self.json)
    }

    fn end(self) -> Done {
        Ok(())
    }
}

impl<S: Sink> SerializeMap for TopMembers<'_, '_, S> {
    type Ok = ();
    type Error = NoJson;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        key.serialize(MapKey { json: self.json, taken: self.taken, names: Some(self.names) })
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        value.serialize(&mut *self.json)
    }

    fn end(self) -> Done {
        Ok(())
    }
}
