//! The one comparison of secrets.

use subtle::ConstantTimeEq;

/// True if both are equal. How long it takes depends on the length alone, which is public.
///
/// All differences are gathered before anything is decided; subtle decides, behind its barrier.
pub(crate) fn eq(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let differences = left.iter().zip(right).fold(0u8, |all, (left, right)| all | (left ^ right));
    bool::from(differences.ct_eq(&0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_every_byte_counts() {
        let secret = [0x5Au8; 32];
        assert!(eq(&secret, &secret));
        for place in 0..32 {
            for bit in 0..8 {
                let mut other = secret;
                other[place] ^= 1 << bit;
                assert!(!eq(&secret, &other));
            }
        }
        assert!(!eq(&secret, &secret[..31]) && !eq(&secret[..31], &secret));
    }
}
