//! A shell in one of the machines, driven over a virtio port: a command goes in, its output and exit
//! status come out. Both machines are driven in no other way, so that a scenario reads like the
//! shell script that a person would type.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Context, Error, Result};

/// How long an ordinary command may take.
const USUAL_LIMIT: Duration = Duration::from_secs(20);

/// One machine's shell.
pub(crate) struct Shell {
    machine: &'static str,
    stream: BufReader<UnixStream>,
    count: u64,
}

impl Shell {
    /// Connects to the port behind `socket`. The shell itself answers only when the machine is up.
    pub(super) fn connect(machine: &'static str, socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket).context(|| format!("connecting to {}", socket.display()))?;
        stream
            .set_read_timeout(Some(Duration::from_millis(200)))
            .context(|| "setting a time limit".into())?;
        Ok(Self { machine, stream: BufReader::new(stream), count: 0 })
    }

    /// Runs `command` and gives its output; a command that fails is an error.
    pub(crate) fn run(&mut self, command: &str) -> Result<String> {
        self.run_within(USUAL_LIMIT, command)
    }

    /// [`Shell::run`] with a time limit of its own.
    pub(crate) fn run_within(&mut self, limit: Duration, command: &str) -> Result<String> {
        let (output, status) = self.attempt(limit, command, &|| None)?;
        if status == 0 {
            return Ok(output);
        }
        Err(Error::new(format!(
            "{}: `{command}` ended with status {status}:\n{}",
            self.machine,
            output.trim_end()
        )))
    }

    /// Runs `command`; gives its output and its exit status. `stop` may give a reason to stop waiting.
    pub(super) fn attempt(
        &mut self,
        limit: Duration,
        command: &str,
        stop: &dyn Fn() -> Option<String>,
    ) -> Result<(String, i32)> {
        self.count += 1;
        // The group keeps the command's standard input away from the shell's own script.
        let line = format!("{{ {command}\n}} </dev/null; echo \"@@{}:$?\"\n", self.count);
        self.send(&line)?;
        let deadline = Instant::now() + limit;
        let mut output = String::new();
        loop {
            let line = self.line(deadline, command, stop)?;
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
        self.send(&format!("tail -c +{} {path} | head -c {size}\n", start + 1))?;
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

    fn send(&mut self, text: &str) -> Result<()> {
        self.stream
            .get_mut()
            .write_all(text.as_bytes())
            .context(|| format!("{}: sending a command", self.machine))
    }

    fn line(
        &mut self,
        deadline: Instant,
        command: &str,
        stop: &dyn Fn() -> Option<String>,
    ) -> Result<String> {
        let mut line = Vec::new();
        loop {
            match self.stream.read_until(b'\n', &mut line) {
                Ok(0) => return Err(self.gone(command)),
                Ok(_) => return Ok(String::from_utf8_lossy(&line).into_owned()),
                Err(error) if waiting(&error) => {
                    if let Some(reason) = stop() {
                        return Err(Error::new(format!("{}: {reason}", self.machine)));
                    }
                    if Instant::now() >= deadline {
                        return Err(Error::new(format!(
                            "{}: no answer in time to `{command}`",
                            self.machine
                        )));
                    }
                }
                Err(error) => return Err(Error::new(format!("{}: {error}", self.machine))),
            }
        }
    }

    fn gone(&self, doing: &str) -> Error {
        Error::new(format!("{}: the machine went away during `{doing}`", self.machine))
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
