//! `SIGHUP`: the configuration is read again.

use hostclock_core::engine::Event;
use hostclock_core::units::RawTime;

use super::drift_file::DriftFile;
use super::events::Daemon;
use super::log::Log;
use crate::config::Config;

/// What the log and the service manager are told.
const REREAD: &str = "the configuration was reread";
const UNCHANGED: &str = "the configuration was reread: nothing changed";

impl Daemon {
    /// Reads the configuration again; one with a mistake leaves everything as it is. The service manager is told before
    /// and after.
    pub(super) fn reload(&mut self) -> Option<RawTime> {
        self.service.reloading();
        let (outcome, wake_at) = match self.options.origin.load_with_digest() {
            Ok((config, digest)) if config == self.config => {
                self.options.digest = digest;
                self.say().info(UNCHANGED);
                (UNCHANGED.to_owned(), None)
            }
            Ok((config, digest)) => {
                self.options.digest = digest;
                (REREAD.to_owned(), Some(self.adopt(config)))
            }
            Err(mistakes) => {
                let mistakes = mistakes.to_string().trim_end().replace('\n', "; ");
                let refusal = format!("the configuration was not reread, the old one stays: {mistakes}");
                self.say().error(&refusal);
                (refusal, None)
            }
        };
        self.service.reloaded(&outcome);
        wake_at
    }

    /// Goes on with another configuration.
    fn adopt(&mut self, config: Config) -> RawTime {
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
        self.say().info(REREAD);
        if restart {
            self.say()
                .warn("socket, socket-mode, realtime-priority and lock-memory take effect at the next start");
        }
        if source_changed {
            return self.look_for_source().unwrap_or_else(|| self.drop_source());
        }
        self.drive(Event::Wake)
    }
}
