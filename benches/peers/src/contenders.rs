//! Who takes part, each as its documentation shows it, with everything prepared that can be.

use crate::Contender;
use crate::claims::{
    AUDIENCE, Big, BigPrivate, BigRef, ISSUER, KEY, NOW, Nothing, PRIVATE, Small, SmallRef, Timeless, registered,
};
use countersign::UnixTime;
use countersign::jwt::keys::{Hs256Key, SigningKey};
use countersign::jwt::{JwtBuilder, Policy, UnverifiedJwt};
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

const POLICY: Policy<'_> = Policy::new(0).issuer(ISSUER).audience(AUDIENCE);

type Table = (&'static str, Vec<Contender>);

pub fn tables() -> Vec<Table> {
    let key = Hs256Key::new(KEY).unwrap();
    let small: &str = Box::leak(registered().sign(&key, &mut [0; 4096]).unwrap().to_owned().into_boxed_str());
    let big: &str =
        Box::leak(registered().private_claims(PRIVATE).sign(&key, &mut [0; 4096]).unwrap().to_owned().into_boxed_str());
    vec![
        ("verify, 150 bytes of claims", verify(small, READ_SMALL, peers_verify::<Small, Nothing>(small))),
        ("verify, 1 KiB of claims", verify(big, READ_BIG, peers_verify::<Big, BigPrivate>(big))),
        (
            "encode, 150 bytes of claims",
            encode(small, registered(), SmallRef::new(), peers_encode(Small::new(), Nothing {})),
        ),
        (
            "encode, 1 KiB of claims",
            encode(
                big,
                registered().private_claims(PRIVATE),
                BigRef::new(),
                peers_encode(big_owned(), BigPrivate::new()),
            ),
        ),
        ("verify, ES256", es256(small)),
        ("verify, EdDSA", eddsa(small)),
    ]
}

fn big_owned() -> Big {
    let Small { iss, sub, jti, aud, exp, iat } = Small::new();
    Big { private: BigPrivate::new(), iss, sub, jti, aud, exp, iat }
}

/// The HMAC of the signing input under a prepared key: what nobody can do without.
fn raw(token: &'static str) -> Contender {
    let prepared = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
    let message = token.rsplit_once('.').unwrap().0;
    Contender::new("raw HMAC, prepared key", move || {
        let mut mac = prepared.clone();
        mac.update(message.as_bytes());
        mac.finalize().into_bytes()
    })
}

/// Reads claims into a struct, by either method.
type Read = fn(&str, &Hs256Key, &mut [u8]) -> u64;

const READ_SMALL: [Read; 2] = [
    |token, key, scratch| verified(token, key, scratch).claims().deserialize::<SmallRef<'_>>().unwrap().iat,
    |token, key, scratch| verified(token, key, scratch).claims().deserialize_no_alloc::<SmallRef<'_>>().unwrap().iat,
];

const READ_BIG: [Read; 2] = [
    |token, key, scratch| verified(token, key, scratch).claims().deserialize::<BigRef<'_>>().unwrap().iat,
    |token, key, scratch| verified(token, key, scratch).claims().deserialize_no_alloc::<BigRef<'_>>().unwrap().iat,
];

fn verified<'b>(token: &str, key: &Hs256Key, scratch: &'b mut [u8]) -> countersign::jwt::VerifiedJwt<'b> {
    let token = UnverifiedJwt::parse(token.as_bytes()).unwrap();
    token.authenticate(key, scratch).unwrap().check(&POLICY, UnixTime::from_secs(NOW)).unwrap()
}

