//! The operator's identity of SPIRE: asked for until it is there, and nobody waits for it who has no
//! cluster with SPIRE.

use std::{sync::Arc, time::Duration};

use spike_core::{Role, SpiffeId};
use spike_identity::{Identity, IdentityError, Source, Wanted};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The identity, or why there is none.
pub(super) type Told = watch::Receiver<Result<Identity, Arc<str>>>;

/// Asks `source`, if there is one, until it gives the operator an identity or until `stop`, and tells
/// once a `round` why there is none. So whoever registers the operator after it started is noticed.
pub(super) fn ask(
    source: Option<Source>,
    round: Duration,
    stop: &CancellationToken,
    tracker: &TaskTracker,
) -> Told {
    let none = "the operator has no identity of SPIRE: install it by config/spire, or by the chart \
                with spire.enabled";
    let silent = |source: &Source| format!("{source} has not answered yet");
    let why = source.as_ref().map_or(none.to_owned(), silent);
    let (tell, told) = watch::channel(Err(why.into()));
    if let Some(source) = source {
        let (until, followers) = (stop.clone(), tracker.clone());
        let asked = Box::pin(async move {
            loop {
                let next = Instant::now() + round;
                let started = start(&source, round, &until, &followers).await;
                let why = match started {
                    Ok(identity) => return drop(tell.send_replace(Ok(identity))),
                    Err(why) => format!("the operator has no identity: {why}"),
                };
                tracing::warn!(why, "clusters with SPIRE can't be asked");
                drop(tell.send_replace(Err(why.into())));
                sleep_until(next).await;
            }
        });
        let stop = stop.clone();
        tracker.spawn(async move { stop.run_until_cancelled(asked).await });
    }
    told
}

async fn start(
    source: &Source,
    patience: Duration,
    stop: &CancellationToken,
    tracker: &TaskTracker,
) -> Result<Identity, IdentityError> {
    let ours = |id: &SpiffeId| id.as_str().ends_with(Role::Operator.path());
    let wanted = Wanted::matching(ours, "an operator's").within(patience);
    Identity::start(source.clone(), wanted, stop.clone(), tracker).await
}

#[cfg(test)]
mod tests {
    use spike_identity::Given;

    use super::*;

    const ROUND: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn who_has_no_spire_is_told_how_the_operator_gets_an_identity() {
        let told = ask(None, ROUND, &CancellationToken::new(), &TaskTracker::new());
        let why = told.borrow().as_ref().err().cloned().expect("no identity");
        assert!(why.contains("config/spire"), "{why}");
    }

    #[tokio::test]
    async fn spire_is_asked_again_after_it_gave_nothing() {
        let (give, given) = watch::channel(None);
        let (source, stop) = (Source::Given(Given::new(given)), CancellationToken::new());
        let mut told = ask(Some(source), ROUND, &stop, &TaskTracker::new());
        for _ in 0..3 {
            told.changed().await.expect("it is asked still");
            let why = told.borrow().as_ref().err().cloned().expect("no identity");
            assert!(why.starts_with("the operator has no identity: "), "{why}");
        }
        stop.cancel();
        while told.changed().await.is_ok() {}
        assert!(give.is_closed(), "nobody asks any more");
    }
}
