//! What readers and the log get to know: the history, the figures, and the notices that wait.

use super::history::History;
use super::report::{Notices, Statistics, Told};
use super::rivalry::Rivalry;
use crate::status::Counters;

/// The journal.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    pub(super) history: History,
    pub(super) rivalry: Rivalry,
    pub(super) statistics: Statistics,
    pub(super) counters: Counters,
    pub(super) notices: Notices,
    pub(super) told: Told,
}
