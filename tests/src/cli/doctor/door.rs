//! A door on loopback that answers as it is told, and notes each request.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};

use crate::support::patience::PATIENCE;

/// A request.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) target: String,
    headers: Vec<(String, String)>,
    /// Whether the same method and target were asked for before.
    pub(super) is_repeated: bool,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn new(status: u16, headers: &[(&'static str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { status, headers, body: body.to_owned() }
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

pub(super) type Answers = fn(&Asked) -> Reply;

/// Ends when it is dropped.
pub(super) struct Door {
    address: SocketAddr,
    /// The head of each request.
    asked: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

impl Door {
    pub(super) async fn open(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let server = tokio::spawn({
            let asked = Arc::clone(&asked);
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(timeout(PATIENCE, serve(stream, answers, Arc::clone(&asked))));
                }
            }
        });
        Self { address, asked, server }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The head of each request, in the order in which they came.
    pub(super) fn heads(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The first line of each.
    pub(super) fn lines(&self) -> Vec<String> {
        self.heads().iter().map(|head| head.lines().next().unwrap().to_owned()).collect()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(mut stream: TcpStream, answers: Answers, asked: Arc<Mutex<Vec<String>>>) {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        read.push(byte);
    }
    let head = String::from_utf8(read).unwrap();
    let is_repeated = {
        let mut asked = asked.lock().unwrap();
        let line = head.lines().next().unwrap();
        let is_repeated = asked.iter().any(|other| other.lines().next() == Some(line));
        asked.push(head.clone());
        is_repeated
    };
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let reply = answers(&Asked { method: method.clone(), target, headers, is_repeated });
    let body = if method == "HEAD" { "" } else { &reply.body };
    let mut text =
        format!("HTTP/1.1 {} x\r\nconnection: close\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in &reply.headers {
        text += &format!("{name}: {value}\r\n");
    }
    // Who asked may have left.
    let _ = stream.write_all(format!("{text}\r\n{body}").as_bytes()).await;
}
