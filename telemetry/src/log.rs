//! Where the lines go.

use crate::{
    event::{Detail, Event},
    function_name::function_name,
    line::{line, write_line},
    metric::JsonText,
};
use std::{
    fmt,
    io::{self, Write},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

/// A log. Clones write to the same place.
///
/// A line that cannot be written is lost, and that ends no program: a decision is worth more than its line. A function tells it in
/// one line on standard error, when the first line is lost after one that was written.
#[derive(Clone)]
pub struct Log(Arc<Inner>);

struct Inner {
    function_name: Option<JsonText>,
    sink: Mutex<Sink>,
}

struct Sink {
    /// Kept, so that a line costs no allocation.
    buffer: Vec<u8>,
    writer: Box<dyn Write + Send>,
    /// Whether the line before could not be written.
    lost: bool,
    /// Where it is told that lines are lost.
    other: Option<Box<dyn Write + Send>>,
}

impl Log {
    /// The log of a function on Lambda: standard output, with metrics under the name that Lambda gives it.
    pub fn of_function() -> Self {
        Self::open(Some(function_name()), Box::new(io::stdout()), Some(Box::new(io::stderr())))
    }

    /// A log that goes nowhere.
    pub fn none() -> Self {
        Self::new(None, io::sink())
    }

    /// A log to `writer`, with metrics if there is the name of a function.
    pub fn new(function_name: Option<String>, writer: impl Write + Send + 'static) -> Self {
        Self::open(function_name, Box::new(writer), None)
    }

    fn open(
        function_name: Option<String>,
        writer: Box<dyn Write + Send>,
        other: Option<Box<dyn Write + Send>>,
    ) -> Self {
        let sink = Sink { buffer: Vec::new(), writer, lost: false, other };
        let function_name = function_name.as_deref().map(JsonText::new);
        Self(Arc::new(Inner { function_name, sink: Mutex::new(sink) }))
    }

    /// Writes the line of an event.
    pub fn write(&self, event: &Event<'_>, now: SystemTime) {
        self.sink().put(
            |buffer| {
                // Cannot fail: a buffer takes whatever is written to it.
                let _ = write_line(buffer, event, self.0.function_name.as_ref(), now);
            },
            now,
        );
    }

    /// Writes a line that another program has made.
    pub fn pass_on(&self, line: &str) {
        let _ = self.sink().write(|buffer| buffer.extend_from_slice(line.as_bytes()));
    }

    fn sink(&self) -> MutexGuard<'_, Sink> {
        self.0.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    /// Writes a line, or tells the other place that lines are lost.
    fn put(&mut self, fill: impl FnOnce(&mut Vec<u8>), now: SystemTime) {
        let written = self.write(fill);
        let was_lost = mem::replace(&mut self.lost, written.is_err());
        if let (Err(error), false, Some(other)) = (written, was_lost, &mut self.other) {
            let told = line(&Event::LogNotWritten { detail: Detail(&error) }, None, now);
            let _ = writeln!(other, "{told}");
        }
    }

    /// In one piece, so that lines do not mix.
    fn write(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let Self { buffer, writer, .. } = self;
        buffer.clear();
        fill(buffer);
        buffer.push(b'\n');
        writer.write_all(buffer)?;
        writer.flush()
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const EVENT: Event<'_> = Event::KeysRead { secret_age: None, monitor_mode: false };

    #[test]
    fn each_line_is_written_in_one_piece() {
        let memory = Memory::default();
        let log = Log::new(None, memory.clone());
        log.clone().write(&EVENT, SystemTime::UNIX_EPOCH);
        log.pass_on("another program's");
        let lines =
            memory.0.lock().unwrap().iter().map(|line| String::from_utf8(line.clone()).unwrap()).collect::<Vec<_>>();
        let own = "{\"timestamp\":\"1970-01-01T00:00:00.000000Z\",\"level\":\"INFO\",\"event\":\"keys-read\",\"monitor_mode\":false}\n";
        assert_eq!(lines, [own, "another program's\n"]);
    }

    /// Takes lines while it has room.
    #[derive(Clone, Default)]
    struct Disk {
        lines: Memory,
        full: Arc<AtomicBool>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.full.load(Ordering::Relaxed) {
                return Err(io::Error::other("the disk is full"));
            }
            self.lines.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A line is written, or the other place is told once, until there is room again.
    #[test]
    fn a_line_that_cannot_be_written_is_lost_and_that_is_told_once() {
        let (disk, other) = (Disk::default(), Memory::default());
        let log = Log::open(None, Box::new(disk.clone()), Some(Box::new(other.clone())));
        for full in [false, true, true, false, true, true] {
            disk.full.store(full, Ordering::Relaxed);
            log.write(&EVENT, SystemTime::UNIX_EPOCH);
        }
        assert_eq!(disk.lines.0.lock().unwrap().len(), 2);
        let told = "{\"timestamp\":\"1970-01-01T00:00:00.000000Z\",\"level\":\"ERROR\",\"event\":\"log-not-written\",\
            \"detail\":\"the disk is full\"}\n";
        assert_eq!(String::from_utf8(other.0.lock().unwrap().concat()).unwrap(), told.repeat(2));

        disk.full.store(true, Ordering::Relaxed);
        Log::new(None, disk).write(&EVENT, SystemTime::UNIX_EPOCH);
    }
}
