//! Claims in and out: with serde and without, from other encoders, and what cannot be said in JSON.

use crate::json::{any_text, cases, escaped, is_escaped};
use crate::kit::{at, key, signed, token};
use base64ct::{Base64UrlUnpadded, Encoding};
use countersign::jwt::claim::{ClaimError, ClaimFault, RegisteredClaim};
use countersign::jwt::{ClaimValue, JwtBuilder, KeySet, UnverifiedJwt, ValidityPeriod, authenticate_in_place};
use countersign::{Error, UnixTime};
use proptest::collection::{btree_map, vec};
use proptest::option::of as perhaps;
use proptest::prelude::*;
use proptest::sample::select;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;

/// The payload of a token as it was written.
fn payload(token: &str) -> String {
    String::from_utf8(Base64UrlUnpadded::decode_vec(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// By `serde_json`.
fn read<T: DeserializeOwned>(payload: &str) -> Result<T, ClaimError> {
    authenticate_in_place(&key(), &mut token(payload)).unwrap().unchecked_claims().deserialize()
}

/// By `serde-json-core`.
fn read_no_alloc<T: DeserializeOwned>(payload: &str) -> Result<T, ClaimError> {
    authenticate_in_place(&key(), &mut token(payload)).unwrap().unchecked_claims().deserialize_no_alloc()
}

/// By both, which agree.
fn read_by_both<T: DeserializeOwned + core::fmt::Debug + PartialEq>(payload: &str) -> Result<T, ClaimError> {
    let found = read(payload);
    assert_eq!(found, read_no_alloc(payload), "{payload}");
    found
}

/// The claim that is at fault, and why.
fn fault<T>(result: Result<T, impl Into<Error>>) -> Option<(Option<String>, ClaimFault)> {
    match result.err()?.into() {
        Error::InvalidClaims(error) => Some((error.name().map(str::to_owned), error.fault())),
        _ => None,
    }
}

fn about(name: &str, fault: ClaimFault) -> Option<(Option<String>, ClaimFault)> {
    Some(((!name.is_empty()).then(|| name.to_owned()), fault))
}

fn sign_with_claims(claims: JwtBuilder<'_>, private: &impl Serialize) -> Result<String, Error> {
    claims.sign_with_claims(private, &key(), &mut [0; 8192]).map(payload)
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct C<T> {
    c: T,
}

// ---------------------------------------------------------------------------------------------- without serde

#[derive(Clone, Debug)]
enum Owned {
    Text(String),
    Integer(i64),
    Bool(bool),
    Texts(Vec<String>),
}

fn any_private() -> impl Strategy<Value = BTreeMap<String, Owned>> {
    let integer = prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), -9..9i64];
    let value = prop_oneof![
        any_text().prop_map(Owned::Text),
        integer.prop_map(Owned::Integer),
        any::<bool>().prop_map(Owned::Bool),
        vec(any_text(), 0..4).prop_map(Owned::Texts),
    ];
    let not_registered = |name: &String| RegisteredClaim::ALL.iter().all(|claim| claim.name() != name);
    btree_map(any_text().prop_filter("registered", not_registered), value, 0..5)
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn what_is_signed_comes_out(
        texts in prop::array::uniform3(perhaps(any_text())), audience in vec(any_text(), 0..4),
        dates in prop::array::uniform3(perhaps(prop_oneof![any::<u64>(), Just(u64::MAX), 0..99u64])), private in any_private(),
    ) {
        let audience: Vec<_> = audience.iter().map(String::as_str).collect();
        let lists: Vec<Vec<&str>> = private.values().map(|value| match value {
            Owned::Texts(texts) => texts.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        }).collect();
        let values: Vec<_> = private.iter().zip(&lists).map(|((name, value), list)| (name.as_str(), match value {
            Owned::Text(text) => ClaimValue::Str(text),
            Owned::Integer(number) => ClaimValue::Int(*number),
            Owned::Bool(value) => ClaimValue::Bool(*value),
            Owned::Texts(_) => ClaimValue::StrList(list),
        })).collect();
        let mut claims = JwtBuilder::new().audience(&audience).private_claims(&values);
        let mut expected = serde_json::Map::new();
        let setters = [JwtBuilder::issuer, JwtBuilder::subject, JwtBuilder::jwt_id];
        for ((text, set), name) in texts.iter().zip(setters).zip(["iss", "sub", "jti"]) {
            if let Some(text) = text {
                claims = set(claims, text);
                expected.insert(name.into(), json!(text));
            }
        }
        for ((date, set), name) in dates.iter().zip([JwtBuilder::expires_at, JwtBuilder::not_before, JwtBuilder::issued_at]).zip(["exp", "nbf", "iat"]) {
            if let Some(date) = date {
                claims = set(claims, at(*date));
                expected.insert(name.into(), json!(date));
            }
        }
        match audience.as_slice() {
            [] => None,
            [one] => expected.insert("aud".into(), json!(one)),
            several => expected.insert("aud".into(), json!(several)),
        };
        for (name, value) in &private {
            expected.insert(name.clone(), match value {
                Owned::Text(text) => json!(text),
                Owned::Integer(number) => json!(number),
                Owned::Bool(value) => json!(value),
                Owned::Texts(texts) => json!(texts),
            });
        }

        let mut out = vec![0; 60_000];
        let signed = claims.sign(&key(), &mut out).unwrap();
        let written = payload(signed);
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), serde_json::Value::Object(expected));
        let mut scratch = vec![0; signed.len()];
        let authentic = UnverifiedJwt::parse(signed.as_bytes()).unwrap().authenticate(&key(), &mut scratch).unwrap();
        let found = authentic.unchecked_claims();
        prop_assert_eq!(found.as_json(), written, "one spelling");
        for (text, expected) in [found.issuer(), found.subject(), found.jwt_id()].into_iter().zip(&texts) {
            prop_assert_eq!(text.is_some(), expected.is_some());
            let (Some(text), Some(expected)) = (text, expected) else { continue };
            prop_assert!(text == expected.as_str() && text == text && text != [expected, "x"].concat().as_str());
            prop_assert_eq!(&text.to_string(), expected);
            prop_assert!(text.chars().eq(expected.chars()));
            prop_assert_eq!(text.to_str(), (!expected.contains(is_escaped)).then_some(expected.as_str()));
        }
        let found_dates = [found.expires_at(), found.not_before(), found.issued_at()].map(|date| date.map(UnixTime::as_secs));
        prop_assert_eq!(found_dates, dates);
        let found_audience: Option<Vec<_>> = found.audience().map(|audience| audience.iter().map(|one| one.to_string()).collect());
        prop_assert_eq!(found_audience.unwrap_or_default(), audience);
        for (name, value) in &private {
            let json = found.get_json(name).unwrap();
            let expected = match value {
                Owned::Text(text) => serde_json::to_string(text),
                Owned::Integer(number) => serde_json::to_string(number),
                Owned::Bool(value) => serde_json::to_string(value),
                Owned::Texts(texts) => serde_json::to_string(texts),
            };
            prop_assert_eq!(json, expected.unwrap());
            prop_assert_eq!(found.get_str(name).map(|text| text.to_string()), if let Owned::Text(text) = value { Some(text.clone()) } else { None });
        }
    }
}

