//! A filter of system calls (seccomp), as service managers have them, for tests.
#![allow(unsafe_code, reason = "prctl(2)")]

/// What is done with the system call `call` from now on, in this process: `action` is one of the kernel's
/// (`SECCOMP_RET_…`). All others are permitted. Gives whether there is such a filter now.
pub(crate) fn filter(call: libc::c_long, action: u32) -> bool {
    // Classic BPF: load the call's number, compare it, and return one of two actions.
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let (compare, give) = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::BPF_RET | libc::BPF_K);
    let step = |code, jf, k| libc::sock_filter { code: u16::try_from(code).expect("small"), jt: 0, jf, k };
    let call = u32::try_from(call).expect("small");
    let steps = [
        step(load, 0, 0),
        step(compare, 1, call),
        step(give, 0, action),
        step(give, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: steps.as_ptr().cast_mut() };
    // SAFETY: prctl(2) reads numbers, and the program with its four steps, which outlive the calls.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    }
}
