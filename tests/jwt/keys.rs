//! Which text is an HMAC key, and which key of a set judges a token, and when.

use crate::kit::{LONG_SECRET, at, key, signed};
use countersign::jwt::keys::{Hs256Key, Hs384Key, Hs512Key};
use countersign::jwt::{JwtError, KeySet, UnverifiedJwt, ValidityPeriod};
use countersign::{ClockError, ClockReading, Error, UnixTime};

#[test]
fn text_of_another_kind_of_key_is_no_hmac_key() {
    let starts =
        "-----BEGIN PUBLIC KEY-----|-----BEGIN|---- BEGIN SSH2 PUBLIC KEY ----|ssh-rsa A|ssh-ed25519 |ecdsa-sha2-n";
    for start in starts.split('|') {
        for blank in ["", " ", "\t", "\n", "\r\n", "\u{C}", " \n\t \r\n  "] {
            let text = format!("{blank}{start}{}", "\nMCowBQYDK2Vw".repeat(20));
            let text = text.as_bytes();
            assert_eq!(Hs256Key::new(text).unwrap_err(), Error::KeyLooksPublic, "{blank:?}{start}");
            assert_eq!(Hs384Key::new(text).unwrap_err(), Error::KeyLooksPublic);
            assert_eq!(Hs512Key::new(text).unwrap_err(), Error::KeyLooksPublic);
        }
        // Nor behind a line of text: a secret of random bytes never holds these letters.
        assert!(Hs256Key::new(format!("a secret, then {start}, and more of it").as_bytes()).is_err());
    }
}

/// FIDO keys of OpenSSH too; and PEM behind a byte-order mark, a vertical tab or a line of text.
#[test]
fn text_of_a_public_key_is_no_hmac_key() {
    let body = "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tMCowBQYDK2Vw";
    for start in [
        "sk-ssh-ed25519@openssh.com ",
        "sk-ecdsa-sha2-nistp256@openssh.com ",
        "\u{FEFF}-----BEGIN PUBLIC KEY-----\n",
        "\u{B}-----BEGIN PUBLIC KEY-----\n",
        "Bag Attributes: <No Attributes>\n-----BEGIN PUBLIC KEY-----\n",
    ] {
        let made = Hs256Key::new(format!("{start}{body}").as_bytes());
        assert!(matches!(made, Err(Error::KeyLooksPublic)), "{start:?}");
    }
}

#[test]
fn a_ring_takes_a_token_only_by_the_key_that_it_names() {
    let mut ring = KeySet::<3>::new();
    ring.insert("a", key(), ValidityPeriod::ALWAYS).unwrap();
    ring.insert("b", Hs256Key::new(LONG_SECRET).unwrap(), ValidityPeriod { from: at(10), until: at(20) }).unwrap();
    ring.insert("c", Hs512Key::new(LONG_SECRET).unwrap(), ValidityPeriod::ALWAYS).unwrap();
    let takes = |header: &str, now| {
        let token = signed(&Hs256Key::new(LONG_SECRET).unwrap(), header, "{}");
        ring.authenticate(
            &UnverifiedJwt::parse(&token).unwrap(),
            ClockReading::assume_set(at(now)),
            &mut vec![0; token.len()],
        )
        .is_ok()
    };
    for (header, is_good) in [
        (r#"{"alg":"HS256","kid":"b"}"#, true),
        (r#"{"alg":"HS256","kid":"\u0062"}"#, true),
        (r#"{"alg":"HS256"}"#, true),
        (r#"{"alg":"HS512","kid":"b"}"#, false),
        (r#"{"alg":"HS256","kid":"a"}"#, false),
        (r#"{"alg":"HS256","kid":"c"}"#, false),
        (r#"{"alg":"HS256","kid":"B"}"#, false),
        (r#"{"alg":"HS256","kid":""}"#, false),
        (r#"{"alg":"HS256","kid":"b\u0000"}"#, false),
        (r#"{"alg":"HS256","kid":"b","kid":"b"}"#, false),
        (r#"{"alg":"HS256","kid":null}"#, false),
        (r#"{"alg":"HS256","kid":["b"]}"#, false),
    ] {
        assert_eq!([9, 10, 19, 20].map(|now| takes(header, now)), [false, is_good, is_good, false], "{header}");
    }
}

/// The end of time includes its last second.
#[test]
fn always_is_always() {
    let mut ring = KeySet::<1>::new();
    ring.insert("a", key(), ValidityPeriod::ALWAYS).unwrap();
    let token = signed(&key(), r#"{"alg":"HS256"}"#, "{}");
    let token = UnverifiedJwt::parse(&token).unwrap();
    assert!(ring.authenticate(&token, UnixTime::from_secs(u64::MAX), &mut [0; 99]).is_ok());
}

#[test]
fn a_key_with_a_validity_asks_the_clock_and_a_forger_does_not_learn_of_it() {
    let mut ring = KeySet::<1>::new();
    let validity = ValidityPeriod { from: UnixTime::from_secs(0), until: UnixTime::from_secs(1_800_000_000) };
    ring.insert("a", key(), validity).unwrap();
    let good = signed(&key(), r#"{"alg":"HS256"}"#, "{}");
    let ask = |token: &[u8], now| {
        ring.authenticate(&UnverifiedJwt::parse(token).unwrap(), UnixTime::from_secs(now), &mut [0; 99]).map(|_| ())
    };
    assert_eq!(ask(&good, 1_799_999_999), Ok(()));
    assert_eq!(ask(&good, 1_800_000_000), Err(JwtError::Invalid));
    assert_eq!(ask(&good, 0), Err(JwtError::Clock(ClockError::NotSet)));
    let mut forged = good;
    forged[25] ^= 1;
    assert_eq!(ask(&forged, 0), Err(JwtError::Invalid));
}
