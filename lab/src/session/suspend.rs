//! A guest that suspends itself to memory, and is woken by its hypervisor.
//!
//! The virtio port doesn't live through that: the driver forgets that somebody is connected at the other end and
//! isn't told again (seen with Linux 7.3 and QEMU 10.0). So the guest unbinds and binds it, which ends its
//! shell; the next one is given the last one's variables.

use std::time::{Duration, Instant};

use super::Session;
use super::pause::moment;
use crate::error::{Context, Error, Result};

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
             (sleep 0.5; echo mem >/sys/power/state; rm /dev/ports/guest; sleep 0.3; \
             echo virtio0 >{DRIVER}/unbind; echo virtio0 >{DRIVER}/bind; \
             link-ports) >/dev/null 2>&1 &"
        ))?;
        let command = format!(
            "until lab tell /run/monitor.sock 'info status' | grep suspended >/dev/null; do sleep 0.1; done; \
             sleep {}; lab wake /run/monitor.sock",
            asleep.as_secs_f64()
        );
        let released = moment(&self.lab.host.run_within(LIMIT, &command)?)?;
        self.await_shell()?;
        self.guest(&format!(". {VARIABLES}"))?;
        let found = self.await_going_on(known, released, asleep)?;
        let thawed = self
            .kernel_said("Restarting tasks: Starting")?
            .context(|| "the guest's kernel doesn't say when it woke its programs".into())?;
        self.write_down(label, found.before.max(thawed), found.after)
    }
    /// Waits for the guest's next shell. What is sent before it has opened the port is lost.
    fn await_shell(&mut self) -> Result<()> {
        let deadline = Instant::now() + LIMIT;
        loop {
            // QEMU looks whether the guest has made room for what is sent to its port only when something else
            // wakes it (10.0, with `ioeventfd=off`).
            self.lab.host.run("lab tell /run/monitor.sock 'info status'")?;
            if self.lab.guest.answers(Duration::from_secs(1)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Error::new("the guest's shell did not come back after it was suspended"));
            }
        }
    }
}
