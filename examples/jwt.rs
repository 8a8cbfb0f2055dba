//! Signs and verifies JWTs on the command line, with typed claims.
//!
//! ```text
//! jwt sign   HS256|ES256|EdDSA SECRET-HEX
//! jwt public ES256|EdDSA       SECRET-HEX
//! jwt verify HS256|ES256|EdDSA KEY-HEX TOKEN
//! ```

use countersign::UnixTime;
use countersign::jwt::keys::{
    EdDsaSigningKey, EdDsaVerifyingKey, Es256SigningKey, Es256VerifyingKey, Hs256Key, SigningKey, VerifyingKey,
};
use countersign::jwt::{JwtBuilder, Policy, VerifyJwt};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const USAGE: &str = "usage: jwt sign|public|verify HS256|ES256|EdDSA KEY-HEX [TOKEN]";
const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://api.example";
const POLICY: Policy<'_> = Policy::new(30).issuer(ISSUER).audience(AUDIENCE);

/// Claims of the application. Escapes or not, emoji or not: a `&str` borrows.
#[derive(Debug, Deserialize, Serialize)]
struct Sensor<'a> {
    place: &'a str,
    degrees: i16,
    tags: [&'a str; 2],
}

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["sign", "HS256", key] => sign(&Hs256Key::new(&unhex(key)?)?),
        ["sign", "ES256", key] => sign(&Es256SigningKey::new(&unhex(key)?)?),
        ["sign", "EdDSA", key] => sign(&EdDsaSigningKey::new(&unhex(key)?)?),
        ["public", "ES256", key] => print_hex(&Es256SigningKey::new(&unhex(key)?)?.verifying_key().to_sec1()),
        ["public", "EdDSA", key] => print_hex(&EdDsaSigningKey::new(&unhex(key)?)?.verifying_key().to_bytes()),
        ["verify", "HS256", key, token] => verify(&Hs256Key::new(&unhex(key)?)?, token),
        ["verify", "ES256", key, token] => verify(&Es256VerifyingKey::from_sec1(&unhex(key)?)?, token),
        ["verify", "EdDSA", key, token] => verify(&EdDsaVerifyingKey::new(&unhex(key)?)?, token),
        _ => Err(USAGE.into()),
    }
}

fn sign(key: &impl SigningKey) -> Outcome {
    let now = UnixTime::now();
    let claims = JwtBuilder::new()
        .issuer(ISSUER)
        .audience(&[AUDIENCE])
        .subject("dev-7")
        .issued_at(now)
        .expires_at(now + Duration::from_secs(300));
    let sensor = Sensor { place: "Süd-Ost 🌡", degrees: -3, tags: ["a \"quoted\" tag", "plain"] };
    println!("{}", claims.sign_with_claims(&sensor, key, &mut [0; 1024])?);
    Ok(())
}

fn verify(key: &impl VerifyingKey, token: &str) -> Outcome {
    #[derive(Debug, Deserialize)]
    struct Owned {
        place: String,
        degrees: i16,
        tags: Vec<String>,
    }
    let jwt = key.verify_jwt(token, &POLICY, UnixTime::now())?;
    let Owned { place, degrees, tags } = jwt.claims().deserialize()?;
    let claims = jwt.claims();
    let subject = claims.subject().ok_or("the token has no subject")?;
    println!("{subject}: {degrees} degrees in {place}, {tags:?}");
    Ok(())
}

fn unhex(text: &str) -> Outcome<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?));
    pairs.collect()
}

fn print_hex(bytes: &[u8]) -> Outcome {
    println!("{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    Ok(())
}
