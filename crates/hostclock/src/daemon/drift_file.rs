//! The drift file: the clock's frequency, kept from one start to the next.
//!
//! It is one line, `hostclock-drift 1 FREQUENCY SIGMA`: the format's version, how much faster the clock
//! runs than the host's while nothing corrects it, and how uncertain that is (one standard deviation),
//! both in parts per billion.
//! It is a help and never a need: one that can't be read or understood is ignored, and one that can't be
//! written costs the next start some seconds.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use hostclock_core::units::{Duration, Frequency, RawTime};

const NAME_AND_VERSION: [&str; 2] = ["hostclock-drift", "1"];
/// The line is about 40 bytes long.
const LONGEST: u64 = 256;
/// What the kernel can correct by its frequency alone (`MAXFREQ`, include/linux/timex.h); no clock is worse.
const LARGEST_PPB: f64 = 500_000.0;
/// Surer than this nobody is: what is written has three digits behind the point.
const SMALLEST_SIGMA_PPB: f64 = 0.001;
/// How often it is written: often enough to lose little in a crash, and seldom enough for any disk.
const PERIOD: Duration = Duration::from_secs(3_600);
/// A change that is worth writing. A clock that is wrong by so much loses a second in thirty years.
const CHANGE_PPB: f64 = 1.0;

/// A frequency, and its standard deviation.
pub(super) type Drift = (Frequency, Frequency);

/// What the file says; `None` where there is no file.
///
/// # Errors
/// Why it is ignored, in one line.
pub(super) fn read(path: &Path) -> Result<Option<Drift>, String> {
    let ignored = |why: String| format!("the drift file {} is ignored: {why}", path.display());
    match load(path) {
        Ok(text) => parse(&text).map(Some).map_err(ignored),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ignored(error.to_string())),
    }
}

fn load(path: &Path) -> io::Result<String> {
    // Asked before opening: a pipe that nobody writes to would never open.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn parse(text: &str) -> Result<Drift, String> {
    let mut words = text.split_whitespace();
    let [name, version] = NAME_AND_VERSION;
    if words.next() != Some(name) {
        return Err("it is no drift file of hostclock's".to_owned());
    }
    if words.next() != Some(version) {
        return Err(format!("its version is not {version}"));
    }
    if !text.ends_with('\n') {
        // Half a number may look like a whole one.
        return Err("its line has no end".to_owned());
    }
    let mut number = || words.next().and_then(|word| word.parse::<f64>().ok());
    let (Some(frequency), Some(sigma), None) = (number(), number(), words.next()) else {
        return Err("it does not have two numbers".to_owned());
    };
    // What is not a number is in no range.
    if !(-LARGEST_PPB..=LARGEST_PPB).contains(&frequency) {
        return Err(format!("no clock has a frequency of {frequency} ppb"));
    }
    if !(SMALLEST_SIGMA_PPB..=LARGEST_PPB).contains(&sigma) {
        return Err(format!("no frequency is uncertain by {sigma} ppb"));
    }
    Ok((Frequency::from_ppb(frequency), Frequency::from_ppb(sigma)))
}

/// The file, and what it is known to hold.
#[derive(Debug)]
pub(super) struct DriftFile {
    path: PathBuf,
    held: Option<Drift>,
    /// When writing it was last tried.
    tried: Option<RawTime>,
    /// The last attempt failed, and that was said.
    failing: bool,
}

impl DriftFile {
    /// The configured file, if one is, and what it holds. `warn` gets a line when that is ignored.
    pub(super) fn open(path: Option<&Path>, mut warn: impl FnMut(&str)) -> Option<Self> {
        let path = path?;
        let held = read(path).unwrap_or_else(|why| {
            warn(&why);
            None
        });
        Some(Self::new(path.to_owned(), held))
    }

    /// The host's frequency against this machine's counter, as the file has it: the opposite of the clock's.
    pub(super) fn host_frequency(&self) -> Option<Drift> {
        self.held.map(Self::of_host)
    }

    /// A frequency of the host's against this machine's counter as one of the clock's against the host; and back.
    pub(super) fn of_host((frequency, sigma): Drift) -> Drift {
        (-frequency, sigma)
    }

    /// The file at `path`, from which `held` was read.
    pub(super) const fn new(path: PathBuf, held: Option<Drift>) -> Self {
        Self { path, held, tried: None, failing: false }
    }

    /// Keeps a frequency that may be relied upon. Most calls do nothing: it is written when there is nothing in
    /// the file yet, and then at most once an hour if it is news. `warn` gets a line when that fails.
    pub(super) fn keep(&mut self, now: RawTime, drift: Drift, warn: impl FnMut(&str)) {
        // What the file holds from before is left there for the first hour: the clock is only getting known.
        let since = *self.tried.get_or_insert(if self.held.is_some() { now } else { now + -PERIOD });
        if now - since >= PERIOD && self.is_news(drift) {
            self.tried = Some(now);
            self.write(drift, warn);
        }
    }

    /// Keeps the last frequency of all, at a clean end.
    pub(super) fn keep_last(&mut self, drift: Drift, warn: impl FnMut(&str)) {
        if self.is_news(drift) {
            self.write(drift, warn);
        }
    }

    /// Whether `drift` is worth writing: a frequency that changed, or that is much better known.
    fn is_news(&self, (frequency, sigma): Drift) -> bool {
        let acceptable = (-LARGEST_PPB..=LARGEST_PPB).contains(&frequency.as_ppb())
            && (0.0..=LARGEST_PPB).contains(&sigma.as_ppb());
        acceptable
            && self.held.is_none_or(|(held, held_sigma)| {
                let sigma_ppb = sigma.as_ppb().max(SMALLEST_SIGMA_PPB);
                (frequency - held).abs().as_ppb() >= CHANGE_PPB || sigma_ppb * 2.0 <= held_sigma.as_ppb()
            })
    }

    fn write(&mut self, drift: Drift, mut warn: impl FnMut(&str)) {
        match replace(&self.path, drift) {
            Ok(()) => {
                self.held = Some(drift);
                self.failing = false;
            }
            Err(error) => {
                if !self.failing {
                    warn(&format!("the drift file {} was not written: {error}", self.path.display()));
                }
                self.failing = true;
            }
        }
    }
}

/// Puts a whole new file in the place of the old one. It isn't waited for until it is on the disk, as that
/// may take seconds: after a power failure it may be an old one, or a broken one, which [`read`] refuses.
fn replace(path: &Path, (frequency, sigma): Drift) -> io::Result<()> {
    let [name, version] = NAME_AND_VERSION;
    let sigma = sigma.as_ppb().max(SMALLEST_SIGMA_PPB);
    let line = format!("{name} {version} {:.3} {sigma:.3}\n", frequency.as_ppb());
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let written = write_new(&new, &line).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // It may not even be there.
        drop(fs::remove_file(&new));
    }
    written
}

fn write_new(path: &Path, line: &str) -> io::Result<()> {
    /// For everybody to read, whatever the umask says.
    const MODE: u32 = 0o644;
    let options = || OpenOptions::new().write(true).create_new(true).mode(MODE).open(path);
    let mut file = match options() {
        // Left behind by a crash; or a link to somewhere else, which isn't followed.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            options()?
        }
        other => other?,
    };
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.write_all(line.as_bytes())
}

#[cfg(test)]
#[path = "drift_file_tests.rs"]
mod tests;
