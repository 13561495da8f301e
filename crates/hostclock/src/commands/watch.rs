//! `hostclock status --watch`: the status again every second, until Ctrl-C. On a terminal it is
//! redrawn in place; elsewhere every second is a line, or with `--json` a document.

use std::io::IsTerminal as _;
use std::time::Duration;

use super::{configuration, socket, status, tracking};
use crate::cli;
use crate::config::Config;
use crate::exit::Code;
use crate::output::{Reader, print};
use crate::status::client::{self, Answer, Trouble};
use crate::status::{clock, look, summary};

/// How often the daemon is asked. It does no harm more often; nobody can read more often.
const EVERY: Duration = Duration::from_secs(1);
/// What clears the terminal, and what returns to its first place without a flicker.
const CLEAR: &str = "\x1b[H\x1b[2J";
const HOME: &str = "\x1b[H";
const REST_OF_LINE: &str = "\x1b[K\n";
const REST_OF_SCREEN: &str = "\x1b[J";

/// Runs until the user or the reader has enough; the code is that of the last look.
pub(super) fn run(args: &cli::Reader) -> Code {
    let config = configuration();
    let socket = socket(args, &config);
    let in_place = std::io::stdout().is_terminal() && !args.json;
    let mut pause = Pause::new();
    if in_place && print(CLEAR) == Reader::Gone {
        return Code::Fine;
    }
    loop {
        let answer = client::ask(socket.as_deref());
        let text = match (args.json, in_place) {
            (true, _) => json(&answer, &config),
            (_, true) => frame(&screen(&answer, &config)),
            _ => one_line(&answer, &config),
        };
        if print(&text) == Reader::Gone {
            return Code::Fine;
        }
        if pause.ended(EVERY) {
            if in_place {
                // The terminal has shown ^C: what comes next begins on a line of its own.
                let _ = print("\n");
            }
            return answer.as_ref().map_or_else(Trouble::code, status::code);
        }
    }
}

fn screen(answer: &Result<Answer, Trouble>, config: &Config) -> String {
    let shown = match answer {
        Ok(answer) => summary(&answer.status),
        Err(trouble @ Trouble::NoDaemon(_)) => look(&config.source).summary(&trouble.to_string()),
        Err(trouble) => format!("{trouble}\n"),
    };
    format!("{} (Ctrl-C ends)\n{shown}", time())
}

/// The text, drawn over what was there before it.
fn frame(text: &str) -> String {
    let lines: String = text.lines().map(|line| format!("{line}{REST_OF_LINE}")).collect();
    format!("{HOME}{lines}{REST_OF_SCREEN}")
}

fn one_line(answer: &Result<Answer, Trouble>, config: &Config) -> String {
    let said = match answer {
        Ok(answer) => clock(&answer.status),
        Err(trouble @ Trouble::NoDaemon(_)) => {
            let own = look(&config.source).clock();
            format!("{trouble}; the clock is {own}")
        }
        Err(trouble) => trouble.to_string(),
    };
    format!("{} {said}\n", time())
}

fn json(answer: &Result<Answer, Trouble>, config: &Config) -> String {
    match answer {
        // A document a line, whatever the daemon's own layout is.
        Ok(answer) => format!("{}\n", answer.text.replace('\n', " ")),
        Err(trouble) => format!("{}\n", look(&config.source).json(&trouble.to_string())),
    }
}

/// The system clock's time, to the second.
fn time() -> String {
    let now = tracking::now().to_string();
    format!("{}Z", now.split('.').next().unwrap_or_default())
}

/// A pause that Ctrl-C ends.
#[cfg(unix)]
struct Pause(Option<std::os::unix::net::UnixStream>);

#[cfg(target_os = "linux")]
impl Pause {
    fn new() -> Self {
        use signal_hook::consts::{SIGINT, SIGTERM};
        // Where this fails, the signal ends the program at once: nothing is lost by it.
        let ends = std::os::unix::net::UnixStream::pair().ok().filter(|(_, signalled)| {
            [SIGINT, SIGTERM].into_iter().all(|signal| {
                signalled
                    .try_clone()
                    .is_ok_and(|end| signal_hook::low_level::pipe::register(signal, end).is_ok())
            })
        });
        Self(ends.map(|(waiting, _)| waiting))
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
impl Pause {
    fn new() -> Self {
        Self(None)
    }
}

#[cfg(unix)]
impl Pause {
    /// Waits; whether it is time to end.
    fn ended(&mut self, time: Duration) -> bool {
        use std::io::{ErrorKind, Read as _};
        let Some(signal) = &mut self.0 else {
            std::thread::sleep(time);
            return false;
        };
        if signal.set_read_timeout(Some(time)).is_err() {
            std::thread::sleep(time);
            return false;
        }
        loop {
            match signal.read(&mut [0]) {
                // The signal itself interrupts the wait, and only then is its byte there.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                outcome => return outcome.is_ok_and(|bytes| bytes == 1),
            }
        }
    }
}

#[cfg(not(unix))]
struct Pause;

#[cfg(not(unix))]
impl Pause {
    fn new() -> Self {
        Self
    }

    fn ended(&mut self, time: Duration) -> bool {
        std::thread::sleep(time);
        false
    }
}
