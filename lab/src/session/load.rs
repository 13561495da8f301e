//! Load: what takes the guest's CPU away, from outside and from inside.

use std::time::Duration;

use super::Session;
use crate::error::Result;

impl Session {
    /// Lets the nested host's kernel take all but so many per cent of its CPU from the guest; `None` ends it.
    ///
    /// The guest's hypervisor gets a quota of CPU time in each period of 20 ms and waits when that is used up
    /// (`cpu.max`; Linux 6.1, Documentation/scheduler/sched-bwc.rst), as virtual machines do whose hosts sell a
    /// share of a CPU. It doesn't see when it doesn't run.
    pub(crate) fn leave_cpu(&mut self, share: Option<u32>) -> Result<()> {
        const PERIOD_US: u32 = 20_000;
        let quota = share.map_or_else(|| "max".to_owned(), |share| (PERIOD_US * share / 100).to_string());
        let command = format!(
            "group=/run/cgroup/guest; [ -d $group ] || {{ mkdir /run/cgroup && mount -t cgroup2 cgroup2 /run/cgroup \
             && echo +cpu >/run/cgroup/cgroup.subtree_control && mkdir $group; }} \
             && cat /run/qemu.pid >$group/cgroup.procs && echo {quota} {PERIOD_US} >$group/cpu.max"
        );
        self.lab.host.run(&command).map(drop)
    }

    /// Runs so many busy loops in the guest, at the usual priority; 0 ends them.
    pub(crate) fn overload(&mut self, loops: u32) -> Result<()> {
        let mut command = "[ -z \"$loops\" ] || kill $loops; loops=".to_owned();
        for _ in 0..loops {
            command.push_str("; (while :; do :; done) & loops=\"$loops $!\"");
        }
        self.lab.guest.run_within(Duration::from_secs(60), &command).map(drop)
    }
}
