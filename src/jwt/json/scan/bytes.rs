//! One by one: for processors whose flash is dear.

pub(super) fn find(bytes: &[u8], byte: u8) -> Option<usize> {
    bytes.iter().position(|found| *found == byte)
}

pub(super) fn find_last(bytes: &[u8], byte: u8) -> Option<usize> {
    bytes.iter().rposition(|found| *found == byte)
}

pub(super) fn find_special(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F))
}
