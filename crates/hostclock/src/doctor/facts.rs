//! What the doctor looks at: the machine's tree of files, and where that is the running machine's, the kernel
//! and the daemon themselves. Nothing is judged here, and nothing is changed.

mod measure;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use hostclock_core::adjust::KernelState;
use hostclock_core::reading::{Failure, Method};
use hostclock_core::source::{Candidate, choose};
use hostclock_core::status::Status;
use hostclock_linux::clock::{self, SystemClock};
use hostclock_linux::container::{Isolation, is_wsl};
use hostclock_linux::distribution::Distribution;
use hostclock_linux::hypervisor::{Confidential, Hypervisor};
use hostclock_linux::lasting::{self, Lasts};
use hostclock_linux::module::{self, Outcome, Presence};
use hostclock_linux::rivals::{self, Rival};
use hostclock_linux::services::{self, Manager};
use hostclock_linux::{clocksource, discover, process, vmclock};

use crate::advice;
use crate::config::{self, Config};
use crate::source::kernel_tai_offset;
use crate::status::client::{self, Trouble};
pub(super) use measure::Measured;

/// Everything that was found.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) distribution: Distribution,
    pub(super) kernel: Kernel,
    pub(super) hypervisor: Hypervisor,
    pub(super) confidential: Option<Confidential>,
    pub(super) isolation: Isolation,
    pub(super) devices: Vec<Candidate>,
    /// Who owns each device, and its mode: user, group, bits. `None` where there is no such node.
    pub(super) nodes: Vec<Option<(u32, u32, u32)>>,
    pub(super) clocksource: Option<String>,
    pub(super) clocksources: Vec<String>,
    pub(super) vmclocks: Vec<PathBuf>,
    pub(super) vmgenid: bool,
    pub(super) rivals: Vec<Rival>,
    pub(super) enabled_rivals: Vec<&'static str>,
    /// Of those the ones whose program runs in a container.
    pub(super) container_rivals: Vec<&'static str>,
    pub(super) service: Service,
    pub(super) config: Config,
    /// What is wrong with the configuration, a line each.
    pub(super) mistakes: Vec<String>,
    /// Which program is right where no clock of the host's can be read: [`advice::right_program`].
    pub(super) right_program: String,
    /// What only the running machine can say.
    pub(super) live: Option<Live>,
}

/// The kernel and its modules.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    pub(super) release: Option<String>,
    /// Whether its modules are on this system at all.
    pub(super) modules_installed: bool,
    /// Whether those of any kernel are.
    pub(super) any_modules_installed: bool,
    /// Whether it shows how it was built: /proc/config.gz.
    pub(super) shows_configuration: bool,
    /// Whether it is WSL's.
    pub(super) is_wsl: bool,
    pub(super) ptp_kvm: Presence,
    /// What came of loading ptp_kvm, where that was tried.
    pub(super) loading: Option<Outcome>,
    pub(super) ptp_vmclock: Presence,
    /// Whether the hypervisor offers a vmclock: the ACPI device AMZNC10C.
    pub(super) offers_vmclock: bool,
}

/// hostclock's own service.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) manager: Option<Manager>,
    /// Its file.
    pub(super) installed: Option<PathBuf>,
    pub(super) enabled: bool,
    /// Whether what `hostclock setup` writes lasts here.
    pub(super) lasts: Lasts,
}

/// What only the running machine can say.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) user: u32,
    pub(super) may_adjust: bool,
    pub(super) may_read_log: bool,
    pub(super) kernel: Option<KernelState>,
    pub(super) daemon: Result<Box<Status>, Trouble>,
    /// Why no device is read, where none is.
    pub(super) no_source: Option<String>,
    pub(super) methods: Vec<(Method, Result<Measured, Failure>)>,
    /// Why the service's user may not read the device, and what to do; only root finds out.
    pub(super) denied_device: Option<String>,
    /// The same of the configuration.
    pub(super) denied_config: Option<String>,
    /// The configuration file, where it isn't any more what the daemon has read.
    pub(super) changed_config: Option<String>,
}

/// What is to be looked at.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// Where the tree begins: `/`, or a directory with an image.
    pub(crate) root: PathBuf,
    /// Whether to try whether the module can be loaded, which changes the machine if it can.
    pub(crate) load_module: bool,
    /// The daemon's socket, where it isn't the configured one.
    pub(crate) socket: Option<PathBuf>,
}

