//! What tests of several modules need.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, header};
use maud::Markup;
use sluice_operations::stack::Stack;
use tower::ServiceExt;

use crate::app::{About, Shared};
use crate::server::{app, router};

/// The port that the consoles of tests think they are on.
pub(crate) const PORT: u16 = 7;

/// Of a local stack.
pub(crate) fn about(write: bool) -> About {
    About::of(&Stack::for_tests(), write, PORT)
}

/// Prints a page's weight, and returns it.
pub(crate) fn weigh(name: &str, page: Markup) -> usize {
    let bytes = page.into_string().len();
    println!("{name}: {bytes} bytes");
    bytes
}

/// A console on a stack where nothing answers, and the lines of its log.
pub(crate) struct Tested {
    pub(crate) app: Shared,
    router: Router,
    pub(crate) lines: Arc<Mutex<Vec<String>>>,
}

impl Tested {
    pub(crate) fn new(write: bool) -> Self {
        Self::of(Stack::for_tests(), write)
    }

    pub(crate) fn of(stack: Stack, write: bool) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = lines.clone();
        let log = move |line: &str| kept.lock().expect("whole").push(line.to_owned());
        let app = app(stack, write, PORT, Arc::new(log)).expect("it starts");
        let app = Arc::new(app);
        Self {
            router: router(app.clone()),
            app,
            lines,
        }
    }

    /// The console's own `Cookie` header.
    pub(crate) fn cookie(&self) -> String {
        let cookie = self.app.session.cookie();
        cookie.split(';').next().unwrap_or_default().to_owned()
    }

    /// The answer to a request.
    pub(crate) async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let answer = self.router.clone().oneshot(request).await;
        answer.expect("it never fails")
    }

    /// A request as a browser that was let in makes it, for reading or for a change.
    pub(crate) fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, format!("127.0.0.1:{PORT}"))
            .header(header::COOKIE, self.cookie())
            .header("sec-fetch-site", "same-origin")
    }
}
