//! Devices that come and go: which one is read, and what happens when it is no more.

use hostclock_core::engine::Event;
use hostclock_core::ladder::Ladder;
use hostclock_core::notice::Loss;
use hostclock_core::policy::Mode;
use hostclock_core::units::RawTime;
use hostclock_linux::module;
use hostclock_linux::uevent::Drained;

use super::events::Daemon;
use crate::source::{self, Source, Unusable};

impl Daemon {
    /// Opens the device to read, if there is one, and hands it to the engine.
    pub(super) fn look_for_source(&mut self) -> Option<RawTime> {
        let mut found = self.open_source();
        if found.is_err() && self.config.load_module && !self.module_tried {
            self.module_tried = true;
            self.load_module();
            found = self.open_source();
        }
        match found {
            Ok(source) => {
                self.say().info(&format!("following {}", source.describe()));
                self.machine.source = Some(source);
                self.take_over();
                self.no_source = None;
                self.ladder = Ladder::default();
                Some(self.drive(Event::SourceFound))
            }
            Err(unusable) => {
                if self.no_source.as_ref() != Some(&unusable) {
                    self.say().warn(&format!("no source: {}", unusable.reason));
                }
                self.no_source = Some(unusable);
                None
            }
        }
    }

    /// What somebody else left for the kernel to slew by itself would disturb us for minutes. The clock
    /// isn't touched before there is something to keep it by.
    fn take_over(&mut self) {
        if self.config.policy.mode == Mode::Control {
            if let Err(error) = self.machine.clock.cancel_slew() {
                self.say().warn(&format!("a slew that somebody else began goes on: {error}"));
            }
        }
    }

    fn open_source(&mut self) -> Result<Source, Unusable> {
        // What the kernel has been told counts where the configuration doesn't say.
        let kernel = self.machine.clock.state().ok();
        let tai_offset = self.config.policy.tai_offset.or(source::kernel_tai_offset(kernel.as_ref()));
        let source = source::open(&self.config.source, tai_offset)?;
        if let Some(warning) = source.warning() {
            self.say().warn(warning);
        }
        Ok(source)
    }

    fn load_module(&mut self) {
        use module::Outcome;
        let why = match module::load("ptp_kvm") {
            Outcome::Already => return,
            Outcome::Loaded => {
                self.say().info("loaded the kernel module ptp_kvm");
                return;
            }
            Outcome::NotPermitted => {
                "not permitted (it takes CAP_SYS_MODULE; or list it in modules-load.d)".to_owned()
            }
            Outcome::NotFound => "this machine's kernel modules don't have it".to_owned(),
            Outcome::Forbidden(file) => format!("{} forbids it", file.display()),
            Outcome::Refused(reason) => reason,
        };
        self.say().info(&format!("the kernel module ptp_kvm was not loaded: {why}"));
    }

    pub(super) fn drop_source(&mut self) -> RawTime {
        self.machine.source = None;
        let wake_at = self.drive(Event::SourceLost(Loss::DeviceGone));
        self.look_for_source().unwrap_or(wake_at)
    }

    /// A device came or went: read the one that is right now.
    pub(super) fn on_uevents(&mut self) -> Option<RawTime> {
        let current = self.machine.source.as_ref().map(Source::name);
        let (mut ours_went, mut came) = (false, false);
        if let Some(uevents) = &mut self.uevents {
            let drained = uevents.drain(|event| {
                if event.added {
                    came = true;
                } else {
                    ours_went |= current == Some(event.name);
                }
            });
            if drained != Ok(Drained::Complete) {
                // Some were lost: look for ourselves.
                ours_went |= self.machine.source.as_ref().is_some_and(|source| !source.is_present());
                came = true;
            }
            if drained.is_err() {
                self.say()
                    .warn("the kernel tells no more of devices that come and go: looked for every second");
                self.uevents = None;
            }
        }
        if came {
            self.hints.device_came();
        }
        if ours_went {
            return Some(self.drop_source());
        }
        if came && self.machine.source.is_none() {
            return self.look_for_source();
        }
        None
    }
}
