//! Keys of raw bytes and keys as text: which are taken, for what, and what is derived of them.

use crate::data::{hex, input, number, to_hex};
use crate::kit::{KEY, check_every_size};
use crate::{data, kit};
use countersign::Error;
use countersign::key::{KeyBytes, KeyRole, KeyText, MacKey, MasterKey};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

#[test]
fn an_empty_short_long_or_repeated_key_is_no_key() {
    let errors = |bytes: &[u8]| [MacKey::new(bytes).err(), MasterKey::new(bytes).err(), KeyBytes::new(bytes).err()];
    let bytes: Vec<u8> = (0..=64).collect();
    for got in 0..=64 {
        assert_eq!(errors(&bytes[..got]), [(got != 32).then_some(Error::KeyLength { got }); 3]);
    }
    for byte in 0..=u8::MAX {
        assert_eq!(errors(&[byte; 32]), [Some(Error::KeyRepeated); 3], "{byte}");
    }
    let mut nearly = [0; 32];
    nearly[31] = 1;
    assert_eq!(errors(&nearly), [None; 3]);
    // Nor does a key text with a good check bring one in.
    let checked = format!("csk1d_0_{}", "A".repeat(43));
    let check = &kit::hex(&Sha256::digest(&checked))[..6];
    let read = KeyText::parse(KeyRole::Device, format!("{checked}{check}").as_bytes());
    assert_eq!(read.unwrap_err(), Error::KeyRepeated);
}

#[test]
fn a_master_is_never_taken_for_a_device_key() {
    let types = [KeyRole::Master, KeyRole::Device];
    for written in types {
        let secret = KeyBytes::new(KEY).unwrap();
        let line = KeyText { role: written, slot: 0, key: secret }.encode_heapless::<{ KeyText::MAX_LEN }>().unwrap();
        for asked in types {
            let read = KeyText::parse(asked, line.as_bytes()).map(|text| *text.key.expose_secret());
            assert_eq!(read, if written == asked { Ok(*KEY) } else { Err(Error::KeyTextRole) });
        }
        // With its type edited it fails its check.
        let edited = if written == types[0] { line.replace("k1m", "k1d") } else { line.replace("k1d", "k1m") };
        assert!(types.iter().all(|asked| KeyText::parse(*asked, edited.as_bytes()).is_err()));
    }
}

// ---------------------------------------------------------------------------------------------- any key

proptest! {
    #![proptest_config(kit::cases(24))]

    #[test]
    fn a_key_text_reads_back_and_says_how_long_it_is(bytes in any::<[u8; 32]>(), slot in any::<u8>()) {
        for role in [KeyRole::Master, KeyRole::Device] {
            let text = KeyText { role, slot, key: KeyBytes::new(&bytes).unwrap() };
            let line = text.encode_heapless::<{ KeyText::MAX_LEN }>().unwrap();
            check_every_size(line.as_bytes(), |out| {
                text.encode(out).map(|line| line.into())
            });
            let read = KeyText::parse(role, line.as_bytes()).unwrap();
            prop_assert_eq!((read.slot, *read.key.expose_secret()), (slot, bytes));
        }
    }
}

/// Over fixed keys: a check of 24 bits lets one in sixteen million pass, which random keys would find now and then.
#[test]
fn one_mistyped_character_of_a_key_text_is_noticed() {
    for seed in 0..16u8 {
        let bytes: [u8; 32] = std::array::from_fn(|i| (i as u8).wrapping_mul(seed | 1).wrapping_add(seed));
        let secret = KeyBytes::new(&bytes).unwrap();
        let line = KeyText { role: KeyRole::Device, slot: seed, key: secret }
            .encode_heapless::<{ KeyText::MAX_LEN }>()
            .unwrap();
        for place in 0..line.len() {
            for typed in (b'!'..=b'~').filter(|typed| *typed != line.as_bytes()[place]) {
                let mut mistyped = line.as_bytes().to_vec();
                mistyped[place] = typed;
                assert!(KeyText::parse(KeyRole::Device, &mistyped).is_err(), "{seed} {place} {typed}");
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------- vectors

fn key_role(case: &Value) -> KeyRole {
    if case["type"] == "master" { KeyRole::Master } else { KeyRole::Device }
}

fn check_key_case(case: &Value) -> Result<Value, Error> {
    match case["op"].as_str().unwrap() {
        "derive" => {
            let master = MasterKey::new(&hex(&case["master"]))?;
            let generation = u32::try_from(number(&case["generation"])).map_err(|_| Error::Malformed)?;
            let key = master.derive_key_bytes(case["realm"].as_str().unwrap(), &hex(&case["uid"]), generation)?;
            Ok(json!(to_hex(key.expose_secret())))
        }
        "key_check" => MacKey::new(&hex(&case["key"])).map(|_| case["expect"]["ok"].clone()),
        "key_text_write" => {
            // A slot above 255 is not a slot of this API at all.
            let slot = u8::try_from(number(&case["slot"])).map_err(|_| Error::KeyTextSyntax)?;
            let secret = KeyBytes::new(&hex(&case["key"]))?;
            let text = KeyText { role: key_role(case), slot, key: secret }.encode_heapless::<{ KeyText::MAX_LEN }>()?;
            Ok(json!(text.as_str()))
        }
        "key_text_parse" => {
            let text = KeyText::parse(key_role(case), &input(case))?;
            Ok(json!({"slot": text.slot, "key": to_hex(text.key.expose_secret())}))
        }
        other => panic!("unknown operation {other}"),
    }
}

#[test]
fn keys_and_key_text() {
    let mut checked = 0;
    for case in data::cases("keys") {
        let outcome = check_key_case(&case);
        if case["expect"]["reject"] == "refused" {
            assert!(outcome.is_err(), "{case}");
        } else {
            assert_eq!(outcome.as_ref(), Ok(&case["expect"]["ok"]), "{case}");
        }
        checked += 1;
    }
    assert_eq!(checked, 253);
    println!("keys: {checked} checked");
}
