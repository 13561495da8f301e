//! A /proc made by hand.

use super::*;
use crate::scratch::Scratch;

struct Proc(Scratch);

impl Proc {
    fn new() -> Self {
        Self(Scratch::new())
    }

    /// A process with its command line, in words.
    fn add(&self, pid: u32, comm: &str, line: &str, unit: &str) -> &Self {
        let directory = self.0.path().join(pid.to_string());
        fs::create_dir_all(&directory).expect("a directory");
        let line: String = line.split_whitespace().flat_map(|word| [word, "\0"]).collect();
        let cgroup = format!("0::/system.slice/{unit}\n");
        for (file, text) in [("comm", format!("{comm}\n")), ("cmdline", line), ("cgroup", cgroup)] {
            fs::write(directory.join(file), text).expect("a file");
        }
        self
    }

    fn child_of(&self, pid: u32, parent: u32) {
        let text = format!("Name:\tx\nTgid:\t{pid}\nPPid:\t{parent}\n");
        fs::write(self.0.path().join(format!("{pid}/status")), text).expect("a file");
    }

    fn found(&self) -> Vec<String> {
        find(self.0.path()).iter().map(ToString::to_string).collect()
    }
}

/// What a program does that is called so; the comm is cut as the kernel cuts it.
fn role(line: &str) -> Option<Role> {
    let proc = Proc::new();
    let program = line.split_whitespace().next().expect("a program");
    let name = program.rsplit('/').next().expect("a name");
    proc.add(7, name.get(..15).unwrap_or(name), line, "x.service");
    find(proc.0.path()).first().map(|rival| rival.role)
}

const KEEPS: Option<Role> = Some(Role::Daemon);
const SETS: Option<Role> = Some(Role::Occasional);

#[test]
fn rivals_are_named_with_their_process_and_service_daemons_first() {
    let proc = Proc::new();
    proc.add(40, "qemu-ga", "/usr/sbin/qemu-ga", "qemu-guest-agent.service")
        .add(123, "chronyd", "/usr/sbin/chronyd -F 1", "chrony.service")
        .add(50, "systemd-timesyn", "/lib/systemd/systemd-timesyncd", "systemd-timesyncd.service")
        .add(60, "bash", "bash chronyd", "x.service")
        .add(70, "ntpd", "/usr/sbin/ntpd -g", "docker-0123.scope");
    assert_eq!(
        proc.found(),
        [
            "systemd-timesyncd (process 50, systemd-timesyncd.service)",
            "ntpd (process 70, container 0123)",
            "chronyd (process 123, chrony.service)",
            "qemu-ga (process 40, qemu-guest-agent.service)",
        ]
    );
    let hints: Vec<_> = find(proc.0.path()).iter().map(Rival::hint).collect();
    assert_eq!(hints[1].as_deref(), Some("docker update --restart=no 0123 && docker stop 0123"));
    assert_eq!(hints[2].as_deref(), Some("systemctl disable --now chrony.service"));
    assert!(hints[3].as_deref().is_some_and(|hint| hint.contains("guest-set-time")), "not to stop the agent");
}

#[test]
fn the_helpers_of_a_program_are_not_named_beside_it() {
    let proc = Proc::new();
    for (pid, parent) in [(123, 1), (124, 123), (90, 1)] {
        proc.add(pid, "chronyd", "/usr/sbin/chronyd", "chrony.service").child_of(pid, parent);
    }
    let pids: Vec<_> = find(proc.0.path()).iter().map(|rival| rival.pid).collect();
    assert_eq!(pids, [90, 123]);
}

#[test]
fn threads_of_the_kernel_dead_processes_and_this_one_are_nobody() {
    let proc = Proc::new();
    proc.add(2, "chronyd", "", "").add(std::process::id(), "chronyd", "chronyd", "x.service");
    fs::create_dir_all(proc.0.path().join("99")).expect("a directory");
    fs::write(proc.0.path().join("uptime"), "1 1").expect("a file");
    assert_eq!(proc.found(), Vec::<String>::new());
}

