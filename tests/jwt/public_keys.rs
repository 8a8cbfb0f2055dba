//! Keys that everybody may know, ES256 and EdDSA: bent tokens, confused algorithms, sets of JWKs.

use crate::hostile::{bend, bent, verdict};
use crate::kit::{LONG_SECRET, SECRET, at, base64url, key, ring_of, signed};
use base64ct::{Base64UrlUnpadded, Encoding};
use countersign::Error;
use countersign::jwt::keys::{
    EdDsaSigningKey, Es256SigningKey, Hs256Key, Hs384Key, Hs512Key, SigningKey, VerifyingKey,
};
use countersign::jwt::{JwksError, JwtError, KeySet, UnverifiedJwt, ValidityPeriod};

/// Points of RFC 7515 appendix A.3 and RFC 8037 appendix A.
const P256_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";

const P256_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

#[test]
fn every_bent_es256_token_is_refused() {
    let signer = Es256SigningKey::new(SECRET).unwrap();
    assert_eq!(bend(&signer, &signer.verifying_key(), &ring_of(signer.verifying_key())), bent(86));
}

#[test]
fn every_bent_eddsa_token_is_refused() {
    let signer = EdDsaSigningKey::new(SECRET).unwrap();
    assert_eq!(bend(&signer, &signer.verifying_key(), &ring_of(signer.verifying_key())), bent(86));
}

/// JSON for `alg`, or nothing at all.
const ALGS: &str = r#""HS256"|"HS384"|"HS512"|"ES256"|"EdDSA"|"none"|"None"|"NONE"|"nOnE"|""|"hs256"|"Hs384"|"HS512 "|" HS256"|"HS256\u0000"|"es256"|"ES256K"|"ES384"|"eddsa"|"EDDSA"|"Ed25519"|"RS256"|"PS256"|"HS"|null|256|true|{}|[]|["HS256"]|["ES256"]|"#;

/// Signs with a key whatever the header says; the headers that it took.
fn taken_algs<K: VerifyingKey>(signer: &impl SigningKey, key: &K, ring: &KeySet<1>) -> Vec<&'static str> {
    let taken = |alg: &&str| {
        let header =
            if alg.is_empty() { r#"{"typ":"JWT"}"#.to_owned() } else { format!("{{\"typ\":\"JWT\",\"alg\":{alg}}}") };
        let token = signed(signer, &header, "{}");
        let last = token.iter().rposition(|byte| *byte == b'.').unwrap();
        for unsigned in [&token[..=last], &[&token[..=last], b"AA"].concat(), &token[..last]] {
            assert_eq!(verdict(key, ring, unsigned), Err(JwtError::Invalid), "{alg}");
        }
        verdict(key, ring, &token).is_ok()
    };
    ALGS.split('|').filter(taken).collect()
}

#[test]
fn a_header_is_believed_only_where_it_agrees_with_the_key() {
    let (hs384, hs512) = (|| Hs384Key::new(LONG_SECRET).unwrap(), || Hs512Key::new(LONG_SECRET).unwrap());
    assert_eq!(taken_algs(&key(), &key(), &ring_of(key())), ["\"HS256\""]);
    assert_eq!(taken_algs(&hs384(), &hs384(), &ring_of(hs384())), ["\"HS384\""]);
    assert_eq!(taken_algs(&hs512(), &hs512(), &ring_of(hs512())), ["\"HS512\""]);
    let es256 = Es256SigningKey::new(SECRET).unwrap();
    assert_eq!(taken_algs(&es256, &es256.verifying_key(), &ring_of(es256.verifying_key())), ["\"ES256\""]);
    let eddsa = EdDsaSigningKey::new(SECRET).unwrap();
    assert_eq!(taken_algs(&eddsa, &eddsa.verifying_key(), &ring_of(eddsa.verifying_key())), ["\"EdDSA\""]);
}

