//! The one comparison of secrets: that of the crate `subtle`.

use subtle::ConstantTimeEq;

/// True if both are equal. How long it takes depends on the length alone, which is public.
pub(crate) fn eq(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
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
