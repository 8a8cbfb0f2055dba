//! A claim whose text is known, skipped or borrowed as a whole without a library.

use super::guard::{Fault, Guard};
use crate::error::ClaimFault;
use serde::de::{Deserializer, Visitor};

/// What stands in the place of a fault once a claim was taken without a library; it is never the fault itself.
pub(super) const NOT_READ: Option<ClaimFault> = Some(ClaimFault::Unknown);

/// Around the deserializer of a claim.
pub(super) struct Claim<'f, 'b, D> {
    /// The string that the claim is, if there is no escape in it.
    plain: Option<&'b str>,
    guard: Guard<'f, D>,
    fault: Fault<'f>,
}

impl<'f, 'b, D> Claim<'f, 'b, D> {
    pub(super) const fn new(plain: Option<&'b str>, inner: D, fault: Fault<'f>) -> Self {
        Self { plain, guard: Guard::new(inner, fault), fault }
    }
}

macro_rules! deserialize {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {$(
        #[inline]
        fn $method<V: Visitor<'b>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.guard.$method($($name,)* visitor)
        }
    )*};
}

macro_rules! deserialize_text {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'b>>(self, visitor: V) -> Result<V::Value, D::Error> {
            let Some(plain) = self.plain else { return self.guard.$method(visitor) };
            let value = visitor.visit_borrowed_str(plain)?;
            self.fault.set(NOT_READ);
            Ok(value)
        }
    )*};
}

impl<'b, D: Deserializer<'b>> Deserializer<'b> for Claim<'_, 'b, D> {
    type Error = D::Error;

    deserialize_text!(deserialize_str deserialize_string);

    fn deserialize_ignored_any<V: Visitor<'b>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.fault.set(NOT_READ);
        visitor.visit_unit()
    }

    deserialize! {
        deserialize_any(); deserialize_bool();
        deserialize_i8(); deserialize_i16(); deserialize_i32(); deserialize_i64(); deserialize_i128();
        deserialize_u8(); deserialize_u16(); deserialize_u32(); deserialize_u64(); deserialize_u128();
        deserialize_f32(); deserialize_f64();
        deserialize_char(); deserialize_bytes(); deserialize_byte_buf(); deserialize_identifier();
        deserialize_option(); deserialize_unit(); deserialize_seq(); deserialize_map();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }
}
