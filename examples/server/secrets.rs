//! The keys of the demo, kept beside its sessions: what was signed before a restart is good after it.

use countersign::key::KeyBytes;
use std::io::Write;
use std::path::Path;

const LEN: usize = 32;

/// One key for each purpose.
pub(crate) struct Secrets {
    pub(crate) login: KeyBytes,
    pub(crate) devices: KeyBytes,
    pub(crate) jwt: KeyBytes,
    pub(crate) pepper: KeyBytes,
}

impl Secrets {
    /// Reads the file, or makes it: for nobody but its owner.
    pub(crate) fn load(file: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let bytes = match std::fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => create(file)?,
            Err(error) => return Err(error.into()),
        };
        let (keys, rest) = bytes.as_chunks::<LEN>();
        let [login, devices, jwt, pepper] = keys else {
            return Err(format!("{} holds no keys: delete its folder to begin anew", file.display()).into());
        };
        if !rest.is_empty() {
            return Err(format!("{} holds more than keys: delete its folder to begin anew", file.display()).into());
        }
        Ok(Self {
            login: KeyBytes::new(login)?,
            devices: KeyBytes::new(devices)?,
            jwt: KeyBytes::new(jwt)?,
            pepper: KeyBytes::new(pepper)?,
        })
    }
}

fn create(file: &Path) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut bytes = vec![0; 4 * LEN];
    getrandom::fill(&mut bytes)?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(&bytes)?;
    Ok(bytes)
}
