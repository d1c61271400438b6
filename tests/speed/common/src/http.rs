//! As much of HTTP/1.1 as two programs on loopback need: a head, and a body with its length.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

/// A program that does not answer for this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to a program on this machine.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// What has arrived and is not taken yet.
    buffer: Vec<u8>,
    /// What one read fills.
    piece: Vec<u8>,
}

/// A request or an answer.
#[derive(Debug)]
pub struct Message {
    /// The first line and the headers.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Message {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (other, value) = line.split_once(':')?;
            other.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Connection {
    /// A connection over this stream.
    ///
    /// # Errors
    /// If the stream is closed.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: Vec::with_capacity(65_536), piece: vec![0; 65_536] })
    }

    /// Sends a whole message.
    ///
    /// # Errors
    /// If the other side is closed.
    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.stream.write_all(message)
    }

    /// The next message; `None` if the other side has closed.
    ///
    /// # Errors
    /// If the message is not of this form, or does not come.
    pub fn receive(&mut self) -> io::Result<Option<Message>> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.fill()? {
                return Ok(None);
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let head = String::from_utf8(head).map_err(|_| wrong("a head that is not UTF-8"))?;
        let mut message = Message { head, body: Vec::new() };
        if message.header("transfer-encoding").is_some() {
            return Err(wrong("a chunked body"));
        }
        let length = message.header("content-length").map_or(Ok(0), str::parse);
        let length: usize = length.map_err(|_| wrong("a Content-Length that is not a number"))?;
        if message.header("expect").is_some() {
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        while self.buffer.len() < length {
            if !self.fill()? {
                return Ok(None);
            }
        }
        message.body = self.buffer.drain(..length).collect();
        Ok(Some(message))
    }

    fn fill(&mut self) -> io::Result<bool> {
        match self.stream.read(&mut self.piece) {
            Ok(0) => Ok(false),
            Ok(length) => {
                self.buffer.extend_from_slice(self.piece.get(..length).unwrap_or_default());
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
