//! The guides of the folder `docs`, as pages of this documentation.
//!
//! | page | says |
//! |---|---|
//! | [`format`] | the wire format of the token, to the byte |
//! | [`concepts`] | what each word means, and which type it is |
//! | [`cluster`] | sessions on several servers: what to choose, what it survives, how to run it |
//! | [`migrating`] | what each name of tower-sessions, axum-login and jsonwebtoken is here |
//! | [`architecture`] | where things are in the source |
//! | [`decisions`] | what was decided against the obvious choice, and why |

// Why: of two definitions of a link the first one counts. Those at the foot of a guide lead from file to file, and these from page to page. A picture
// cannot be led to: it follows its page, and where it was is an empty one.

#[doc = include_str!("../docs/FORMAT.md")]
pub mod format {}

/// [FORMAT.md]: format
/// [CLUSTER.md]: cluster
#[doc = include_str!("../docs/CONCEPTS.md")]
pub mod concepts {}

/// [cluster.svg]: data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7
#[doc = include_str!("../docs/CLUSTER.md")]
///
#[doc = include_str!("../docs/cluster.svg")]
pub mod cluster {}

#[doc = include_str!("../docs/MIGRATING.md")]
pub mod migrating {}

/// [CONCEPTS.md]: concepts
/// [DECISIONS.md]: decisions
/// [FORMAT.md]: format
/// [rooms.svg]: data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7
#[doc = include_str!("../docs/ARCHITECTURE.md")]
///
#[doc = include_str!("../docs/rooms.svg")]
pub mod architecture {}

#[doc = include_str!("../docs/DECISIONS.md")]
pub mod decisions {}
