//! The search for the primary: every host is asked at once, and of those that are it, the newest will
//! do.

use std::time::Duration;

use futures::{Stream, StreamExt, stream::FuturesUnordered};
use spike_store::{Result, StoreError};
use sqlx::{ConnectOptions, PgConnection};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    files::Files,
    greeting::{self, Greeting},
    options::{Host, Options},
};
use crate::error::{is_gone, not_let_in};

/// How long a server may take to accept us: name, connection, TLS, password, greeting. A host that
/// is gone without a word takes all of it.
const CONNECT: Duration = Duration::from_secs(3);

/// How long the others are waited for once one host says that it is the primary: one that nobody
/// fenced may say so too, and be quicker.
const OTHERS: Duration = Duration::from_millis(300);

/// The primary.
pub(super) struct Found {
    pub(super) host: Host,
    pub(super) connection: PgConnection,
    pub(super) greeting: Greeting,
}

/// A host that is not it, or not now.
pub(super) struct Missed {
    pub(super) error: StoreError,
    /// The server isn't there, or isn't the one: connections to it are worth nothing either.
    pub(super) is_gone: bool,
}

/// Finds the primary, which must not be older than `timeline`.
pub(super) async fn find(options: &Options, files: &Files, timeline: u32) -> Result<Found> {
    let asked = options.hosts.iter().map(async |host| {
        let answer = greet(options, host, files, timeline).await;
        answer.map(|(connection, greeting)| Found { host: host.clone(), connection, greeting })
    });
    let answers: FuturesUnordered<_> = asked.collect();
    let newest = newest(answers, |found: &Found| found.greeting.timeline).await;
    newest.map_err(|missed| none_of(missed.into_iter().map(|missed| missed.error).collect()))
}

/// The greatest of the good answers that come within [`OTHERS`] of the first one.
async fn newest<T, E, K: Ord>(
    mut answers: impl Stream<Item = std::result::Result<T, E>> + Unpin,
    age: impl Fn(&T) -> K,
) -> std::result::Result<T, Vec<E>> {
    let mut missed = Vec::new();
    let mut best = loop {
        match answers.next().await {
            Some(Ok(found)) => break found,
            Some(Err(error)) => missed.push(error),
            None => return Err(missed),
        }
    };
    let end = Instant::now() + OTHERS;
    while let Ok(Some(answer)) = timeout_at(end, answers.next()).await {
        if let Ok(other) = answer
            && age(&other) > age(&best)
        {
            best = other;
        }
    }
    Ok(best)
}

/// Opens a session and asks whom we are talking to.
pub(super) async fn greet(
    options: &Options,
    host: &Host,
    files: &Files,
    timeline: u32,
) -> std::result::Result<(PgConnection, Greeting), Missed> {
    let greeted = async {
        let mut connection = greeting::session(options, host, files).connect().await?;
        let greeting = Greeting::of(&mut connection).await?;
        Ok((connection, greeting))
    };
    let gone = |error| Missed { error, is_gone: true };
    match timeout(CONNECT, greeted).await {
        Ok(Ok((connection, greeting))) => match greeting::judge(&greeting, timeline) {
            Ok(()) => Ok((connection, greeting)),
            Err(unfit) => Err(gone(unfit.error().at(host))),
        },
        Ok(Err(error)) => {
            let is_gone = is_gone(&error);
            Err(Missed { error: not_let_in(error, files.password.is_some()).at(host), is_gone })
        }
        Err(_) => Err(gone(StoreError::busy(format!("no answer within {CONNECT:?}")).at(host))),
    }
}

/// One error of all. While one host may mend itself, waiting makes sense.
fn none_of(mut missed: Vec<StoreError>) -> StoreError {
    if missed.len() == 1 {
        return missed.remove(0);
    }
    let waits =
        missed.iter().any(|error| matches!(error, StoreError::Unavailable { retryable: true, .. }));
    let texts = missed.iter().map(|error| match error {
        StoreError::Unavailable { reason, .. } | StoreError::Unusable(reason) => reason.clone(),
        other => other.to_string(),
    });
    let reason = format!("no host is a primary: {}", texts.collect::<Vec<_>>().join("; "));
    if !waits {
        return StoreError::Unusable(reason);
    }
    let mut classes: Vec<_> = missed.iter().map(StoreError::class).collect();
    classes.sort();
    classes.dedup();
    let class = format!("no host is a primary: {}", classes.join("; ")).into();
    StoreError::Unavailable { class, reason, retryable: true, cause: None }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    #[tokio::test]
    async fn the_newest_that_answers_in_time_is_taken_and_the_dead_are_not_waited_for() {
        let answers = [Err("no"), Ok(1), Ok(3), Err("no"), Ok(2)];
        let answers = stream::iter(answers).chain(stream::pending());
        assert_eq!(newest(answers, |&age| age).await, Ok(3));
        let none = stream::iter([Err::<u32, _>("no"), Err("never")]);
        assert_eq!(newest(none, |&age| age).await, Err(vec!["no", "never"]));
    }
}
