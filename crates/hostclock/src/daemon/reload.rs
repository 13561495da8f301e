//! `SIGHUP`: the configuration is read again.

use hostclock_core::engine::Event;
use hostclock_core::units::RawTime;

use super::drift_file::DriftFile;
use super::events::Daemon;
use super::log::Log;
use crate::config::Config;

impl Daemon {
    /// Reads the configuration again; one with a mistake leaves everything as it is.
    pub(super) fn reload(&mut self) -> Option<RawTime> {
        let config = match self.options.origin.load() {
            Ok(config) => config,
            Err(mistakes) => {
                let mistakes = mistakes.to_string().trim_end().replace('\n', "; ");
                self.say().error(&format!("the configuration was not reread, the old one stays: {mistakes}"));
                return None;
            }
        };
        if config == self.config {
            self.say().info("the configuration was reread: nothing changed");
            return None;
        }
        let at_start = |c: &Config| (c.socket.clone(), c.socket_mode, c.realtime_priority, c.lock_memory);
        let restart = at_start(&config) != at_start(&self.config);
        let source_changed =
            config.source != self.config.source || config.policy.tai_offset != self.config.policy.tai_offset;
        self.engine.set_policy(config.policy);
        self.hooks.configure(config.hook.clone());
        if config.drift_file != self.config.drift_file {
            let log = self.log;
            self.drift = DriftFile::open(config.drift_file.as_deref(), |line| log.warn(line));
        }
        self.config = config;
        self.log = Log::new(&self.config);
        self.say().info("the configuration was reread");
        if restart {
            self.say()
                .warn("socket, socket-mode, realtime-priority and lock-memory take effect at the next start");
        }
        if source_changed {
            return Some(self.look_for_source().unwrap_or_else(|| self.drop_source()));
        }
        Some(self.drive(Event::Wake))
    }
}