#[test]
fn a_public_key_forges_no_hmac() {
    let [x, y, ed] = [P256_X, P256_Y, ED25519_X].map(|text| Base64UrlUnpadded::decode_vec(text).unwrap());
    let set = jwk_set(&[&ec("e", ""), &okp("o", "")]);
    let ring: KeySet<2> = KeySet::from_jwks(&set).unwrap();
    let secrets = [
        [&[4], x.as_slice(), &y].concat(),
        [x.as_slice(), &y].concat(),
        x.clone(),
        ed.clone(),
        P256_X.as_bytes().to_vec(),
        ED25519_X.as_bytes().to_vec(),
    ];
    for text in [ec("e", ""), set] {
        assert_eq!(Hs256Key::new(text.as_bytes()).unwrap_err(), Error::KeyLooksPublic);
    }
    for secret in &secrets {
        let forger = Hs256Key::new(secret).unwrap();
        for (alg, kid) in ["HS256", "ES256", "EdDSA"].into_iter().flat_map(|alg| ["e", "o", "?"].map(|kid| (alg, kid)))
        {
            for header in [format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#), format!(r#"{{"alg":"{alg}"}}"#)] {
                let token = signed(&forger, &header, "{}");
                let mut scratch = vec![0; token.len()];
                let found = ring.authenticate(&UnverifiedJwt::parse(&token).unwrap(), at(1), &mut scratch).map(|_| ());
                assert_eq!(found, Err(JwtError::Invalid), "{header}");
            }
        }
    }
}

#[test]
fn a_key_is_at_least_as_long_as_its_hash() {
    fn check<K: core::fmt::Debug>(new: impl Fn(&[u8]) -> Result<K, Error>, least: usize) {
        for len in 0..1100 {
            let key: Vec<u8> = (0..len).map(|i| [0xA5, 0x5A][i % 2]).collect();
            let made = new(&key).map(|_| ());
            assert_eq!(made, if len < least { Err(Error::KeyTooShort { got: len, least }) } else { Ok(()) });
        }
    }
    check(Hs256Key::new, 32);
    check(Hs384Key::new, 48);
    check(Hs512Key::new, 64);
    for secret in [&[0; 32][..], &[0xFF; 32], &[1; 33], &[]] {
        assert_eq!(Es256SigningKey::new(secret).unwrap_err(), Error::PrivateKey, "{secret:?}");
    }
    for seed in [0, 31, 33, 64] {
        assert_eq!(EdDsaSigningKey::new(&vec![1; seed]).unwrap_err(), Error::PrivateKey);
    }
}

/// p256 itself fills shorter ones up with zeros.
#[test]
fn a_p256_private_key_is_of_one_length() {
    for len in 0..64 {
        assert_eq!(Es256SigningKey::new(&vec![1; len]).is_ok(), len == 32, "{len} bytes");
    }
}

#[test]
fn a_key_that_only_verifies_is_not_chosen_to_sign() {
    let public = Es256SigningKey::new(b"an obvious test key of 32 bytes!").unwrap().verifying_key();
    let mut ring = KeySet::<1>::new();
    ring.insert("public", public, ValidityPeriod::ALWAYS).unwrap();
    assert_eq!(ring.set_signing_key("public"), Err(Error::NoSigningKey));
}

fn jwk_set(keys: &[&str]) -> String {
    format!("{{\"keys\":[{}]}}", keys.join(","))
}

