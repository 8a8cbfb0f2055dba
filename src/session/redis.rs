//! Sessions on Redis or Valkey, shared by all servers of an application.
//!
//! All keys begin with the prefix of the application, [`RedisOptions::prefix`]. All keys of one user have the same hash
//! tag, so that they are in one slot of a cluster and each call needs one script:
//!
//! ```text
//! prefix:{tag}selector   string       a session, or the pointer of a rotated session: see `record`
//! prefix:{tag}x          sorted set   the index of the user's sessions: each by its selector and by its deadline
//! prefix:{tag}e          string       the user's epoch: number, begin, end of its keeping, names of former indexes
//! prefix:{tag}g<number>  sorted set   the index from before that epoch, until its sessions are removed
//! ```
//!
//! The value of a session holds its deadlines and its epoch, which are compared with the caller's time and the user's
//! epoch. The expiry of Redis only cleans up, later.

mod connection;
mod end;
mod error;
mod keys;
mod options;
mod read;
mod record;
mod relate;
mod rotate;
mod scripts;
mod store;
mod tidy;

pub use options::RedisOptions;
pub use store::RedisStore;
