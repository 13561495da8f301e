//! The world: every clock in it, what is to happen, and true time.
//!
//! Time passes when [`World::pass`] says so. What is due meanwhile happens at its moment, also in the
//! middle of a system call of the daemon's. A guest that is stopped does nothing: what its programs
//! would have done happens when it runs again.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use hostclock_core::hint::Hint;
use hostclock_core::notice::Notice;
use hostclock_core::units::{Duration, RawTime, Timestamp};

use crate::device::{Device, DeviceModel};
use crate::digest::Digest;
use crate::disturbance::Disturbance;
use crate::host::{Host, HostModel};
use crate::kernel::{Kernel, Rounding};
use crate::oscillator::{Oscillator, OscillatorModel};
use crate::random::Random;
use crate::truth::TrueTime;

/// How the world is built.
#[derive(Clone, Copy, Debug)]
pub struct WorldModel {
    /// The guest's oscillator.
    pub oscillator: OscillatorModel,
    /// The host's clock.
    pub host: HostModel,
    /// What the host's clock shows at the beginning.
    pub date: Timestamp,
    /// How wrong the guest's clock is at the beginning: system minus host.
    pub wrong_by: Duration,
    /// The kernel's rounding; `None`: it runs at exactly the rate it is told.
    pub rounding: Option<Rounding>,
    /// The device.
    pub device: DeviceModel,
    /// Whether the kernel tells of a clock that was set (a cancel-on-set timer).
    pub tells_of_steps: bool,
    /// Whether the kernel tells of devices that come and go.
    pub tells_of_devices: bool,
    /// Whether the hypervisor tells of a machine that is moved (vmclock, vmgenid), and the kernel's log of a
    /// new clocksource.
    pub tells_of_more: bool,
}

impl Default for WorldModel {
    fn default() -> Self {
        Self {
            oscillator: OscillatorModel::default(),
            host: HostModel::ntp(),
            date: Timestamp::from_nanos(1_793_750_400_000_000_000),
            wrong_by: Duration::from_millis(-300),
            rounding: None,
            device: DeviceModel::default(),
            tells_of_steps: true,
            tells_of_devices: true,
            tells_of_more: true,
        }
    }
}

/// What the kernel tells the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The clock was set, and not by the daemon.
    ClockSet,
    /// The device is there.
    DeviceAdded,
    /// The device is gone.
    DeviceRemoved,
    /// The hypervisor or the kernel tells of something else.
    Hint(Hint),
    /// The daemon is killed.
    Killed,
    /// The daemon is started.
    Started,
}

/// Something that a witness hears of.
#[derive(Clone, Copy, Debug)]
pub enum Happening {
    /// Something happened to the guest.
    Disturbed(Disturbance),
    /// Something that lasted is over.
    Over(Disturbance),
    /// The daemon stepped the clock by `by`; the true offsets around it, in ns.
    Stepped {
        /// The step.
        by: Duration,
        /// True offset before.
        before_ns: f64,
        /// True offset after.
        after_ns: f64,
    },
    /// The daemon told its user something.
    Told(Notice),
    /// The daemon started.
    Started,
    /// The daemon did more at once than any good reason can ask for; the world refused the rest.
    Runaway,
}

/// What is due at some moment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Due {
    Begin(Disturbance),
    End(Disturbance),
    Tell(Signal),
}

#[derive(Clone, Debug)]
struct Entry {
    at: TrueTime,
    order: u64,
    due: Due,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// The world.
#[derive(Clone, Debug)]
pub struct World {
    now: TrueTime,
    pub(crate) oscillator: Oscillator,
    pub(crate) host: Host,
    pub(crate) kernel: Kernel,
    pub(crate) device: Device,
    pub(crate) random: Random,
    pub(crate) inbox: VecDeque<Signal>,
    pub(crate) happened: Vec<(TrueTime, Happening)>,
    /// Calls of the daemon's since it last waited.
    pub(crate) calls: u32,
    /// When the last reading of this turn was begun, if it succeeded.
    pub(crate) read_now: Option<TrueTime>,
    /// The same of the last turn that ended with one.
    pub(crate) read_at: TrueTime,
    /// When the clocks were last moved by anybody but the daemon.
    pub(crate) disturbed_at: TrueTime,
    /// When the host's clock was last slewed, or came out of a slew.
    pub(crate) slewed_at: TrueTime,
    /// Overloaded until then.
    pub(crate) loaded_until: TrueTime,
    due: BinaryHeap<Reverse<Entry>>,
    order: u64,
    pub(crate) tells_of_steps: bool,
    pub(crate) tells_of_devices: bool,
    pub(crate) tells_of_more: bool,
    /// All that the daemon has done.
    pub(crate) digest: Digest,
}

impl World {
    /// The world that follows from `model` and `seed`.
    #[must_use]
    pub fn new(model: &WorldModel, seed: u64) -> Self {
        let random = Random::new(seed);
        let uptime = RawTime::from_nanos(5_000_000_000);
        let oscillator = Oscillator::new(model.oscillator, uptime, random.part("oscillator"));
        let raw = oscillator.picos(TrueTime::default());
        Self {
            now: TrueTime::default(),
            oscillator,
            host: Host::new(model.host, model.date, random.part("host")),
            kernel: Kernel::new(raw, model.date + model.wrong_by, model.rounding, random.part("kernel")),
            device: Device::new(model.device, random.part("device")),
            random: random.part("scheduler"),
            inbox: VecDeque::new(),
            happened: Vec::new(),
            calls: 0,
            read_now: None,
            read_at: TrueTime::default(),
            disturbed_at: TrueTime::default(),
            slewed_at: TrueTime::default(),
            loaded_until: TrueTime::default(),
            due: BinaryHeap::new(),
            order: 0,
            tells_of_steps: model.tells_of_steps,
            tells_of_devices: model.tells_of_devices,
            tells_of_more: model.tells_of_more,
            digest: Digest::default(),
        }
    }