impl Facts {
    /// Looks.
    pub(super) fn gather(subject: &Subject) -> Self {
        let root = subject.root.as_path();
        let running = root == Path::new("/");
        let (config, mistakes) = config::of_tree(root);
        let mistakes = mistakes.0.iter().map(ToString::to_string).collect();
        // First of all: what it loads is found by the rest.
        let kernel = Kernel::gather(root, running && subject.load_module);
        let sys = root.join("sys");
        let devices: Vec<Candidate> = discover::list(&sys)
            .unwrap_or_default()
            .into_iter()
            .map(discover::Found::into_candidate)
            .collect();
        let enabled_rivals = services::enabled_rivals(root).unwrap_or_default();
        let in_container = |service: &&&'static str| services::starts_containers(root, service);
        Self {
            distribution: Distribution::find(root),
            kernel,
            hypervisor: Hypervisor::find(root, running),
            confidential: Confidential::find(root),
            isolation: Isolation::find(root),
            nodes: devices.iter().map(|device| node(root, &device.path)).collect(),
            clocksource: clocksource::current(&sys).ok(),
            clocksources: clocksource::available(&sys).unwrap_or_default(),
            vmclocks: vmclock::find(root),
            vmgenid: crate::vmgenid::is_served(root),
            rivals: rivals::find(&root.join("proc")),
            container_rivals: enabled_rivals.iter().filter(in_container).copied().collect(),
            enabled_rivals,
            service: Service::gather(root, running),
            right_program: advice::right_program(root),
            live: running.then(|| Live::gather(subject, &config, &devices)),
            devices,
            config,
            mistakes,
        }
    }
}

impl Kernel {
    fn gather(root: &Path, load: bool) -> Self {
        let loading = load.then(|| module::load("ptp_kvm"));
        let release = module::release(root);
        let presence = |name: &str| {
            release.as_deref().map_or(Presence::Absent, |release| module::presence(root, release, name))
        };
        let acpi = fs::read_dir(root.join("sys/bus/acpi/devices")).into_iter().flatten().flatten();
        Self {
            modules_installed: release.as_deref().is_some_and(|release| module::are_installed(root, release)),
            any_modules_installed: module::are_any_installed(root),
            shows_configuration: root.join("proc/config.gz").exists(),
            is_wsl: is_wsl(root),
            ptp_kvm: presence("ptp_kvm"),
            ptp_vmclock: presence("ptp_vmclock"),
            // `AMZNC10C:00`; drivers/ptp/ptp_vmclock.c, Linux 6.13.
            offers_vmclock: acpi
                .map(|entry| entry.file_name())
                .any(|name| name.to_string_lossy().starts_with("AMZNC10C")),
            release,
            loading,
        }
    }
}

impl Service {
    fn gather(root: &Path, running: bool) -> Self {
        let manager = services::manager(root);
        let name = services::own(manager.unwrap_or(Manager::Systemd));
        Self {
            manager,
            installed: services::file(root, name),
            enabled: services::is_enabled(root, name),
            lasts: lasting::find(root, running),
        }
    }
}

fn node(root: &Path, path: &str) -> Option<(u32, u32, u32)> {
    let node = fs::metadata(root.join(path.trim_start_matches('/'))).ok()?;
    Some((node.uid(), node.gid(), node.mode() & 0o7777))
}

impl Live {
    fn gather(subject: &Subject, config: &Config, devices: &[Candidate]) -> Self {
        let root = subject.root.as_path();
        let socket = subject.socket.as_deref().or(config.socket.as_deref());
        let kernel = SystemClock.state().ok();
        let tai_offset = kernel_tai_offset(kernel.as_ref());
        let (no_source, methods) = match measure::measure(&config.source, tai_offset) {
            Ok(methods) => (None, methods),
            Err(why) => (Some(why), Vec::new()),
        };
        let chosen = choose(devices, &config.source).ok().and_then(|choice| devices.get(choice.index));
        let daemon = client::ask(socket).map(|answer| Box::new(answer.status));
        Self {
            user: process::user(),
            may_adjust: clock::may_adjust(),
            may_read_log: hostclock_linux::kmsg::Kmsg::open().is_ok(),
            kernel,
            no_source,
            methods,
            denied_device: chosen
                .and_then(|device| advice::unreadable_device(root, &device.path, &device.clock_name)),
            denied_config: config::unreadable_for_service(root, Path::new(config::DEFAULT_FILE)),
            changed_config: daemon.as_ref().ok().and_then(|status| changed(status)),
            daemon,
        }
    }
}

/// The file that the daemon has read, where there is something else in it now.
fn changed(status: &Status) -> Option<String> {
    let file = status.config_file.clone()?;
    let now = config::digest_of(Path::new(&file));
    // One that is gone is read as soon as the daemon starts again; one that this user may not read isn't known.
    (now.is_some() && status.config_digest.is_some() && now != status.config_digest).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use crate::status::samples;

    #[test]
    fn a_configuration_is_changed_where_it_is_not_what_the_daemon_has_read() {
        let files = Scratch::new("doctor-digest");
        files.file("h.toml", "poll = \"1s\"\n");
        let file = files.join("h.toml");
        let digest = config::digest_of(&file);
        let path = Some(file.display().to_string());
        let status =
            |config_digest| Status { config_file: path.clone(), config_digest, ..samples::synchronised() };
        assert_eq!(changed(&status(digest.clone())), None);
        assert_eq!(changed(&status(None)), None, "a daemon that doesn't say");
        files.file("h.toml", "poll = \"2s\"\n");
        assert_eq!(changed(&status(digest.clone())), path);
        fs::remove_file(&file).expect("removed");
        assert_eq!(changed(&status(digest)), None);
    }
}
