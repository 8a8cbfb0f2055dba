//! Functions that step through normalised text, which has no white space.

use super::text::JsonStr;
use crate::scan;

/// The values between the brackets of a normalised array.
pub(crate) fn elements(inner: &str) -> impl Iterator<Item = &str> + Clone {
    let mut rest = (!inner.is_empty()).then_some(inner);
    core::iter::from_fn(move || {
        let text = rest?;
        let end = end_of_value(text.as_bytes());
        let (element, after) = text.split_at_checked(end)?;
        rest = after.strip_prefix(',');
        Some(element)
    })
}

/// The values of a normalised array; `None` for anything else.
pub(crate) fn list(array: &str) -> Option<impl Iterator<Item = &str> + Clone> {
    array.strip_prefix('[')?.strip_suffix(']').map(elements)
}

/// The members between the brackets of a normalised object: each key in its quotes, and its value.
pub(super) fn members(inner: &str) -> impl Iterator<Item = (&str, &str)> + Clone {
    elements(inner).filter_map(|member| {
        let (key, value) = member.split_at_checked(quoted_len(member.as_bytes()))?;
        Some((key, value.strip_prefix(':')?))
    })
}

/// The value of the member of this name, of a normalised object.
pub(crate) fn member<'b>(object: &'b str, name: &str) -> Option<&'b str> {
    let is_it = |key: &str| JsonStr::of_value(key).is_some_and(|key| key == name);
    let inner = object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    members(inner).find(|(key, _)| is_it(key)).map(|(_, value)| value)
}

/// Where the value ends that the text starts with: at a comma or a closing bracket of what is around it, or with the text.
pub(super) fn end_of_value(text: &[u8]) -> usize {
    let (mut rest, mut depth) = (text, 0u32);
    while let Some((byte, after)) = rest.split_first() {
        match byte {
            b'"' => {
                rest = rest.get(quoted_len(rest)..).unwrap_or_default();
                continue;
            }
            b',' | b'}' | b']' if depth == 0 => return text.len().saturating_sub(rest.len()),
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        rest = after;
    }
    text.len()
}

/// Length of the string that the text starts with, quotes included.
pub(super) fn quoted_len(text: &[u8]) -> usize {
    let mut end = 1usize;
    while let Some(special) = text.get(end..).and_then(scan::find_special) {
        end = end.saturating_add(special).saturating_add(1);
        match text.get(end.saturating_sub(1)) {
            Some(b'"') => return end,
            // An escape is at least two characters; the others stand for themselves.
            _ => end = end.saturating_add(1),
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn keys_and_elements() {
        let keys: Vec<_> = members(r#""a":{"b":1},"c\",":["d",{"e":2}],"f":"g""#).map(|(key, _)| key).collect();
        assert_eq!(keys, ["\"a\"", r#""c\",""#, "\"f\""]);
        let values: Vec<_> = elements(r#"1,"a,\"b",[2,3],{"c":[4,5]},null"#).collect();
        assert_eq!(values, ["1", r#""a,\"b""#, "[2,3]", r#"{"c":[4,5]}"#, "null"]);
        assert_eq!(elements("").count(), 0);
    }
}
