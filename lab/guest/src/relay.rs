//! Joins a Unix socket and a virtio port, so that the guest's port, which ends at the nested host's
//! QEMU, goes on to the lab outside.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Copies both ways until one side ends. Waits up to five seconds for the socket to appear.
///
/// # Errors
/// When the socket or the port can't be opened.
pub(crate) fn relay(socket: &Path, port: &Path) -> io::Result<()> {
    let mut tries = 0;
    let stream = loop {
        match UnixStream::connect(socket) {
            Ok(stream) => break stream,
            Err(error) if tries >= 100 => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
        tries += 1;
    };
    let port = OpenOptions::new().read(true).write(true).open(port)?;
    let (mut up_from, mut up_to) = (stream.try_clone()?, port.try_clone()?);
    let (mut down_from, mut down_to) = (port, stream);
    let up = std::thread::spawn(move || io::copy(&mut up_from, &mut up_to));
    std::thread::spawn(move || io::copy(&mut down_from, &mut down_to));
    let _ = up.join();
    Ok(())
}
