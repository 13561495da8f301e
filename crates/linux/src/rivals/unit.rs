//! The systemd service to which a process belongs, by its control group.

/// Services from which people start programs: what runs in one isn't that service, and to stop it would
/// end their session.
const HOSTS_OF_OTHERS: [&str; 15] = [
    "user@",
    "ssh",
    "cron",
    "anacron",
    "getty@",
    "serial-getty@",
    "docker",
    "containerd",
    "podman",
    "k3s",
    "supervisor",
    "runit",
    "runsvdir",
    "s6-",
    "monit",
];

/// The paths of a process's control groups that say anything, from the text of /proc/PID/cgroup.
pub(super) fn paths(cgroup: &str) -> impl Iterator<Item = &str> {
    cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2)).filter(|path| *path != "/")
}

/// The last service in the path of systemd's hierarchy, from the text of /proc/PID/cgroup.
pub(super) fn of(cgroup: &str) -> Option<String> {
    let path = cgroup.lines().find_map(|line| {
        // `0::/path`, or `9:name=systemd:/path` where the hierarchies are separate; the other may be there as
        // well, and then be empty: cgroups(7).
        let path = line.strip_prefix("0::").or_else(|| Some(line.split_once(":name=systemd:")?.1))?;
        (path != "/").then_some(path)
    })?;
    let unit = path.rsplit('/').find(|part| part.ends_with(".service"))?;
    let foreign = path.split('/').any(|part| HOSTS_OF_OTHERS.iter().any(|host| part.starts_with(host)));
    // It will be shown in a command to copy.
    let plain = unit.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:@".contains(&byte));
    (plain && !foreign).then(|| unit.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_found_in_either_kind_of_hierarchy() {
        assert_eq!(of("0::/system.slice/chrony.service\n").as_deref(), Some("chrony.service"));
        let hybrid = "12:cpu:/\n1:name=systemd:/system.slice/ntpd.service/helper\n0::/\n";
        assert_eq!(of(hybrid).as_deref(), Some("ntpd.service"));
        let template = "0::/system.slice/system-phc2sys.slice/phc2sys@eth0.service\n";
        assert_eq!(of(template).as_deref(), Some("phc2sys@eth0.service"));
    }

    #[test]
    fn what_somebody_started_by_hand_or_in_a_container_has_none() {
        for path in [
            "/",
            "/init.scope",
            "/user.slice/user-0.slice/session-1.scope",
            "/user.slice/user-0.slice/user@0.service/app.slice/x.service",
            "/system.slice/ssh.service",
            "/system.slice/sshd.service",
            "/system.slice/docker-0123.scope",
            "/system.slice/containerd.service/kubepods-0123",
        ] {
            assert_eq!(of(&format!("0::{path}\n")), None, "{path}");
        }
        assert_eq!(of(""), None);
        assert_eq!(of("nonsense\n::\n"), None);
    }

    #[test]
    fn a_name_that_a_shell_would_understand_otherwise_is_not_shown() {
        assert_eq!(of("0::/system.slice/$(reboot).service\n"), None);
        assert_eq!(of("0::/system.slice/a b.service\n"), None);
    }
}
