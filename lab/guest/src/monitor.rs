//! QEMU's monitor in the nested host: commands to the guest's hypervisor, and pauses of the guest.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use hostclock_linux::clock::now_system;
use rustix::process::{Pid, Signal, kill_process};

const PROMPT: &str = "(qemu) ";
const LIMIT: Duration = Duration::from_secs(10);

/// A connection to a monitor. It handles one command after the other, so the prompt after a command
/// says that it is done.
struct Monitor(UnixStream);

impl Monitor {
    fn connect(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(LIMIT))?;
        let mut monitor = Self(stream);
        monitor.answer()?;
        Ok(monitor)
    }

    /// Gives a command, and its answer when it is done.
    fn tell(&mut self, command: &str) -> io::Result<String> {
        self.0.write_all(format!("{command}\n").as_bytes())?;
        self.answer()
    }

    /// Lets the guest go on by `command`, and prints the host's time just before.
    fn release(&mut self, command: &str) -> io::Result<()> {
        let now = now_system();
        self.tell(command)?;
        println!("{}", now.as_nanos());
        Ok(())
    }

    /// What is written up to the next prompt, or to the end where the hypervisor ends.
    fn answer(&mut self) -> io::Result<String> {
        let mut answer = String::new();
        let mut part = [0; 4_096];
        while !answer.ends_with(PROMPT) {
            let count = match self.0.read(&mut part) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => return Err(error),
            };
            answer.push_str(&String::from_utf8_lossy(part.get(..count).unwrap_or_default()));
        }
        Ok(answer.replace(PROMPT, "").trim().to_owned())
    }
}

/// Gives `command` to the monitor behind `socket` and prints its answer.
///
/// # Errors
/// When there is no monitor, or it doesn't answer.
pub(crate) fn tell(socket: &Path, command: &str) -> io::Result<()> {
    let answer = Monitor::connect(socket)?.tell(command)?;
    println!("{answer}");
    Ok(())
}

/// Stops the guest by its monitor, lets it go on after `length`, and prints when: the host's time just
/// before, in ns since 1970.
///
/// # Errors
/// When there is no monitor, or it doesn't answer.
pub(crate) fn pause(socket: &Path, length: Duration) -> io::Result<()> {
    let mut monitor = Monitor::connect(socket)?;
    monitor.tell("stop")?;
    thread::sleep(length);
    monitor.release("cont")
}

/// Lets a guest that is stopped go on, and prints when, as [`pause`] does.
///
/// # Errors
/// When there is no monitor, or it doesn't answer.
pub(crate) fn release(socket: &Path) -> io::Result<()> {
    Monitor::connect(socket)?.release("cont")
}

/// Wakes a guest that is asleep, and prints when, as [`pause`] does.
///
/// # Errors
/// When there is no monitor, or it doesn't answer.
pub(crate) fn wake(socket: &Path) -> io::Result<()> {
    Monitor::connect(socket)?.release("system_wakeup")
}

/// The same with the process whose number is in the file `pid`, by SIGSTOP and SIGCONT.
///
/// # Errors
/// When there is no such process.
pub(crate) fn freeze(pid: &Path, length: Duration) -> io::Result<()> {
    let number = fs::read_to_string(pid)?.trim().parse().map_err(io::Error::other)?;
    let process = Pid::from_raw(number).ok_or_else(|| io::Error::other("no process number"))?;
    kill_process(process, Signal::STOP)?;
    thread::sleep(length);
    let now = now_system();
    kill_process(process, Signal::CONT)?;
    println!("{}", now.as_nanos());
    Ok(())
}
