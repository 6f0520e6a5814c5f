//! Runs the library's operations for the handlers, on a thread of their own.
//!
//! An operation may hold what can't move between threads; a handler may not. An operation that has begun ends even if
//! the browser is gone: messages that it hides are made visible again, and a run that it began goes to its end.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use sluice_operations::problem::Problem;
use sluice_operations::stack::Stack;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

use crate::limits::{OPERATIONS, REQUEST_WAIT};

type Job = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// The thread that operations run on, and the stack that they are for.
#[derive(Clone)]
pub(crate) struct Operations {
    stack: Arc<Stack>,
    jobs: mpsc::UnboundedSender<Job>,
    slots: Arc<Semaphore>,
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations").finish_non_exhaustive()
    }
}

impl Operations {
    /// Starts the thread. It ends with the last handle.
    pub(crate) fn start(stack: Stack) -> io::Result<Self> {
        let (jobs, mut waiting) = mpsc::unbounded_channel::<Job>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let work = move || {
            LocalSet::new().block_on(&runtime, async move {
                while let Some(job) = waiting.recv().await {
                    spawn_local(job());
                }
            });
        };
        std::thread::Builder::new()
            .name("operations".to_owned())
            .spawn(work)?;
        Ok(Self {
            stack: Arc::new(stack),
            jobs,
            slots: Arc::new(Semaphore::new(OPERATIONS)),
        })
    }

    /// The result of an operation.
    ///
    /// # Errors
    /// The operation's own problem; `Failed` if it takes longer than [`REQUEST_WAIT`].
    pub(crate) async fn ask<T, F>(
        &self,
        operation: impl FnOnce(Arc<Stack>) -> F + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Problem>> + 'static,
    {
        let stopped = || Problem::failed("the console is stopping");
        let result = async {
            let slot = self.slots.clone().acquire_owned().await;
            let (give, result) = oneshot::channel();
            let stack = self.stack.clone();
            let job: Job = Box::new(move || {
                Box::pin(async move {
                    // The browser may be gone: then no one takes the result.
                    let _ = give.send(operation(stack).await);
                    drop(slot);
                })
            });
            self.jobs.send(job).map_err(|_| stopped())?;
            result.await.map_err(|_| stopped())?
        };
        match timeout(REQUEST_WAIT, result).await {
            Ok(result) => result,
            Err(_) => Err(Problem::Failed(format!(
                "no answer within {} s; it may still be working: look again in a moment",
                REQUEST_WAIT.as_secs()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use tokio::sync::oneshot::channel;

    use super::*;

    #[tokio::test]
    async fn an_operation_that_has_begun_ends_though_its_request_is_gone() {
        let operations = Operations::start(Stack::for_tests()).expect("it starts");
        let (begun, has_begun) = channel();
        let (go, may_end) = channel::<()>();
        let (end, has_ended) = channel();
        let request = tokio::spawn({
            let operations = operations.clone();
            async move {
                let work = |_| async move {
                    begun.send(()).expect("it is waited for");
                    may_end.await.expect("it may");
                    end.send(()).expect("it is waited for");
                    Ok(())
                };
                operations.ask(work).await
            }
        });
        has_begun.await.expect("it begins");
        request.abort();
        assert!(request.await.expect_err("it is gone").is_cancelled());
        go.send(()).expect("it works");
        has_ended.await.expect("it ends");
    }

    #[tokio::test]
    async fn no_more_operations_work_at_once_than_there_are_places() {
        let operations = Operations::start(Stack::for_tests()).expect("it starts");
        let places = operations.slots.clone();
        let working = operations.ask(move |_| async move { Ok(places.available_permits()) });
        assert_eq!(working.await.expect("a count"), OPERATIONS - 1);
        let refused = operations.ask(|_| ready(Err::<(), _>(Problem::failed("no"))));
        assert_eq!(refused.await.expect_err("its problem").to_string(), "no");
        let all = operations.slots.acquire_many(OPERATIONS as u32).await;
        assert!(all.is_ok(), "every place is given back");
    }
}
