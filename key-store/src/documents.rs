//! Documents that others publish on the web, like the keys of an issuer of tokens.

use crate::{https::Connectors, store::ReadError};
use aws_smithy_runtime_api::client::{orchestrator::HttpRequest, result::ConnectorError};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use std::{error::Error, iter, sync::Arc, time::Duration};

/// What reads documents over HTTPS, and over HTTP from this machine, as tests have it. Clones share their connections' trust.
///
/// A client is made for the first document, not before. No connection is kept, and no redirect is followed.
#[derive(Clone, Debug)]
pub struct Documents(Arc<Connectors>);

impl Default for Documents {
    fn default() -> Self {
        Self::new()
    }
}

impl Documents {
    /// Makes no client, reads no file and opens no connection.
    pub fn new() -> Self {
        Self(Arc::new(Connectors::new()))
    }

    /// Reads the document at `url`: the body of an answer with status 200, of at most `limit` bytes, whole within `patience`.
    ///
    /// # Errors
    /// Why the document could not be read. The text has neither the URL nor a part of the answer, except its status.
    pub async fn get(&self, url: &str, limit: usize, patience: Duration) -> Result<Vec<u8>, ReadError> {
        // On the heap, so that an invocation that does not read is not as large as the client's state.
        let read = Box::pin(self.read(url, limit));
        match tokio::time::timeout(patience, read).await {
            Ok(read) => read,
            Err(_) => Err(ReadError(format!("it was not received within {} ms", patience.as_millis()))),
        }
    }

    async fn read(&self, url: &str, limit: usize) -> Result<Vec<u8>, ReadError> {
        let mut request = HttpRequest::get(url).map_err(|_| ReadError("its URL is not valid".to_owned()))?;
        request.headers_mut().insert("accept", "application/json");
        // Some servers refuse a client without a name.
        request.headers_mut().insert("user-agent", "countersign");
        let mut answer = self.0.call(request).await.map_err(|error| unreachable(&error))?;
        match answer.status().as_u16() {
            200 => {}
            status @ 300..=399 => {
                return Err(ReadError(format!(
                    "its server answers {status}, but must answer 200: redirects are not followed"
                )));
            }
            status => return Err(ReadError(format!("its server answers {status}, but must answer 200"))),
        }
        match Limited::new(answer.take_body(), limit).collect().await {
            Ok(body) => Ok(body.to_bytes().into()),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(ReadError(format!("it is longer than the accepted {limit} bytes")))
            }
            Err(_) => Err(ReadError("its server stopped before the end of the document".to_owned())),
        }
    }
}

/// Of a refused connection, a name that does not exist, or a certificate, the last error says what happened.
fn unreachable(error: &ConnectorError) -> ReadError {
    let error: &(dyn Error + 'static) = error;
    let cause = iter::successors(Some(error), |&error| error.source()).last();
    ReadError(format!("its server cannot be reached: {}", cause.map(ToString::to_string).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        thread,
    };

    /// A server that answers one request with these bytes, and then waits for the other side or closes.
    async fn ask(answer: Vec<u8>, closes: bool, limit: usize) -> Result<Vec<u8>, String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys?x=1", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let mut request = vec![0; 4096];
            let length = connection.read(&mut request).unwrap();
            connection.write_all(&answer).ok();
            if !closes {
                // Until the client closes.
                let _ = connection.read(&mut [0]);
            }
            String::from_utf8(request[..length].to_vec()).unwrap()
        });
        let read = Documents::new().get(&url, limit, Duration::from_millis(500)).await;
        let request = tokio::task::spawn_blocking(|| server.join().unwrap()).await.unwrap();
        assert!(request.starts_with("GET /keys?x=1 HTTP/1.1\r\n"), "{request}");
        let names =
            request.lines().skip(1).filter_map(|line| line.split_once(": ")).map(|(name, _)| name.to_lowercase());
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "host", "user-agent"]);
        read.map_err(|error| error.to_string())
    }

    fn answer(head: &str, body: &str) -> Vec<u8> {
        format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    #[tokio::test]
    async fn a_document_is_the_body_of_an_answer_200_within_the_limit() {
        const MARKER: &str = "MARKER";
        for (head, limit, expected) in [
            ("200 OK", 6, Ok(MARKER.as_bytes().to_vec())),
            ("200 OK", 5, Err("it is longer than the accepted 5 bytes")),
            ("204 No Content", 6, Err("its server answers 204, but must answer 200")),
            ("404 Not Found", 6, Err("its server answers 404, but must answer 200")),
            ("500 MARKER", 6, Err("its server answers 500, but must answer 200")),
            (
                "302 Found\r\nlocation: http://127.0.0.1:1/",
                6,
                Err("its server answers 302, but must answer 200: redirects are not followed"),
            ),
        ] {
            let body = if head.starts_with("204") { "" } else { MARKER };
            assert_eq!(ask(answer(head, body), true, limit).await, expected.map_err(str::to_owned), "{head} {limit}");
        }
    }

    #[tokio::test]
    async fn an_endless_document_ends_at_the_limit() {
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        let endless = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}", chunk.repeat(4)).into_bytes();
        let expected = Err("it is longer than the accepted 10000 bytes".to_owned());
        assert_eq!(ask(endless, false, 10_000).await, expected);
    }

    #[tokio::test]
    async fn a_slow_server_and_one_that_stops_are_errors() {
        let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nMARK".to_vec();
        let (late, short) = (ask(half.clone(), false, 100).await, ask(half, true, 100).await);
        assert_eq!(late, Err("it was not received within 500 ms".to_owned()));
        assert_eq!(short, Err("its server stopped before the end of the document".to_owned()));
    }

    #[tokio::test]
    async fn what_cannot_be_asked_is_an_error_without_the_url() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let get = async |url: &str| Documents::new().get(url, 10, Duration::from_millis(500)).await.unwrap_err().0;
        assert_eq!(get("http://exa mple/").await, "its URL is not valid");
        let refused = get(&format!("http://{closed}/x")).await;
        assert!(refused.starts_with("its server cannot be reached: ") && refused.contains("refused"), "{refused}");
        // Nobody speaks TLS there.
        let unsafe_server = get(&format!("https://{closed}/x")).await;
        assert!(unsafe_server.starts_with("its server cannot be reached: "), "{unsafe_server}");
    }
}
