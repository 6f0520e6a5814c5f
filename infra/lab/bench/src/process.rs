//! What a process has used, as the kernel counts it, and which processor it runs on. Linux only: other systems have no
//! clock of another process's CPU time.

use crate::problem::Result;

/// Which processor runs what: the functions have a core of their own, everything else runs beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cores {
    /// The emulator, the stub and this program.
    pub(crate) own: usize,
    /// The functions that are measured.
    pub(crate) functions: usize,
}

pub(crate) use platform::{are_one_core, cores, cpu_ns, pin, resident_peak_kb, waited_ns};

/// The numbers of a list as the kernel writes it: `0-2,8`.
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "read on Linux alone")
)]
fn listed(list: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        Some(from.parse().ok()?..=to.parse().ok()?)
    };
    let ranges = list.trim().split(',').filter_map(range);
    ranges.flatten().collect()
}

#[cfg(target_os = "linux")]
mod platform {
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::time::{clock_getcpuclockid, clock_gettime};
    use nix::unistd::Pid;

    use super::{Cores, Result, listed};
    use crate::problem::While;

    fn pid(id: u32) -> Pid {
        Pid::from_raw(i32::try_from(id).unwrap_or(i32::MAX))
    }

    /// The first processor that this program may use, and the first that isn't a thread of the same core, or else the
    /// second. `None` if there is only one.
    ///
    /// # Errors
    /// If the kernel doesn't say.
    pub(crate) fn cores() -> Result<Option<Cores>> {
        let allowed = sched_getaffinity(Pid::from_raw(0)).during("which processors may be used")?;
        let mut usable = (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or(false));
        let Some(own) = usable.next() else {
            return Ok(None);
        };
        let pairs: Vec<_> = usable.map(|functions| Cores { own, functions }).collect();
        let apart = pairs.iter().find(|cores| !are_one_core(**cores));
        Ok(apart.or(pairs.first()).copied())
    }

    /// Whether the two are threads of one core, which slow each other down.
    pub(crate) fn are_one_core(cores: Cores) -> bool {
        let own = format!(
            "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list",
            cores.own
        );
        let threads = std::fs::read_to_string(own).unwrap_or_default();
        listed(&threads).contains(&cores.functions)
    }

    /// Keeps this thread, and what it starts from now on, on one processor.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(crate) fn pin(core: usize) -> Result<()> {
        let mut set = CpuSet::new();
        set.set(core).during("no such processor")?;
        sched_setaffinity(Pid::from_raw(0), &set).during("a thread can't be kept on a processor")
    }

    /// The CPU time that a process has used, its ended threads included, in nanoseconds.
    pub(crate) fn cpu_ns(process: u32) -> u64 {
        let used = clock_getcpuclockid(pid(process)).and_then(clock_gettime);
        let ns = |seconds: i64, rest: i64| {
            u64::try_from(seconds * 1_000_000_000 + rest).unwrap_or_default()
        };
        used.map_or(0, |used| ns(used.tv_sec(), used.tv_nsec()))
    }

    /// How long the threads that a process has now were ready to run without a processor, in nanoseconds.
    pub(crate) fn waited_ns(process: u32) -> u64 {
        let threads = std::fs::read_dir(format!("/proc/{process}/task"));
        let threads = threads.into_iter().flatten().flatten();
        let waited = threads.filter_map(|thread| {
            let counts = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            counts.split_whitespace().nth(1)?.parse::<u64>().ok()
        });
        waited.sum()
    }

    /// The most resident memory that a process has had, in KiB.
    pub(crate) fn resident_peak_kb(process: u32) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{process}/status"));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.unwrap_or_default()
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use super::{Cores, Result};
    use crate::problem::Problem;

    pub(crate) fn cores() -> Result<Option<Cores>> {
        Err(Problem::new(
            "CPU time and memory of the functions are read as Linux has them: run it on Linux",
        ))
    }

    pub(crate) fn are_one_core(_cores: Cores) -> bool {
        false
    }

    pub(crate) fn pin(_core: usize) -> Result<()> {
        Ok(())
    }

    pub(crate) fn cpu_ns(_process: u32) -> u64 {
        0
    }

    pub(crate) fn waited_ns(_process: u32) -> u64 {
        0
    }

    pub(crate) fn resident_peak_kb(_process: u32) -> u64 {
        0
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn processors_are_listed_one_by_one_and_as_ranges() {
        assert_eq!(listed("0-2,8\n"), [0, 1, 2, 8]);
        assert_eq!(listed("1"), [1]);
        assert!(listed("").is_empty());
    }

    #[test]
    fn a_process_that_works_uses_more_and_more() {
        let own = std::process::id();
        let before = cpu_ns(own);
        let mut sum = 0_u64;
        while cpu_ns(own) == before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(before > 0);
        assert!(resident_peak_kb(own) > 100);
        assert_eq!(resident_peak_kb(u32::MAX), 0);
    }
}
