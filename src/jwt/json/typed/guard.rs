//! A thin layer around the deserializer of a library, on all levels of a value.
//!
//! The layer notes the type that is expected, for the error. It refuses numbers that are not finite, where
//! `serde-json-core` reads `null` as NaN and `1e999` as infinity. It passes the keys of maps to [`Key`], where
//! `serde-json-core` panics on all types but `&str`.

use super::key;
use crate::error::ClaimFault;
use core::cell::Cell;
use core::fmt;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};

/// While a number of 32 bits is read, of which a double may be too large.
const SINGLE: Option<ClaimFault> = Some(ClaimFault::NotFinite);

/// The fault that it would be if the library failed now.
pub(super) type Fault<'f> = &'f Cell<Option<ClaimFault>>;

/// Around a deserializer, a visitor, a seed, or the access to what is in a value.
pub(super) struct Guard<'f, T> {
    inner: T,
    fault: Fault<'f>,
}

impl<'f, T> Guard<'f, T> {
    pub(super) const fn new(inner: T, fault: Fault<'f>) -> Self {
        Self { inner, fault }
    }
}

macro_rules! deserialize {
    ($($method:ident($($name:ident: $type:ty),*) $fault:expr;)*) => {$(
        fn $method<V: Visitor<'b>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.fault.set($fault);
            self.inner.$method($($name,)* Guard::new(visitor, self.fault))
        }
    )*};
}

impl<'b, D: Deserializer<'b>> Deserializer<'b> for Guard<'_, D> {
    type Error = D::Error;

    deserialize! {
        deserialize_any() None;
        deserialize_bool() Some(ClaimFault::ExpectedBool);
        deserialize_i8() Some(ClaimFault::ExpectedInteger);
        deserialize_i16() Some(ClaimFault::ExpectedInteger);
        deserialize_i32() Some(ClaimFault::ExpectedInteger);
        deserialize_i64() Some(ClaimFault::ExpectedInteger);
        deserialize_i128() Some(ClaimFault::ExpectedInteger);
        deserialize_u8() Some(ClaimFault::ExpectedInteger);
        deserialize_u16() Some(ClaimFault::ExpectedInteger);
        deserialize_u32() Some(ClaimFault::ExpectedInteger);
        deserialize_u64() Some(ClaimFault::ExpectedInteger);
        deserialize_u128() Some(ClaimFault::ExpectedInteger);
        deserialize_f32() SINGLE;
        deserialize_f64() Some(ClaimFault::ExpectedNumber);
        deserialize_char() Some(ClaimFault::ExpectedString);
        deserialize_str() Some(ClaimFault::ExpectedString);
        deserialize_string() Some(ClaimFault::ExpectedString);
        deserialize_bytes() None;
        deserialize_byte_buf() None;
        deserialize_option() None;
        deserialize_unit() Some(ClaimFault::ExpectedNull);
        deserialize_unit_struct(name: &'static str) Some(ClaimFault::ExpectedNull);
        deserialize_newtype_struct(name: &'static str) None;
        deserialize_seq() Some(ClaimFault::ExpectedArray);
        deserialize_tuple(len: usize) Some(ClaimFault::ExpectedArray);
        deserialize_tuple_struct(name: &'static str, len: usize) Some(ClaimFault::ExpectedArray);
        deserialize_map() Some(ClaimFault::ExpectedObject);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) Some(ClaimFault::ExpectedObject);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) None;
        deserialize_identifier() Some(ClaimFault::ExpectedString);
        deserialize_ignored_any() None;
    }
}

macro_rules! visit {
    ($($method:ident($($type:ty)?);)*) => {$(
        fn $method<E: Error>(self $(, value: $type)?) -> Result<V::Value, E> {
            self.inner.$method($(value as $type)?)
        }
    )*};
}

macro_rules! visit_text {
    ($($method:ident($type:ty) $fault:expr;)*) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.fault.set($fault);
            self.inner.$method(value)
        }
    )*};
}

macro_rules! visit_inside {
    ($($method:ident($trait:ident<'b>);)*) => {$(
        fn $method<A: $trait<'b>>(self, inside: A) -> Result<V::Value, A::Error> {
            self.fault.set(None);
            self.inner.$method(Guard::new(inside, self.fault))
        }
    )*};
}

impl<V> Guard<'_, V> {
    /// False for what is no number, for infinity, and for a double that is too large for a number of 32 bits where one is read.
    fn is_finite(&self, value: f64) -> bool {
        let most = if self.fault.get() == SINGLE { f64::from(f32::MAX) } else { f64::MAX };
        let is_finite = value.abs() <= most;
        if !is_finite {
            self.fault.set(Some(ClaimFault::NotFinite));
        }
        is_finite
    }
}

impl<'b, V: Visitor<'b>> Visitor<'b> for Guard<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    visit! {
        visit_bool(bool);
        visit_i8(i8); visit_i16(i16); visit_i32(i32); visit_i64(i64); visit_i128(i128);
        visit_u8(u8); visit_u16(u16); visit_u32(u32); visit_u64(u64); visit_u128(u128);
        visit_bytes(&[u8]); visit_borrowed_bytes(&'b [u8]);
        visit_none(); visit_unit();
    }

    visit_text! {
        visit_borrowed_str(&'b str) None;
        // Either it had to be borrowed, or its type refuses it.
        visit_str(&str) Some(ClaimFault::Escaped);
    }

    fn visit_f32<E: Error>(self, value: f32) -> Result<V::Value, E> {
        if self.is_finite(f64::from(value)) {
            self.inner.visit_f32(value)
        } else {
            Err(E::custom(ClaimFault::NotFinite))
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<V::Value, E> {
        if self.is_finite(value) { self.inner.visit_f64(value) } else { Err(E::custom(ClaimFault::NotFinite)) }
    }

    visit_inside! {
        visit_some(Deserializer<'b>);
        visit_newtype_struct(Deserializer<'b>);
        visit_seq(SeqAccess<'b>);
        visit_map(MapAccess<'b>);
        visit_enum(EnumAccess<'b>);
    }
}

impl<'b, S: DeserializeSeed<'b>> DeserializeSeed<'b> for Guard<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let value = self.inner.deserialize(Guard::new(deserializer, self.fault))?;
        // What fails behind a value that was read is not about that value.
        self.fault.set(None);
        Ok(value)
    }
}

impl<'b, A: SeqAccess<'b>> SeqAccess<'b> for Guard<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'b>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_element_seed(Guard::new(seed, self.fault))
    }
}

impl<'b, A: MapAccess<'b>> MapAccess<'b> for Guard<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'b>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_key_seed(key::Seed(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'b>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(Guard::new(seed, self.fault))
    }
}

impl<'b, 'f, A: EnumAccess<'b>> EnumAccess<'b> for Guard<'f, A> {
    type Error = A::Error;
    type Variant = Guard<'f, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'b>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (value, variant) = self.inner.variant_seed(seed)?;
        Ok((value, Guard::new(variant, self.fault)))
    }
}

impl<'b, A: VariantAccess<'b>> VariantAccess<'b> for Guard<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'b>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.newtype_variant_seed(Guard::new(seed, self.fault))
    }

    fn tuple_variant<V: Visitor<'b>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(len, Guard::new(visitor, self.fault))
    }

    fn struct_variant<V: Visitor<'b>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, Guard::new(visitor, self.fault))
    }
}