fn verify(token: &'static str, [serde_json, core]: [Read; 2], peers: Vec<Contender>) -> Vec<Contender> {
    let [key, serde_json_key, core_key] = [KEY; 3].map(|key| Hs256Key::new(key).unwrap());
    let [mut scratch, mut serde_json_scratch, mut core_scratch] = [(); 3].map(|()| vec![0; 4096]);
    let own = [
        raw(token),
        Contender::new("countersign, registered claims", move || {
            verified(token, &key, &mut scratch).claims().contains(countersign::jwt::claim::RegisteredClaim::JwtId)
        }),
        Contender::new("countersign, into a serde struct", move || {
            serde_json(token, &serde_json_key, &mut serde_json_scratch)
        }),
        Contender::new("countersign, the same without a heap", move || core(token, &core_key, &mut core_scratch)),
    ];
    own.into_iter().chain(peers).collect()
}

fn encode(
    token: &'static str,
    claims: JwtBuilder<'static>,
    typed: impl Serialize + 'static,
    peers: Vec<Contender>,
) -> Vec<Contender> {
    let (key, typed_key) = (Hs256Key::new(KEY).unwrap(), Hs256Key::new(KEY).unwrap());
    let (mut out, mut typed_out) = (vec![0; 4096], vec![0; 4096]);
    let own = [
        raw(token),
        Contender::new("countersign, without serde", move || claims.sign(&key, &mut out).unwrap().len()),
        Contender::new("countersign, from a serde struct", move || {
            JwtBuilder::new().sign_with_claims(&typed, &typed_key, &mut typed_out).unwrap().len()
        }),
    ];
    own.into_iter().chain(peers).collect()
}

const JSONWEBTOKEN: &str =
    if cfg!(feature = "aws") { "jsonwebtoken 11, aws-lc" } else { "jsonwebtoken 11, RustCrypto" };

/// `T` are all claims; `P` the private ones, for peers that read the registered ones themselves.
fn peers_verify<T, P>(token: &'static str) -> Vec<Contender>
where
    T: DeserializeOwned + Clone + Serialize + 'static,
    P: DeserializeOwned + Clone + Serialize + 'static,
{
    let decoding = jsonwebtoken::DecodingKey::from_secret(KEY);
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);

    let simple_key = jwt_simple::prelude::HS256Key::from_bytes(KEY);
    let issuers = std::collections::HashSet::from([ISSUER.to_owned()]);
    let audiences = std::collections::HashSet::from([AUDIENCE.to_owned()]);
    let options = jwt_simple::prelude::VerificationOptions {
        allowed_issuers: Some(issuers),
        allowed_audiences: Some(audiences),
        ..Default::default()
    };

    let compact_key = jwt_compact::alg::Hs256Key::new(KEY);
    let time = jwt_compact::TimeOptions::default();

    let hmac: hmac_012::Hmac<sha2_010::Sha256> = hmac_012::Mac::new_from_slice(KEY).unwrap();
    vec![
        Contender::new(JSONWEBTOKEN, move || jsonwebtoken::decode::<T>(token, &decoding, &validation).unwrap().claims),
        Contender::new("jwt-simple 0.15, pure Rust", move || {
            use jwt_simple::prelude::MACLike;
            simple_key.verify_token::<P>(token, Some(options.clone())).unwrap().custom
        }),
        Contender::new("jwt-compact 0.9 beta (checks exp alone)", move || {
            use jwt_compact::AlgorithmExt;
            let token = jwt_compact::UntrustedToken::new(token).unwrap();
            let token = jwt_compact::alg::Hs256.validator::<Timeless<P>>(&compact_key).validate(&token).unwrap();
            token.claims().validate_expiration(&time).unwrap();
            token.claims().custom.clone()
        }),
        Contender::new("jwt 0.16 (checks no claim)", move || -> T {
            let claims: T = jwt::VerifyWithKey::verify_with_key(token, &hmac).unwrap();
            claims
        }),
    ]
}

