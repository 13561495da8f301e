//! What a service manager is told: readiness, a status line, and that we are alive (`sd_notify(3)`).
//! Without one, nothing happens.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixDatagram;

use hostclock_core::units::{Duration, RawTime};
use sd_notify::NotifyState;

/// What puts the manager's timer off.
const ALIVE: &[u8] = b"WATCHDOG=1\n";

/// The connection to the service manager.
#[derive(Debug, Default)]
pub(crate) struct Service {
    ready: bool,
    /// It was told that the clock is right.
    synchronised: bool,
    /// Half of the time after which the manager loses its patience.
    watchdog: Option<Duration>,
    /// When the manager last heard that we are alive.
    told: RawTime,
    /// The connection by which it hears that, once there is one: kept, so that it costs one system call and no
    /// allocation.
    manager: Option<UnixDatagram>,
}

impl Service {
    pub(crate) fn new() -> Self {
        let mut microseconds = 0;
        let asked = sd_notify::watchdog_enabled(false, &mut microseconds);
        let watchdog =
            asked.then(|| Duration::from_micros(i64::try_from(microseconds / 2).unwrap_or(i64::MAX)));
        Self { watchdog: watchdog.filter(|half| *half > Duration::ZERO), ..Self::default() }
    }

    /// As for a manager that listens at `socket`, and wants to hear within twice `half`.
    #[cfg(test)]
    pub(super) fn watched_by(socket: &std::path::Path, half: Duration) -> Self {
        let manager = connect(socket.as_os_str()).ok();
        Self { ready: true, watchdog: Some(half), manager, ..Self::default() }
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

    /// The clock is right for the first time: so the service is ready, if it wasn't, and the status line says so.
    pub(crate) fn synchronised(&mut self) {
        const LINE: NotifyState<'_> = NotifyState::Status("synchronised");
        match (self.synchronised, self.ready) {
            (true, _) => return,
            (false, true) => tell(&[LINE]),
            (false, false) => tell(&[NotifyState::Ready, LINE]),
        }
        (self.synchronised, self.ready) = (true, true);
    }

    /// The configuration is being read again. A manager that waits for the end of that (`Type=notify-reload`) knows by
    /// the time which of several it is. One that isn't told yet that we are ready waits for that, and for nothing else.
    pub(crate) fn reloading(&self) {
        if let (true, Ok(now)) = (self.ready, NotifyState::monotonic_usec_now()) {
            tell(&[NotifyState::Reloading, now]);
        }
    }

    /// It was read, or refused, as `line` says.
    pub(crate) fn reloaded(&self, line: &str) {
        if self.ready {
            tell(&[NotifyState::Ready, NotifyState::Status(line)]);
        }
    }

    pub(crate) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// To be called at every wake-up. The manager is told only now and then: after a quarter of its patience, and
    /// so after three quarters at the latest.
    pub(crate) fn alive(&mut self, now: RawTime) {
        if self.watchdog.is_none_or(|half| now - self.told < half.half()) {
            return;
        }
        if self.manager.is_none() {
            self.manager = std::env::var_os("NOTIFY_SOCKET").and_then(|socket| connect(&socket).ok());
        }
        match self.manager.as_ref().map(|manager| manager.send(ALIVE)) {
            Some(Ok(_)) => self.told = now,
            // It has much to read, and is told at the next wake-up.
            Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => {}
            // It was started anew.
            Some(Err(_)) | None => self.manager = None,
        }
    }

    pub(crate) fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }
}

fn connect(socket: &OsStr) -> io::Result<UnixDatagram> {
    let manager = UnixDatagram::unbound()?;
    manager.set_nonblocking(true)?;
    manager.connect(socket)?;
    Ok(manager)
}

/// A manager that doesn't listen is no reason to stop keeping the clock.
fn tell(state: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(false, state);
}
