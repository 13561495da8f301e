//! What is done once the clock is right: the log is told, the user's command is run, the frequency written down.

use hostclock_core::notice::Notice;
use hostclock_linux::clock;

use super::drift_file::DriftFile;
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
        let (Some(drift), Some(host)) = (&mut self.drift, self.engine.frequency_to_remember()) else {
            return;
        };
        let log = self.log;
        drift.keep(clock::now_raw(), DriftFile::of_host(host), |line| log.warn(line));
    }

    /// Writes it down at the end.
    pub(super) fn keep_last_drift(&mut self) {
        let (Some(drift), Some(host)) = (&mut self.drift, self.engine.frequency_to_remember()) else {
            return;
        };
        let log = self.log;
        drift.keep_last(DriftFile::of_host(host), |line| log.warn(line));
    }
}
