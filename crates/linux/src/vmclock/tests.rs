//! A page made by hand in a file, which mmap(2), read(2) and the protocol treat as they do the device.

use std::os::unix::fs::FileExt;

use super::page::LENGTH;
use super::*;
use crate::scratch::Scratch;

/// A hypervisor: who writes the page.
struct Hypervisor {
    _scratch: Scratch,
    path: PathBuf,
    file: File,
}

impl Hypervisor {
    fn new(length: usize) -> Self {
        let scratch = Scratch::new();
        let path = scratch.path().join("vmclock0");
        let mut page = vec![0; length];
        page[..10].copy_from_slice(&[b'V', b'C', b'L', b'K', 0, 0x10, 0, 0, 1, 0]);
        fs::write(&path, page).expect("a page");
        let file = File::options().write(true).open(&path).expect("opened");
        let hypervisor = Self { _scratch: scratch, path, file };
        hypervisor.mark(7, 70);
        hypervisor
    }

    fn write(&self, at: u64, bytes: &[u8]) {
        self.file.write_all_at(bytes, at).expect("written");
    }

    fn sequence(&self, number: u32) {
        self.write(0x0c, &number.to_le_bytes());
    }

    fn flags(&self, flags: u64) {
        self.write(0x18, &flags.to_le_bytes());
    }

    fn mark(&self, disruption: u64, generation: u64) {
        self.write(0x10, &disruption.to_le_bytes());
        self.write(0x68, &generation.to_le_bytes());
    }

    fn device(&self) -> Result<Vmclock, OpenError> {
        open::over(File::open(&self.path).expect("opened"), Path::new("/dev/vmclock0"))
    }

    /// The device in each of the two ways to read it.
    fn devices(&self) -> [Vmclock; 2] {
        let mapped = self.device().expect("a vmclock");
        assert!(matches!(mapped.page, Page::Mapped(_)));
        let unmapped = Vmclock { page: Page::Unmapped, ..self.device().expect("a vmclock") };
        [mapped, unmapped]
    }

    fn refusal(&self) -> String {
        self.device().expect_err("no vmclock").to_string()
    }
}

const PAGE: usize = 4_096;
const JUST_THE_MARKER: Option<Marks> = Some(Marks { disruption: 7, generation: None });

#[test]
fn the_marks_are_read_and_their_changes_are_seen() {
    let hypervisor = Hypervisor::new(PAGE);
    for device in hypervisor.devices() {
        hypervisor.mark(7, 70);
        hypervisor.flags(0);
        assert_eq!(device.marks(), JUST_THE_MARKER, "a generation that the flags don't promise");
        hypervisor.flags(GENERATION_PRESENT);
        assert_eq!(device.marks(), Some(Marks { disruption: 7, generation: Some(70) }));
        let (disruption, generation) = (0x1234_5678_9abc_def0, 0xfedc_ba98_7654_3210);
        hypervisor.mark(disruption, generation);
        assert_eq!(device.marks(), Some(Marks { disruption, generation: Some(generation) }));
    }
}

#[test]
fn a_page_that_is_being_written_gives_no_marks_until_it_is_done() {
    let hypervisor = Hypervisor::new(PAGE);
    for device in hypervisor.devices() {
        hypervisor.sequence(1);
        assert_eq!(device.marks(), None);
        hypervisor.sequence(2);
        assert_eq!(device.marks(), JUST_THE_MARKER);
    }
}

