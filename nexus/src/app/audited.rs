//! What the audit says of a request, and that nothing leaves unless it was said.

use std::borrow::Cow;

use jiff::Timestamp;
use spike_audit::{Decision, Entry, Event};
use spike_core::{Revision, Version};

use super::{
    App,
    caller::Caller,
    error::{Error, Result},
    verdict::Verdict,
};

/// What is known of a request so far, in the audit's words. Holds no value and no key.
pub(crate) struct Trail<'a> {
    caller: &'a Caller,
    op: &'static str,
    path: Option<String>,
    version: Option<u64>,
    head_rev: Option<u64>,
    verdict: Option<Verdict>,
    announced: bool,
}

impl<'a> Trail<'a> {
    /// The trail of one request.
    pub(crate) const fn new(caller: &'a Caller, op: &'static str) -> Self {
        Self {
            caller,
            op,
            path: None,
            version: None,
            head_rev: None,
            verdict: None,
            announced: false,
        }
    }

    /// Whose request it is.
    pub(crate) const fn caller(&self) -> &'a Caller {
        self.caller
    }

    /// It is about this path, policy or set.
    pub(crate) fn about(&mut self, path: &impl ToString) {
        self.path = Some(path.to_string());
    }

    /// It was allowed like this.
    pub(crate) fn allowed(&mut self, verdict: &Verdict) {
        self.verdict = Some(verdict.clone());
    }

    /// It is about this version and revision.
    pub(crate) const fn at(&mut self, version: Option<Version>, revision: Revision) {
        self.version = match version {
            Some(version) => Some(version.get()),
            None => None,
        };
        self.head_rev = Some(revision.0);
    }

    fn entry(&self, event: Event, result: Option<&'static str>) -> Entry {
        let decision = match result {
            Some("denied") => Some(Decision::Deny),
            _ => self.verdict.as_ref().map(|_| Decision::Allow),
        };
        let policy = self.verdict.as_ref().and_then(Verdict::policy);
        Entry {
            principal: Some(self.caller.id.clone()),
            path: self.path.clone(),
            version: self.version,
            head_rev: self.head_rev,
            decision,
            policy: policy.map(ToString::to_string),
            result: result.map(Cow::Borrowed),
            latency: Some(self.caller.since.elapsed()),
            trace_id: Some(self.caller.trace.0),
            ..Entry::new(event, self.op, Timestamp::now())
        }
    }
}

impl App {
    /// Says that a write is about to be committed; it isn't unless this succeeds.
    pub(crate) async fn announce(&self, trail: &mut Trail<'_>) -> Result<()> {
        self.audit.append(trail.entry(Event::Intent, None)).await?;
        trail.announced = true;
        Ok(())
    }

    /// Says how a read ended and gives its result back.
    pub(crate) async fn told<T>(&self, trail: Trail<'_>, result: Result<T>) -> Result<T> {
        self.tell(trail, Event::Read, result).await
    }

    /// Says how a write ended and gives its result back.
    pub(crate) async fn settled<T>(&self, trail: Trail<'_>, result: Result<T>) -> Result<T> {
        self.tell(trail, Event::Outcome, result).await
    }

    /// Says how anything that touches keys ended and gives its result back.
    pub(crate) async fn witnessed<T>(&self, trail: Trail<'_>, result: Result<T>) -> Result<T> {
        self.tell(trail, Event::Keys, result).await
    }

    async fn tell<T>(&self, trail: Trail<'_>, event: Event, result: Result<T>) -> Result<T> {
        match &result {
            Ok(_) => self.audit.append(trail.entry(event, Some("ok"))).await.map(drop)?,
            // An announced write has its outcome whatever it is: a denial may only be counted.
            Err(Error::Denied) if !trail.announced => {
                let entry = trail.entry(Event::Denied, Some(Error::Denied.code()));
                self.audit.append_denial(entry).await.map(drop)?;
            }
            // Nothing was decided and nothing leaves: a store that is down must not fill the log.
            Err(error) if error.is_transient() && !trail.announced => {}
            Err(error) => {
                self.audit.append(trail.entry(event, Some(error.code()))).await.map(drop)?;
            }
        }
        result
    }
}
