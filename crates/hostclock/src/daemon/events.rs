//! The loop: waits for the first of a few descriptors, and hands what happened to the engine.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

use hostclock_core::driver::drive;
use hostclock_core::engine::{Engine, Event};
use hostclock_core::ladder::Ladder;
use hostclock_core::policy::Mode;
use hostclock_core::status::State;
use hostclock_core::units::{Duration, RawTime};
use hostclock_linux::process;
use hostclock_linux::socket::StatusListener;
use hostclock_linux::uevent::UeventSocket;
use hostclock_linux::wait::PollSet;
use hostclock_linux::{Errno, clock};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::drift_file::DriftFile;
use super::hints::Hints;
use super::hook::Hooks;
use super::log::Log;
use super::machine::Linux;
use super::report::Beside;
use super::service::Service;
use super::{RunOptions, rehearsal, report};
use crate::config::{Config, Notify};
use crate::exit::Code;
use crate::source::Unusable;

/// How long a service manager waits for the clock to be right before it goes on: a machine whose hypervisor has no
/// clock has to boot all the same.
const READY_PATIENCE: Duration = Duration::from_secs(3);

/// When a device that may not be read is looked at again, at first and at last.
pub(super) const FIRST_LOOK_AGAIN: Duration = Duration::from_millis(10);
const LAST_LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A line of the log waits for the next event if that is due so soon: whoever waited for the processor
/// while the clock was put right goes first.
const SOON: Duration = Duration::from_millis(50);

/// A wait that ends so much too early, by the rounding of two clocks' rates, has ended.
const EARLY: Duration = Duration::from_micros(1);

/// Where each descriptor is in the poll set.
mod place {
    pub(super) const CLOCK_SET: usize = 0;
    pub(super) const UEVENTS: usize = 1;
    pub(super) const END: usize = 2;
    pub(super) const RELOAD: usize = 3;
    pub(super) const READERS: usize = 4;
    pub(super) const VMCLOCK: usize = 5;
    pub(super) const KERNEL_LOG: usize = 6;
    pub(super) const HOOK: usize = 7;
    pub(super) const COUNT: usize = 8;
}

/// Signals, as descriptors that become readable.
#[derive(Debug)]
pub(super) struct Signals {
    end: UnixStream,
    reload: UnixStream,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        let pipe = |signals: &[i32]| -> io::Result<UnixStream> {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            for signal in signals {
                signal_hook::low_level::pipe::register(*signal, writer.try_clone()?)?;
            }
            Ok(reader)
        };
        Ok(Self { end: pipe(&[SIGTERM, SIGINT])?, reload: pipe(&[SIGHUP])? })
    }
}

/// The daemon's parts.
#[derive(Debug)]
pub(super) struct Daemon {
    pub(super) config: Config,
    pub(super) options: RunOptions,
    pub(super) engine: Engine,
    pub(super) ladder: Ladder,
    pub(super) machine: Linux,
    pub(super) hints: Hints,
    pub(super) hooks: Hooks,
    pub(super) drift: Option<DriftFile>,
    /// Who might keep setting the clock, since that was seen.
    pub(super) suspects: Vec<String>,
    pub(super) log: Log,
    pub(super) uevents: Option<UeventSocket>,
    pub(super) listener: Option<StatusListener>,
    pub(super) signals: Signals,
    pub(super) service: Service,
    /// A reader of the status could not be answered, and waits.
    pub(super) readers_wait: bool,
    /// What this machine doesn't offer, for the status.
    pub(super) limitations: Vec<String>,
    /// Why there is no source, while there is none.
    pub(super) no_source: Option<Unusable>,
    pub(super) module_tried: bool,
    /// When a device that may not be read is looked at again.
    pub(super) denied_for: Duration,
    /// By how much the kernel may be late with wake-ups, as it was told last.
    pub(super) slack: Option<Duration>,
}

