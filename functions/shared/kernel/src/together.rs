//! Futures side by side, in one task and without a runtime.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// One future's waker: remembers that this one has something to do, and wakes the task that all of them are in.
struct Bell {
    has_rung: AtomicBool,
    task: Mutex<Waker>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.has_rung.store(true, Ordering::Release);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        task.wake_by_ref();
    }
}

/// Runs futures until all of them have ended. Only those that were woken are polled.
pub(crate) async fn together<F: Future<Output = ()> + Send>(futures: Vec<F>) {
    let mut running: Vec<(Pin<Box<F>>, Arc<Bell>)> = futures
        .into_iter()
        .map(|future| {
            let bell = Bell {
                has_rung: AtomicBool::new(true),
                task: Mutex::new(Waker::noop().clone()),
            };
            (Box::pin(future), Arc::new(bell))
        })
        .collect();
    std::future::poll_fn(move |context| {
        running.retain_mut(|(future, bell)| {
            let mut task = bell.task.lock().unwrap_or_else(PoisonError::into_inner);
            task.clone_from(context.waker());
            drop(task);
            if !bell.has_rung.swap(false, Ordering::AcqRel) {
                return true;
            }
            let waker = Waker::from(bell.clone());
            let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
            polled.is_pending()
        });
        match running.is_empty() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Comes back to its task so many times, and counts how often it was polled.
    async fn turns(turns: usize, polls: &AtomicUsize) {
        let mut left = turns;
        std::future::poll_fn(|context| {
            polls.fetch_add(1, Ordering::Relaxed);
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn each_is_polled_when_it_was_woken_and_no_more() {
        let polls = [const { AtomicUsize::new(0) }; 3];
        let futures = [3, 0, 1].into_iter().zip(&polls);
        let futures = futures.map(|(count, polls)| turns(count, polls)).collect();
        let mut all = Box::pin(together(futures));
        let woken = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(woken.clone());
        let mut context = Context::from_waker(&waker);
        let mut rounds = 1;
        while all.as_mut().poll(&mut context).is_pending() {
            rounds += 1;
            assert!(rounds < 10);
        }
        let polls = polls.each_ref().map(|polls| polls.load(Ordering::Relaxed));
        assert_eq!(polls, [4, 1, 2]);
        assert_eq!(woken.0.load(Ordering::Relaxed), 4, "one for each turn");
    }

    #[test]
    fn none_are_done_at_once() {
        let mut none = Box::pin(together(Vec::<std::future::Ready<()>>::new()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(none.as_mut().poll(&mut context).is_ready());
    }
}
