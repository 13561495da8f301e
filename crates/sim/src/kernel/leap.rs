//! Leap seconds as Linux inserts and deletes them (`second_overflow`, `ntp_clear`: kernel/time/ntp.c, Linux 6.1).
//!
//! One is announced by setting `STA_INS` or `STA_DEL`; the kernel looks at that at each whole second of the system clock,
//! and arms itself for the end of the UTC day. A clock that is set meanwhile is disarmed, and stays so until the
//! announcement is withdrawn (`ntp_clear` forgets the second, and keeps the state that looks for it). After the leap
//! nothing more happens until it is withdrawn.

use hostclock_core::units::Duration;

/// `STA_INS` of `<sys/timex.h>`: a second is to be inserted.
pub const STA_INS: u32 = 0x0010;
/// `STA_DEL`: one is to be deleted.
pub const STA_DEL: u32 = 0x0020;

const SECOND_PICOS: i128 = 1_000_000_000_000;
const DAY_PICOS: i128 = 86_400 * SECOND_PICOS;

/// What is announced, and when it is due.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Leap {
    announced: u32,
    /// What the system clock shows when it is due, in picoseconds since 1970.
    due: Option<i128>,
}

impl Leap {
    /// The status word has these bits now, when the system clock shows `now`, in picoseconds since 1970.
    pub(super) fn announce(&mut self, status: u32, now: i128) {
        let announced = status & (STA_INS | STA_DEL);
        if announced != self.announced {
            self.due = Self::end_of_day(announced, now);
        }
        self.announced = announced;
    }

    /// The bits of the status word.
    pub(super) const fn status(&self) -> u32 {
        self.announced
    }

    /// The clock was set.
    pub(super) const fn clear(&mut self) {
        self.due = None;
    }

    /// What the system clock shows when the next one is due.
    pub(super) const fn due(&self) -> Option<i128> {
        self.due
    }

    /// It is due: by how much the clock is set, and what that adds to TAI - UTC.
    pub(super) fn happen(&mut self) -> (Duration, i32) {
        self.due = None;
        if self.announced & STA_INS != 0 {
            (Duration::from_secs(-1), 1)
        } else {
            (Duration::from_secs(1), -1)
        }
    }

    /// An insertion comes at midnight, a deletion a second before. The kernel notices the announcement at the next
    /// whole second, and is armed from the one after.
    fn end_of_day(announced: u32, now: i128) -> Option<i128> {
        let armed = (now.div_euclid(SECOND_PICOS) + 1) * SECOND_PICOS;
        let early = if announced & STA_INS != 0 { 0 } else { SECOND_PICOS };
        (announced != 0).then(|| ((armed + early).div_euclid(DAY_PICOS) + 1) * DAY_PICOS - early)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_insertion_is_due_at_midnight_and_a_deletion_a_second_before() {
        let (mut leap, noon) = (Leap::default(), DAY_PICOS / 2);
        leap.announce(STA_INS, noon);
        assert_eq!(leap.due(), Some(DAY_PICOS));
        assert_eq!(leap.happen(), (Duration::from_secs(-1), 1));
        leap.announce(STA_INS, noon);
        assert_eq!(leap.due(), None, "until it is withdrawn");
        leap.announce(0, noon);
        leap.announce(STA_DEL, noon);
        assert_eq!(leap.due(), Some(DAY_PICOS - SECOND_PICOS));
    }

    #[test]
    fn a_clock_that_is_set_is_disarmed_until_the_announcement_is_withdrawn() {
        let mut leap = Leap::default();
        leap.announce(STA_INS, 0);
        leap.clear();
        leap.announce(STA_INS, 0);
        assert_eq!((leap.due(), leap.status()), (None, STA_INS));
        leap.announce(0, 0);
        leap.announce(STA_INS, DAY_PICOS - 1);
        assert_eq!(leap.due(), Some(2 * DAY_PICOS), "too late for this midnight");
    }
}
