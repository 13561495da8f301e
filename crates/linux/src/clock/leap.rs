//! A leap second, announced to the kernel as an NTP daemon announces it: for a machine that others take
//! their time from. The daemon never announces one, and takes back what others have announced.

use super::{AdjustError, SystemClock, call, empty, status_word};

impl SystemClock {
    /// Announces that the kernel is to insert a second at the end of this UTC day, or takes that back,
    /// which has to be done after the day's end too, or the kernel never gets ready for another
    /// (`second_overflow`, kernel/time/ntp.c, Linux 6.1).
    ///
    /// # Errors
    /// When the process may not.
    pub fn announce_leap_second(&self, announced: bool) -> Result<(), AdjustError> {
        let mut timex = empty();
        call(&mut timex)?;
        let status = status_word(timex.status & libc::STA_UNSYNC == 0);
        let mut timex = empty();
        timex.modes = libc::ADJ_STATUS;
        timex.status = if announced { status | libc::STA_INS } else { status };
        call(&mut timex)
    }
}
