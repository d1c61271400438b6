//! A server on loopback that answers until the process ends.

use anyhow::{Context as _, Result};
use speed_common::{Connection, Message};
use std::{
    io::{self, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// A server that has a port, and does not answer yet.
pub(crate) struct Server {
    of: &'static str,
    listener: TcpListener,
    /// Like `http://127.0.0.1:40000`.
    pub(crate) url: String,
}

/// An answer with status 200, as it is sent.
pub(crate) type Answer = Arc<[u8]>;

impl Server {
    /// A server in the place of this one, which messages name.
    pub(crate) fn bind(of: &'static str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).with_context(|| format!("a port for {of}"))?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok(Self { of, listener, url })
    }

    /// Answers each request, on threads of the processor on which this is called. An error closes the connection.
    pub(crate) fn answer(self, answer: impl Fn(&Message) -> Result<Answer> + Send + Sync + 'static) {
        let Self { of, listener, .. } = self;
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = Arc::clone(&answer);
                thread::spawn(move || {
                    if let Err(error) = converse(stream, &*answer) {
                        // The process that asked fails too.
                        let _ = writeln!(io::stderr(), "{of} on loopback: {error:#}");
                    }
                });
            }
        });
    }
}

fn converse(stream: TcpStream, answer: &impl Fn(&Message) -> Result<Answer>) -> Result<()> {
    let mut connection = Connection::new(stream)?;
    while let Some(request) = connection.receive()? {
        connection.send(&answer(&request)?)?;
    }
    Ok(())
}

/// An answer with this document.
pub(crate) fn document(media_type: &str, body: &str) -> Answer {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n", body.len());
    (head + body).into_bytes().into()
}
