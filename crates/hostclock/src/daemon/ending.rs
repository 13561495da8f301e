//! How a daemon ends that no signal ended: `--once` is through, no device came in time, or there is no way to wait.

use hostclock_core::engine::Event;
use hostclock_core::policy::Mode;
use hostclock_core::status::State;
use hostclock_core::units::{Duration, RawTime};
use hostclock_linux::{Errno, clock};

use super::events::Daemon;
use crate::exit::Code;

/// How long `--once` waits for the clock to be right.
const ONCE_PATIENCE: Duration = Duration::from_secs(10);
/// How many readings `--once` takes, so that the frequency that it leaves is good too: 0.15 s of them.
const ONCE_READINGS: u64 = 7;

impl Daemon {
    /// When a daemon ends to which no device has ever given a reading; `None` where it waits on.
    pub(super) fn give_up_at(&self, started: RawTime) -> Option<RawTime> {
        let timeout = self.config.device_timeout?;
        (self.engine.counters().readings == 0).then(|| started + timeout)
    }

    pub(super) fn give_up(&mut self) -> Code {
        self.service.stopping();
        self.drive(Event::Ending);
        let timeout = self.config.device_timeout.unwrap_or_default();
        let why = self.no_source.as_ref().map_or("it gives no readings", |unusable| unusable.reason.as_str());
        let line = format!("no usable device within {timeout} of the start (device-timeout): {why}");
        self.say().error(&line);
        Code::NoDevice
    }

    pub(super) fn cannot_wait(&mut self, error: Errno) -> Code {
        self.drive(Event::Ending);
        self.say().error(&format!("cannot wait for events: {error}"));
        Code::Failed
    }

    /// With `--once`: how it ended, if it did.
    pub(super) fn finished_once(&mut self, started: RawTime) -> Option<Code> {
        if !self.options.once {
            return None;
        }
        let log = self.say();
        if self.machine.source.is_none() {
            let denied = self.no_source.as_ref().is_some_and(|unusable| unusable.denied);
            return Some(if denied { Code::NoPermission } else { Code::NoDevice });
        }
        let enough = self.engine.counters().readings >= ONCE_READINGS;
        let status = self.engine.status(clock::now_raw());
        if let (true, Some(offset_ns), true) =
            (enough, status.clock.offset_ns, self.config.policy.mode != Mode::Control)
        {
            log.info(&format!("the clock is {:+} from the host", Duration::from_nanos_f64(offset_ns)));
            return Some(Code::Fine);
        }
        if enough && self.engine.was_synchronised() {
            return Some(Code::Fine);
        }
        if enough && status.state == State::Unsynchronised {
            log.error(&format!("the clock was not corrected: {}", status.reason.unwrap_or_default()));
            return Some(Code::Failed);
        }
        if clock::now_raw() - started > ONCE_PATIENCE {
            log.error("the clock is not right after 10 s: `hostclock sources` may tell why");
            return Some(Code::Failed);
        }
        None
    }
}