#[test]
fn without_proc_there_is_nobody_and_this_machine_can_be_asked() {
    assert_eq!(find(Path::new("/no/such/proc")), []);
    for rival in find(Path::new("/proc")) {
        eprintln!("{rival}");
    }
}

#[test]
fn daemons_that_are_told_to_leave_the_clock_alone_are_no_rivals() {
    assert_eq!(role("/usr/sbin/chronyd -F 1"), KEEPS);
    assert_eq!(role("/usr/sbin/chronyd -f /etc/-x.conf"), KEEPS);
    assert_eq!(role("chronyd -x"), None);
    assert_eq!(role("chronyd -dx -f /etc/chrony.conf"), None);
    assert_eq!(role("chronyd -Q server"), None);
    assert_eq!(role("chronyd -q server"), SETS);
    assert_eq!(role("/usr/sbin/ntpd -p /run/ntpd.pid -g -u 101:101"), KEEPS);
    assert_eq!(role("ntpd -gq"), SETS);
    assert_eq!(role("ntpd --wait-sync=5"), KEEPS);
    assert_eq!(role("ntpd -w 5"), KEEPS);
    assert_eq!(role("ptp4l -i eth0"), None);
    assert_eq!(role("ptp4l -Si eth0"), KEEPS);
    assert_eq!(role("ptpd2 -i eth0 --noadjust"), None);
    assert_eq!(role("ptpd -i eth0"), KEEPS);
    assert_eq!(role("htpdate -D host"), None);
    assert_eq!(role("htpdate -D -s host"), KEEPS);
    assert_eq!(role("ntp-daemon --config /etc/ntp.toml"), KEEPS);
}

#[test]
fn phc2sys_counts_where_it_sets_the_system_clock() {
    assert_eq!(role("phc2sys -s /dev/ptp0 -O 0"), KEEPS);
    assert_eq!(role("phc2sys -s eth0 -c CLOCK_REALTIME"), KEEPS);
    assert_eq!(role("phc2sys -s CLOCK_REALTIME -c eth0"), None);
    assert_eq!(role("phc2sys -s eth0 -c eth1 -cCLOCK_REALTIME"), KEEPS);
    assert_eq!(role("phc2sys -a"), None);
    assert_eq!(role("phc2sys -a -r"), KEEPS);
    assert_eq!(role("phc2sys -arr"), KEEPS);
}

#[test]
fn the_applets_of_busybox_are_known_however_they_are_called() {
    assert_eq!(role("busybox ntpd -nN -p pool.ntp.org"), KEEPS);
    assert_eq!(role("/bin/busybox ntpd -w"), None);
    assert_eq!(role("busybox httpd"), None);
    assert_eq!(role("busybox"), None);
    let proc = Proc::new();
    proc.add(7, "ntpd", "ntpd -w -p host", "x.service");
    std::os::unix::fs::symlink("/bin/busybox", proc.0.path().join("7/exe")).expect("a link");
    assert_eq!(proc.found(), Vec::<String>::new(), "elsewhere -w has another meaning");
}

#[test]
fn agents_and_tools_set_the_clock_now_and_then() {
    assert_eq!(role("/usr/bin/google_guest_agent"), SETS);
    assert_eq!(role("/usr/bin/vmtoolsd"), SETS);
    assert_eq!(role("/usr/bin/vmtoolsd -n vmusr --blockFd 3"), None);
    assert_eq!(role("/usr/sbin/VBoxService"), SETS);
    assert_eq!(role("/usr/sbin/VBoxService --disable-timesync"), None);
    assert_eq!(role("VBoxService --only-timesync"), SETS);
    assert_eq!(role("VBoxService --only-cpuhotplug"), None);
    assert_eq!(role("ntpdate -q host"), None);
    assert_eq!(role("ntpdate host"), SETS);
    assert_eq!(role("sntp host"), None);
    assert_eq!(role("sntp -S host"), SETS);
    assert_eq!(role("rdate -p host"), None);
    assert_eq!(role("rdate host"), SETS);
    assert_eq!(role("hwclock -w"), None);
    assert_eq!(role("hwclock --hctosys --utc"), SETS);
    assert_eq!(role("date"), None);
}
