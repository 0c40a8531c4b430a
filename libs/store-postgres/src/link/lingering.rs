//! Writes that nobody waits for any more, but that the server still works on.
//!
//! A commit that waits for a lost standby waits for hours, and closing its connection doesn't end
//! it there: each retry would take one more of the server's connections, until not even reads got
//! one. So such a write keeps its place among ours until the server is done with it.

use std::{pin::pin, time::Duration};

use spike_store::Result;
use sqlx::Connection;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout, timeout_at},
};

use super::{Counted, Link, Member, greeting::Process};

/// How long an answer is waited for before the server is asked whether one will come.
const ASK: Duration = Duration::from_secs(5);

/// How long that question may take, the search for a primary that is gone included.
const PATIENCE: Duration = Duration::from_secs(10);

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
        // idle, since its answer went nowhere. Whoever can't be asked has said neither.
        if matches!(is_at_work(link, &member.process).await, Ok(false)) {
            return;
        }
    }
}

/// Whether the primary, which may be another one by now, has that process and it works.
async fn is_at_work(link: &Link, process: &Process) -> Result<bool> {
    let mut lent = link.reader(Instant::now() + PATIENCE).await?;
    let asked = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND state = 'active'
                        AND extract(epoch FROM backend_start)::text = $2)",
    );
    let asked = asked.bind(process.pid).bind(process.since.clone());
    let asked = timeout_at(lent.due(), asked.fetch_one(&mut *lent)).await;
    lent.answered(asked)
}
