//! Guests that are saved and restored, once or twice.

use std::thread;
use std::time::Duration;

use super::pause::moment;
use super::{GoingOn, Recording, Session};
use crate::error::{Context, Result};
use crate::machine::{FIRST, Place, Platform, SECOND};

impl Session {
    /// Ends the guest and boots another, of the kind `platform`.
    pub(crate) fn new_guest(&mut self, platform: Platform) -> Result<()> {
        self.recording = Recording::default();
        self.lab.replace_guest(platform)
    }

    /// Saves the guest's state, ends its hypervisor, and after `away` restores it; notes under `label` when it
    /// went on.
    pub(crate) fn restore(&mut self, label: &str, away: Duration) -> Result<GoingOn> {
        let known = self.update()?.samples.len();
        self.lab.save_guest()?;
        thread::sleep(away);
        self.lab.load_guest(FIRST)?;
        let released = self.release(FIRST)?;
        self.note_going_on(label, known, released, away)
    }

    /// Saves the guest's state, ends its hypervisor, and after `away` makes two guests of it. Gives the host's
    /// time at which the second was let go on; it is reached by [`Session::other_guest`]. For the first, notes
    /// under `label` when it went on.
    pub(crate) fn fork(&mut self, label: &str, away: Duration) -> Result<(GoingOn, i64)> {
        let known = self.update()?.samples.len();
        self.lab.save_guest()?;
        thread::sleep(away);
        self.lab.load_guest(FIRST)?;
        self.lab.load_guest(SECOND)?;
        let (first, second) = (self.release(FIRST)?, self.release(SECOND)?);
        Ok((self.note_going_on(label, known, first, away)?, second))
    }

    /// Turns to the other of two guests, which was let go on at the host's time `released` after it had been
    /// away for at least `away`, and notes under `label` when it did.
    pub(crate) fn other_guest_went_on(
        &mut self,
        label: &str,
        released: i64,
        away: Duration,
    ) -> Result<GoingOn> {
        self.other_guest()?;
        self.note_going_on(label, 0, released, away)
    }

    /// Turns to the other of two guests. Its observer's recording is fetched from its beginning.
    pub(crate) fn other_guest(&mut self) -> Result<()> {
        self.lab.swap_guests()?;
        self.recording = Recording::default();
        Ok(())
    }

    /// The raw time at which the guest's kernel said that it had been restored, if it did.
    pub(crate) fn told_of_restore(&mut self) -> Result<Option<i64>> {
        self.kernel_said("due to virtual machine fork")
    }

    /// The raw time at which the guest's kernel last wrote a line that contains `what`, if it did.
    pub(super) fn kernel_said(&mut self, what: &str) -> Result<Option<i64>> {
        let said = self.guest(&format!("lab kernel-log '{what}'"))?;
        let said = said.trim();
        if said.is_empty() {
            return Ok(None);
        }
        said.parse().map(Some).context(|| format!("no raw time: {said:?}"))
    }

    fn release(&mut self, place: Place) -> Result<i64> {
        moment(&self.lab.host.run(&format!("lab release {}", place.monitor))?)
    }
}
