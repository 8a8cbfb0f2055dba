//! Tokens: uid, time and sign, with optional params. A token is a stateless proof that the holder of a key made it at a
//! certain time.
//!
//! ```text
//! cs1_dev-0123456789ab.1767225600.fw_-MS4yLjM.334d630337a0f5b72cd0988bb70b8db4
//! └┬─┘└──────┬───────┘ └───┬────┘ └────┬────┘ └──────────────┬───────────────┘
//!  kind     uid          stamp       params        sign, HMAC-SHA-256 cut to N bytes
//! ```
//!
//! A holder builds a token with [`TokenBuilder`]; a server checks it with [`Verifier`]. Both share a [`Profile`]: the
//! purpose and the length of the sign, which is an HMAC tag. Neither is ever sent.
//!
//! ```
//! use countersign::key::MacKey;
//! use countersign::token::{Channel, Profile, TokenBuilder, Verifier, limits::MAX_SCRATCH_LEN};
//! use countersign::{TimeWindow, UnixTime};
//!
//! let key = MacKey::new(b"an obvious test key of 32 bytes!")?;
//! let profile = Profile::new("fleet/login")?;
//! let now = UnixTime::from_secs(1_767_225_600);
//!
//! let mut out = [0; 96];
//! let params = [("fw", b"1.2.3".as_slice())];
//! let text = TokenBuilder::time(b"dev-0123456789ab", now).params(&params).mint_text(&profile, &key, &mut out)?;
//!
//! let verifier = Verifier::new(profile, &key, TimeWindow { max_age: 300, max_future_skew: 60 });
//! let mut scratch = [0; MAX_SCRATCH_LEN];
//! let token = verifier.verify_text(text.as_bytes(), Channel::NONE, now, &mut scratch).unwrap();
//! assert_eq!(token.uid(), b"dev-0123456789ab");
//! assert_eq!(token.params().get("fw"), Some(b"1.2.3".as_slice()));
//! # Ok::<(), countersign::Error>(())
//! ```
//!
//! Three types stand for three degrees of trust: [`UnverifiedToken`] → [`AuthenticToken`] → [`VerifiedToken`].
//! [`transcode`] converts between text and binary form without a key. [`challenge`] is for devices without a clock.

mod authentic;
mod binary;
mod builder;
pub mod challenge;
mod error;
mod field;
mod fields;
mod kind;
pub mod limits;
mod mac_input;
mod minted_heapless;
#[cfg(feature = "std")]
mod owned;
mod param_list;
mod params;
mod profile;
mod reserved;
mod revocation;
mod short_stamp;
mod text;
pub mod transcode;
mod unverified;
mod verifier;

pub use authentic::{AuthenticToken, VerifiedToken};
pub use builder::TokenBuilder;
pub use error::TokenError;
pub use kind::{SignLen, TokenKind};
#[cfg(feature = "std")]
pub use owned::OwnedToken;
pub use params::{Params, ParamsIter};
pub use profile::{Channel, Profile};
pub use reserved::ClockQuality;
pub use revocation::{MinIssuedAt, NoRevocations, Revocations};
pub use short_stamp::expand as expand_short_stamp;
pub use unverified::UnverifiedToken;
pub use verifier::Verifier;
