//! The lab.
mod error;
mod fetch;
mod machine;
mod programs;

fn main() {
    if let Err(error) = go() {
        eprintln!("hostclock-lab: {error}");
        std::process::exit(1);
    }
}

fn go() -> error::Result<()> {
    let tree = fetch::prepare(false)?;
    let programs = programs::Programs::build(false)?;
    let mut lab = machine::Lab::boot(&tree, &programs)?;
    print!("{}", lab.host.run("uname -a; date; dmesg | tail -3")?);
    print!("{}", lab.guest.run("uname -a; date; dmesg | tail -3; ls -la /dev/ptp* /dev/ports; ps | head -40; free")?);
    let start = std::time::Instant::now();
    lab.guest.run("dd if=/dev/urandom of=/tmp/x bs=1M count=4")?;
    println!("dd {:?}", start.elapsed());
    let start = std::time::Instant::now();
    println!("{} in {:?}", lab.guest.fetch("/tmp/x")?.len(), start.elapsed());
    Ok(())
}
