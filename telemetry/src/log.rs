//! Where the lines go.

use crate::{event::Event, function_name::function_name, line::write_line, metric::JsonText};
use std::{
    fmt,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

/// A log. Clones write to the same place.
///
/// A line that cannot be written is lost, without a word: nobody may be left who reads the log, and that ends no program.
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
}

impl Log {
    /// The log of a function on Lambda: standard output, with metrics under the name that Lambda gives it.
    pub fn of_function() -> Self {
        Self::new(Some(function_name()), io::stdout())
    }

    /// A log that goes nowhere.
    pub fn none() -> Self {
        Self::new(None, io::sink())
    }

    /// A log to `writer`, with metrics if there is the name of a function.
    pub fn new(function_name: Option<String>, writer: impl Write + Send + 'static) -> Self {
        let sink = Sink { buffer: Vec::new(), writer: Box::new(writer) };
        let function_name = function_name.as_deref().map(JsonText::new);
        Self(Arc::new(Inner { function_name, sink: Mutex::new(sink) }))
    }

    /// Writes the line of an event.
    pub fn write(&self, event: &Event<'_>, now: SystemTime) {
        self.put(|buffer| {
            // Cannot fail: a buffer takes whatever is written to it.
            let _ = write_line(buffer, event, self.0.function_name.as_ref(), now);
        });
    }

    /// Writes a line that another program has made.
    pub fn pass_on(&self, line: &str) {
        self.put(|buffer| buffer.extend_from_slice(line.as_bytes()));
    }

    /// In one piece, so that lines do not mix.
    fn put(&self, fill: impl FnOnce(&mut Vec<u8>)) {
        let mut sink = self.0.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let Sink { buffer, writer } = &mut *sink;
        buffer.clear();
        fill(buffer);
        buffer.push(b'\n');
        let _ = writer.write_all(buffer);
        let _ = writer.flush();
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

    #[test]
    fn a_line_that_cannot_be_written_is_lost() {
        struct Full;

        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }

        Log::new(None, Full).write(&EVENT, SystemTime::UNIX_EPOCH);
    }
}
