//! Control groups and processes of real machines, made by hand.

use super::*;
use crate::scratch::Scratch;

const NUMBER: &str = "4f1c0de0aa00112233445566778899aabbccddeeff00112233445566778899aa";
const UID: &str = "0f3c8b1e-5a5e-4f4c-9d55-7f0f9e4f1a2b";

fn process(scratch: &Scratch, pid: u32, comm: &str, line: &str, cgroup: &str, parent: u32) {
    let line: String = line.split_whitespace().flat_map(|word| [word, "\0"]).collect();
    scratch.file(&format!("{pid}/comm"), &format!("{comm}\n"));
    scratch.file(&format!("{pid}/cmdline"), &line);
    scratch.file(&format!("{pid}/cgroup"), cgroup);
    scratch.file(&format!("{pid}/status"), &format!("PPid:\t{parent}\n"));
}

/// What stops process 7 in such a control group.
fn stops(path: &str) -> String {
    let scratch = Scratch::new();
    process(&scratch, 7, "chronyd", "chronyd", &format!("0::{path}\n"), 1);
    Starter::of(&scratch.path().join("7")).stop(7)
}

#[test]
fn each_kind_of_container_is_stopped_by_its_own_manager() {
    assert_eq!(
        stops(&format!("/system.slice/docker-{NUMBER}.scope")),
        "docker update --restart=no 4f1c0de0aa00 && docker stop 4f1c0de0aa00"
    );
    assert_eq!(
        stops(&format!("/docker/{NUMBER}")),
        "docker update --restart=no 4f1c0de0aa00 && docker stop 4f1c0de0aa00"
    );
    assert_eq!(stops(&format!("/machine.slice/libpod-{NUMBER}.scope")), "podman stop 4f1c0de0aa00");
    assert_eq!(stops(&format!("/system.slice/nerdctl-{NUMBER}.scope")), "nerdctl stop 4f1c0de0aa00");
    assert_eq!(stops("/lxc.payload.web/system.slice"), "lxc stop web");
    assert_eq!(stops("/machine.slice/machine-time\\x2dbox.scope"), "machinectl stop time-box");
}

#[test]
fn what_lies_below_a_container_is_the_containers_own_and_above_it_the_machines() {
    for (path, stop) in [
        (
            format!("/system.slice/docker-{NUMBER}.scope/system.slice/chrony.service"),
            "docker update --restart=no 4f1c0de0aa00 && docker stop 4f1c0de0aa00",
        ),
        (
            format!("/machine.slice/libpod-{NUMBER}.scope/container/system.slice/ntp.service"),
            "podman stop 4f1c0de0aa00",
        ),
        ("/lxc.payload.web/system.slice/chrony.service".to_owned(), "lxc stop web"),
        ("/lxc/web/chrony.service".to_owned(), "lxc stop web"),
        (
            "/machine.slice/systemd-nspawn@time\\x2dbox.service/payload/system.slice/ntp.service".to_owned(),
            "machinectl stop time-box",
        ),
        (
            format!("/system.slice/time.service/libpod-payload-{NUMBER}"),
            "systemctl disable --now time.service",
        ),
        ("/system.slice/podman-chrony.service".to_owned(), "systemctl disable --now podman-chrony.service"),
    ] {
        assert_eq!(stops(&path), stop, "{path}");
    }
}

#[test]
fn separate_hierarchies_are_read_together() {
    let starter = |cgroup: &str| group::starter(cgroup);
    let service = |name: &str| Some(Starter::Service(name.to_owned()));
    assert_eq!(
        starter("12:cpu:/\n1:name=systemd:/system.slice/ntpd.service/helper\n0::/\n"),
        service("ntpd.service")
    );
    assert_eq!(
        starter("0::/system.slice/system-phc2sys.slice/phc2sys@eth0.service\n"),
        service("phc2sys@eth0.service")
    );
    let docker = format!("4:memory:/docker/{NUMBER}\n1:name=openrc:/docker\n");
    let id = "4f1c0de0aa00".to_owned();
    assert_eq!(starter(&docker), Some(Starter::Container { manager: "docker", id }));
    assert_eq!(
        (starter(""), starter("nonsense\n::\n"), starter("4:memory:/x.service\n")),
        (None, None, None)
    );
}

