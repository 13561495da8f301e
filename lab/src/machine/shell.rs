//! A shell in one of the machines, driven over a virtio port: a command goes in, its output and exit
//! status come out. Both machines are driven in no other way, so that a scenario reads like the
//! shell script that a person would type.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::emulator::Emulator;
use crate::error::{Context, Error, Result};

/// How long an ordinary command may take.
const USUAL_LIMIT: Duration = Duration::from_secs(20);

/// One machine's shell.
pub(crate) struct Shell {
    machine: &'static str,
    emulator: Rc<Emulator>,
    stream: BufReader<UnixStream>,
    count: u64,
}

impl Shell {
    /// Connects to the port that is named after `machine`. The shell itself answers only when the machine is
    /// up.
    pub(super) fn connect(machine: &'static str, emulator: &Rc<Emulator>) -> Result<Self> {
        let stream = emulator.connect(machine)?;
        stream
            .set_read_timeout(Some(Duration::from_millis(200)))
            .context(|| "setting a time limit".into())?;
        Ok(Self { machine, emulator: Rc::clone(emulator), stream: BufReader::new(stream), count: 0 })
    }

    /// Runs `command` and gives its output; a command that fails is an error.
    pub(crate) fn run(&mut self, command: &str) -> Result<String> {
        self.run_within(USUAL_LIMIT, command)
    }

    /// [`Shell::run`] with a time limit of its own.
    pub(crate) fn run_within(&mut self, limit: Duration, command: &str) -> Result<String> {
        let (output, status) = self.attempt(limit, command, false)?;
        if status == 0 {
            return Ok(output);
        }
        Err(Error::new(format!(
            "{}: `{command}` ended with status {status}:\n{}",
            self.machine,
            output.trim_end()
        )))
    }

    /// Waits until the machine is up.
    pub(super) fn wait(&mut self, limit: Duration) -> Result<()> {
        self.attempt(limit, "true", true).map(drop)
    }

    /// Whether the shell answers within `limit`.
    pub(crate) fn answers(&mut self, limit: Duration) -> bool {
        self.attempt(limit, "true", false).is_ok()
    }

    /// Runs `command`; gives its output and its exit status. `booting`: looks in between whether the machine
    /// has given up.
    fn attempt(&mut self, limit: Duration, command: &str, booting: bool) -> Result<(String, i32)> {
        self.count += 1;
        // The group keeps the command's standard input away from the shell's own script.
        let line = format!("{{ {command}\n}} </dev/null; echo \"@@{}:$?\"\n", self.count);
        self.send(&line, command)?;
        let deadline = Instant::now() + limit;
        let mut output = String::new();
        loop {
            let line = self.line(deadline, command, booting)?;
            match end_mark(&line, self.count) {
                Some((rest, status)) => {
                    output.push_str(rest);
                    return Ok((output, status));
                }
                None => output.push_str(&line),
            }
        }
    }

    /// Fetches what a file holds now from byte `start` on, as it is.
    pub(crate) fn fetch(&mut self, path: &str, start: usize) -> Result<Vec<u8>> {
        let size = self.run(&format!("wc -c <{path}"))?;
        let size: usize = size.trim().parse().context(|| format!("{}: the size of {path}", self.machine))?;
        let size = size.saturating_sub(start);
        self.send(&format!("tail -c +{} {path} | head -c {size}\n", start + 1), path)?;
        let mut content = vec![0; size];
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut have = 0;
        while have < size {
            let rest = content.get_mut(have..).unwrap_or_default();
            match self.stream.read(rest) {
                Ok(0) => return Err(self.gone(path)),
                Ok(count) => have += count,
                Err(error) if waiting(&error) && Instant::now() < deadline => {}
                Err(error) => return Err(Error::new(format!("{}: fetching {path}: {error}", self.machine))),
            }
        }
        Ok(content)
    }

    fn send(&mut self, text: &str, doing: &str) -> Result<()> {
        match self.stream.get_mut().write_all(text.as_bytes()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(self.gone(doing)),
            sent => sent.context(|| format!("{}: sending a command", self.machine)),
        }
    }

    fn line(&mut self, deadline: Instant, command: &str, booting: bool) -> Result<String> {
        let mut line = Vec::new();
        loop {
            match self.stream.read_until(b'\n', &mut line) {
                Ok(0) => return Err(self.gone(command)),
                Ok(_) => return Ok(String::from_utf8_lossy(&line).into_owned()),
                Err(error) if waiting(&error) => {
                    if booting && self.emulator.stopped().is_some() {
                        return Err(self.emulator.failed(&format!("{}: the boot failed", self.machine)));
                    }
                    if Instant::now() >= deadline {
                        let what = format!("{}: no answer in time to `{command}`", self.machine);
                        return Err(self.emulator.failed(&what));
                    }
                }
                Err(error) => return Err(Error::new(format!("{}: {error}", self.machine))),
            }
        }
    }

    fn gone(&self, doing: &str) -> Error {
        self.emulator.await_end();
        self.emulator.failed(&format!("{}: the machine went away during `{doing}`", self.machine))
    }
}

fn waiting(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Splits the line that ends command `count`: what the command wrote without a newline at its end,
/// and its exit status.
fn end_mark(line: &str, count: u64) -> Option<(&str, i32)> {
    let (rest, status) = line.split_once(&format!("@@{count}:"))?;
    Some((rest, status.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_command_is_told_from_its_output() {
        assert_eq!(end_mark("@@7:0\n", 7), Some(("", 0)));
        assert_eq!(end_mark("no newline@@7:127\n", 7), Some(("no newline", 127)));
        assert_eq!(end_mark("@@6:0\n", 7), None);
        assert_eq!(end_mark("{ echo \"@@7:$?\"\n", 7), None);
    }
}
