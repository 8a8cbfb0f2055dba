//! JSON of a JWT: a strict scanner that normalises in place, a writer, and serde for both. Nothing here needs a heap.

mod limits;
mod members;
mod scanner;
mod serialize;
mod text;
#[cfg(feature = "serde")]
pub(crate) mod typed;
mod walk;

pub(crate) use limits::MAX_CLAIMS;
#[cfg(feature = "std")]
pub(crate) use members::Members;
pub(crate) use members::{Shape, word};
pub(crate) use scanner::{Object, normalise};
pub(crate) use serialize::Json;
pub use text::JsonStr;
pub(crate) use walk::{elements, list, member};
