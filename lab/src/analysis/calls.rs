//! Which system calls a process makes, from the kernel's trace of them (`raw_syscalls:sys_enter`).

use std::collections::BTreeMap;

/// Numbers and names of what clock daemons call: arch/x86/entry/syscalls/syscall_64.tbl, Linux 6.1.
const NAMES: [(u32, &str); 34] = [
    (0, "read"),
    (1, "write"),
    (2, "open"),
    (3, "close"),
    (5, "fstat"),
    (7, "poll"),
    (8, "lseek"),
    (13, "rt_sigaction"),
    (14, "rt_sigprocmask"),
    (16, "ioctl"),
    (20, "writev"),
    (23, "select"),
    (35, "nanosleep"),
    (41, "socket"),
    (42, "connect"),
    (44, "sendto"),
    (45, "recvfrom"),
    (46, "sendmsg"),
    (47, "recvmsg"),
    (82, "rename"),
    (159, "adjtimex"),
    (228, "clock_gettime"),
    (229, "clock_getres"),
    (230, "clock_nanosleep"),
    (232, "epoll_wait"),
    (257, "openat"),
    (270, "pselect6"),
    (271, "ppoll"),
    (281, "epoll_pwait"),
    (286, "timerfd_settime"),
    (287, "timerfd_gettime"),
    (288, "accept4"),
    (305, "clock_adjtime"),
    (441, "epoll_pwait2"),
];

/// How often each call was made, by its name or number, the most frequent first.
pub(crate) fn calls(trace: &str) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for line in trace.lines() {
        let number = line.split_once(": sys_enter: NR ").and_then(|(_, rest)| rest.split(' ').next());
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            *counts.entry(number).or_default() += 1;
        }
    }
    let name = |number: u32| {
        let known = NAMES.iter().find(|(known, _)| *known == number);
        known.map_or_else(|| format!("call {number}"), |(_, name)| (*name).to_owned())
    };
    let mut named: Vec<(String, usize)> =
        counts.into_iter().map(|(number, count)| (name(number), count)).collect();
    named.sort_by(|(_, one), (_, two)| two.cmp(one));
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_name() {
        let line = |number: u32| {
            format!(" hostclock-9 [000] ..... 12.000345: sys_enter: NR {number} (3, 0, 0, 0, 0, 0)\n")
        };
        let trace = format!("# tracer: nop\n{}{}{}{}", line(16), line(305), line(16), line(9_999));
        let found = calls(&trace);
        assert_eq!(found[0], ("ioctl".to_owned(), 2));
        assert!(found.contains(&("call 9999".to_owned(), 1)) && found.len() == 3);
    }
}
