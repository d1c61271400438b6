//! A log that is kept in memory, for programs and tests that look at it.

use serde_json::Value;
use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Mutex, PoisonError},
};

/// The lines of a log. Clones hold the same lines.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog(Arc<Mutex<Vec<u8>>>);

impl MemoryLog {
    /// The lines since it was last asked.
    pub fn take_lines(&self) -> Vec<String> {
        let bytes = mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
    }

    /// The lines since it was last asked, without those that are not JSON.
    pub fn take(&self) -> Vec<Value> {
        self.take_lines().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

impl Write for MemoryLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
