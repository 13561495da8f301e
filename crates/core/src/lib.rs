//! What hostclock decides: where the host's clock is, how far the system clock is from it, and what
//! to do about it.
//!
//! This crate does no I/O and reads no clock: events go in, actions come out. The daemon, the
//! simulator and the fuzzers drive the same [`engine`].
//!
//! Offsets are **system minus reference** everywhere: positive means that the system clock is ahead.
#![forbid(unsafe_code)]

pub mod adjust;
pub mod bound;
pub mod discipline;
pub mod driver;
pub mod engine;
pub mod estimator;
pub mod hint;
pub mod ladder;
pub mod line;
pub mod notice;
mod pace;
pub mod policy;
pub mod reading;
pub mod source;
pub mod status;
pub mod units;
