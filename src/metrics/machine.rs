//! What this process uses of its machine, from `/proc`; on a system without it there is nothing to tell.

use std::fs;
use std::path::Path;

/// Under the names that every exporter uses.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    pub cpu_seconds: f64,
    pub resident_bytes: f64,
    pub virtual_bytes: f64,
    pub open_files: f64,
    pub most_files: Option<f64>,
    /// Since 1970.
    pub started_at: f64,
}

pub fn usage() -> Option<Usage> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name stands in brackets and may hold anything; numbers begin after it with the third.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let [ticks, page] = [rustix::param::clock_ticks_per_second(), page_size()].map(whole);
    let boot = fs::read_to_string("/proc/stat").ok()?;
    let booted_at = boot
        .lines()
        .find_map(|line| line.strip_prefix("btime ")?.trim().parse::<f64>().ok())?;
    Some(Usage {
        cpu_seconds: (field(14)? + field(15)?) / ticks,
        virtual_bytes: field(23)?,
        resident_bytes: field(24)? * page,
        open_files: whole(fs::read_dir("/proc/self/fd").ok()?.count() as u64),
        most_files: most_files(),
        started_at: booted_at + field(22)? / ticks,
    })
}

/// The bytes of memory that this process may use.
pub fn memory() -> Option<u64> {
    memory_by(|file| fs::read_to_string(file).ok())
}

/// The machine's, or what the least of its control groups (of version 2) is given, by what these files say.
pub fn memory_by(read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
    let info = read(Path::new("/proc/meminfo"))?;
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let whole: u64 = total.split_whitespace().next()?.parse().ok()?;
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    let given = group.into_iter().flat_map(|group| Path::new(group).ancestors());
    let given = given.filter_map(|group| {
        let limit = Path::new("/sys/fs/cgroup").join(group).join("memory.max");
        read(&limit)?.trim().parse().ok()
    });
    Some(given.fold(whole * 1024, u64::min))
}

fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

fn most_files() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "none of these comes near 2^53")]
fn whole(count: u64) -> f64 {
    count as f64
}
