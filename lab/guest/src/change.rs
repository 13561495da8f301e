//! Changing a clock, as everything here does that spoils or abuses one.

use std::io;

use hostclock_core::adjust::Adjustment;
use hostclock_core::units::Duration;
use hostclock_linux::clock::SystemClock;

/// Changes nothing: what a change is made of.
pub(crate) const NOTHING: Adjustment = Adjustment { step: None, rate: None, health: None, tai_offset: None };

/// Makes a change.
///
/// # Errors
/// When the kernel refuses it.
pub(crate) fn adjust(change: &Adjustment) -> io::Result<()> {
    SystemClock.adjust(change).map(drop).map_err(io::Error::other)
}

/// Moves the clock by `amount`.
///
/// # Errors
/// When the clock can't be set.
pub(crate) fn step(amount: Duration) -> io::Result<()> {
    adjust(&Adjustment { step: Some(amount), ..NOTHING })
}
