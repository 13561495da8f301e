//! What a disturbance does to the world when it begins, and when it is over.

use hostclock_core::adjust::KernelRate;
use hostclock_core::hint::Hint;
use hostclock_core::units::Duration;

use crate::disturbance::Disturbance;
use crate::world::{Due, Happening, Signal, World};

impl World {
    fn stop_guest(&mut self, span: Duration, counter_too: bool) {
        let until = self.now() + span;
        if counter_too {
            self.oscillator.pause(self.now(), until);
        }
        self.go(until);
    }

    fn set_by_somebody(&mut self, by: Duration, signal: Signal) {
        if self.kernel.set_by(self.raw_picos(), by).is_ok() {
            self.tell_of_setting(signal);
        }
    }

    pub(crate) fn tell_of_setting(&mut self, signal: Signal) {
        if self.tells_of_steps {
            // A wake-up of a cancel-on-set timer takes 2 to 55 µs, 5 in the median.
            let us = (5.0 * self.random.normal(0.6).exp()).clamp(2.0, 55.0);
            self.tell(Duration::from_nanos_f64(us * 1e3), signal);
        }
    }

    pub(crate) fn begin(&mut self, disturbance: Disturbance) {
        self.happens(Happening::Disturbed(disturbance));
        let lasts = disturbance.lasts();
        match disturbance {
            Disturbance::ForeignStep(by) => self.set_by_somebody(by, Signal::ClockSet),
            Disturbance::ForeignRate(rate) => {
                let rate = KernelRate::nearest(rate);
                self.kernel.set_rate(self.raw_picos(), rate);
            }
            Disturbance::ForeignStatus(status) => self.kernel.set_status(self.raw_picos(), status),
            Disturbance::ForeignSlew(span) => self.kernel.adjtime(self.raw_picos(), span),
            Disturbance::Refused(errno, _) => self.kernel.refuses(Some(errno)),
            Disturbance::Pause(span) => self.stop_guest(span, true),
            Disturbance::Suspend(span, by) => {
                self.stop_guest(span, true);
                self.set_by_somebody(span + by, Signal::Hint(Hint::Resumed));
            }
            Disturbance::Starve(span) => self.stop_guest(span, false),
            Disturbance::Load(span) => self.loaded_until = self.now() + span,
            Disturbance::HostStep(by) => self.host.step(self.now(), by),
            Disturbance::HostSlew(rate, span) => self.host.slew(self.now(), rate, span),
            Disturbance::Migration(span, frequency, by) => {
                self.stop_guest(span, true);
                self.oscillator.replace(self.now(), frequency);
                self.host.step(self.now(), by);
                // The marker is changed before the guest runs; the kernel's driver for vmgenid takes its time.
                self.tell_of_more(Hint::Disrupted, (10.0, 1_000.0));
                self.tell_of_more(Hint::Forked, (1_000.0, 300_000.0));
            }
            Disturbance::DeviceGone(_) => {
                self.device.present = false;
                self.tell_of_device(Signal::DeviceRemoved);
            }
            Disturbance::Fault(failure, _) => self.device.fault = Some(failure),
            Disturbance::Busy(_) => self.device.busy = 0.9,
            Disturbance::Clocksource(clocksource) => {
                self.device.clocksource = clocksource;
                self.tell_of_more(Hint::Clocksource, (100.0, 5_000.0));
            }
            Disturbance::Lie(lie, _) => self.device.lies(Some(lie)),
            Disturbance::Kill(_) => self.inbox.push_back(Signal::Killed),
        }
        self.disturbed(disturbance);
        if lasts > Duration::ZERO && !disturbance.stops_guest() {
            self.schedule(self.now() + lasts, Due::End(disturbance));
        }
    }

    pub(crate) fn end(&mut self, disturbance: Disturbance) {
        self.happens(Happening::Over(disturbance));
        match disturbance {
            Disturbance::DeviceGone(_) => {
                self.device.present = true;
                self.tell_of_device(Signal::DeviceAdded);
            }
            Disturbance::Fault(_, _) => self.device.fault = None,
            Disturbance::Busy(_) => self.device.busy = 0.0,
            Disturbance::Lie(_, _) => self.device.lies(None),
            Disturbance::Refused(_, _) => self.kernel.refuses(None),
            Disturbance::Kill(_) => self.inbox.push_back(Signal::Started),
            _ => {}
        }
        self.disturbed(disturbance);
    }

    fn disturbed(&mut self, disturbance: Disturbance) {
        self.disturbed_at = self.now();
        if matches!(disturbance, Disturbance::HostSlew(_, _)) {
            self.slewed_at = self.now();
        }
    }

    fn tell_of_more(&mut self, hint: Hint, (least_us, most_us): (f64, f64)) {
        if self.tells_of_more {
            let us = self.random.decades(least_us, most_us);
            self.tell(Duration::from_nanos_f64(us * 1e3), Signal::Hint(hint));
        }
    }

    fn tell_of_device(&mut self, signal: Signal) {
        if self.tells_of_devices {
            let us = self.random.decades(100.0, 5_000.0);
            self.tell(Duration::from_nanos_f64(us * 1e3), signal);
        }
    }
}
