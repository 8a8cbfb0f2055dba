//! A key that never leaves its chip: signing through a secure element, here a fake one, by the same trait as every other key.

use countersign::jwt::keys::{Hs256Key, JwsAlgorithm, SigningKey};
use countersign::jwt::{JwtBuilder, Policy, UnverifiedJwt};
use countersign::{Error, UnixTime};

/// What a driver of such a chip offers: HMAC-SHA-256 of one message with the key in a slot.
trait SecureElement {
    fn hmac(&self, slot: u8, message: &[u8]) -> Result<[u8; 32], BusFault>;
}

/// The chip did not answer.
struct BusFault;

/// Stands for the chip. A real one is asked over I²C, and nobody reads its slots.
struct FakeChip {
    slot_3: Hs256Key,
}

impl SecureElement for FakeChip {
    fn hmac(&self, slot: u8, message: &[u8]) -> Result<[u8; 32], BusFault> {
        let mut tag = [0; 32];
        if slot != 3 {
            return Err(BusFault);
        }
        self.slot_3.sign(message, &mut tag).map_err(|_| BusFault)?;
        Ok(tag)
    }
}

/// A key in a slot: all that the rest of the firmware sees.
struct SlotKey<'c, C> {
    chip: &'c C,
    slot: u8,
}

impl<C> JwsAlgorithm for SlotKey<'_, C> {
    const ALG: &'static str = "HS256";
    const SIGNATURE_LEN: usize = 32;
}

impl<C: SecureElement> SigningKey for SlotKey<'_, C> {
    fn sign(&self, message: &[u8], signature: &mut [u8]) -> Result<(), Error> {
        let tag = self.chip.hmac(self.slot, message).map_err(|BusFault| Error::SigningFailed)?;
        signature.copy_from_slice(&tag);
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = b"an obvious test key of 32 bytes!";
    let chip = FakeChip { slot_3: Hs256Key::new(secret)? };
    let claims = JwtBuilder::new().subject("dev-7").expires_at(UnixTime::from_secs(1_767_229_200));

    let mut out = [0; 256];
    let token = claims.sign(&SlotKey { chip: &chip, slot: 3 }, &mut out)?;
    println!("signed in the chip   {token}");

    // The server has the same secret, and does not know that a chip was involved.
    let (server_key, now, mut scratch) = (Hs256Key::new(secret)?, UnixTime::from_secs(1_767_225_600), [0; 256]);
    let authentic = UnverifiedJwt::parse(token.as_bytes())?.authenticate(&server_key, &mut scratch)?;
    let verified = authentic.check(&Policy::new(30), now)?;
    println!("verified             {:?}", verified.claims());

    let failed = claims.sign(&SlotKey { chip: &chip, slot: 7 }, &mut out);
    println!("an empty slot        {}", failed.map_or_else(|error| error.to_string(), str::to_owned));
    Ok(())
}
