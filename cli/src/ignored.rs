//! Signals that were ignored when the program started: `nohup`, or `&` in a script. With a handler they would end it all the same.

use std::{ffi::c_int, fs};

/// Whether this signal is ignored. Only Linux says so (proc(5)): elsewhere none is.
pub(crate) fn is_ignored(signal: c_int) -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| is_in(&status, signal))
}

/// The mask has a bit for each signal, from 1 on, the lowest last.
fn is_in(status: &str, signal: c_int) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    let bit = signal.checked_sub(1).and_then(|bit| u32::try_from(bit).ok());
    bit.and_then(|bit| mask.checked_shr(bit)).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    #[test]
    fn the_mask_is_read() {
        for (status, ignored) in [
            ("Name:\ta\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000000000\n", &[][..]),
            ("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000001\n", &[SIGHUP]),
            ("SigIgn:\t0000000000001003\nSigCgt:\t0000000000000000\n", &[SIGHUP, SIGINT]),
            ("SigIgn:\tffffffffffffffff\n", &[SIGHUP, SIGINT, SIGTERM]),
            ("SigIgn:\tother\n", &[]),
            ("", &[]),
        ] {
            let found: Vec<_> = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| is_in(status, *signal)).collect();
            assert_eq!(found, ignored, "{status}");
        }
        for signal in [0, -1, c_int::MIN, c_int::MAX] {
            assert!(!is_in("SigIgn:\tffffffffffffffff\n", signal), "{signal}");
        }
    }
}
