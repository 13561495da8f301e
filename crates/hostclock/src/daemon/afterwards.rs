//! What is done once the clock is right: the log is told, the user's command is run, the frequency written down.

use hostclock_core::notice::Notice;
use hostclock_linux::clock;

use super::drift_file::{Drift, DriftFile};
use super::events::Daemon;
use super::log::Log;
use super::rivals;

impl Daemon {
    /// Logs what the engine has to tell.
    pub(super) fn tell(&mut self) {
        while let Some(notice) = self.engine.take_notice() {
            let log = self.log;
            let mut besides = String::new();
            if let Notice::Rival { .. } = notice {
                self.suspects = rivals::suspects();
                besides = rivals::question(&self.suspects);
            }
            log.notice(&notice, &besides);
            self.hooks.run(&notice, |line| log.warn(line));
        }
    }

    /// The log, for what isn't the engine's to tell: after what that has told already.
    pub(super) fn say(&mut self) -> Log {
        self.tell();
        self.log
    }

    /// Writes the frequency down, now and then.
    pub(super) fn keep_drift(&mut self) {
        if let Some((file, drift, log)) = self.drift() {
            file.keep(clock::now_raw(), drift, |line| log.warn(line));
        }
    }

    /// Writes it down at the end.
    pub(super) fn keep_last_drift(&mut self) {
        if let Some((file, drift, log)) = self.drift() {
            file.keep_last(drift, |line| log.warn(line));
        }
    }

    /// The file, and what may be written into it, where there is both.
    fn drift(&mut self) -> Option<(&mut DriftFile, Drift, Log)> {
        let file = self.drift.as_mut()?;
        Some((file, DriftFile::of_host(self.engine.frequency_to_remember()?), self.log))
    }
}
