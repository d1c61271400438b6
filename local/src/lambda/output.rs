//! The output of a function's process, line by line, and in time: before its answer is passed on.

use std::{
    io::{self, ErrorKind, Read as _},
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::io::Interest;

/// A longer line is cut, because CloudWatch does not accept longer lines.
const LINE_BYTES: usize = 1_048_576;

/// The reading end of the output of a process.
///
/// It is a socket and not a pipe, because the two ends of a socket have separate modes: a read here never blocks, but a
/// write of the process does. So all output up to a moment can be read at that moment.
pub(crate) struct Output {
    stream: UnixStream,
    /// The same socket, with which tokio reports new output. Its report can be late, so the output is not read from it.
    readiness: tokio::net::UnixStream,
    /// The part of an unfinished line that has been read.
    begun: Mutex<Vec<u8>>,
    log: Box<dyn Fn(&str) + Send + Sync>,
}

impl Output {
    /// The reading end, whose lines go to `log`, and the end for the process.
    pub(crate) fn new(log: impl Fn(&str) + Send + Sync + 'static) -> io::Result<(Arc<Self>, OwnedFd)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let readiness = tokio::net::UnixStream::from_std(ours.try_clone()?)?;
        let output = Self { stream: ours, readiness, begun: Mutex::default(), log: Box::new(log) };
        Ok((Arc::new(output), theirs.into()))
    }

    /// Reads until the process has ended, so that it can always write.
    pub(crate) async fn read(self: Arc<Self>) {
        let all = || if self.drain() { Ok(()) } else { Err(ErrorKind::WouldBlock.into()) };
        while self.readiness.readable().await.is_ok() {
            if self.readiness.try_io(Interest::READABLE, all).is_ok() {
                break;
            }
        }
    }

    /// Passes every line that has been written to the log. Returns whether the output has ended.
    pub(crate) fn drain(&self) -> bool {
        // One reader at a time, so that lines stay in their order.
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = [0; 16 * 1024];
        loop {
            match (&self.stream).read(&mut buffer) {
                Ok(0) => {
                    self.tell(&std::mem::take(&mut *begun));
                    return true;
                }
                Ok(length) => {
                    begun.extend_from_slice(buffer.get(..length).unwrap_or_default());
                    while let Some(end) = begun.iter().position(|byte| *byte == b'\n') {
                        let rest = begun.split_off(end + 1);
                        self.tell(&std::mem::replace(&mut *begun, rest));
                    }
                    if begun.len() > LINE_BYTES {
                        self.tell(&std::mem::take(&mut *begun));
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return error.kind() != ErrorKind::WouldBlock,
            }
        }
    }

    fn tell(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches(['\r', '\n']);
        if !line.is_empty() {
            (self.log)(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[tokio::test]
    async fn every_line_is_logged_when_it_has_ended() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&told);
        let (output, writer) = Output::new(move |line: &str| log.lock().unwrap().push(line.to_owned())).unwrap();
        let mut writer = UnixStream::from(writer);
        let mut check = |written: &[u8], more: bool, expected: &[&str]| {
            writer.write_all(written).unwrap();
            assert_eq!(output.drain(), !more);
            assert_eq!(std::mem::take(&mut *told.lock().unwrap()), expected);
        };
        check(b"", true, &[]);
        check(b"a\n\nb\r\nc", true, &["a", "b"]);
        check(b"d\xff", true, &[]);
        check(b"\ne", true, &["cd\u{fffd}"]);
        let long = "x".repeat(LINE_BYTES);
        let reading = tokio::spawn(Arc::clone(&output).read());
        let writing = move || writer.write_all(format!("{long}f\ng").as_bytes());
        tokio::task::spawn_blocking(writing).await.unwrap().unwrap();
        reading.await.unwrap();
        let told = told.lock().unwrap();
        let [cut @ .., last] = &told[..] else { panic!("nothing is told") };
        assert_eq!((cut.concat().len(), last.as_str()), (LINE_BYTES + 2, "g"), "no byte is lost");
    }
}
