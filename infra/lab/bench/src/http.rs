//! The server's side of HTTP/1.1 on a blocking connection: what clients of Lambda's Runtime API and of AWS send, and no
//! more. It handles requests with a length or in chunks, connections that are kept, and `Expect: 100-continue`.

use std::io::{self, Read, Write};

/// The most bytes of a request's head.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// The most bytes of a request's body: a Lambda payload has at most 6 MB.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The most headers of a request.
const HEADERS_MAX: usize = 64;

/// How much is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// A request as it was sent.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// Path and query.
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    /// The body, put together if it came in chunks.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The value of a header, whatever the case of its name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// How the length of the body is given.
enum Framing {
    Length(usize),
    Chunks,
}

/// A connection that a client has opened.
pub(crate) struct Connection<S> {
    stream: S,
    read: Vec<u8>,
    at: usize,
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

impl<S: Read + Write> Connection<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            read: Vec::with_capacity(CHUNK_BYTES),
            at: 0,
        }
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Waits until the client goes away; what it still sends is ignored.
    pub(crate) fn wait_for_end(&mut self) -> io::Result<()> {
        while self.fill()? > 0 {
            self.at = self.read.len();
        }
        Ok(())
    }

    /// The next request; `None` if the client has closed the connection between two.
    pub(crate) fn request(&mut self) -> io::Result<Option<Request>> {
        let (mut request, framing) = loop {
            if let Some(head) = self.head()? {
                break head;
            }
            if self.fill()? == 0 {
                return match self.read.len() == self.at {
                    true => Ok(None),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        };
        if request.header("expect").is_some() {
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        match framing {
            Framing::Length(length) => self.take(length, &mut request.body)?,
            Framing::Chunks => self.chunks(&mut request.body)?,
        }
        Ok(Some(request))
    }

    /// Reads what has arrived. Returns its length.
    fn fill(&mut self) -> io::Result<usize> {
        if self.at == self.read.len() {
            self.read.clear();
            self.at = 0;
        }
        let had = self.read.len();
        self.read.resize(had + CHUNK_BYTES, 0);
        let count = loop {
            match self.stream.read(&mut self.read[had..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.read
            .truncate(had + count.as_ref().copied().unwrap_or(0));
        count
    }

    /// The head, once it is complete.
    fn head(&mut self) -> io::Result<Option<(Request, Framing)>> {
        let unread = &self.read[self.at..];
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Request::new(&mut headers);
        let status = parsed
            .parse(unread)
            .map_err(|error| invalid(&error.to_string()))?;
        let httparse::Status::Complete(length) = status else {
            return match unread.len() > HEAD_BYTES_MAX {
                true => Err(invalid("the head is too long")),
                false => Ok(None),
            };
        };
        let text = |header: &httparse::Header<'_>| {
            let value = String::from_utf8_lossy(header.value).trim().to_owned();
            (header.name.to_owned(), value)
        };
        let request = Request {
            path: parsed.path.unwrap_or_default().to_owned(),
            headers: parsed.headers.iter().map(text).collect(),
            body: Vec::new(),
        };
        self.at += length;
        let chunked = request
            .header("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        let framing = match (chunked, request.header("content-length")) {
            (true, _) => Framing::Chunks,
            (false, None) => Framing::Length(0),
            (false, Some(length)) => {
                let length = length
                    .parse()
                    .map_err(|_| invalid("the length is no number"))?;
                Framing::Length(length)
            }
        };
        Ok(Some((request, framing)))
    }

    /// Appends this number of bytes to `body`.
    fn take(&mut self, count: usize, body: &mut Vec<u8>) -> io::Result<()> {
        if body.len().saturating_add(count) > BODY_BYTES_MAX {
            return Err(invalid("the body is too long"));
        }
        body.reserve(count);
        let mut missing = count;
        loop {
            let unread = &self.read[self.at..];
            let some = unread.len().min(missing);
            body.extend_from_slice(&unread[..some]);
            self.at += some;
            missing -= some;
            if missing == 0 {
                return Ok(());
            }
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size =
                usize::from_str_radix(size, 16).map_err(|_| invalid("a chunk has no size"))?;
            if size == 0 {
                // Trailers, which this server doesn't need, end with an empty line.
                while !self.line()?.is_empty() {}
                return Ok(());
            }
            self.take(size, body)?;
            self.line()?;
        }
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            let unread = &self.read[self.at..];
            if let Some(end) = unread.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&unread[..end]).into_owned();
                self.at += end + 2;
                return Ok(line);
            }
            if unread.len() > HEAD_BYTES_MAX {
                return Err(invalid("a line is too long"));
            }
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that sends one byte at a time, and what it received.
    struct Slow(Vec<u8>, Vec<u8>);

    impl Read for Slow {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() || into.is_empty() {
                return Ok(0);
            }
            into[0] = self.0.remove(0);
            Ok(1)
        }
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn requests_are_separated_however_they_are_framed() {
        let sent = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n\
            POST /a HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc\
            POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: 1\r\n\r\n";
        let mut connection = Connection::new(Slow(sent.to_vec(), Vec::new()));
        let mut seen = Vec::new();
        while let Some(request) = connection.request().expect("well formed") {
            seen.push((request.path, String::from_utf8(request.body).expect("text")));
        }
        let expected = [("/next", ""), ("/a", "abc"), ("/b", "abc")];
        assert_eq!(
            seen,
            expected.map(|(path, body)| (path.to_owned(), body.to_owned()))
        );
        assert_eq!(connection.stream.1, b"HTTP/1.1 100 Continue\r\n\r\n");
    }

    #[test]
    fn a_request_that_is_cut_off_is_no_end() {
        for cut in [
            "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nab",
            "GET /a HT",
        ] {
            let mut connection = Connection::new(Slow(cut.as_bytes().to_vec(), Vec::new()));
            assert!(connection.request().is_err(), "{cut}");
        }
    }
}
