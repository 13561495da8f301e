//! What the programs inside the lab's machines write down, for them and for the lab that reads it, and what
//! else both need.
//!
//! Times are `CLOCK_MONOTONIC_RAW` of the guest in ns; offsets are **system minus reference** in ns.
#![forbid(unsafe_code)]

pub mod event;
pub mod random;
pub mod trace;
