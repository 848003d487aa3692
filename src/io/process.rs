//! This process and its machine: memory, processor time, name.

/// The most memory that this process has held at once so far, in bytes; 0 where the system does not tell.
pub fn peak_memory() -> u64 {
    of_status("VmHWM:")
}

fn of_status(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|l| l.strip_prefix(line)).and_then(|l| l.split_whitespace().next());
    kib.and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Keeps credentials and leads, which this process holds in memory, out of core dumps.
pub fn leave_no_dump() {
    #[cfg(target_os = "linux")]
    if rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).is_err() {
        tracing::debug!("the system would write a core dump of this process");
    }
}

/// The memory that this process holds now, in bytes; 0 where the system does not tell.
pub fn memory() -> u64 {
    of_status("VmRSS:")
}

/// Processor time of all threads of this process so far, in seconds; 0 where the system does not tell.
pub fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in brackets, may hold anything; time in user and system mode are the 12th and 13th
    // after it, in ticks, of which Linux has 100 a second on every machine.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u32>().ok());
    f64::from(ticks.fold(0, u32::saturating_add)) / 100.0
}

/// The machine's name, for the manifest.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
