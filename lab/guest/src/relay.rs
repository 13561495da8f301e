//! Joins a Unix socket and a virtio port, so that the guest's port, which ends at the nested host's
//! QEMU, goes on to the lab outside. When a hypervisor ends, the next one that listens at the same socket takes
//! its place; what is sent in between waits.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

const BETWEEN_TRIES: Duration = Duration::from_millis(50);
/// After so many tries it is said that nobody listens.
const PATIENCE: u32 = 100;

/// Copies both ways, for as long as the port is there.
///
/// # Errors
/// When the port can't be opened or written to.
pub(crate) fn relay(socket: &Path, port: &Path) -> io::Result<()> {
    let port = OpenOptions::new().read(true).write(true).open(port)?;
    let (mut up, down) = (port.try_clone()?, port);
    let joint = Arc::new(Joint::default());
    let shared = Arc::clone(&joint);
    thread::spawn(move || shared.carry_down(down));
    loop {
        let mut stream = connect(socket);
        joint.set(Some(stream.try_clone()?));
        copy(&mut stream, &mut up)?;
        joint.set(None);
    }
}

fn connect(socket: &Path) -> UnixStream {
    let mut tries = 0;
    loop {
        match UnixStream::connect(socket) {
            Ok(stream) => return stream,
            Err(error) => {
                tries += 1;
                if tries == PATIENCE {
                    eprintln!("lab: nobody listens at {}: {error}", socket.display());
                }
                thread::sleep(BETWEEN_TRIES);
            }
        }
    }
}

/// Copies until `from` ends, in whatever way.
fn copy(from: &mut UnixStream, to: &mut File) -> io::Result<()> {
    let mut part = [0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut part) {
        to.write_all(part.get(..count).unwrap_or_default())?;
    }
    Ok(())
}

/// The connection that there is just now.
#[derive(Default)]
struct Joint {
    stream: Mutex<Option<UnixStream>>,
    changed: Condvar,
}

impl Joint {
    fn lock(&self) -> MutexGuard<'_, Option<UnixStream>> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, stream: Option<UnixStream>) {
        *self.lock() = stream;
        self.changed.notify_all();
    }

    /// Copies from the port to the connection, whichever it is.
    fn carry_down(&self, mut port: File) {
        let mut part = [0; 65_536];
        while let Ok(count @ 1..) = port.read(&mut part) {
            let mut stream = self.lock();
            loop {
                let sent =
                    stream.as_mut().map(|there| there.write_all(part.get(..count).unwrap_or_default()));
                match sent {
                    Some(Ok(())) => break,
                    Some(Err(_)) => *stream = None,
                    None => stream = self.changed.wait(stream).unwrap_or_else(PoisonError::into_inner),
                }
            }
        }
    }
}
