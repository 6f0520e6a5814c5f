//! Stripe's objects in memory, as a test sets them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use sluice_kernel::code;
use sluice_kernel::consumer::fetch::{Fetch, Fetched, Objects};
use sluice_kernel::event::Scope;
use sluice_kernel::fault::Fault;

/// Scope, kind and id.
type Key = (String, String, Option<String>);

#[derive(Debug, Default)]
struct Inner {
    has_key: bool,
    date_s: i64,
    objects: BTreeMap<Key, Option<Value>>,
    next: VecDeque<Result<Fetched, Fault>>,
    asked: Vec<Fetch>,
}

/// Stripe. An object is found as it was put here, in any API version that is requested. A deleted one is
/// [`Fetched::Deleted`]; for one that was never here, the answer is the client's fault for what it can't prove.
#[derive(Debug)]
pub struct MemoryStripe {
    inner: Mutex<Inner>,
}

impl MemoryStripe {
    /// With a key for both modes. Answers are dated `date_s`, in Unix seconds.
    pub fn at(date_s: i64) -> Self {
        Self::new(true, date_s)
    }

    /// Without a key: every answer is [`Fetched::NoKey`], until another is scripted.
    pub fn without_key() -> Self {
        Self::new(false, 0)
    }

    fn new(has_key: bool, date_s: i64) -> Self {
        let inner = Inner {
            has_key,
            date_s,
            ..Inner::default()
        };
        Self {
            inner: Mutex::new(inner),
        }
    }

    /// Dates answers from now on.
    pub fn set_date(&self, date_s: i64) {
        self.inner().date_s = date_s;
    }

    /// Puts an object here, in place of the previous one. Its kind and id are its own; one without an id is the only
    /// one.
    ///
    /// # Panics
    /// If the object doesn't say what it is.
    pub fn put(&self, scope: &Scope, object: Value) {
        let text = |field: &str| object[field].as_str().map(str::to_owned);
        let kind = text("object").expect("a test's object has its kind");
        let key = (scope.key(), kind, text("id"));
        self.inner().objects.insert(key, Some(object));
    }

    /// Deletes an object.
    pub fn delete(&self, scope: &Scope, kind: &str, id: &str) {
        let key = (scope.key(), kind.to_owned(), Some(id.to_owned()));
        self.inner().objects.insert(key, None);
    }

    /// Scripts an answer: given once, before all other answers and after those that were scripted earlier.
    pub fn then(&self, answer: Result<Fetched, Fault>) {
        self.inner().next.push_back(answer);
    }

    /// The requests since the last call of this method.
    pub fn take_asked(&self) -> Vec<Fetch> {
        std::mem::take(&mut self.inner().asked)
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Objects for MemoryStripe {
    async fn fetch(&self, request: &Fetch) -> Result<Fetched, Fault> {
        tokio::task::yield_now().await;
        let mut inner = self.inner();
        inner.asked.push(request.clone());
        if let Some(scripted) = inner.next.pop_front() {
            return scripted;
        }
        if !inner.has_key {
            return Ok(Fetched::NoKey);
        }
        let (date_s, took_ms) = (inner.date_s, 0);
        let key = (
            request.scope.key(),
            request.kind.clone(),
            request.id.clone(),
        );
        let object = inner.objects.get(&key);
        let object =
            object.ok_or_else(|| Fault::retry(code::STRIPE_DELETION_UNPROVEN, "in memory"))?;
        Ok(match object {
            None => Fetched::Deleted {
                object: None,
                date_s,
                took_ms,
            },
            Some(object) => Fetched::Found {
                object: object.clone(),
                whole: None,
                api_version: request.api_version.clone(),
                date_s,
                took_ms,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope(account: Option<&str>) -> Scope {
        Scope {
            account: account.map(str::to_owned),
            livemode: true,
        }
    }

    fn request(account: Option<&str>) -> Fetch {
        Fetch {
            scope: scope(account),
            context: None,
            kind: "charge".to_owned(),
            id: Some("ch_1".to_owned()),
            parent: None,
            api_version: None,
            url: None,
            proof: None,
        }
    }

    #[tokio::test]
    async fn objects_are_found_by_scope_until_they_are_deleted() {
        let stripe = MemoryStripe::at(7);
        let charge = json!({ "id": "ch_1", "object": "charge" });
        stripe.put(&scope(None), charge.clone());
        let found = Fetched::Found {
            object: charge,
            whole: None,
            api_version: None,
            date_s: 7,
            took_ms: 0,
        };
        assert_eq!(stripe.fetch(&request(None)).await, Ok(found));
        let elsewhere = stripe.fetch(&request(Some("acct_1"))).await;
        let fault = elsewhere.expect_err("it never was there");
        assert_eq!(fault.code, "stripe.deletion_unproven");
        stripe.delete(&scope(None), "charge", "ch_1");
        stripe.set_date(9);
        let gone = stripe.fetch(&request(None)).await;
        assert!(matches!(gone, Ok(Fetched::Deleted { date_s: 9, .. })));
        assert_eq!(stripe.take_asked().len(), 3);
    }

    #[tokio::test]
    async fn what_is_scripted_comes_first_and_once() {
        let stripe = MemoryStripe::without_key();
        stripe.then(Ok(Fetched::Spent { wait_ms: 5 }));
        stripe.then(Err(Fault::retry(code::STRIPE_UNAVAILABLE, "scripted")));
        let first = stripe.fetch(&request(None)).await;
        assert_eq!(first, Ok(Fetched::Spent { wait_ms: 5 }));
        assert!(stripe.fetch(&request(None)).await.is_err());
        assert_eq!(stripe.fetch(&request(None)).await, Ok(Fetched::NoKey));
    }
}
