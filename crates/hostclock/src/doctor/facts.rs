//! What the doctor looks at: the machine's tree of files, and where that is the running machine's, the kernel
//! and the daemon themselves. Nothing is judged here, and nothing is changed.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use hostclock_core::adjust::KernelState;
use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::source::{Candidate, SourceConfig};
use hostclock_core::status::Status;
use hostclock_linux::clock::{self, SystemClock};
use hostclock_linux::container::Isolation;
use hostclock_linux::distribution::Distribution;
use hostclock_linux::hypervisor::{Confidential, Hypervisor};
use hostclock_linux::module::{self, Outcome, Presence};
use hostclock_linux::rivals::{self, Rival};
use hostclock_linux::services::{self, Manager};
use hostclock_linux::{clocksource, discover, process, vmclock};

use crate::config::{self, Config};
use crate::source;
use crate::status::client::{self, Trouble};

/// How many readings are taken by each method.
const READINGS: usize = 16;

/// Everything that was found.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) distribution: Distribution,
    pub(super) release: Option<String>,
    pub(super) hypervisor: Hypervisor,
    pub(super) confidential: Option<Confidential>,
    pub(super) isolation: Isolation,
    pub(super) ptp_kvm: Presence,
    /// What came of loading it, where that was tried.
    pub(super) loading: Option<Outcome>,
    pub(super) devices: Vec<Candidate>,
    /// Who owns each device, and its mode: user, group, bits. `None` where there is no such node.
    pub(super) nodes: Vec<Option<(u32, u32, u32)>>,
    pub(super) clocksource: Option<String>,
    pub(super) clocksources: Vec<String>,
    pub(super) vmclocks: Vec<PathBuf>,
    pub(super) vmgenid: bool,
    pub(super) rivals: Vec<Rival>,
    pub(super) enabled_rivals: Vec<&'static str>,
    pub(super) manager: Option<Manager>,
    pub(super) installed: Option<PathBuf>,
    pub(super) enabled: bool,
    pub(super) config: Config,
    /// What is wrong with the configuration, a line each.
    pub(super) mistakes: Vec<String>,
    /// What only the running machine can say.
    pub(super) live: Option<Live>,
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
}

/// What readings by one method are like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measured {
    /// The smallest uncertainty of several.
    pub(super) uncertainty_ns: f64,
    /// How they scatter around a straight line: standard deviation.
    pub(super) scatter_ns: f64,
    /// System minus host, by the last.
    pub(super) offset_ns: f64,
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
        let loading = (running && subject.load_module).then(|| module::load("ptp_kvm"));
        let release = module::release(root);
        let sys = root.join("sys");
        let devices: Vec<Candidate> = discover::list(&sys)
            .unwrap_or_default()
            .into_iter()
            .map(discover::Found::into_candidate)
            .collect();
        let manager = services::manager(root);
        let service = services::own(manager.unwrap_or(Manager::Systemd));
        Self {
            distribution: Distribution::find(root),
            hypervisor: Hypervisor::find(root, running),
            confidential: Confidential::find(root),
            isolation: Isolation::find(root),
            ptp_kvm: release
                .as_deref()
                .map_or(Presence::Absent, |release| module::presence(root, release, "ptp_kvm")),
            release,
            loading,
            nodes: devices.iter().map(|device| node(root, &device.path)).collect(),
            clocksource: clocksource::current(&sys).ok(),
            clocksources: clocksource::available(&sys).unwrap_or_default(),
            vmclocks: vmclock::find(root),
            vmgenid: crate::vmgenid::is_served(root),
            rivals: rivals::find(&root.join("proc")),
            enabled_rivals: services::enabled_rivals(root),
            manager,
            installed: services::file(root, service),
            enabled: services::is_enabled(root, service),
            live: running.then(|| Live::gather(subject, &config)),
            devices,
            config,
            mistakes,
        }
    }
}

fn node(root: &Path, path: &str) -> Option<(u32, u32, u32)> {
    let node = fs::metadata(root.join(path.trim_start_matches('/'))).ok()?;
    Some((node.uid(), node.gid(), node.mode() & 0o7777))
}

impl Live {
    fn gather(subject: &Subject, config: &Config) -> Self {
        let socket = subject.socket.as_deref().or(config.socket.as_deref());
        let kernel = SystemClock.state().ok();
        let tai_offset = kernel.map(|kernel| kernel.tai_offset).filter(|offset| *offset != 0);
        let (no_source, methods) = match measure(&config.source, tai_offset) {
            Ok(methods) => (None, methods),
            Err(why) => (Some(why), Vec::new()),
        };
        Self {
            user: process::user(),
            may_adjust: clock::may_adjust(),
            may_read_log: hostclock_linux::kmsg::Kmsg::open().is_ok(),
            kernel,
            daemon: client::ask(socket).map(|answer| Box::new(answer.status)),
            no_source,
            methods,
        }
    }
}

type Methods = Vec<(Method, Result<Measured, Failure>)>;

/// Every method of the device that a daemon would choose.
fn measure(config: &SourceConfig, tai_offset: Option<i32>) -> Result<Methods, String> {
    let source = source::open(config, tai_offset).map_err(|unusable| unusable.reason)?;
    Ok(Method::ALL.map(|method| (method, several(|| source.read(method)))).into())
}

/// A few readings, one after the other. A method that is only busy now and then works.
fn several(mut read: impl FnMut() -> Result<Reading, Failure>) -> Result<Measured, Failure> {
    let mut readings: Vec<Reading> = Vec::with_capacity(READINGS);
    let mut failure = Failure::Busy;
    for _ in 0..READINGS {
        match read() {
            Ok(reading) => readings.push(reading),
            Err(Failure::Busy) => {}
            Err(other) => {
                failure = other;
                break;
            }
        }
    }
    summed_up(&readings).ok_or(failure)
}

fn summed_up(readings: &[Reading]) -> Option<Measured> {
    let (first, last) = (readings.first()?, readings.last()?);
    let points: Vec<(f64, f64)> = readings
        .iter()
        .map(|reading| {
            ((reading.raw - first.raw).as_nanos_f64(), (reading.offset() - first.offset()).as_nanos_f64())
        })
        .collect();
    let uncertainties = readings.iter().map(|reading| reading.uncertainty.as_nanos_f64());
    Some(Measured {
        uncertainty_ns: uncertainties.fold(f64::INFINITY, f64::min),
        scatter_ns: scatter(&points),
        offset_ns: last.offset().as_nanos_f64(),
    })
}

/// The standard deviation of points around their least-squares line.
fn scatter(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    if points.len() < 3 {
        return 0.0;
    }
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let xx: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let xy: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let slope = if xx > 0.0 { xy / xx } else { 0.0 };
    let rest: f64 = points.iter().map(|point| (point.1 - y - slope * (point.0 - x)).powi(2)).sum();
    (rest / (count - 2.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_drift_is_no_scatter() {
        let line: Vec<_> = (0..10).map(|x| (f64::from(x), 3.0 * f64::from(x))).collect();
        assert!(scatter(&line) < 1e-9);
        let jagged: Vec<_> = (0..10).map(|x| (f64::from(x), if x % 2 == 0 { 1.0 } else { -1.0 })).collect();
        assert!((scatter(&jagged) - 1.1).abs() < 0.1, "{}", scatter(&jagged));
        assert_eq!(scatter(&[(0.0, 1.0), (1.0, 5.0)]), 0.0);
    }
}
