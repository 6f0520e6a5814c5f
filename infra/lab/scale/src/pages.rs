//! The console's pages, asked for over HTTP as a browser asks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::Value;
use sluice_local::problem::Problem;

use crate::program::Program;

/// The most bytes of a page.
pub(crate) const PAGE_BYTES: usize = 100 * 1024;

/// A console that serves the measured AWS, and the browser that was let in. It ends with this.
#[derive(Debug)]
pub(crate) struct Console {
    process: Child,
    host: String,
    cookie: String,
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn failed(what: impl std::fmt::Display) -> Problem {
    Problem::process("sluice console", what)
}

impl Console {
    /// Starts one, and opens the address that it prints.
    pub(crate) fn open(program: &Program) -> Result<Self, Problem> {
        let mut call = program.call(&["console", "--no-open", "--port", "0", "--json"]);
        let mut process = call
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let output = process.stdout.take();
        let mut console = Self {
            process,
            host: String::new(),
            cookie: String::new(),
        };
        let mut line = String::new();
        let mut lines = BufReader::new(output.ok_or_else(|| failed("no output"))?);
        lines.read_line(&mut line).map_err(failed)?;
        let said: Value = serde_json::from_str(&line).map_err(failed)?;
        let address = said["address"].as_str().unwrap_or_default();
        let address = address.strip_prefix("http://").unwrap_or_default();
        let (host, path) = address
            .split_once('/')
            .ok_or_else(|| failed("no address"))?;
        console.host = host.to_owned();
        let (head, _) = console.ask(&format!("/{path}"))?;
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let mut cookies = lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        let (_, cookie) = cookies.next().ok_or_else(|| failed("no cookie"))?;
        console.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        Ok(console)
    }

    /// A page's weight in bytes.
    ///
    /// # Errors
    /// If it isn't served, or is heavier than a page may be.
    pub(crate) fn page(&self, path: &str) -> Result<usize, Problem> {
        let (head, body) = self.ask(path)?;
        if !head.starts_with("HTTP/1.1 200 ") {
            return Err(failed(format!("{path}: {head}\n{body}")));
        }
        match body.len() {
            bytes if bytes < PAGE_BYTES => Ok(bytes),
            bytes => Err(failed(format!("{path}: {bytes} bytes"))),
        }
    }

    /// The head and the body of the answer.
    fn ask(&self, path: &str) -> Result<(String, String), Problem> {
        let Self { host, cookie, .. } = self;
        let mut connection = TcpStream::connect(host).map_err(failed)?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).map_err(failed)?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).map_err(failed)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        Ok((head.to_owned(), body.to_owned()))
    }
}
