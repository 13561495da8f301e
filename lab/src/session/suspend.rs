//! A guest that suspends itself to memory, and is woken by its hypervisor.
//!
//! The virtio port doesn't live through that: the driver forgets that somebody is connected at the other end and
//! isn't told again (seen with Linux 7.3 and QEMU 10.0). So the guest unbinds and binds it, which ends its
//! shell; the next one is given the last one's variables.

use std::time::Duration;

use super::Session;
use super::pause::moment;
use crate::error::{Context, Result};

const DRIVER: &str = "/sys/bus/virtio/drivers/virtio_console";
const VARIABLES: &str = "/tmp/variables";
const LIMIT: Duration = Duration::from_secs(60);

impl Session {
    /// Lets the guest suspend itself and wakes it after about `asleep`; notes under `label` when its programs
    /// went on.
    pub(crate) fn suspend(&mut self, label: &str, asleep: Duration) -> Result<()> {
        let known = self.update()?.samples.len();
        self.guest(&format!(
            "echo \"daemon=$daemon observer=$observer\" >{VARIABLES}; \
             (sleep 0.5; echo mem >/sys/power/state; echo virtio0 >{DRIVER}/unbind; echo virtio0 >{DRIVER}/bind; \
             link-ports) >/dev/null 2>&1 &"
        ))?;
        // The monitor knows when the guest is asleep, and when its next shell has opened the port.
        let command = format!(
            "ask() {{ until lab tell /run/monitor.sock \"$1\" | grep \"$2\" >/dev/null; do sleep 0.1; done; }}; \
             ask 'info status' suspended; sleep {}; lab wake /run/monitor.sock; ask 'info qtree' 'guest on'",
            asleep.as_secs_f64()
        );
        let released = moment(&self.lab.host.run_within(LIMIT, &command)?)?;
        self.guest(&format!(". {VARIABLES}"))?;
        let found = self.await_going_on(known, released, asleep)?;
        let thawed = self
            .kernel_said("Restarting tasks: Starting")?
            .context(|| "the guest's kernel doesn't say when it woke its programs".into())?;
        self.write_down(label, found.before.max(thawed), found.after)
    }
}
