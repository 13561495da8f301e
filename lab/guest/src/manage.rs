//! Starts a program as others would: without privileges, or as a service manager that waits until it is
//! ready (`sd_notify(3)`).

use std::io;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

/// Whoever owns nothing.
const NOBODY: u32 = 65_534;
/// The longest that a program may take to be ready.
const PATIENCE: Duration = Duration::from_secs(10);
const SOCKET: &str = "/run/notify";

/// The command that starts `program`, its name and arguments.
///
/// # Errors
/// When it is empty.
pub(crate) fn command(program: &[String]) -> io::Result<Command> {
    let (name, arguments) = program.split_first().ok_or_else(|| io::Error::other("no program to start"))?;
    let mut command = Command::new(name);
    command.args(arguments);
    Ok(command)
}

/// Becomes `program` as a user without privileges.
///
/// # Errors
/// When it can't be started.
pub(crate) fn unprivileged(program: &[String]) -> io::Result<()> {
    Err(command(program)?.gid(NOBODY).uid(NOBODY).exec())
}

/// Runs `program` until it says that it is ready, prints what it has said until then, and ends it.
///
/// # Errors
/// When it can't be started, or isn't ready in time.
pub(crate) fn notified(program: &[String]) -> io::Result<()> {
    let _ = std::fs::remove_file(SOCKET);
    let manager = UnixDatagram::bind(SOCKET)?;
    manager.set_read_timeout(Some(PATIENCE))?;
    let mut child = command(program)?.env("NOTIFY_SOCKET", SOCKET).spawn()?;
    let mut text = [0; 512];
    let heard = loop {
        match manager.recv(&mut text) {
            Ok(length) => {
                let message = String::from_utf8_lossy(text.get(..length).unwrap_or_default()).into_owned();
                println!("{message}");
                if message.lines().any(|line| line == "READY=1") {
                    break Ok(());
                }
            }
            Err(error) => break Err(error),
        }
    };
    child.kill()?;
    child.wait()?;
    heard
}
