//! The client's side of HTTP/1.1, as much as Lambda's Runtime API and AWS need: one connection, one request after the
//! other, answers that say how long they are.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::Result;

/// The first size of the buffer for answers; it grows with them.
const BUFFER_BYTES: usize = 16 * 1024;

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

/// An answer, in the connection's buffer.
pub(crate) struct Response<'a> {
    pub(crate) status: u16,
    head: &'a str,
    pub(crate) body: &'a [u8],
}

impl<'a> Response<'a> {
    /// The value of a header, whatever the case of its name.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        header(self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let found = pairs.find(|(own, _)| own.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim())
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Connection {
    /// Without TLS.
    pub(crate) fn open(address: &str) -> Result<Self> {
        Ok(Self::over(connect(address)?))
    }

    /// With TLS. The client hello goes out at once and the call doesn't wait for the answer, so the other side works
    /// meanwhile.
    pub(crate) fn open_tls(address: &str, tls: &Arc<ClientConfig>) -> Result<Self> {
        let host = address.split(':').next().unwrap_or_default();
        let mut session = ClientConnection::new(Arc::clone(tls), host.to_owned().try_into()?)?;
        let mut stream = connect(address)?;
        session.write_tls(&mut stream)?;
        Ok(Self::over(StreamOwned::new(session, stream)))
    }

    fn over(stream: impl Stream + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            buffer: vec![0; BUFFER_BYTES],
        }
    }

    /// Sends a request and reads its answer.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<Response<'_>> {
        self.stream.write_all(request)?;
        self.stream.flush()?;
        let mut filled = 0;
        let head = loop {
            filled += self.read(filled)?;
            let read = &self.buffer[..filled];
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
        };
        let text = str::from_utf8(&self.buffer[..head])?;
        let length = header(text, "content-length").ok_or("an answer has no length")?;
        let end = head + 4 + length.parse::<usize>()?;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        while filled < end {
            filled += self.read(filled)?;
        }
        // Once more: the buffer may have moved.
        let head_text = str::from_utf8(&self.buffer[..head])?;
        let status = head_text.split(' ').nth(1).unwrap_or_default();
        Ok(Response {
            status: status.parse()?,
            head: head_text,
            body: &self.buffer[head + 4..end],
        })
    }

    /// Reads what has arrived and appends it. Returns its length.
    fn read(&mut self, filled: usize) -> Result<usize> {
        if filled == self.buffer.len() {
            self.buffer.resize(filled * 2, 0);
        }
        match self.stream.read(&mut self.buffer[filled..])? {
            0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            count => Ok(count),
        }
    }
}
