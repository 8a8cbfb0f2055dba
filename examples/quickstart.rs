//! Mint and verify with static buffers, as on a microcontroller: no heap, no clock, no random numbers.

use countersign::key::MacKey;
use countersign::token::{
    Channel, Profile, SignLen, TokenBuilder, Verifier,
    limits::{MAX_SCRATCH_LEN, max_text_len},
};
use countersign::{TimeWindow, UnixTime};

/// Room for a uid of 16 bytes and one param `fw` of 5, known when this compiles.
const TOKEN_LEN: usize = max_text_len(16, &[(2, 5)], SignLen::N16);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = MacKey::new(b"an obvious test key of 32 bytes!")?;
    let profile = Profile::new("quickstart")?;
    let now = UnixTime::from_secs(1_767_225_600); // from an RTC, the network, a modem

    let (params, mut buffer) = ([("fw", b"1.2.3".as_slice())], [0; TOKEN_LEN]);
    let text = TokenBuilder::time(b"dev-0123456789ab", now).params(&params).mint_text(&profile, &key, &mut buffer)?;
    println!("minted   {text}");

    let verifier = Verifier::new(profile, &key, TimeWindow { max_age: 300, max_future_skew: 60 });
    let mut scratch = [0; MAX_SCRATCH_LEN];
    let token = verifier.verify_text(text.as_bytes(), Channel::NONE, now, &mut scratch)?;
    println!(
        "verified {token:?}, fw = {:?}",
        token.params().get("fw").map(<[u8]>::escape_ascii).map(|fw| fw.to_string())
    );
    Ok(())
}
