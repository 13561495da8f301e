//! The lab's helper inside both machines: one static program, called `lab` there.
#![forbid(unsafe_code)]

mod change;
mod disturb;
mod host;
mod kernel_log;
mod lie;
mod manage;
mod moment;
mod monitor;
mod observe;
mod paced;
mod pairs;
mod reading;
mod record;
mod relay;
mod wander;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hostclock_core::units::{Duration, Frequency};

#[derive(Parser)]
#[command(
    about = "What runs inside the machines of hostclock's lab. Not for any other machine: it sets clocks."
)]
struct Arguments {
    #[command(subcommand)]
    work: Work,
}

#[derive(Subcommand)]
enum Work {
    /// Record the clock's offset until a file appears
    Observe {
        /// Samples a second
        #[arg(long, default_value_t = 2_000)]
        rate: u32,
        /// The PTP device to compare with
        #[arg(long, default_value = "/dev/ptp0")]
        device: PathBuf,
        /// The recording ends when this file exists
        #[arg(long)]
        stop: PathBuf,
        /// Where the samples go
        #[arg(long)]
        out: PathBuf,
    },
    /// Record pairs of the processor's counter and the clock until a file appears
    Pairs {
        /// Pairs a second
        #[arg(long, default_value_t = 250)]
        rate: u32,
        /// The recording ends when this file exists
        #[arg(long)]
        stop: PathBuf,
        /// Where the pairs go
        #[arg(long)]
        out: PathBuf,
    },
    /// Print how long one reading of the host's clock takes by each method
    Reading {
        /// Readings by each
        #[arg(long, default_value_t = 2_000)]
        count: usize,
        /// The PTP device
        #[arg(long, default_value = "/dev/ptp0")]
        device: PathBuf,
    },
    /// Print brackets, each beside a precise reading where there are any, as `hostclock-sim brackets` takes them
    Record {
        /// How many
        #[arg(long, default_value_t = 200)]
        count: usize,
        /// Milliseconds between two
        #[arg(long, default_value_t = 1_000)]
        every: u64,
        /// The PTP device
        #[arg(long, default_value = "/dev/ptp0")]
        device: PathBuf,
    },
    /// Set the clock with `date TIME`
    Date {
        /// What the event is called
        #[arg(allow_hyphen_values = true)]
        label: String,
        /// MMDDhhmmYYYY
        time: String,
        /// The event file
        #[arg(long)]
        log: PathBuf,
    },
    /// Move the clock by an amount
    By {
        /// What the event is called
        #[arg(allow_hyphen_values = true)]
        label: String,
        /// The change in ns
        #[arg(allow_hyphen_values = true)]
        nanoseconds: i64,
        /// The event file
        #[arg(long)]
        log: PathBuf,
    },
    /// Note the time and become a program
    Launch {
        /// What the event is called
        #[arg(allow_hyphen_values = true)]
        label: String,
        /// The event file
        #[arg(long)]
        log: PathBuf,
        /// The program and its arguments
        #[arg(last = true)]
        program: Vec<String>,
    },
    /// Give the clock its nominal rate and make it wrong by an offset
    Reset {
        /// Offset from the host's clock in ns
        #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
        offset: i64,
        /// The PTP device to compare with
        #[arg(long, default_value = "/dev/ptp0")]
        device: PathBuf,
    },
    /// Change the clock's frequency all the time
    Wander {
        /// In which way
        #[arg(long, value_enum, default_value = "ntp")]
        kind: wander::Kind,
        /// As if that had been going on for so many seconds already; below 0, it begins only then
        #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
        elapsed: i32,
        /// Where the random walk starts
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Step this machine's clock, as whoever keeps a host's clock might
    Step {
        /// The change in ns
        #[arg(allow_hyphen_values = true)]
        nanoseconds: i64,
    },
    /// Set this machine's clock to some seconds before the next midnight, UTC
    Midnight {
        /// So many
        seconds: i64,
    },
    /// Insert a leap second at the next midnight, UTC; ends some time after it
    Leap,
    /// Run this machine's clock faster for a while; print when that began and ended, by that clock
    Slew {
        /// By so much
        #[arg(long, allow_hyphen_values = true)]
        ppm: f64,
        /// For so long
        #[arg(long)]
        seconds: u64,
    },
    /// Make this machine's clock worthless for a while, then right again; print when that began and
    /// ended, by the clock that it would have been
    Lie {
        /// In which way
        #[arg(long)]
        how: lie::How,
        /// For so long
        #[arg(long)]
        seconds: i64,
    },
    /// Become a program as a user without privileges
    Unprivileged {
        /// The program and its arguments
        #[arg(last = true)]
        program: Vec<String>,
    },
    /// Run a program as a service manager would, until it says that it is ready; print what it said
    Notified {
        /// The program and its arguments
        #[arg(last = true)]
        program: Vec<String>,
    },
    /// Join a Unix socket and a virtio port
    Relay {
        /// The socket
        socket: PathBuf,
        /// The port
        port: PathBuf,
    },
    /// Give a command to a QEMU monitor
    Tell {
        /// The monitor's socket
        socket: PathBuf,
        /// The command
        command: String,
    },
    /// Stop the guest for a while by its QEMU monitor, and print the host's time when it goes on
    Pause {
        /// The monitor's socket
        socket: PathBuf,
        /// How long
        milliseconds: u64,
    },
    /// Let a guest go on that is stopped, and print the host's time
    Release {
        /// The monitor's socket
        socket: PathBuf,
    },
    /// Wake a guest that is asleep, and print the host's time
    Wake {
        /// The monitor's socket
        socket: PathBuf,
    },
    /// When the kernel last wrote a line to its log, on CLOCK_MONOTONIC_RAW
    KernelLog {
        /// What the line contains
        pattern: String,
    },
    /// As `pause`, to a process by SIGSTOP and SIGCONT
    Freeze {
        /// The file with the process's number
        pid: PathBuf,
        /// How long
        milliseconds: u64,
    },
}

fn main() -> ExitCode {
    match work(Arguments::parse().work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::FAILURE
        }
    }
}