#[test]
fn a_service_of_openrc_is_known_by_its_group_or_by_what_openrc_wrote_down() {
    let stop = "rc-service chronyd stop && rc-update del chronyd";
    assert_eq!((stops("/openrc.chronyd").as_str(), stops("/rc/chronyd").as_str()), (stop, stop));
    assert_eq!(group::starter("1:name=openrc:/chronyd\n"), Some(Starter::Service("chronyd".to_owned())));
    let scratch = Scratch::new();
    scratch.file("run/openrc/daemons/crond/001", "exec=/usr/sbin/crond\npidfile=\n");
    let record = "exec=/usr/sbin/chronyd\nargv_0=/usr/sbin/chronyd\npidfile=/var/run/chrony/chronyd.pid\n";
    scratch.file("run/openrc/daemons/chronyd/001", record);
    scratch.file("run/chrony/chronyd.pid", "7\n");
    fs::create_dir(scratch.path().join("var")).expect("a directory");
    std::os::unix::fs::symlink("/run", scratch.path().join("var/run")).expect("a link");
    for (pid, starter) in [(7, Starter::Service("chronyd".to_owned())), (8, Starter::Unknown)] {
        scratch.file(&format!("proc/{pid}/cgroup"), "0::/\n");
        assert_eq!(Starter::of(&scratch.path().join(format!("proc/{pid}"))), starter);
    }
}

#[test]
fn a_pod_is_named_and_its_container_is_not_stopped() {
    let with_systemd = format!(
        "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{}.slice/cri-containerd-{NUMBER}.scope",
        UID.replace('-', "_")
    );
    for path in [with_systemd, format!("/kubepods/burstable/pod{UID}/{NUMBER}")] {
        let words = stops(&path);
        assert!(words.contains(UID) && words.contains("workload") && !words.contains(" stop "), "{words}");
    }
}

#[test]
fn only_what_a_person_started_is_killed() {
    assert_eq!(stops("/user.slice/user-0.slice/session-1.scope"), "kill 7");
    assert_eq!(stops("/user.slice/user-0.slice/user@0.service/app.slice/x.scope"), "kill 7");
    assert_eq!(stops("/system.slice/ssh.service"), "kill 7", "where no session has a group of its own");
    assert_eq!(stops("/openrc.sshd"), "kill 7");
    for path in ["/", "/init.scope", "/system.slice/cron.service"] {
        assert!(stops(path).starts_with("find out what starts it"), "{path}: {}", stops(path));
    }
    assert_eq!(stops("/system.slice/chrony.service"), "systemctl disable --now chrony.service");
}

#[test]
fn what_keeps_it_among_the_processes_above_is_told_to_stop_it() {
    let shim =
        |namespace: &str| format!("/usr/bin/containerd-shim-runc-v2 -namespace {namespace} -id {NUMBER}");
    let cases = [
        ("runsv", "runsv chrony", "sv down chrony"),
        ("s6-supervise", "s6-supervise /run/service/chrony", "s6-svc -d /run/service/chrony"),
        (
            "supervise-daemo",
            "supervise-daemon chronyd --start",
            "rc-service chronyd stop && rc-update del chronyd",
        ),
        (
            "containerd-shim",
            &shim("moby"),
            "docker update --restart=no 4f1c0de0aa00 && docker stop 4f1c0de0aa00",
        ),
        ("containerd-shim", &shim("default"), "nerdctl stop 4f1c0de0aa00"),
        ("containerd-shim", &shim("k8s.io"), "take it out of what Kubernetes starts"),
        ("conmon", &format!("conmon --api-version 1 -c {NUMBER} -u x"), "podman stop 4f1c0de0aa00"),
        ("supervisord", "/usr/bin/python3 /usr/bin/supervisord", "take it out of what supervisord starts"),
        // Without its directory a relative name would be of no use.
        ("s6-supervise", "s6-supervise chrony", "take it out of what s6-supervise starts"),
    ];
    for (comm, line, wanted) in cases {
        let scratch = Scratch::new();
        process(&scratch, 5, comm, line, "0::/\n", 1);
        process(&scratch, 6, "sh", "sh run", "0::/\n", 5);
        process(&scratch, 7, "chronyd", "chronyd -n", "0::/\n", 6);
        assert_eq!(Starter::of(&scratch.path().join("7")).stop(7), wanted);
    }
}

#[test]
fn a_name_that_a_shell_would_understand_otherwise_is_not_shown() {
    for path in ["/docker/$(reboot)", "/system.slice/$(reboot).service", "/openrc.$(reboot)"] {
        assert!(!stops(path).contains("reboot"), "{path}");
    }
    let scratch = Scratch::new();
    process(&scratch, 5, "runsv", "runsv $(reboot)", "0::/\n", 1);
    process(&scratch, 7, "chronyd", "chronyd", "0::/\n", 5);
    assert_eq!(Starter::of(&scratch.path().join("7")).stop(7), "take it out of what runsv starts");
}

