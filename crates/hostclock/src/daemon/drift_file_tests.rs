use super::*;
use crate::scratch::Scratch;

struct Folder(Scratch);

impl Folder {
    fn new(name: &str) -> Self {
        Self(Scratch::new(&format!("drift-{name}")))
    }

    fn file(&self) -> PathBuf {
        self.0.join("drift")
    }

    fn text(&self) -> String {
        self.0.read("drift")
    }
}

fn ppb(frequency: f64, sigma: f64) -> Drift {
    (Frequency::from_ppb(frequency), Frequency::from_ppb(sigma))
}

fn silently(line: &str) {
    panic!("{line}");
}

const START: RawTime = RawTime::from_nanos(5_000_000_000);

fn minutes(count: i64) -> RawTime {
    START + Duration::from_secs(60 * count)
}

#[test]
fn what_is_kept_is_read_again() {
    let folder = Folder::new("again");
    assert_eq!(read(&folder.file()), Ok(None));
    let mut file = DriftFile::new(folder.file(), None);
    file.keep(START, ppb(-12_345.678_9, 1.5), silently);
    assert_eq!(folder.text(), "hostclock-drift 1 -12345.679 1.500\n");
    assert_eq!(read(&folder.file()), Ok(Some(ppb(-12_345.679, 1.5))));
    let mode = fs::metadata(folder.file()).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    assert_eq!(fs::read_dir(folder.0.path()).expect("a folder").count(), 1, "nothing else is left");
}

#[test]
fn it_is_written_once_an_hour_and_at_the_end_and_only_news() {
    let folder = Folder::new("hour");
    let mut file = DriftFile::new(folder.file(), None);
    file.keep(minutes(0), ppb(100.0, 5.0), silently);
    file.keep(minutes(59), ppb(200.0, 5.0), silently);
    assert!(folder.text().contains(" 100.000 "));
    file.keep(minutes(60), ppb(200.0, 5.0), silently);
    assert!(folder.text().contains(" 200.000 "));
    file.keep(minutes(120), ppb(200.9, 2.6), silently);
    assert!(folder.text().contains(" 200.000 5.000"), "as good as the same");
    file.keep(minutes(121), ppb(200.9, 2.5), silently);
    assert!(folder.text().contains(" 200.900 2.500"), "much better known");
    file.keep_last(ppb(201.0, 2.5), silently);
    assert!(folder.text().contains(" 200.900 "));
    file.keep_last(ppb(300.0, 2.5), silently);
    assert!(folder.text().contains(" 300.000 "));
}

#[test]
fn what_was_read_is_good_for_an_hour() {
    let folder = Folder::new("held");
    let mut file = DriftFile::new(folder.file(), Some(ppb(100.0, 5.0)));
    file.keep(minutes(0), ppb(200.0, 5.0), silently);
    file.keep(minutes(59), ppb(200.0, 5.0), silently);
    assert_eq!(folder.text(), "");
    file.keep(minutes(60), ppb(200.0, 5.0), silently);
    assert!(folder.text().contains(" 200.000 "));
}

#[test]
fn nonsense_is_not_kept_and_nobody_is_surer_than_the_digits() {
    let folder = Folder::new("nonsense");
    let mut file = DriftFile::new(folder.file(), None);
    for drift in [ppb(500_001.0, 1.0), ppb(f64::INFINITY, 1.0), ppb(1.0, f64::INFINITY), ppb(1.0, -1.0)] {
        file.keep_last(drift, silently);
    }
    assert_eq!(folder.text(), "");
    file.keep_last(ppb(500_000.0, 0.0), silently);
    assert_eq!(read(&folder.file()), Ok(Some(ppb(500_000.0, 0.001))));
}

#[test]
fn what_cannot_be_understood_is_ignored_with_one_line() {
    let folder = Folder::new("ignored");
    let said = |text: &[u8]| {
        fs::write(folder.file(), text).expect("written");
        let said = read(&folder.file()).expect_err("ignored");
        let start = format!("the drift file {} is ignored: ", folder.file().display());
        said.strip_prefix(&start).expect("the file's name").to_owned()
    };
    for text in [&b""[..], b"\n", b"-12.5 3.0\n", b"\xff\xfe", &[0; 100]] {
        assert_eq!(said(text), "it is no drift file of hostclock's");
    }
    assert_eq!(said(b"hostclock-drift 2 1 1\n"), "its version is not 1");
    for text in [
        "hostclock-drift 1\n",
        "hostclock-drift 1 5\n",
        "hostclock-drift 1 5 x\n",
        "hostclock-drift 1 5 5 5\n",
    ] {
        assert_eq!(said(text.as_bytes()), "it does not have two numbers");
    }
    assert_eq!(said(b"hostclock-drift 1 500001 5\n"), "no clock has a frequency of 500001 ppb");
    assert_eq!(said(b"hostclock-drift 1 NaN 5\n"), "no clock has a frequency of NaN ppb");
    assert_eq!(said(b"hostclock-drift 1 5 0\n"), "no frequency is uncertain by 0 ppb");
    assert_eq!(said(b"hostclock-drift 1 5 inf\n"), "no frequency is uncertain by inf ppb");
    let whole = "hostclock-drift 1 -12345.679 1.500\n";
    for length in 0..whole.len() - 1 {
        said(&whole.as_bytes()[..length]);
    }
    let long = format!("hostclock-drift 1 5 5{}\n", " 5".repeat(100_000));
    assert_eq!(said(long.as_bytes()), "its line has no end");
    assert!(read(folder.0.path()).expect_err("a folder").ends_with("it is not a regular file"));
}

#[test]
fn a_file_that_cannot_be_written_is_told_of_once() {
    let folder = Folder::new("unwritable");
    let mut file = DriftFile::new(folder.0.join("missing/drift"), None);
    let mut lines = Vec::new();
    for hour in 0..3 {
        file.keep(minutes(60 * hour), ppb(1.0, 1.0), |line| lines.push(line.to_owned()));
    }
    file.keep_last(ppb(1.0, 1.0), |line| lines.push(line.to_owned()));
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("missing/drift was not written: No such file"), "{lines:?}");
    fs::create_dir(folder.0.join("missing")).expect("a folder");
    file.keep_last(ppb(1.0, 1.0), silently);
    assert!(folder.0.join("missing/drift").exists());
}

#[test]
fn what_a_crash_left_behind_is_replaced_and_a_link_is_not_followed() {
    let folder = Folder::new("link");
    let (victim, new) = (folder.0.join("victim"), folder.0.join("drift.new"));
    fs::write(&victim, "untouched").expect("written");
    std::os::unix::fs::symlink(&victim, &new).expect("a link");
    DriftFile::new(folder.file(), None).keep_last(ppb(1.0, 1.0), silently);
    assert_eq!(fs::read_to_string(&victim).expect("there"), "untouched");
    assert!(read(&folder.file()).is_ok_and(|drift| drift.is_some()) && !new.exists());
}
