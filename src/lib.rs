#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::std_instead_of_core)]
#![doc = include_str!("../README.md")]

#[cfg(any(feature = "std", test))]
extern crate std;

mod bytes;
mod constant_time;
mod cursor;
mod encoding;
mod error;
mod hmac;
mod rules;
mod scan;
mod shown;
mod time;

pub mod cookie;
#[cfg(doc)]
pub mod docs;
pub mod jwt;
pub mod key;
#[cfg(feature = "std")]
pub mod session;
pub mod token;
#[cfg(feature = "tower")]
pub mod web;

pub use error::{Error, Result};
#[cfg(feature = "std")]
pub use time::{Clock, SteadyClock, SystemClock};
pub use time::{ClockError, ClockReading, MonotonicClock, TimeWindow, UnixTime};
