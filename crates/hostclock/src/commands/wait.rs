//! `hostclock wait`: blocks until the clock is within a limit, for what must not start before.

use std::time::{Duration, Instant};

use super::{configuration, line, socket};
use crate::cli;
use crate::exit::Code;
use crate::output::{complain, print};
use crate::status::client;
use crate::status::verdict::Verdict;

/// How often the daemon is asked; while nothing listens yet, that costs next to nothing.
const EVERY: Duration = Duration::from_millis(10);
/// A socket that may not be read for so long won't be readable soon. For a shorter time it may be one that a daemon has
/// just made, and that gets its permissions.
const DENIED_FOR: Duration = Duration::from_secs(1);

/// Runs the command.
pub(crate) fn run(args: &cli::Wait) -> Code {
    let config = configuration();
    let socket = socket(&args.reader, &config);
    let began = Instant::now();
    let patience = args.timeout.map(|timeout| Duration::from_nanos(timeout.as_nanos().unsigned_abs()));
    let mut denied = None;
    loop {
        let verdict = Verdict::of(&client::ask(socket.as_deref()), args.within, args.basis);
        denied = matches!(verdict.code(), Code::NoPermission).then(|| denied.unwrap_or_else(Instant::now));
        let hopeless = denied.is_some_and(|since| since.elapsed() >= DENIED_FOR);
        let over = patience.is_some_and(|patience| began.elapsed() >= patience);
        if verdict.ok || hopeless || over {
            let _ = print(&line(if args.reader.json { verdict.json() } else { verdict.to_string() }));
            if over && !verdict.ok {
                complain(&format!("waited for {:.1} s in vain", began.elapsed().as_secs_f64()));
            }
            return verdict.code();
        }
        std::thread::sleep(EVERY);
    }
}