impl Daemon {
    /// Runs until a signal ends it, or with `--once` until the clock is right.
    pub(super) fn run(&mut self) -> Code {
        let started = clock::now_raw();
        self.log.info(&format!(
            "hostclock {} {}",
            env!("CARGO_PKG_VERSION"),
            match self.config.policy.mode {
                Mode::Control => "keeps this machine's clock",
                Mode::Observe => "observes this machine's clock",
                Mode::DryRun => "observes this machine's clock, and says what it would do (dry run)",
            }
        ));
        let mut fds = match PollSet::new() {
            Ok(fds) => fds,
            Err(error) => return self.cannot_wait(error),
        };
        let mut wake_at = self.look_for_source().unwrap_or_else(|| self.drive(Event::Wake));
        wake_at = self.soon_where_denied(wake_at);
        // After the first reading: nothing is to delay that. That there are no hints is usual, and no warning.
        self.hints = Hints::listen(|what| self.limitations.push(what));
        std::hint::black_box(rehearsal::rehearse(self.config.policy));
        if self.config.notify == Notify::Started {
            self.service.ready("running");
        }
        loop {
            match self.turn(&mut fds, started, wake_at) {
                ControlFlow::Continue(next) => wake_at = next,
                ControlFlow::Break(code) => return code,
            }
        }
    }

    /// Waits once, until `wake_at` at the latest, and does what there is to do; gives when to wake up next, or how
    /// it ended. At rest it allocates nothing.
    pub(super) fn turn(
        &mut self,
        fds: &mut PollSet<{ place::COUNT }>,
        started: RawTime,
        mut wake_at: RawTime,
    ) -> ControlFlow<Code, RawTime> {
        if let Some(code) = self.finished_once(started) {
            self.drive(Event::Ending);
            self.tell();
            return ControlFlow::Break(code);
        }
        let give_up_at = self.give_up_at(started);
        if give_up_at.is_some_and(|at| clock::now_raw() + EARLY >= at) {
            return ControlFlow::Break(self.give_up());
        }
        if self.engine.was_synchronised() {
            self.service.synchronised();
        } else if !self.service.is_ready() && clock::now_raw() - started > READY_PATIENCE {
            self.service.ready("not synchronised yet");
        }
        let log = self.log;
        let untold = self.engine.has_notices();
        // Whoever waits for the clock to be right goes before the user's commands.
        let tend_at = if untold || self.hooks.is_idle() {
            None
        } else {
            self.hooks.tend(clock::now_raw(), |line| log.warn(line))
        };
        let delay = self.delay_until([tend_at, give_up_at].into_iter().flatten().fold(wake_at, RawTime::min));
        self.be_patient_at_rest();
        let waited = self
            .listen_to_all(fds)
            .and_then(|()| fds.wait(Some(if untold && delay > SOON { Duration::ZERO } else { delay })));
        if let Err(error) = waited {
            return ControlFlow::Break(self.cannot_wait(error));
        }
        if fds.ready(place::VMCLOCK) {
            self.hints.vmclock_tells();
        }
        if let Some(hint) = self.hints.look() {
            wake_at = self.drive(Event::Hint(hint));
        }
        if fds.ready(place::CLOCK_SET) && self.machine.watch.as_mut().is_some_and(|watch| watch.heard()) {
            wake_at = self.drive(Event::ClockSet);
        }
        if fds.ready(place::KERNEL_LOG) {
            wake_at = self.on_kernel_log().unwrap_or(wake_at);
        }
        if clock::now_raw() + EARLY >= wake_at {
            self.readers_wait = false;
            wake_at = self.tick();
        }
        if fds.ready(place::UEVENTS) {
            wake_at = self.on_uevents().unwrap_or(wake_at);
        }
        if fds.ready(place::READERS) {
            // Without a descriptor left for a reader he waits, and we don't spin: until the next tick.
            self.readers_wait = !self.answer_readers();
        }
        if fds.ready(place::HOOK) {
            self.hooks.heard(|line| log.warn(line));
        }
        if fds.ready(place::RELOAD) {
            empty(&self.signals.reload);
            wake_at = self.reload().unwrap_or(wake_at);
        }
        if untold {
            self.tell();
        }
        self.service.alive(clock::now_raw());
        if fds.ready(place::END) {
            self.service.stopping();
            self.keep_last_drift();
            self.drive(Event::Ending);
            self.say().info("ending: the clock keeps its frequency");
            return ControlFlow::Break(Code::Fine);
        }
        ControlFlow::Continue(wake_at)
    }

