//! What is known of the source: where its clock is, and whether it can be believed.

use super::trust::Trust;
use crate::estimator::Estimator;
use crate::notice::Loss;
use crate::reading::Reading;
use crate::units::RawTime;

/// A reading that awaits confirmation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    /// The first of those that nothing confirms.
    pub(super) first: Reading,
    pub(super) reading: Reading,
    pub(super) attempts: u32,
}

/// The source.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    /// Whether there is a device to read.
    pub(super) present: bool,
    pub(super) estimator: Option<Estimator>,
    pub(super) doubt: Option<Doubt>,
    /// When a reading surprised first that is not confirmed yet.
    pub(super) surprised: Option<RawTime>,
    /// Readings in a row that failed.
    pub(super) failures: u32,
    /// Why there are none at the moment.
    pub(super) loss: Option<Loss>,
    /// The last that was accepted.
    pub(super) last: Option<Reading>,
    pub(super) trust: Trust,
}