#[test]
fn a_private_claim_is_not_there_twice_and_not_in_the_place_of_a_registered_one() {
    let value = ClaimValue::Bool(true);
    let sign = |private: &[_]| JwtBuilder::new().private_claims(private).sign(&key(), &mut [0; 512]).map(payload);
    for claim in RegisteredClaim::ALL {
        let signed = sign(&[("x", value), (claim.name(), value)]);
        assert_eq!(fault(signed), about(claim.name(), ClaimFault::HasSetter), "{claim:?}");
    }
    assert_eq!(fault(sign(&[("x", value), ("y", value), ("x", value)])), about("x", ClaimFault::Duplicate));
    let names: Vec<_> = (0..65).map(|i| format!("n{i}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), value)).collect();
    let sign = |private: &[_]| JwtBuilder::new().private_claims(private).sign(&key(), &mut [0; 4096]).map(payload);
    assert!(sign(&many[..64]).is_ok());
    assert_eq!(fault(sign(&many)), about("n64", ClaimFault::TooMany));
    assert_eq!(sign(&[("", value), ("Exp", value), ("x", value)]).unwrap(), r#"{"":true,"Exp":true,"x":true}"#);
}

// ---------------------------------------------------------------------------------------------- with serde

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Unit;

#[derive(Serialize, Deserialize, Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Newtype(String);

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Tuple(u8, Option<bool>, ());

#[derive(Serialize, Deserialize, Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Letter {
    A,
    #[serde(rename = "\"b\"\n")]
    B,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
enum Shape {
    Unit,
    Newtype(Box<Shape>),
    Text(String),
    Tuple(i8, char),
    Struct { a: Option<u16>, b: Vec<Shape> },
    Empty {},
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Everything {
    text: String,
    letter: char,
    least: (i8, i16, i32, i64),
    most: (u8, u16, u32, u64),
    bools: [bool; 2],
    unit: (),
    unit_struct: Unit,
    newtype: Newtype,
    tuple: Tuple,
    none: Option<Newtype>,
    some: Option<Newtype>,
    shapes: Vec<Shape>,
    map: BTreeMap<String, Shape>,
    keyed: BTreeMap<Letter, u8>,
    nested: C<C<C<Vec<Vec<u8>>>>>,
}

fn any_everything() -> impl Strategy<Value = Everything> {
    let shape = prop_oneof![
        Just(Shape::Unit),
        Just(Shape::Empty {}),
        any_text().prop_map(Shape::Text),
        (any::<i8>(), any::<char>()).prop_map(|(a, b)| Shape::Tuple(a, b)),
    ];
    let shape = shape.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Shape::Newtype(Box::new(inner))),
            (perhaps(any::<u16>()), vec(inner, 0..3)).prop_map(|(a, b)| Shape::Struct { a, b }),
        ]
    });
    let least = prop_oneof![Just((i8::MIN, i16::MIN, i32::MIN, i64::MIN)), any::<(i8, i16, i32, i64)>()];
    let most = prop_oneof![Just((u8::MAX, u16::MAX, u32::MAX, u64::MAX)), any::<(u8, u16, u32, u64)>()];
    let keyed = btree_map(select(vec![Letter::A, Letter::B]), any::<u8>(), 0..3);
    let scalars =
        (any_text(), any::<char>(), least, most, any::<[bool; 2]>(), perhaps(any::<bool>()), perhaps(any_text()));
    let lists =
        (vec(shape.clone(), 0..4), btree_map(any_text(), shape, 0..4), keyed, vec(vec(any::<u8>(), 0..3), 0..3));
    (scalars, lists).prop_map(|((text, letter, least, most, bools, maybe, some), (shapes, map, keyed, nested))| {
        Everything {
            newtype: Newtype(text.clone()),
            text,
            letter,
            least,
            most,
            bools,
            unit: (),
            unit_struct: Unit,
            tuple: Tuple(most.0, maybe, ()),
            none: None,
            some: some.map(Newtype),
            shapes,
            map,
            keyed,
            nested: C { c: C { c: C { c: nested } } },
        }
    })
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn every_shape_of_serde_is_written_and_read(value in any_everything(), subject in any_text(), seed in any::<u64>()) {
        let mut out = vec![0; 60_000];
        let claims = JwtBuilder::new().subject(&subject).expires_at(at(7));
        let written = payload(claims.sign_with_claims(&value, &key(), &mut out).unwrap());
        // As another encoder would write it, registered claims in front; and that is what the other decoder reads.
        let theirs = serde_json::to_string(&value).unwrap();
        let expected = format!("{{\"sub\":{},\"exp\":7,{}", serde_json::to_string(&subject).unwrap(), &theirs[1..]);
        prop_assert_eq!(&written, &expected);
        prop_assert_eq!(&serde_json::from_str::<Everything>(&written).unwrap(), &value);
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        for text in [written, theirs.clone(), pretty, escaped(&theirs, seed, false), escaped(&theirs, seed, true)] {
            prop_assert_eq!(&read::<Everything>(&text).unwrap(), &value, "{}", text);
            // Without a heap a string with an escape is at most 256 bytes long.
            match read_no_alloc::<Everything>(&text) {
                Ok(read) => prop_assert_eq!(&read, &value, "{}", text),
                error => prop_assert_eq!(fault(error).map(|(_, fault)| fault), Some(ClaimFault::TooLong), "{}", text),
            }
        }
    }
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Flat {
    x: u8,
    #[serde(flatten)]
    named: C<Option<i64>>,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum Untagged {
    Number(u64),
    Negative(i64),
    Text(String),
    Struct { a: u8 },
    List(Vec<Untagged>),
    Nothing,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(tag = "kind")]
enum Tagged {
    Unit,
    Struct { a: Untagged },
    Newtype(C<char>),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(tag = "t", content = "v")]
enum Adjacent {
    Unit,
    Pair(u8, String),
}

fn assert_both_ways<T: Serialize + DeserializeOwned + core::fmt::Debug + PartialEq>(value: T, json: &str) {
    assert_eq!(sign_with_claims(JwtBuilder::new(), &value).as_deref(), Ok(json));
    assert_eq!(read::<T>(json), Ok(value));
}

#[test]
fn flattened_untagged_and_tagged_types_are_written_and_read() {
    let rest = BTreeMap::from([("y".to_owned(), json!({"z": [null, -1, "a\"b"]}))]);
    assert_both_ways(
        Flat { x: 1, named: C { c: Some(i64::MIN) }, rest },
        r#"{"x":1,"c":-9223372036854775808,"y":{"z":[null,-1,"a\"b"]}}"#,
    );
    let list = vec![
        Untagged::Number(u64::MAX),
        Untagged::Negative(-1),
        Untagged::Text("\n".into()),
        Untagged::Struct { a: 1 },
        Untagged::Nothing,
        Untagged::List(vec![]),
    ];
    assert_both_ways(C { c: Untagged::List(list) }, r#"{"c":[18446744073709551615,-1,"\n",{"a":1},null,[]]}"#);
    assert_both_ways(Untagged::Struct { a: 7 }, r#"{"a":7}"#);
    assert_both_ways(Tagged::Struct { a: Untagged::Number(1) }, r#"{"kind":"Struct","a":1}"#);
    assert_both_ways(Tagged::Newtype(C { c: '"' }), r#"{"kind":"Newtype","c":"\""}"#);
    assert_both_ways(C { c: Tagged::Unit }, r#"{"c":{"kind":"Unit"}}"#);
    assert_both_ways(
        C { c: vec![Adjacent::Unit, Adjacent::Pair(1, "p".into())] },
        r#"{"c":[{"t":"Unit"},{"t":"Pair","v":[1,"p"]}]}"#,
    );
    assert_both_ways(BTreeMap::from([("k".to_owned(), Some(1)), ("l".to_owned(), None)]), r#"{"k":1,"l":null}"#);
    assert_both_ways(C { c: Newtype("n".into()) }, r#"{"c":"n"}"#);
    assert_eq!(sign_with_claims(JwtBuilder::new(), &Some(C { c: 1 })).unwrap(), r#"{"c":1}"#);
    // A registered claim that is not set may come from the struct.
    assert_eq!(
        sign_with_claims(JwtBuilder::new().subject("a"), &BTreeMap::from([("iss", "b")])).unwrap(),
        r#"{"sub":"a","iss":"b"}"#
    );
}

/// What only `serde_json` reads, as the documentation of `deserialize_no_alloc` lists it; no other shape is read by one method alone.
#[test]
fn some_types_need_a_heap() {
    fn needs_heap<T: DeserializeOwned>(json: &str, expected: ClaimFault) {
        assert!(read::<T>(json).is_ok(), "{json}");
        assert_eq!(fault(read_no_alloc::<T>(json)).map(|(_, fault)| fault), Some(expected), "{json}");
    }
    needs_heap::<Flat>(r#"{"x":1,"c":2,"y":3}"#, ClaimFault::NeedsHeap);
    needs_heap::<C<Untagged>>(r#"{"c":1}"#, ClaimFault::NeedsHeap);
    needs_heap::<C<Tagged>>(r#"{"c":{"kind":"Unit"}}"#, ClaimFault::NeedsHeap);
    needs_heap::<C<serde_json::Value>>(r#"{"c":null}"#, ClaimFault::NeedsHeap);
    needs_heap::<C<ByteBuf>>(r#"{"c":[1,2]}"#, ClaimFault::NeedsHeap);
    needs_heap::<C<i128>>(r#"{"c":1}"#, ClaimFault::ExpectedInteger);
    needs_heap::<C<u128>>(r#"{"c":1}"#, ClaimFault::ExpectedInteger);
    let long = format!("\\n{}", "a".repeat(256));
    needs_heap::<C<String>>(&format!("{{\"c\":\"{long}\"}}"), ClaimFault::TooLong);
    needs_heap::<C<C<u8>>>(&format!("{{\"c\":{{\"z\":\"{long}\",\"c\":1}}}}"), ClaimFault::TooLong);
    needs_heap::<C<u8>>(&format!("{{\"{long}\":1,\"c\":1}}"), ClaimFault::TooLong);
    assert_eq!(read_by_both::<C<u8>>(&format!("{{\"z\":\"{long}\",\"c\":1}}")), Ok(C { c: 1 }));
}

/// Bytes, as a type of the application may take them.
#[derive(Debug, PartialEq)]
struct ByteBuf(Vec<u8>);

impl<'de> Deserialize<'de> for ByteBuf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = ByteBuf;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<ByteBuf, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(ByteBuf(bytes))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

#[test]
fn an_error_names_the_claim_and_the_cause() {
    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        nbf: u64,
        #[serde(default)]
        price: f64,
        #[serde(default)]
        roles: Vec<Letter>,
    }
    for (payload, name, expected) in [
        (r#"{}"#, "nbf", ClaimFault::Missing),
        (r#"{"nbf":"soon"}"#, "nbf", ClaimFault::ExpectedInteger),
        (r#"{"nbf":1.5}"#, "nbf", ClaimFault::ExpectedInteger),
        (r#"{"nbf":-1}"#, "nbf", ClaimFault::ExpectedInteger),
        (r#"{"nbf":1,"roles":{}}"#, "roles", ClaimFault::ExpectedArray),
        (r#"{"nbf":1,"roles":["C"]}"#, "roles", ClaimFault::Rejected),
        (r#"{"nbf":1,"else":2}"#, "else", ClaimFault::Unknown),
    ] {
        assert_eq!(fault(read_by_both::<Strict>(payload)), about(name, expected), "{payload}");
    }
    let error = read_by_both::<Strict>(r#"{"nbf":"soon"}"#).unwrap_err();
    assert_eq!(error.to_string(), "`nbf`: expected a whole number that fits its field");
    for (payload, name, expected) in [
        (r#"{"c":1}"#, "c", ClaimFault::ExpectedObject),
        (r#"{"c":{"c":1}}"#, "c", ClaimFault::ExpectedBool),
        (r#"{"c":{"d":true}}"#, "c", ClaimFault::Rejected),
        (r#"{"d":{}}"#, "c", ClaimFault::Missing),
    ] {
        assert_eq!(fault(read_by_both::<C<C<bool>>>(payload)), about(name, expected), "{payload}");
    }
    assert_eq!(fault(read_by_both::<u8>("{}")), about("", ClaimFault::Rejected));
    assert_eq!(fault(read_by_both::<Vec<u8>>("{}")), about("", ClaimFault::Rejected));
    assert_eq!(read_by_both::<BTreeMap<u8, bool>>(r#"{"7":true}"#), Ok(BTreeMap::from([(7, true)])));
    assert_eq!(read_by_both::<C<BTreeMap<i16, ()>>>(r#"{"c":{"-7":null}}"#), Ok(C { c: BTreeMap::from([(-7, ())]) }));
    assert_eq!(read_by_both::<BTreeMap<Newtype, u8>>(r#"{"a\n":1}"#), Ok(BTreeMap::from([(Newtype("a\n".into()), 1)])));
    assert_eq!(
        read_by_both::<BTreeMap<Letter, u8>>(r#"{"A":1,"\"b\"\n":2}"#),
        Ok(BTreeMap::from([(Letter::A, 1), (Letter::B, 2)]))
    );
}

/// A string that a type makes something of.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(try_from = "String")]
struct Short(String);

impl TryFrom<String> for Short {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        if text.len() < 3 { Ok(Self(text)) } else { Err("too long") }
    }
}

/// What asks to be skipped, and looks all the same.
#[derive(Debug, PartialEq)]
struct Nosy(usize);

impl<'de> Deserialize<'de> for Nosy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Looking;
        impl<'de> Visitor<'de> for Looking {
            type Value = Nosy;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("anything")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Nosy, A::Error> {
                let mut count = 0;
                while map.next_entry::<String, f64>()?.is_some() {
                    count += 1;
                }
                Ok(Nosy(count))
            }
        }
        deserializer.deserialize_ignored_any(Looking)
    }
}

#[test]
fn what_a_type_does_with_a_value_is_no_panic_and_has_its_fault() {
    assert_eq!(read_by_both::<C<Short>>(r#"{"c":"ab"}"#), Ok(C { c: Short("ab".into()) }));
    assert_eq!(fault(read_by_both::<C<Short>>(r#"{"c":"abc"}"#)), about("c", ClaimFault::Rejected));
    assert_eq!(read_no_alloc::<C<Option<Nosy>>>(r#"{"c":{"k":1,"l":2}}"#), Ok(C { c: Some(Nosy(2)) }));
    assert!(read_no_alloc::<C<Option<Nosy>>>(r#"{"c":{"k":null}}"#).is_err(), "not a number");
    assert!(read_no_alloc::<C<Option<Nosy>>>(r#"{"c":{"k":1e999}}"#).is_err(), "infinity");
}

#[test]
fn a_number_as_a_key_has_one_spelling() {
    type Map<K> = BTreeMap<K, u8>;
    for key in ["07", "+7", "-0", "00", "7.0", "7e0", "", "-", "0x7", "-07", "99999999999999999999"] {
        let payload = format!("{{\"{key}\":1}}");
        assert!(read_by_both::<Map<u64>>(&payload).is_err() && read_by_both::<Map<i64>>(&payload).is_err(), "{key}");
        let nested = format!("{{\"c\":{payload}}}");
        assert!(
            read_by_both::<C<Map<u64>>>(&nested).is_err() && read_by_both::<C<Map<i64>>>(&nested).is_err(),
            "{key}"
        );
        assert!(serde_json::from_str::<Map<u64>>(&payload).is_err(), "{key}");
    }
    assert_eq!(read_by_both::<Map<u32>>(r#"{"0":1,"70":2}"#), Ok(Map::from([(0, 1), (70, 2)])));
    assert_eq!(read_by_both::<Map<i8>>(r#"{"-128":1,"127":2}"#), Ok(Map::from([(-128, 1), (127, 2)])));
}

/// Names that mean something inside of `serde_json` are names like any other to JSON, and no claims.
#[test]
fn names_with_a_meaning_inside_of_a_library_are_refused() {
    for name in ["$serde_json::private::RawValue", "$serde_json::private::Number"] {
        let payload = format!("{{\"{name}\":\"{{\\\"admin\\\":1,\\\"admin\\\":true}}\"}}");
        assert!(read::<serde_json::Value>(&payload).is_err(), "{name}");
        assert!(read_by_both::<BTreeMap<String, String>>(&payload).is_err(), "{name}");
    }
    let raw = serde_json::value::RawValue::from_string("[1, 2]".into()).unwrap();
    assert_eq!(fault(sign_with_claims(JwtBuilder::new(), &C { c: &raw })), about("c", ClaimFault::NotJson));
    assert_eq!(fault(sign_with_claims(JwtBuilder::new(), &raw)), about("", ClaimFault::NotAnObject));
    // As `arbitrary_precision` has a number serialized.
    for (digits, is_good) in [
        ("5", true),
        ("-0.5e-7", true),
        ("0", true),
        ("05", false),
        ("1,\"a\":2", false),
        ("inf", false),
        ("1e999", false),
        ("1.", false),
        ("", false),
    ] {
        let signed = sign_with_claims(JwtBuilder::new(), &C { c: Precise(digits) });
        assert_eq!(signed.ok(), is_good.then(|| format!("{{\"c\":{digits}}}")), "{digits}");
    }
}

struct Precise(&'static str);

impl Serialize for Precise {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut number = serializer.serialize_struct("$serde_json::private::Number", 1)?;
        number.serialize_field("$serde_json::private::Number", self.0)?;
        number.end()
    }
}

#[test]
fn a_name_with_an_escape_is_named_without_its_quotes() {
    let error = fault(read_by_both::<BTreeMap<String, u8>>(r#"{"a\"b":true}"#));
    assert_eq!(error, about("a\\\"b", ClaimFault::ExpectedInteger));
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_finite_number_is_written_and_read_back(double in any::<f64>(), single in any::<f32>()) {
        for value in [double, f64::from(single), double.trunc()] {
            if value.is_finite() {
                let written = sign_with_claims(JwtBuilder::new(), &C { c: value }).unwrap();
                prop_assert!(serde_json::from_str::<serde_json::Value>(&written).is_ok(), "{}", written);
                prop_assert_eq!(read_by_both::<C<f64>>(&written), Ok(C { c: value }), "{}", written);
            }
        }
        if single.is_finite() {
            let written = sign_with_claims(JwtBuilder::new(), &C { c: single }).unwrap();
            prop_assert_eq!(read_by_both::<C<f32>>(&written), Ok(C { c: single }), "{}", written);
        }
    }
}

#[test]
fn text_is_borrowed_unless_it_has_to_be_unescaped() {
    #[derive(Deserialize, Debug, PartialEq)]
    struct Borrowed<'a> {
        c: &'a str,
    }
    let read = |payload: &str| {
        let mut token = token(payload);
        let claims = *authenticate_in_place(&key(), &mut token).unwrap().unchecked_claims();
        let found = claims.deserialize::<Borrowed<'_>>();
        assert_eq!(found, claims.deserialize_no_alloc());
        found.map(|claims| claims.c.to_owned())
    };
    assert_eq!(read(r#"{"c":"\u00e9\ud83d\uDE00\/"}"#).as_deref(), Ok("é😀/"));
    for escape in [r#"\""#, r"\\", r"\n", r"\u0000", r"\u001f"] {
        let found = read(&format!("{{\"c\":\"{escape}\"}}"));
        assert_eq!(fault(found), about("c", ClaimFault::Escaped), "{escape}");
    }
}

#[test]
fn a_claim_that_nobody_asked_for_does_not_matter() {
    let long = "a".repeat(300);
    for other in [
        format!("\"z\":\"{long}\""),
        format!("\"z\":\"\\n{long}\""),
        format!("\"\\n{long}\":2"),
        r#""\"":{"c":[2,{"c":"]}"}]}"#.to_owned(),
        "\"z\":[1e400,-0.0,\"\\\\\"]".to_owned(),
    ] {
        for payload in [format!("{{{other},\"c\":1}}"), format!("{{\"c\":1,{other}}}")] {
            assert_eq!(read(&payload), Ok(C { c: 1u8 }), "{other}");
            // A name with an escape that is longer than 256 bytes cannot be compared without a heap.
            match read_no_alloc::<C<u8>>(&payload) {
                Ok(read) => assert_eq!(read, C { c: 1 }, "{other}"),
                error => assert!(other.starts_with("\"\\n"), "{error:?} for {other}"),
            }
        }
    }
    let list = vec![format!("\n{long}"); 5];
    assert_eq!(read(&serde_json::to_string(&C { c: &list }).unwrap()), Ok(C { c: list }));
}

#[test]
fn a_value_of_another_shape_is_an_error_and_no_panic() {
    /// Whether each of the types takes it, in the order of the list below: 1 by both methods, h only with a heap.
    fn takes(json: &str) -> String {
        fn one<T: DeserializeOwned>(json: &str) -> char {
            let payload = format!("{{\"c\":{json}}}");
            match (read::<C<T>>(&payload).is_ok(), read_no_alloc::<C<T>>(&payload).is_ok()) {
                (true, true) => '1',
                (true, false) => 'h',
                (false, false) => '.',
                (false, true) => '?',
            }
        }
        type Map<K> = BTreeMap<K, u8>;
        String::from_iter([
            one::<u8>(json),
            one::<i64>(json),
            one::<u64>(json),
            one::<f64>(json),
            one::<bool>(json),
            one::<char>(json),
            one::<String>(json),
            one::<Option<u8>>(json),
            one::<()>(json),
            one::<Vec<u8>>(json),
            one::<(u8, u8)>(json),
            one::<Map<String>>(json),
            one::<Map<u8>>(json),
            one::<Map<Letter>>(json),
            one::<Shape>(json),
            one::<serde_json::Value>(json),
        ])
    }
    for (json, expected) in [
        ("1", "1111...1.......h"),
        ("255", "1111...1.......h"),
        ("256", ".111...........h"),
        ("-1", ".1.1...........h"),
        ("9223372036854775808", "..11...........h"),
        ("-9223372036854775808", ".1.1...........h"),
        ("18446744073709551615", "..11...........h"),
        ("1.5", "...1...........h"),
        ("-0.5e-3", "...1...........h"),
        ("1e400", "................"),
        ("-1e400", "................"),
        ("true", "....1..........h"),
        ("null", ".......11......h"),
        ("\"a\"", ".....11........h"),
        ("\"\\n\"", ".....11........h"),
        ("\"\"", "......1........h"),
        ("\"Unit\"", "......1.......1h"),
        ("\"Text\"", "......1........h"),
        ("[]", ".........1.....h"),
        ("[1,2]", ".........11....h"),
        ("[1,2,3]", ".........1.....h"),
        ("[1,-2]", "...............h"),
        ("{}", "...........111.h"),
        ("{\"1\":1}", "...........11..h"),
        ("{\"A\":1}", "...........1.1.h"),
        ("{\"Text\":\"t\"}", "..............1h"),
        ("{\"Text\":\"t\",\"Unit\":1}", "...............h"),
        ("{\"Tuple\":[1,\"c\"]}", "..............1h"),
        ("{\"Tuple\":[1,\"c\",2]}", "...............h"),
        ("{\"Struct\":{\"b\":[\"Unit\"]}}", "..............1h"),
        ("{\"Newtype\":{\"Newtype\":\"Unit\"}}", "..............1h"),
    ] {
        assert_eq!(takes(json), expected, "{json}");
    }
}

// ---------------------------------------------------------------------------------------------- what is not written

/// A map, one key and value after the other, whatever they are.
struct Pairs<K, V>(Vec<(K, V)>);

impl<K: Serialize, V: Serialize> Serialize for Pairs<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
        map.end()
    }
}

struct Bytes;

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(b"bytes")
    }
}

struct Failing;

impl Serialize for Failing {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no"))
    }
}

/// Arrays in arrays.
struct Nested(usize);

impl Serialize for Nested {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        if self.0 > 1 {
            list.serialize_element(&Self(self.0 - 1))?;
        }
        list.end()
    }
}

/// Variants with a value in one another: one level each, or two.
fn nested_shape(newtypes: usize, innermost: Shape) -> C<Shape> {
    C { c: (0..newtypes).fold(innermost, |inner, _| Shape::Newtype(Box::new(inner))) }
}

#[derive(Serialize)]
struct Twice {
    #[serde(rename = "x")]
    a: u8,
    #[serde(rename = "x")]
    b: u8,
}

#[test]
fn what_json_or_this_crate_cannot_say_is_not_signed() {
    use ClaimFault::{Duplicate, NotAnObject, NotFinite, NotJson, Rejected, TooDeep};

    fn assert_refused(what: &str, name: &str, expected: ClaimFault, private: impl Serialize) {
        let claims = [("p", ClaimValue::Bool(true))];
        let claims = JwtBuilder::new().subject("s").audience(&["a"]).expires_at(at(1)).private_claims(&claims);
        assert_eq!(fault(sign_with_claims(claims, &private)), about(name, expected), "{what}");
    }
    assert_refused("no number", "c", NotFinite, C { c: f64::NAN });
    assert_refused("infinity", "c", NotFinite, C { c: f32::INFINITY });
    assert_refused(
        "infinity deep inside",
        "c",
        NotFinite,
        C { c: vec![Some((1, BTreeMap::from([("d", f64::NEG_INFINITY)])))] },
    );
    assert_refused("bytes", "c", NotJson, C { c: Bytes });
    assert_refused("128 bits", "c", NotJson, C { c: i128::from(1u8) });
    assert_refused("what fails by itself", "c", Rejected, C { c: Failing });
    assert_refused("what fails at the top", "", Rejected, Failing);
    assert_refused("numbers as keys", "", NotJson, BTreeMap::from([(1, 1)]));
    assert_refused("numbers as keys inside", "c", NotJson, C { c: BTreeMap::from([(1, 1)]) });
    assert_refused("letters as keys", "c", NotJson, C { c: BTreeMap::from([('a', 1)]) });
    assert_refused("pairs as keys", "c", NotJson, C { c: BTreeMap::from([((1, 2), 1)]) });
    assert_refused("truth as a key", "c", NotJson, C { c: BTreeMap::from([(true, 1)]) });
    assert_refused("nothing as a key", "c", NotJson, C { c: BTreeMap::from([((), 1)]) });
    assert_refused("a map as a key", "", NotJson, Pairs(vec![(Pairs(vec![("a", 1)]), 1)]));
    assert_refused("a number for claims", "", NotAnObject, 1);
    assert_refused("a text for claims", "", NotAnObject, "c");
    assert_refused("a list for claims", "", NotAnObject, [C { c: 1 }]);
    assert_refused("a tuple for claims", "", NotAnObject, (C { c: 1 }, 2));
    assert_refused("nothing for claims", "", NotAnObject, ());
    assert_refused("none for claims", "", NotAnObject, None::<C<u8>>);
    assert_refused("a unit struct for claims", "", NotAnObject, Unit);
    assert_refused("bytes for claims", "", NotAnObject, Bytes);
    assert_refused("a unit variant for claims", "", NotAnObject, Shape::Unit);
    assert_refused("a newtype variant for claims", "", NotAnObject, Shape::Text("t".into()));
    assert_refused("a tuple variant for claims", "", NotAnObject, Shape::Tuple(1, 'c'));
    assert_refused("a struct variant for claims", "", NotAnObject, Shape::Empty {});
    assert_refused("a field twice", "x", Duplicate, Twice { a: 1, b: 2 });
    assert_refused("a key twice", "x", Duplicate, Pairs(vec![("x", 1), ("y", 2), ("x", 3)]));
    assert_refused(
        "a key twice, once as a variant",
        "A",
        Duplicate,
        Pairs(vec![(json!("A"), 1), (json!(Letter::A), 2)]),
    );
    assert_refused("a flattened field twice", "x", Duplicate, {
        let rest = BTreeMap::from([("x".to_owned(), json!(2))]);
        Flat { x: 1, named: C { c: None }, rest }
    });
    for name in ["sub", "aud", "exp", "p"] {
        assert_refused(name, name, Duplicate, BTreeMap::from([(name, 1)]));
    }
    assert_refused("nesting", "c", TooDeep, C { c: Nested(16) });
    assert_refused("more nesting", "c", TooDeep, C { c: Nested(1000) });
    assert_refused("nested variants", "c", TooDeep, nested_shape(15, Shape::Text(String::new())));
    assert_refused("nested variants of two levels", "c", TooDeep, nested_shape(14, Shape::Tuple(1, 'c')));
    assert_refused("nested objects in variants", "c", TooDeep, nested_shape(14, Shape::Empty {}));
}

#[test]
fn what_is_just_within_the_limits_is_signed_and_taken() {
    for private in [
        serde_json::to_value(C { c: Nested(15) }),
        serde_json::to_value(nested_shape(14, Shape::Text(String::new()))),
        serde_json::to_value(nested_shape(13, Shape::Tuple(1, 'c'))),
        serde_json::to_value(BTreeMap::from_iter((0..128).map(|i| (format!("k{i}"), i)))),
    ] {
        let private = private.unwrap();
        let written = sign_with_claims(JwtBuilder::new(), &private).unwrap();
        assert_eq!(read::<serde_json::Value>(&written), Ok(private));
    }
    assert_eq!(
        sign_with_claims(JwtBuilder::new(), &C { c: Nested(15) }).unwrap(),
        format!("{{\"c\":{}{}}}", "[".repeat(15), "]".repeat(15))
    );
    assert!(sign_with_claims(JwtBuilder::new(), &nested_shape(14, Shape::Text(String::new()))).is_ok());
    assert!(sign_with_claims(JwtBuilder::new(), &nested_shape(13, Shape::Tuple(1, 'c'))).is_ok());
    assert!(sign_with_claims(JwtBuilder::new(), &nested_shape(13, Shape::Empty {})).is_ok());
    // The registered ones count, and so do those of a slice.
    let private = [("a", ClaimValue::Bool(true)), ("b", ClaimValue::Bool(false))];
    for (claims, most) in [(JwtBuilder::new(), 128), (JwtBuilder::new().subject("s").private_claims(&private), 125)] {
        for (n, is_good) in [(most, true), (most + 1, false), (500, false)] {
            let many = BTreeMap::from_iter((0..n).map(|i| (format!("k{i:03}"), i)));
            let signed = sign_with_claims(claims, &many);
            assert_eq!(signed.is_ok(), is_good, "{n} claims");
            let fault = fault(signed);
            assert_eq!(fault, if is_good { None } else { about(&format!("k{most:03}"), ClaimFault::TooMany) });
        }
    }
}

#[test]
fn a_buffer_too_small_is_told_how_large_it_should_be() {
    let private = [("fw", ClaimValue::Str("\"1.2.3\"\n")), ("roles", ClaimValue::StrList(&["reader", "é"]))];
    let claims =
        JwtBuilder::new().issuer("i").subject("s").audience(&["a", "b"]).expires_at(at(1)).private_claims(&private);
    let more = C { c: vec![1u8, 2, 3] };
    let mut ring = KeySet::<1>::new();
    ring.insert("k", key(), ValidityPeriod::ALWAYS).unwrap();
    ring.set_signing_key("k").unwrap();
    type SignFn<'f> = &'f dyn Fn(&mut [u8]) -> Result<usize, Error>;
    let ways: [SignFn<'_>; 4] = [
        &|out| JwtBuilder::new().sign(&key(), out).map(str::len),
        &|out| claims.key_id("k").content_type("c").sign(&key(), out).map(str::len),
        &|out| claims.sign_with_claims(&more, &key(), out).map(str::len),
        &|out| ring.sign(&claims, out).map(str::len),
    ];
    for (i, sign) in ways.iter().enumerate() {
        let needed = sign(&mut [0; 1024]).unwrap();
        for len in 0..needed {
            assert_eq!(sign(&mut vec![0; len]), Err(Error::BufferTooSmall { needed }), "way {i}, {len} bytes");
        }
        assert_eq!(sign(&mut vec![0; needed]), Ok(needed), "way {i}");
    }
    let short = JwtBuilder::new().sign(&key(), &mut [0; 99]).unwrap().len();
    assert_eq!(short, 36 + 1 + 3 + 1 + 43);
    assert_eq!(JwtBuilder::new().sign_heapless::<84, _>(&key()).unwrap().len(), short);
    assert_eq!(JwtBuilder::new().sign_heapless::<83, _>(&key()), Err(Error::BufferTooSmall { needed: short }));
}

/// Dates and addresses of other crates are written piece by piece.
#[test]
fn what_is_displayed_is_a_string() {
    struct Quoted;
    impl fmt::Display for Quoted {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a\"b")?;
            f.write_str("\n")
        }
    }
    impl Serialize for Quoted {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }
    let mut out = [0; 192];
    let claims = BTreeMap::from([("at", Quoted)]);
    let token = JwtBuilder::new().subject("s").sign_with_claims(&claims, &key(), &mut out).unwrap().to_owned();
    let mut scratch = [0; 192];
    let authentic = UnverifiedJwt::parse(token.as_bytes()).unwrap().authenticate(&key(), &mut scratch).unwrap();
    assert_eq!(authentic.unchecked_claims().as_json(), r#"{"sub":"s","at":"a\"b\n"}"#);
}

/// What a number is not, by either method: absent, infinite, or too large. 1e300 is a double and no float.
#[test]
fn a_float_that_is_not_finite_is_refused() {
    #[derive(Deserialize)]
    struct Float<T> {
        x: T,
    }
    fn read<T: DeserializeOwned>(number: &str) -> [Result<T, ClaimFault>; 2] {
        let mut token = signed(&key(), r#"{"alg":"HS256"}"#, format!("{{\"x\":{number}}}"));
        let claims = *authenticate_in_place(&key(), &mut token).unwrap().unchecked_claims();
        [claims.deserialize::<Float<T>>(), claims.deserialize_no_alloc()].map(|read| match read {
            Ok(Float { x }) => Ok(x),
            Err(error) => {
                assert_eq!(error.name(), Some("x"));
                Err(error.fault())
            }
        })
    }
    for (number, single, double) in [
        ("1.5", Ok(1.5), Ok(1.5)),
        ("-2", Ok(-2.0), Ok(-2.0)),
        ("1e30", Ok(1e30), Ok(1e30)),
        ("-0.5e-3", Ok(-0.5e-3), Ok(-0.5e-3)),
        ("1e300", Err(ClaimFault::NotFinite), Ok(1e300)),
        ("-1e39", Err(ClaimFault::NotFinite), Ok(-1e39)),
        ("1e999", Err(ClaimFault::NotFinite), Err(ClaimFault::NotFinite)),
        ("-1e999", Err(ClaimFault::NotFinite), Err(ClaimFault::NotFinite)),
        ("null", Err(ClaimFault::NotFinite), Err(ClaimFault::NotFinite)),
        ("\"1\"", Err(ClaimFault::NotFinite), Err(ClaimFault::ExpectedNumber)),
        ("[1]", Err(ClaimFault::NotFinite), Err(ClaimFault::ExpectedNumber)),
    ] {
        for found in read::<f32>(number) {
            assert_eq!(found, single, "{number}");
        }
        for found in read::<f64>(number) {
            // Which of the two is said of infinity and of null depends on the library.
            assert!(found == double || found.is_err() && double.is_err(), "{number}: {found:?}");
        }
        assert_eq!(read::<Option<f64>>("null"), [Ok(None), Ok(None)]);
    }
}