/// Halves of two writes would show as two marks that differ.
#[test]
fn a_page_that_is_written_meanwhile_is_never_seen_torn() {
    let hypervisor = Hypervisor::new(PAGE);
    hypervisor.flags(GENERATION_PRESENT);
    let device = hypervisor.device().expect("a vmclock");
    hypervisor.mark(0, 0);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 1..=2_000_u32 {
                hypervisor.sequence(2 * round - 1);
                let mark = u64::from(round) << 32 | u64::from(round);
                hypervisor.mark(mark, mark);
                hypervisor.sequence(2 * round);
            }
        });
        let mut seen = 0;
        while !writer.is_finished() {
            if let Some(marks) = device.marks() {
                assert_eq!(marks.generation, Some(marks.disruption));
                assert_eq!(marks.disruption >> 32, marks.disruption & 0xffff_ffff);
                assert!(marks.disruption >= seen);
                seen = marks.disruption;
            }
        }
    });
    assert_eq!(device.marks().map(|marks| marks.disruption), Some(2_000 << 32 | 2_000));
}

#[test]
fn a_structure_that_ends_before_the_generation_has_none() {
    let hypervisor = Hypervisor::new(PAGE);
    hypervisor.flags(GENERATION_PRESENT);
    hypervisor.write(4, &[0x6f, 0, 0, 0]);
    for device in hypervisor.devices() {
        assert_eq!(device.marks(), JUST_THE_MARKER);
    }
}

#[test]
fn what_is_no_vmclock_is_refused_in_words() {
    let hypervisor = Hypervisor::new(PAGE);
    hypervisor.write(8, &[2, 0]);
    assert_eq!(
        hypervisor.refusal(),
        "opening /dev/vmclock0: not a vmclock that is known here: its version is 2, not 1"
    );
    hypervisor.write(8, &[1, 0]);
    hypervisor.write(4, &[0x18, 0, 0, 0]);
    assert!(hypervisor.refusal().ends_with("it has 24 bytes, and the marks need 32"));
    hypervisor.write(0, b"VCLX");
    assert!(hypervisor.refusal().ends_with("it starts with 0x584c4356, not with 0x4b4c4356"));
    hypervisor.file.set_len(5).expect("shortened");
    assert!(hypervisor.refusal().ends_with("it has no header"));
}

#[test]
fn what_is_missing_or_no_device_is_not_even_opened() {
    let hypervisor = Hypervisor::new(LENGTH);
    let words = |path: &Path| Vmclock::open(path).expect_err("no vmclock").to_string();
    assert_eq!(
        words(Path::new("/dev/vmclock-of-no-machine")),
        "opening /dev/vmclock-of-no-machine: no such device"
    );
    assert!(words(&hypervisor.path).ends_with("not a character device"));
    assert!(words(Path::new("/dev/null")).ends_with("it has no header"));
    assert!(words(Path::new("/dev/zero")).ends_with("it starts with 0x00000000, not with 0x4b4c4356"));
}

/// A regular file is readable at any time, as a driver without poll is: not worth waiting for, whatever
/// the flags say.
#[test]
fn a_device_that_is_always_readable_is_not_waited_for() {
    let hypervisor = Hypervisor::new(PAGE);
    let mut device = hypervisor.device().expect("a vmclock");
    assert!(!device.notifies());
    hypervisor.flags(NOTIFICATION_PRESENT);
    assert!(!device.notifies() && !device.heard());
    assert!(is_quiet(0) && is_quiet(libc::POLLIN), "before the first read it is readable");
    assert!(!is_quiet(libc::POLLHUP) && !is_quiet(libc::POLLIN | libc::POLLOUT));
}

#[test]
fn device_nodes_are_found_in_dev_and_in_sysfs_by_number() {
    let root = Scratch::new();
    assert_eq!(find(root.path()), Vec::<PathBuf>::new());
    for directory in
        ["dev/vmclock10", "dev/vmclock2", "dev/vmclock", "dev/vmclockx", "sys/class/misc/vmclock2"]
    {
        fs::create_dir_all(root.path().join(directory)).expect("a directory");
    }
    fs::create_dir_all(root.path().join("sys/class/misc/vmclock0")).expect("a directory");
    let expected = ["dev/vmclock0", "dev/vmclock2", "dev/vmclock10"].map(|path| root.path().join(path));
    assert_eq!(find(root.path()), expected);
}
