//! Faults of the engine that were found by reading it, each with a test of what should hold.
//!
//! Every test here is expected to fail: with a message that begins with its fault's number and says what was seen.
//! The fix deletes the `should_panic` above it. Only the assertion that shows the fault has that
//! message; a test that fails earlier, or elsewhere, fails.

mod bench;
mod brackets;
mod external;
mod leap;
mod refused;
mod reports;
mod slew;
mod start;
#[path = "../support/mod.rs"]
mod support;
mod trust;
