//! Plays the factory: makes a master key and the line that is burnt into each device.
//!
//! `cargo run --features std --example factory -- acme dev-0123456789ab dev-0123456789ac`

use countersign::key::text::{KeyType, MAX_KEY_TEXT, write};
use countersign::key::{MasterKey, SecretBytes};

const USAGE: &str = "usage: factory REALM UID...";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [realm, uids @ ..] = arguments.as_slice() else { return Err(USAGE.into()) };
    let mut random = [0; 32];
    getrandom::fill(&mut random)?;
    let secret = SecretBytes::new(&random)?;
    let master = MasterKey::from_secret(&secret)?;

    let mut out = [0; MAX_KEY_TEXT];
    println!("# for the server alone; with it every device of the realm can be impersonated");
    println!("{}", write(KeyType::Master, 0, &secret, &mut out)?);
    for uid in uids {
        let device = master.derive_bytes(realm, uid.as_bytes(), 0)?;
        println!("# for {uid}\n{}", write(KeyType::Device, 0, &device, &mut out)?);
    }
    Ok(())
}
