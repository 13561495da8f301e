//! The programs that set or steer Linux's system clock, and the options with which each doesn't.
//!
//! Left out, because they don't touch it themselves: timemaster (the chronyd or ntpd and the phc2sys that it
//! starts are found); sptp and ptp4u (a network card's clock); hv_kvp_daemon, waagent, xe-daemon and
//! cloud-init (agents for other things); systemd-timedated (only by `timedatectl set-time`, by hand).

use super::Role;
use super::options::Options;

/// A program that is known.
pub(super) struct Program {
    /// As the kernel has it: the file's name, cut after 15 bytes (`TASK_COMM_LEN`).
    comm: &'static str,
    /// Its whole name.
    pub(super) name: &'static str,
    /// What keeps it from the clock, where that isn't to stop it.
    pub(super) remedy: Option<&'static str>,
    /// What it does with the clock when it is called so; `None`: nothing.
    pub(super) role: fn(&Call<'_>) -> Option<Role>,
}

/// How a program was called.
pub(super) struct Call<'a> {
    /// The program's name, at most 15 bytes of it.
    pub(super) name: &'a str,
    arguments: &'a [String],
    busybox: bool,
}

impl<'a> Call<'a> {
    /// The process `comm` with its command line; `busybox` says whether that is the file that runs.
    pub(super) fn new(comm: &'a str, program: &'a str, arguments: &'a [String], busybox: bool) -> Self {
        if comm != BUSYBOX {
            return Self { name: comm, arguments, busybox };
        }
        // `busybox ntpd`, or a copy of it that calls itself by the applet's name.
        let program = program.rsplit('/').next().unwrap_or(program);
        match arguments.split_first() {
            Some((applet, rest)) if program == BUSYBOX => {
                Self { name: applet, arguments: rest, busybox: true }
            }
            _ => Self { name: program, arguments, busybox: true },
        }
    }

    fn options(&self, with_value: &str) -> Options<'a> {
        Options::of(self.arguments, with_value)
    }
}

const BUSYBOX: &str = "busybox";

/// Whether a process of this name can be one of the programs.
pub(super) fn may_matter(comm: &str) -> bool {
    comm == BUSYBOX || find(comm).is_some()
}

/// The program of which the kernel has this name.
pub(super) fn find(comm: &str) -> Option<&'static Program> {
    PROGRAMS.iter().find(|program| program.comm == comm)
}

const fn program(comm: &'static str, role: fn(&Call<'_>) -> Option<Role>) -> Program {
    Program { comm, name: comm, remedy: None, role }
}

const PROGRAMS: &[Program] = &[
    program("chronyd", chronyd),
    program("ntpd", ntpd),
    program("ntp-daemon", keeps), // of ntpd-rs
    Program { name: "systemd-timesyncd", ..program("systemd-timesyn", keeps) },
    program("phc2sys", phc2sys),
    program("ptp4l", ptp4l),
    program("ptpd", ptpd),
    program("ptpd2", ptpd),
    program("connmand", keeps), // TimeUpdates = auto, the default
    program("htpdate", htpdate),
    // Agents. Those that follow the host by themselves (VMware's, VirtualBox's, Lima's) leave a clock
    // alone that is near it.
    Program { remedy: Some("vmware-toolbox-cmd timesync disable"), ..program("vmtoolsd", vmtoolsd) },
    Program {
        remedy: Some("the option --disable-timesync of VBoxService"),
        ..program("VBoxService", vbox_service)
    },
    program("prltoolsd", sets),
    Program {
        remedy: Some("block-rpcs = guest-set-time in /etc/qemu/qemu-ga.conf"),
        ..program("qemu-ga", sets) // guest-set-time, which libvirt sends after a resume
    },
    Program {
        name: "google_guest_agent", // calls hwclock --hctosys after a migration
        remedy: Some("clock_skew_daemon = false under [Daemons] in /etc/default/instance_configs.cfg"),
        ..program("google_guest_ag", sets)
    },
    program("lima-guestagent", sets), // SetSystemTime(), by the RTC
    program("kata-agent", sets),      // SetGuestDateTime, which the runtime sends
    program("envd", sets),            // E2B's, when a sandbox starts or resumes
    // Those that run for a moment.
    program("ntpdate", ntpdate),
    program("ntpdig", sntp),
    program("sntp", sntp),
    program("rdate", rdate),
    program("hwclock", hwclock),
];