/// What stops process 7 in this control group, which has a parent of this name and command line.
fn stops_below(comm: &str, line: &str, cgroup: &str, path: &str) -> (Scratch, String) {
    let scratch = Scratch::new();
    process(&scratch, 5, comm, line, cgroup, 1);
    process(&scratch, 7, "chronyd", "chronyd", &format!("0::{path}\n"), 5);
    let stop = Starter::of(&scratch.path().join("7")).stop(7);
    (scratch, stop)
}

#[test]
fn a_supervised_program_is_stopped_by_its_supervisor_and_not_with_a_whole_service() {
    let path = "/system.slice/machine-tasks.service";
    let cgroup = format!("0::{path}\n");
    let (_, stop) = stops_below("runsv", "runsv chrony", &cgroup, path);
    assert_eq!(stop, "sv down chrony");
    let (_, stop) = stops_below("sh", "sh /usr/local/bin/tasks", &cgroup, path);
    assert_eq!(stop, "systemctl disable --now machine-tasks.service");
}

#[test]
fn a_supervisor_that_is_process_1_is_seen() {
    let scratch = Scratch::new();
    process(&scratch, 1, "supervisord", "supervisord -n", "0::/\n", 0);
    process(&scratch, 7, "chronyd", "chronyd -n", "0::/\n", 1);
    let stop = || Starter::of(&scratch.path().join("7")).stop(7);
    assert_eq!(stop(), "take it out of what supervisord starts");
    scratch.file("7/environ", "A=b\0SUPERVISOR_GROUP_NAME=time\0SUPERVISOR_PROCESS_NAME=chrony\0");
    assert_eq!(stop(), "supervisorctl stop time:chrony");
    scratch.file("7/environ", "SUPERVISOR_GROUP_NAME=chrony\0SUPERVISOR_PROCESS_NAME=chrony\0");
    assert_eq!(stop(), "supervisorctl stop chrony");
    scratch.file("7/environ", "SUPERVISOR_PROCESS_NAME=$(reboot)\0");
    assert_eq!(stop(), "take it out of what supervisord starts");
}

#[test]
fn a_supervised_directory_is_named_as_any_shell_finds_it() {
    let scratch = Scratch::new();
    process(&scratch, 5, "s6-supervise", "s6-supervise chrony", "0::/\n", 1);
    std::os::unix::fs::symlink("/run/service/chrony", scratch.path().join("5/cwd")).expect("a link");
    process(&scratch, 7, "chronyd", "chronyd", "0::/\n", 5);
    assert_eq!(Starter::of(&scratch.path().join("7")).stop(7), "s6-svc -d /run/service/chrony");
}

#[test]
fn a_container_that_a_service_keeps_by_conmon_is_stopped_with_the_service() {
    let line = format!("/usr/bin/conmon --api-version 1 -c {NUMBER}");
    let path = format!("/machine.slice/libpod-{NUMBER}.scope/container");
    let unit = "0::/system.slice/container-chrony.service\n";
    let (_, stop) = stops_below("conmon", &line, unit, &path);
    assert_eq!(stop, "systemctl disable --now container-chrony.service");
    let own = format!("0::/machine.slice/libpod-conmon-{NUMBER}.scope\n");
    let (_, stop) = stops_below("conmon", &line, &own, &path);
    assert_eq!(stop, "podman stop 4f1c0de0aa00");
}

#[test]
fn containers_of_liblxc_are_stopped_by_the_command_of_what_made_them() {
    for (directory, wanted) in [
        ("/var/lib/lxc", "lxc-stop -n web"),
        ("/var/snap/lxd/common/lxd/containers", "lxc stop web"),
        ("/var/lib/incus/containers", "incus stop web"),
    ] {
        let scratch = Scratch::new();
        process(&scratch, 5, "lxc-start", "", "0::/lxc.monitor.web\n", 1);
        scratch.file("5/cmdline", &format!("[lxc monitor] {directory} web\0"));
        process(&scratch, 6, "systemd", "/sbin/init", "0::/lxc.payload.web/init.scope\n", 5);
        process(&scratch, 7, "chronyd", "chronyd", "0::/lxc.payload.web/system.slice/chrony.service\n", 6);
        assert_eq!(Starter::of(&scratch.path().join("7")).stop(7), wanted);
    }
}
