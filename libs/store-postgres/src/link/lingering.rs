//! Writes that nobody waits for any more, but that the server still works on.
//!
//! A commit that waits for a lost standby waits for hours, and closing its connection doesn't end
//! it there: each retry would take one more of the server's connections, until not even reads got
//! one. So such a write keeps its place among ours until the server is done with it.

use std::{pin::pin, time::Duration};

use sqlx::Connection;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout, timeout_at},
};

use super::{Counted, Link, Member};

/// How long an answer is waited for before the server is asked whether one will come.
const ASK: Duration = Duration::from_secs(5);

/// How long that question may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Keeps the permit until the write is over.
pub(super) fn watch(link: &Link, member: Member, permit: OwnedSemaphorePermit) {
    let watched = link.clone();
    let counted = Counted::in_(&link.0.stuck);
    link.0.tasks.spawn(async move {
        let closed = watched.0.closed.clone();
        closed.run_until_cancelled(until_over(&watched, member)).await;
        drop((counted, permit));
    });
}

async fn until_over(link: &Link, mut member: Member) {
    tracing::warn!("a write is not answered: does the store wait for a standby?");
    let mut answer = pin!(member.connection.ping());
    while timeout(ASK, &mut answer).await.is_err() {
        // After a failover the process isn't there; after a silent end of the connection it is
        // idle, since its answer went nowhere.
        if !link.is_current(&member.era) || !is_at_work(link, member.process).await {
            return;
        }
    }
}

/// True if the server says so.
async fn is_at_work(link: &Link, process: i32) -> bool {
    let deadline = Instant::now() + PATIENCE;
    let Ok(mut lent) = link.reader(deadline).await else { return false };
    let asked = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND state = 'active')",
    );
    let asked = timeout_at(lent.due(), asked.bind(process).fetch_one(&mut *lent)).await;
    lent.answered(asked).unwrap_or(false)
}
