//! Listens on loopback and serves the pages.

use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use sluice_operations::stack::Stack;

use crate::app::{About, App, Log, Shared};
use crate::numbers::Kept;
use crate::operations::Operations;
use crate::routes;
use crate::series;
use crate::session::Session;

/// How a console is started.
#[derive(Clone)]
pub struct Options {
    /// The port; any free one for 0.
    pub port: u16,
    /// Whether changes are allowed. Otherwise each request for one is refused.
    pub write: bool,
    /// Gets a line for each problem, once.
    pub log: Arc<dyn Fn(&str) + Send + Sync>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { port, write, .. } = self;
        let mut shown = f.debug_struct("Options");
        shown
            .field("port", port)
            .field("write", write)
            .finish_non_exhaustive()
    }
}

/// A console that listens, and serves once it is asked to.
#[derive(Debug)]
pub struct Console {
    listener: std::net::TcpListener,
    app: Shared,
    address: String,
}

impl Console {
    /// Listens on 127.0.0.1, and on no other address.
    ///
    /// # Errors
    /// If the port is taken, or the system gives no random bytes.
    pub fn bind(stack: Stack, options: Options) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let app = app(stack, options.write, port, options.log)?;
        let token = app.session.token().unwrap_or_default();
        Ok(Self {
            listener,
            app: Arc::new(app),
            address: format!("http://127.0.0.1:{port}/?token={token}"),
        })
    }

    /// The address to open, with the token that works once.
    pub fn address(&self) -> &str {
        &self.address
    }

    #[cfg(test)]
    pub(crate) fn is_on_loopback(&self) -> bool {
        let address = self.listener.local_addr();
        address.is_ok_and(|address| address.ip() == Ipv4Addr::LOCALHOST)
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    /// If the listener can't be used.
    pub async fn serve(self) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        axum::serve(listener, router(self.app)).await
    }

    /// Serves on a thread of its own until the process ends, for a program without a runtime.
    ///
    /// # Errors
    /// If no thread or runtime can be started.
    pub fn spawn(self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let log = self.app.log.clone();
        let serve = move || {
            if let Err(error) = runtime.block_on(self.serve()) {
                log(&format!("the console has stopped: {error}"));
            }
        };
        std::thread::Builder::new()
            .name("console".to_owned())
            .spawn(serve)?;
        Ok(())
    }
}

/// What the handlers share, for a console on this port.
pub(crate) fn app(stack: Stack, write: bool, port: u16, log: Log) -> io::Result<App> {
    Ok(App {
        about: About::of(&stack, write, port),
        operations: Operations::start(stack)?,
        session: Session::new(port)?,
        confirming: Arc::default(),
        searching: Arc::default(),
        overview: Kept::default(),
        series: series::Kept::default(),
        streams: Arc::default(),
        log,
    })
}

/// Every route behind the guard.
pub(crate) fn router(app: Shared) -> Router {
    routes::router(app)
}
