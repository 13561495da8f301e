//! The table of keys. It is the only place that knows a key: reading a file, `config --show`, the
//! flags of `run` and the check of `docs/configuration.md` all go by it.

use hostclock_core::source::TimeScale;
use toml::Value;

use super::form::{
    Accuracy, Command, CountOrUnlimited, Device, FileMode, FileOrNone, Form, Never, OneOf, Poll, Priority,
    Responsiveness, SlewRate, Socket, Span, SpanOr, TaiOffset, Truth, Unknown, Unlimited,
};
use super::value::Raw;
use super::{ConfidentialGuest, Config, LogFormat, LogLevel, Notify};

/// One key of the configuration.
pub(crate) struct Key {
    /// Its name in the file.
    pub(crate) name: &'static str,
    /// What it does, in a sentence or two.
    pub(crate) help: &'static str,
    /// What it accepts.
    pub(crate) accepts: &'static str,
    /// Reads a value into the configuration; the error says what is wrong with the value.
    pub(crate) set: fn(&mut Config, Raw<'_>) -> Result<(), String>,
    /// Its value in a configuration.
    pub(crate) show: fn(&Config) -> Value,
}

impl Key {
    /// The value that it has when nobody sets it.
    pub(crate) fn default(&self) -> Value {
        (self.show)(&Config::default())
    }
}

/// The key of that name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

macro_rules! keys {
    ($($name:literal: $form:ty => $($place:ident).+, $help:literal;)*) => {
        /// Every key, in the order in which they are shown.
        pub(crate) const KEYS: &[Key] = &[$(Key {
            name: $name,
            help: $help,
            accepts: <$form as Form>::ACCEPTS,
            set: |config, raw| {
                config.$($place).+ = <$form as Form>::parse(raw)?;
                Ok(())
            },
            show: |config| <$form as Form>::show(&config.$($place).+),
        }),*];
    };
}

keys! {
    "device": Device => source.wanted,
        "The device to read. \"auto\" takes the best of those that a hypervisor is known to offer, and never a network card.";
    "force-device": Truth => source.force,
        "Take the named device even if it is a network card or of an unknown kind.";
    "time-scale": OneOf<Option<TimeScale>> => source.time_scale,
        "The scale on which the device counts. \"auto\" goes by its kind, and refuses a device whose kind does not tell.";
    "confidential-guest": OneOf<ConfidentialGuest> => confidential_guest,
        "In a guest that does not trust its host (AMD SEV-SNP, Intel TDX, Arm CCA): refuse to keep the clock by the host's, or follow it all the same.";
    "load-module": Truth => load_module,
        "Load the ptp_kvm module at start when there is no device.";
    "device-timeout": SpanOr<Never> => device_timeout,
        "End with exit code 5 when no device has given a reading within this time of the start; \"never\": wait for one for as long as it takes.";
    "poll": Poll => policy.poll,
        "Time between readings once the clock has settled.";
    "accuracy": Accuracy => policy.accuracy,
        "Let readings be further apart than poll, up to 64s, as long as the clock is expected to be off by less than this; \"none\": they never are.";
    "responsiveness": Responsiveness => policy.probe,
        "How soon a pause of this machine is found: the time between light looks from one poll to the next. \"normal\": 100ms, \"instant\": 10ms, \"quiet\": none but the polls.";
    "step-at-start": Truth => policy.step_at_start,
        "Step whatever is wrong at the start, if it is more than 10us.";
    "step-forward": SpanOr<Never> => policy.step_forward,
        "Step the clock forward when it is behind by more than this; slew it when by less.";
    "step-backward": SpanOr<Never> => policy.step_backward,
        "Step the clock backward when it is ahead by more than this; slew it when by less.";
    "largest-step": SpanOr<Unlimited> => policy.largest_step,
        "Leave the clock alone, and say so, when it is wrong by more than this.";
    "steps-after-start": CountOrUnlimited => policy.steps_after_start,
        "How many steps may be made after the one at start; then it is slewed. Undoing a foreign step does not count.";
    "slew-limit": SlewRate => policy.slew_limit,
        "The fastest slew of an ordinary correction: how much faster or slower the clock may run.";
    "fast-slew-limit": SlewRate => policy.fast_slew_limit,
        "The fastest slew of a break that is too small to be stepped; not below slew-limit.";
    "undo-foreign-steps": Truth => policy.undo_foreign_steps,
        "Undo at once a step that somebody else made to the clock, whatever its size and direction.";
    "tai-offset": TaiOffset => policy.tai_offset,
        "TAI minus UTC that the kernel is told, in seconds; \"keep\" leaves what it has.";
    "holdover-limit": Span => policy.holdover_limit,
        "Without a source, the clock counts as synchronised until it may be wrong by more than this.";
    "host-max-error": SpanOr<Unknown> => host_max_error,
        "How far the host's clock may be from UTC, as whoever runs the host says: for `hostclock check --basis utc`. Nothing else goes by it.";
    "drift-file": FileOrNone => drift_file,
        "The file that keeps the clock's frequency for the next start; \"none\": it is learnt anew each time.";
    "hook": Command => hook.command,
        "A command that is run after a step of at least hook-step, and when a holdover begins and ends. Without one, nothing is.";
    "hook-step": Span => hook.step,
        "The smallest step after which the hook is run.";
    "hook-time-limit": Span => hook.time_limit,
        "How long the hook may take before it is killed.";
    "socket": Socket => socket,
        "The Unix socket from which the status is read.";
    "socket-mode": FileMode => socket_mode,
        "The permissions of that socket.";
    "notify": OneOf<Notify> => notify,
        "When the service manager is told that the service is ready: with a synchronised clock (at the latest after 3 s), or at once.";
    "log-level": OneOf<LogLevel> => log_level,
        "The least important messages that are logged.";
    "log-format": OneOf<LogFormat> => log_format,
        "How messages are written to standard error.";
    "realtime-priority": Priority => realtime_priority,
        "Run with this real-time priority (SCHED_FIFO), which needs CAP_SYS_NICE. \"auto\": with 1 where that is permitted.";
    "lock-memory": Truth => lock_memory,
        "Keep the program's memory from being swapped out; needs CAP_IPC_LOCK or a sufficient limit.";
}
