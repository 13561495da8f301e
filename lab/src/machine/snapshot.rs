//! Saving the guest's state, ending its hypervisor, and starting others from what was saved.

use std::time::Duration;

use super::hypervisor::{self, Beginning, FIRST, Place, SECOND};
use super::{Lab, Platform, Shell};
use crate::error::{Context, Result};

const STATE: &str = "/run/vm.state";
const LIMIT: Duration = Duration::from_secs(90);

impl Lab {
    /// Ends the guest and boots another.
    pub(crate) fn replace_guest(&mut self, platform: Platform) -> Result<()> {
        self.end_guests()?;
        self.host.run(&hypervisor::command(platform, FIRST, Beginning::Boot))?;
        self.platform = platform;
        self.guest.wait(super::limit(platform))
    }

    /// Saves the guest's state, and ends its hypervisor.
    pub(crate) fn save_guest(&mut self) -> Result<()> {
        let monitor = FIRST.monitor;
        let command = format!(
            "lab tell {monitor} 'migrate -d \"exec:cat >{STATE}\"'; \
             until lab tell {monitor} 'info migrate' | grep 'status: completed' >/dev/null; do sleep 0.05; done"
        );
        self.host.run_within(LIMIT, &command)?;
        self.end_guests()
    }

    /// Starts a hypervisor at `place` and gives it what was saved. The guest stays stopped.
    pub(crate) fn load_guest(&mut self, place: Place) -> Result<()> {
        if place.port == SECOND.port && self.second.is_none() {
            // A port is at its end for whoever reads it while nobody is connected to it.
            self.second = Some(Shell::connect("second", &self.emulator)?);
            self.host.run(&hypervisor::relay(SECOND))?;
        }
        self.host.run(&hypervisor::command(self.platform, place, Beginning::Wait))?;
        let monitor = place.monitor;
        // The guest's end of the port is told if the other end is away when it is restored; then its shell
        // would end.
        let command = format!(
            "until lab tell {monitor} 'info chardev' 2>/dev/null | grep 'guest: filename=unix' >/dev/null; do sleep 0.05; done; \
                 lab tell {monitor} 'migrate_incoming \"exec:cat {STATE}\"'; \
                 while lab tell {monitor} 'info status' | grep inmigrate >/dev/null; do sleep 0.05; done"
        );
        self.host.run_within(LIMIT, &command)?;
        Ok(())
    }

    /// The shell of the second guest takes the place of the first's, and the other way round.
    pub(crate) fn swap_guests(&mut self) -> Result<()> {
        let second = self.second.as_mut().context(|| "there is no second guest".into())?;
        std::mem::swap(&mut self.guest, second);
        Ok(())
    }

    /// Ends all hypervisors.
    fn end_guests(&mut self) -> Result<()> {
        for Place { monitor, pid, .. } in [FIRST, SECOND] {
            self.host.run_within(
                LIMIT,
                &format!(
                    "if [ -e {pid} ]; then lab tell {monitor} quit; while [ -e {pid} ]; do sleep 0.05; done; fi"
                ),
            )?;
        }
        Ok(())
    }
}