    /// Waits for whatever there is to wait for now.
    fn listen_to_all(&self, fds: &mut PollSet<{ place::COUNT }>) -> Result<(), Errno> {
        let readers = self.listener.as_ref().filter(|_| !self.readers_wait);
        fds.watch(place::CLOCK_SET, self.machine.watch.as_ref().map(|watch| watch.as_fd()))?;
        fds.watch(place::UEVENTS, self.uevents.as_ref().map(|uevents| uevents.as_fd()))?;
        fds.watch(place::END, Some(self.signals.end.as_fd()))?;
        fds.watch(place::RELOAD, Some(self.signals.reload.as_fd()))?;
        fds.watch(place::READERS, readers.map(|listener| listener.as_fd()))?;
        fds.watch(place::VMCLOCK, self.hints.vmclock_fd())?;
        fds.watch(place::KERNEL_LOG, self.hints.kmsg_fd())?;
        fds.watch(place::HOOK, self.hooks.fd())
    }

    pub(super) fn drive(&mut self, event: Event) -> RawTime {
        drive(&mut self.engine, &mut self.ladder, &mut self.machine, event)
    }

    /// The kernel wrote into its log.
    fn on_kernel_log(&mut self) -> Option<RawTime> {
        let mut last = None;
        let read = self.hints.kernel_tells(|hint| last = Some(hint));
        if let Err(problem) = read {
            self.say().warn(&problem);
            self.limitations.push(problem);
        }
        last.map(|hint| self.drive(Event::Hint(hint)))
    }

    /// The moment that the engine asked for has come.
    fn tick(&mut self) -> RawTime {
        if self.machine.source.is_none() {
            if let Some(wake_at) = self.look_for_source() {
                return wake_at;
            }
        }
        let wake_at = self.drive(Event::Wake);
        self.keep_drift();
        let lost = matches!(self.engine.state(), State::Starting | State::Holdover)
            && self.machine.source.as_ref().is_some_and(|source| !source.is_present());
        if lost { self.drop_source() } else { self.soon_where_denied(wake_at) }
    }

    /// At boot the device comes before udev has let us read it, and nobody tells when it has: looked at again soon,
    /// then less and less often.
    fn soon_where_denied(&mut self, wake_at: RawTime) -> RawTime {
        if !self.no_source.as_ref().is_some_and(|unusable| unusable.denied) {
            self.denied_for = FIRST_LOOK_AGAIN;
            return wake_at;
        }
        let again = clock::now_raw() + self.denied_for;
        self.denied_for = self.denied_for.times(2).min(LAST_LOOK_AGAIN);
        wake_at.min(again)
    }

    /// Sends the status to whoever is connected; `false` if the kernel has no descriptors left.
    fn answer_readers(&mut self) -> bool {
        let Self {
            listener, engine, ladder, machine, no_source, limitations, suspects, config, options, ..
        } = self;
        let Some(listener) = listener else { return true };
        let served = listener.accept_and_send(|| {
            let source = machine.source.as_ref();
            let no_source = no_source.as_ref().map(|unusable| unusable.reason.as_str());
            let host_max_error = config.host_max_error;
            let config_digest = options.digest.as_deref();
            let config_file = config_digest.map(|_| options.origin.path().0);
            let beside =
                Beside { no_source, limitations, suspects, host_max_error, config_file, config_digest };
            report::document(engine, ladder, source, &beside, clock::now_raw())
        });
        served.is_ok()
    }

    /// For how long to wait. The kernel counts that on `CLOCK_MONOTONIC`, which we steer; the engine counts the
    /// raw counter.
    fn delay_until(&self, wake_at: RawTime) -> Duration {
        let mut delay = wake_at - clock::now_raw();
        if let Some(patience) = self.service.patience() {
            delay = delay.min(patience);
        }
        let steered = delay.as_nanos_f64() * (1.0 + self.engine.system_rate().as_ratio());
        Duration::from_nanos_f64(steered).max(Duration::ZERO)
    }

    /// While nothing is under way, a wake-up may wait for others.
    fn be_patient_at_rest(&mut self) {
        let slack = self.engine.may_be_late_by().unwrap_or(Duration::ZERO);
        if self.slack != Some(slack) {
            self.slack = Some(slack);
            // Where it is refused, wake-ups are up to 50 us late.
            let _ = process::set_timer_slack(slack);
        }
    }
}

/// Takes out what a signal wrote.
fn empty(mut pipe: &UnixStream) {
    let mut bytes = [0; 64];
    while matches!(io::Read::read(&mut pipe, &mut bytes), Ok(count) if count == bytes.len()) {}
}