    /// All that the daemon has done, as a number.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// True time.
    #[must_use]
    pub const fn now(&self) -> TrueTime {
        self.now
    }

    /// The true offset, system minus host, in nanoseconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "exact to a nanosecond up to 100 days")]
    pub fn offset_ns(&self) -> f64 {
        let system = self.kernel.picos(self.raw_picos());
        (system - self.host.picos(self.now)) as f64 / 1e3
    }

    /// How far the host's clock is ahead of the raw counter, in picoseconds.
    #[must_use]
    pub fn gap_picos(&self) -> i128 {
        self.host.picos(self.now) - i128::from(self.raw_picos())
    }

    /// The raw counter.
    #[must_use]
    pub fn raw(&self) -> RawTime {
        self.oscillator.raw(self.now)
    }

    pub(crate) fn raw_picos(&self) -> i64 {
        self.oscillator.picos(self.now)
    }

    /// The device.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// The device, to change how it behaves.
    pub const fn device_mut(&mut self) -> &mut Device {
        &mut self.device
    }

    /// The guest's system clock.
    #[must_use]
    pub const fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The host's clock.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// `disturbance` is to happen at `at`.
    pub fn plan(&mut self, at: TrueTime, disturbance: Disturbance) {
        self.schedule(at, Due::Begin(disturbance));
    }

    /// The moment of the next thing that is to happen.
    #[must_use]
    pub fn next_due(&self) -> Option<TrueTime> {
        self.due.peek().map(|Reverse(entry)| entry.at)
    }

    /// Lets time pass up to `until`; it may become later, when the guest is stopped meanwhile.
    pub fn pass(&mut self, until: TrueTime) {
        loop {
            let due = self.due.peek().map_or(TrueTime::MAX, |Reverse(entry)| entry.at);
            let leap = self.next_leap().unwrap_or(TrueTime::MAX);
            if due.min(leap) > until.max(self.now) {
                break;
            }
            if leap < due {
                self.go(leap.max(self.now));
                continue;
            }
            let Some(Reverse(entry)) = self.due.pop() else { break };
            self.go(entry.at.max(self.now));
            match entry.due {
                Due::Begin(disturbance) => self.begin(disturbance),
                Due::End(disturbance) => self.end(disturbance),
                Due::Tell(signal) => self.inbox.push_back(signal),
            }
        }
        self.go(until.max(self.now));
    }

    /// When the guest's kernel inserts or deletes a second, if nothing comes between.
    fn next_leap(&self) -> Option<TrueTime> {
        let raw = self.kernel.next_leap()?;
        Some(self.oscillator.when(RawTime::from_nanos(raw.div_euclid(1_000) + 1)))
    }

    /// The daemon is busy for `span`, and longer when it is pre-empted meanwhile.
    pub(crate) fn spend(&mut self, span: Duration) {
        let (often, longest_us) = if self.is_loaded() { (0.02, 20_000.0) } else { (0.000_2, 500.0) };
        let extra = if self.random.chance(often) { self.random.decades(5.0, longest_us) } else { 0.0 };
        self.pass(self.now + span + Duration::from_nanos_f64(extra * 1e3));
    }

    /// How late the daemon is woken this time: 50 µs in the median, milliseconds at times.
    pub(crate) fn lateness(&mut self) -> Duration {
        let us = if self.is_loaded() {
            self.random.decades(100.0, 100_000.0)
        } else if self.random.chance(0.002) {
            self.random.decades(500.0, 5_000.0)
        } else {
            50.0 * self.random.normal(0.7).exp()
        };
        Duration::from_nanos_f64(us * 1e3)
    }

    pub(crate) fn happens(&mut self, what: Happening) {
        self.happened.push((self.now, what));
    }

    pub(crate) fn tell(&mut self, after: Duration, signal: Signal) {
        self.schedule(self.now + after, Due::Tell(signal));
    }

    fn is_loaded(&self) -> bool {
        self.now < self.loaded_until
    }

    pub(crate) fn schedule(&mut self, at: TrueTime, due: Due) {
        self.order += 1;
        self.due.push(Reverse(Entry { at, order: self.order, due }));
    }

    pub(crate) fn go(&mut self, to: TrueTime) {
        self.now = to;
        self.oscillator.advance(to);
        self.host.advance(to);
        if self.kernel.advance(self.oscillator.picos(to)) {
            self.disturbed_at = to;
            self.tell_of_setting(Signal::ClockSet);
        }
    }
}
