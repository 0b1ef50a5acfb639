//! How much memory the process has, as Linux counts it.

use crate::BoxError;

/// Bytes that are resident and the process's alone: what would be free again without it.
///
/// # Errors
///
/// Where there is no `/proc/self/smaps_rollup`.
pub(super) fn private_bytes() -> Result<u64, BoxError> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    Ok(kibibytes(&rollup, "Private_Clean:")? + kibibytes(&rollup, "Private_Dirty:")?)
}

/// The most that has been resident since [`forget_peak`].
///
/// # Errors
///
/// Where there is no `/proc/self/status`.
pub(super) fn peak_bytes() -> Result<u64, BoxError> {
    kibibytes(&std::fs::read_to_string("/proc/self/status")?, "VmHWM:")
}

/// Bytes that are resident and belong to no file, those of shared memory not among them.
///
/// # Errors
///
/// Where there is no `/proc/self/status`.
#[cfg(target_os = "linux")]
pub(in crate::groups) fn anonymous_bytes() -> Result<u64, BoxError> {
    kibibytes(&std::fs::read_to_string("/proc/self/status")?, "RssAnon:")
}

/// Lets the peak begin anew at what is resident now: 5 is the number of that
/// (<https://docs.kernel.org/filesystems/proc.html>, `clear_refs`).
///
/// # Errors
///
/// Where there is no `/proc/self/clear_refs`, or it may not be written.
pub(super) fn forget_peak() -> Result<(), BoxError> {
    Ok(std::fs::write("/proc/self/clear_refs", "5")?)
}

fn kibibytes(lines: &str, name: &str) -> Result<u64, BoxError> {
    let line = lines.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let number = number.ok_or_else(|| format!("the system does not tell {name:?}"))?;
    Ok(number.parse::<u64>()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_written_to_is_the_process_s_own() -> Result<(), BoxError> {
        const MEBIBYTES_32: usize = 32 << 20;
        let before = private_bytes()?;
        let memory = std::hint::black_box(vec![1_u8; MEBIBYTES_32]);
        let more = private_bytes()? - before;
        // Other tests run meanwhile.
        assert!(more as usize > MEBIBYTES_32 / 2, "{more}");
        drop(memory);
        Ok(())
    }

    #[test]
    fn a_number_without_its_unit_is_not_understood() {
        assert_eq!(kibibytes("A: 1 kB\nB:  20 kB", "B:").ok(), Some(20 << 10));
        assert!(kibibytes("B: 20", "B:").is_err());
        assert!(kibibytes("A: 1 kB", "B:").is_err());
    }
}