fn ec(kid: &str, rest: &str) -> String {
    format!(r#"{{"kty":"EC","crv":"P-256","kid":"{kid}","x":"{P256_X}","y":"{P256_Y}"{rest}}}"#)
}

fn okp(kid: &str, rest: &str) -> String {
    format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{ED25519_X}"{rest}}}"#)
}

fn oct(kid: &str, secret: &[u8], rest: &str) -> String {
    format!(r#"{{"kty":"oct","alg":"HS256","kid":"{kid}","k":"{}"{rest}}}"#, base64url(secret))
}

#[test]
fn a_jwk_set_is_taken_whole_or_not_at_all() {
    use JwksError::{Key, KeySet as NotTaken, Malformed, Mixed};
    let rsa = r#"{"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"}"#;
    let [e, o, s] = [ec("e", ""), okp("o", ""), oct("s", SECRET, "")];
    let cases: &[(&str, &[&str], Result<usize, JwksError>)] = &[
        ("an empty set", &[], Ok(0)),
        ("an RSA key is passed over", &[rsa, &e, rsa, &o], Ok(2)),
        ("what is no key we know is passed over", &["{}", r#"{"kty":5}"#, r#"{"kty":"EC","crv":"P-384"}"#, &e], Ok(1)),
        ("an element that is no object", &[&e, "5"], Err(Malformed)),
        ("a member twice", &[&ec("e", r#","kid":"f""#)], Err(Malformed)),
        ("a member twice by an escape", &[&ec("e", r#","\u006bid":"f""#)], Err(Malformed)),
        ("EC and OKP are both public", &[&e, &o], Ok(2)),
        ("a secret among public keys", &[&e, &s], Err(Mixed)),
        ("a public key among secrets", &[&s, &o], Err(Mixed)),
        ("a key id twice", &[&e, &okp("e", "")], Err(NotTaken(Error::KeyIdTaken))),
        ("an empty key id", &[&ec("", "")], Err(NotTaken(Error::InvalidKeyId))),
        ("a key id too long", &[&ec(&"k".repeat(65), "")], Err(NotTaken(Error::InvalidKeyId))),
        ("more keys than there is room for", &[&e, &o, &ec("f", ""), &ec("g", "")], Err(NotTaken(Error::KeyRingFull))),
        ("no key id", &[rsa, &e.replace("\"kid\":\"e\",", "")], Err(Key(1))),
        ("a key id of another type", &[&e.replace("\"kid\":\"e\"", "\"kid\":1")], Err(Key(0))),
        ("alg of another type", &[&ec("e", r#","alg":5"#)], Err(Key(0))),
        ("alg of another curve", &[&ec("e", r#","alg":"ES384""#), &ec("e", r#","alg":"HS256""#)], Ok(0)),
        ("alg that fits", &[&ec("e", r#","alg":"ES256""#), &okp("o", r#","alg":"EdDSA""#)], Ok(2)),
        ("x missing", &[&o, &e.replace("\"x\"", "\"z\"")], Err(Key(1))),
        ("no point of the curve", &[&e.replace(P256_X, P256_Y)], Err(Key(0))),
        ("a short x", &[&e.replace(P256_X, &P256_X[..40])], Err(Key(0))),
        ("a padded x", &[&e.replace(P256_X, &format!("{P256_X}="))], Err(Key(0))),
        ("x in ordinary base64", &[&e.replace(P256_Y, &P256_Y.replace('_', "/"))], Err(Key(0))),
        ("a point of small order", &[&o.replace(ED25519_X, &base64url([0; 32]))], Err(Key(0))),
        ("a secret too short", &[&s, &oct("t", &SECRET[..31], "")], Err(Key(1))),
        ("PEM as a secret", &[&oct("s", b" -----BEGIN PUBLIC KEY-----\nMCowBQYDK2Vw", "")], Err(Key(0))),
        ("a secret of no algorithm is passed over", &[&s.replace("\"alg\":\"HS256\",", ""), &s], Ok(1)),
        ("use", &[&ec("e", r#","use":"sig""#), &okp("o", r#","use":"enc""#)], Ok(1)),
        ("use of another type", &[&ec("e", r#","use":["sig"]"#)], Ok(0)),
        ("key_ops", &[&ec("e", r#","key_ops":["sign","verify"]"#), &okp("o", r#","key_ops":["sign"]"#)], Ok(1)),
        ("empty key_ops", &[&ec("e", r#","key_ops":[]"#), &okp("o", r#","key_ops":"verify""#)], Ok(0)),
        ("use and key_ops", &[&ec("e", r#","use":"enc","key_ops":["verify"]"#)], Ok(0)),
    ];
    for (what, keys, expected) in cases {
        let found = KeySet::<3>::from_jwks(&jwk_set(keys)).map(|ring| ring.len());
        assert_eq!(found, *expected, "{what}");
    }
    let sets = r#"|[]|{}|{"keys":{}}|{"keys":null}|{"keys":[],"keys":[]}|{"keys":[]} x|{"keys":[}|{"keys":[{},]}"#;
    for set in sets.split('|') {
        assert_eq!(KeySet::<3>::from_jwks(set).map(|ring| ring.len()), Err(Malformed), "{set}");
    }
    assert_eq!(KeySet::<3>::from_jwks(&"[".repeat(1 << 20)).map(|ring| ring.len()), Err(Malformed));
    assert_eq!(KeySet::<3>::from_jwks(r#" {"a":1, "keys" : [ ] , "b":[{}]} "#).map(|ring| ring.len()), Ok(0));
}
