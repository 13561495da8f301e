//! What happens in a scenario, one thing after the other, as it is written down.

use hostclock_core::units::{Duration, Frequency, Timestamp};

use crate::disturbance::Disturbance;
use crate::kernel::STA_INS;
use crate::random::Random;
use crate::truth::TrueTime;

/// 90 s before the end of a UTC day, and when that is.
pub(super) const BEFORE_MIDNIGHT: Timestamp = Timestamp::from_nanos((20_633 * 86_400 - 90) * 1_000_000_000);
const MIDNIGHT_S: f64 = 90.0;

/// A plan in the making.
pub(super) struct Plan {
    pub(super) random: Random,
    pub(super) at: TrueTime,
    pub(super) events: Vec<(TrueTime, Disturbance)>,
}

impl Plan {
    /// `what`, and when it is over `pause_s` of nothing.
    pub(super) fn then(&mut self, what: Disturbance, pause_s: f64) {
        self.events.push((self.at, what));
        self.at = self.at + what.lasts() + Duration::from_nanos_f64(pause_s * 1e9);
    }

    /// `what`, and during it the host's clock is stepped, or the guest paused.
    pub(super) fn during(&mut self, what: Disturbance, span: Duration) {
        let within = Duration::from_nanos_f64(self.random.between(0.0, span.as_nanos_f64()));
        let other = if self.random.chance(0.5) {
            Disturbance::HostStep(self.random.signed_span(1e-6, 10.0))
        } else {
            Disturbance::Pause(self.random.span(1e-3, 1.0))
        };
        self.events.push((self.at + within, other));
        self.alone(what);
    }

    /// A leap second is announced, or its announcement withdrawn again, and the host has its own way with it.
    pub(super) fn leap(&mut self) {
        self.events.push((self.at, Disturbance::ForeignStatus(STA_INS)));
        if self.random.chance(0.3) {
            let later = self.at + self.random.span(0.1, 30.0);
            self.events.push((later, Disturbance::ForeignStatus(0)));
        }
        let midnight = TrueTime::from_secs_f64(MIDNIGHT_S);
        if self.random.chance(0.4) {
            self.events.push((midnight, Disturbance::HostStep(Duration::from_secs(-1))));
        } else if self.random.chance(0.5) {
            let smeared = Duration::from_secs(1_000);
            let before = midnight + -smeared.half();
            let begin = before.max(self.at);
            self.events.push((begin, Disturbance::HostSlew(Frequency::from_ppm(-1_000.0), smeared)));
        }
    }

    /// `what`, on a clock that has settled, and time enough to settle again.
    pub(super) fn alone(&mut self, what: Disturbance) {
        let pause_s = self.random.between(15.0, 25.0);
        self.then(what, pause_s);
    }
}
