//! What is signed: 150 bytes of claims, those of the comparison with the peers; and a token of one uid.

use countersign::UnixTime;
use countersign::jwt::JwtBuilder;

/// An obvious test key.
pub const KEY: &[u8; 32] = b"an obvious test key of 32 bytes!";
/// When everything was signed.
pub const NOW: UnixTime = UnixTime::from_secs(1_767_225_600);
/// Much later.
pub const EXPIRES_AT: UnixTime = UnixTime::from_secs(4_102_444_800);
/// `iss`
pub const ISSUER: &str = "https://issuer.example";
/// `aud`
pub const AUDIENCE: &str = "https://api.example";
/// `sub`
pub const SUBJECT: &str = "user-0123456789";
/// `jti`
pub const ID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
/// Of the token.
pub const PURPOSE: &str = "fleet/login";
/// Of the token.
pub const UID: &[u8] = b"dev-0123456789ab";

/// The registered claims of the JWT.
#[must_use]
pub fn registered() -> JwtBuilder<'static> {
    let claims = JwtBuilder::new().issuer(ISSUER).subject(SUBJECT).audience(&[AUDIENCE]).jwt_id(ID);
    claims.expires_at(EXPIRES_AT).issued_at(NOW)
}