fn work(work: Work) -> io::Result<()> {
    match work {
        Work::Observe { rate, device, stop, out } => observe::observe(&device, rate, &stop, &out),
        Work::Pairs { rate, stop, out } => pairs::pairs(rate, &stop, &out),
        Work::Reading { count, device } => reading::reading(&device, count),
        Work::Record { count, every, device } => {
            record::record(&device, count, std::time::Duration::from_millis(every))
        }
        Work::Date { label, time, log } => disturb::date(&label, &time, &log),
        Work::By { label, nanoseconds, log } => disturb::by(&label, Duration::from_nanos(nanoseconds), &log),
        Work::Launch { label, log, program } => disturb::launch(&label, &log, &program),
        Work::Reset { offset, device } => disturb::reset(&device, Duration::from_nanos(offset)),
        Work::Wander { kind, elapsed, seed } => wander::wander(kind, seed, elapsed),
        Work::Step { nanoseconds } => change::step(Duration::from_nanos(nanoseconds)),
        Work::Midnight { seconds } => host::midnight(Duration::from_secs(seconds)),
        Work::Leap => host::leap(),
        Work::Slew { ppm, seconds } => host::slew(Frequency::from_ppm(ppm), seconds),
        Work::Lie { how, seconds } => lie::lie(how, Duration::from_secs(seconds)),
        Work::Unprivileged { program } => manage::unprivileged(&program),
        Work::Notified { program } => manage::notified(&program),
        Work::Relay { socket, port } => relay::relay(&socket, &port),
        Work::Tell { socket, command } => monitor::tell(&socket, &command),
        Work::Pause { socket, milliseconds } => {
            monitor::pause(&socket, std::time::Duration::from_millis(milliseconds))
        }
        Work::Release { socket } => monitor::release(&socket),
        Work::Wake { socket } => monitor::wake(&socket),
        Work::KernelLog { pattern } => kernel_log::when(&pattern),
        Work::Freeze { pid, milliseconds } => {
            monitor::freeze(&pid, std::time::Duration::from_millis(milliseconds))
        }
    }
}