fn peers_encode<T, P>(claims: T, private: P) -> Vec<Contender>
where
    T: Serialize + Clone + 'static,
    P: Serialize + DeserializeOwned + Clone + 'static,
{
    let (for_jwt, for_compact) = (claims.clone(), Timeless::new(private.clone()));
    let header = jsonwebtoken::Header::default();
    let encoding = jsonwebtoken::EncodingKey::from_secret(KEY);
    let simple_key = jwt_simple::prelude::HS256Key::from_bytes(KEY);
    let compact_key = jwt_compact::alg::Hs256Key::new(KEY);
    let hmac: hmac_012::Hmac<sha2_010::Sha256> = hmac_012::Mac::new_from_slice(KEY).unwrap();
    vec![
        Contender::new(JSONWEBTOKEN, move || jsonwebtoken::encode(&header, &claims, &encoding).unwrap()),
        Contender::new("jwt-simple 0.15, pure Rust", move || {
            use jwt_simple::prelude::{Claims, Duration, MACLike};
            let Small { iss, sub, jti, aud, .. } = Small::new();
            let claims = Claims::with_custom_claims(private.clone(), Duration::from_hours(1));
            let claims = claims.with_issuer(iss).with_subject(sub).with_jwt_id(jti).with_audience(aud);
            simple_key.authenticate(claims).unwrap()
        }),
        Contender::new("jwt-compact 0.9 beta", move || {
            use jwt_compact::AlgorithmExt;
            let header = jwt_compact::Header::empty();
            let mut claims = jwt_compact::Claims::new(for_compact.clone());
            claims.expiration = chrono::DateTime::from_timestamp(4_102_444_800, 0);
            claims.issued_at = chrono::DateTime::from_timestamp(1_767_225_600, 0);
            jwt_compact::alg::Hs256.token(&header, &claims, &compact_key).unwrap()
        }),
        Contender::new("jwt 0.16", move || jwt::SignWithKey::sign_with_key(&for_jwt, &hmac).unwrap()),
    ]
}

/// Asymmetric: this crate against the primitive that it uses.
fn es256(token: &'static str) -> Vec<Contender> {
    use p256::ecdsa::signature::Verifier;
    let signer = countersign::jwt::keys::Es256SigningKey::new(KEY).unwrap();
    let token: &str = Box::leak(resigned(&signer, token).into_boxed_str());
    let raw_key = *p256::ecdsa::SigningKey::from_slice(KEY).unwrap().verifying_key();
    let (message, signature) = parts(token);
    let signature = p256::ecdsa::Signature::from_slice(&signature).unwrap();
    let key = signer.verifying_key();
    let mut scratch = vec![0; 4096];
    vec![
        Contender::new("p256 alone", move || raw_key.verify(message, &signature).unwrap()),
        Contender::new("countersign", move || {
            UnverifiedJwt::parse(token.as_bytes()).unwrap().authenticate(&key, &mut scratch).is_ok()
        }),
    ]
}

fn eddsa(token: &'static str) -> Vec<Contender> {
    let signer = countersign::jwt::keys::EdDsaSigningKey::new(KEY).unwrap();
    let token: &str = Box::leak(resigned(&signer, token).into_boxed_str());
    let raw_key = ed25519_dalek::SigningKey::from_bytes(KEY).verifying_key();
    let (message, signature) = parts(token);
    let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    let key = signer.verifying_key();
    let mut scratch = vec![0; 4096];
    vec![
        Contender::new("ed25519-dalek alone, strict", move || raw_key.verify_strict(message, &signature).unwrap()),
        Contender::new("countersign", move || {
            UnverifiedJwt::parse(token.as_bytes()).unwrap().authenticate(&key, &mut scratch).is_ok()
        }),
    ]
}

fn resigned(key: &impl SigningKey, _: &str) -> String {
    registered().sign(key, &mut [0; 4096]).unwrap().to_owned()
}

/// The signing input and the signature, decoded by the one who made it.
fn parts(token: &'static str) -> (&'static [u8], Vec<u8>) {
    use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Decoder};
    let (message, signature) = token.rsplit_once('.').unwrap();
    (message.as_bytes(), Base64UrlSafeNoPadding::decode_to_vec(signature, None).unwrap())
}
