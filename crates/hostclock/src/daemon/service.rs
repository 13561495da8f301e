//! What a service manager is told: readiness, a status line, and that we are alive (`sd_notify(3)`).
//! Without one, nothing happens.

use hostclock_core::units::Duration;
use sd_notify::NotifyState;

/// The connection to the service manager.
#[derive(Debug, Default)]
pub(crate) struct Service {
    ready: bool,
    /// Half of the time after which the manager loses its patience.
    watchdog: Option<Duration>,
}

impl Service {
    pub(crate) fn new() -> Self {
        let mut microseconds = 0;
        let asked = sd_notify::watchdog_enabled(false, &mut microseconds);
        let watchdog =
            asked.then(|| Duration::from_micros(i64::try_from(microseconds / 2).unwrap_or(i64::MAX)));
        Self { ready: false, watchdog: watchdog.filter(|half| *half > Duration::ZERO) }
    }

    /// The longest time to wait between two calls of [`Service::alive`].
    pub(crate) const fn patience(&self) -> Option<Duration> {
        self.watchdog
    }

    pub(crate) fn ready(&mut self, line: &str) {
        if !self.ready {
            self.ready = true;
            tell(&[NotifyState::Ready, NotifyState::Status(line)]);
        }
    }

    pub(crate) const fn is_ready(&self) -> bool {
        self.ready
    }

    pub(crate) fn alive(&self) {
        if self.watchdog.is_some() {
            tell(&[NotifyState::Watchdog]);
        }
    }

    pub(crate) fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }
}

/// A manager that doesn't listen is no reason to stop keeping the clock.
fn tell(state: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(false, state);
}
