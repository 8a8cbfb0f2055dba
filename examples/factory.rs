//! Plays the factory: makes a master key, or takes one that it made before, and the line that is burnt into each device.
//!
//! ```text
//! cargo run --features std --example factory -- acme dev-0123456789ab > keys
//! grep csk1m_ keys | cargo run --features std --example factory -- --master acme dev-next-week
//! cargo run --features std --example factory -- --slot 1 acme          # a master to rotate to
//! ```

use countersign::key::{KeyBytes, KeyRole, KeyText, MasterKey};
use std::process::ExitCode;

const USAGE: &str =
    "usage: factory [--master] [--slot N] [--generation N] REALM UID...   (--master: from the standard input)";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("factory: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let (mut slot, mut generation, mut given, mut names) = (0, 0, false, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--master" => given = true,
            "--slot" => slot = arguments.next().ok_or(USAGE)?.parse()?,
            "--generation" => generation = arguments.next().ok_or(USAGE)?.parse()?,
            _ => names.push(argument),
        }
    }
    let [realm, uids @ ..] = names.as_slice() else { return Err(USAGE.into()) };
    let master_text = if given { from_stdin()? } else { KeyText { role: KeyRole::Master, slot, key: random()? } };
    let master = MasterKey::from_key_bytes(&master_text.key)?;
    // A mistake in a name is found before any key is shown.
    master.derive_key_bytes(realm, b"any", generation)?;

    let mut out = [0; KeyText::MAX_LEN];
    println!("# for the server alone; with it every device of the realm can be impersonated");
    println!("{}", master_text.encode(&mut out)?);
    for uid in uids {
        let key = master.derive_key_bytes(realm, uid.as_bytes(), generation)?;
        let device_text = KeyText { role: KeyRole::Device, slot: master_text.slot, key };
        println!("# for {uid}, generation {generation}\n{}", device_text.encode(&mut out)?);
    }
    Ok(())
}

fn random() -> Result<KeyBytes, Box<dyn std::error::Error>> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(KeyBytes::new(&bytes)?)
}

fn from_stdin() -> Result<KeyText, Box<dyn std::error::Error>> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(KeyText::parse(KeyRole::Master, line.trim_end().as_bytes())?)
}