fn keeps(_: &Call<'_>) -> Option<Role> {
    Some(Role::Daemon)
}

fn sets(_: &Call<'_>) -> Option<Role> {
    Some(Role::Occasional)
}

/// `-x` leaves the clock alone, `-Q` only prints the offset, `-p` the configuration; `-q` sets the clock
/// and ends.
fn chronyd(call: &Call<'_>) -> Option<Role> {
    let options = call.options("fFlLPtu");
    if options.has_any("xQpvh") {
        None
    } else if options.has_any("q") {
        Some(Role::Occasional)
    } else {
        Some(Role::Daemon)
    }
}

/// That of ntp.org, NTPsec, OpenNTPD or busybox. `-q` sets the clock and ends; busybox's `-w` only looks.
fn ntpd(call: &Call<'_>) -> Option<Role> {
    let options = call.options(if call.busybox { "pSIk" } else { "cfiIklpPrstuUw" });
    if call.busybox && options.has_any("w") {
        None
    } else if options.has_any("q") || options.has_long("quit") {
        Some(Role::Occasional)
    } else {
        Some(Role::Daemon)
    }
}

/// `-c` names the clock to set, by default the system clock; with `-a` that is among them only after `-r`.
fn phc2sys(call: &Call<'_>) -> Option<Role> {
    let options = call.options("cdfsEPISFRNOLMiunzlt");
    let system = if options.has_any("a") {
        options.has_any("r")
    } else {
        let mut named = options.values('c').peekable();
        named.peek().is_none() || named.any(|clock| clock == "CLOCK_REALTIME")
    };
    system.then_some(Role::Daemon)
}

/// Steers the system clock where the packets are stamped by software.
fn ptp4l(call: &Call<'_>) -> Option<Role> {
    let options = call.options("fipl");
    let software = options.has_any("S") || options.long().contains(&"time_stamping=software");
    software.then_some(Role::Daemon)
}

/// `-n` leaves the clock alone, `-M` gives the time to others.
fn ptpd(call: &Call<'_>) -> Option<Role> {
    let options = call.options("cidfRSu");
    let idle = options.has_any("nM") || options.has_long("noadjust") || options.has_long("masteronly");
    (!idle).then_some(Role::Daemon)
}

/// Looks only, unless it is told to slew (`-a`), step (`-s`) or change the frequency (`-x`).
fn htpdate(call: &Call<'_>) -> Option<Role> {
    let options = call.options("dilmMpPtTu");
    if !options.has_any("asx") {
        None
    } else if options.has_any("DF") {
        Some(Role::Daemon)
    } else {
        Some(Role::Occasional)
    }
}

/// The user's one (`-n vmusr`) has nothing to do with the time.
fn vmtoolsd(call: &Call<'_>) -> Option<Role> {
    let users = call.arguments.iter().any(|argument| argument.ends_with("vmusr"));
    (!users).then_some(Role::Occasional)
}

fn vbox_service(call: &Call<'_>) -> Option<Role> {
    let options = call.options("");
    let another = options.long().iter().any(|long| long.starts_with("only-") && *long != "only-timesync");
    (!another && !options.has_long("disable-timesync")).then_some(Role::Occasional)
}

/// `-q` only asks.
fn ntpdate(call: &Call<'_>) -> Option<Role> {
    (!call.options("aekoprtU").has_any("q")).then_some(Role::Occasional)
}

/// Only asks, unless it is told to step (`-S`) or slew (`-s`).
fn sntp(call: &Call<'_>) -> Option<Role> {
    let options = call.options("abBgkKlMotu");
    (options.has_any("sS") || options.has_long("step") || options.has_long("slew"))
        .then_some(Role::Occasional)
}

/// `-p` only prints.
fn rdate(call: &Call<'_>) -> Option<Role> {
    (!call.options("o").has_any("p")).then_some(Role::Occasional)
}

/// `-s` sets the system clock; what else it does concerns the clock in the hardware.
fn hwclock(call: &Call<'_>) -> Option<Role> {
    let options = call.options("f");
    (options.has_any("s") || options.has_long("hctosys")).then_some(Role::Occasional)
}
