//! `/v2/escrow` and the routes that give recovery shards out or try them.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use spike_core::wire::v2::escrow::{
    DrillRequest, DrillResponse, DrilledShard, RecoverRequest, RecoverResponse, RecoveredShard,
    Verdict,
};
use spike_seal::WhyRefused;

use super::{Body, Share, answered, finished, operator::received, parsed};
use crate::{
    app::caller::Caller,
    boot::{Drilled, Given, Parcel, Wanted},
    nexus::Nexus,
};

/// The last set, as only its custodians can read it.
pub(super) async fn show(State(nexus): State<Arc<Nexus>>, caller: Caller) -> Response {
    answered("operator.escrow", nexus.app.escrow(&caller, &nexus.boot).await)
}

/// The last set, or a new one.
pub(super) async fn recover(
    State(nexus): State<Arc<Nexus>>,
    caller: Caller,
    share: Share,
    body: Body,
) -> Response {
    let wanted = parsed::<RecoverRequest>(&body)
        .map(|RecoverRequest { new_set, recipients }| Wanted { new_set, recipients });
    let worker = nexus.clone();
    let work = async move { worker.app.recover(&caller, &worker.boot, wanted).await };
    answered("operator.recover", finished(&nexus, share, work).await.map(given))
}

/// Whether shards would restore the root key.
pub(super) async fn drill(
    State(nexus): State<Arc<Nexus>>,
    caller: Caller,
    share: Share,
    body: Body,
) -> Response {
    let shards = parsed::<DrillRequest>(&body).and_then(|request| received(&request.shards));
    let worker = nexus.clone();
    let work = async move { worker.app.drill(&caller, &worker.boot, shards).await };
    let drilled = finished(&nexus, share, work).await;
    answered("operator.drill", drilled.map(|drilled| told(&drilled)))
}

fn given(Given { set, quorum, shards }: Given) -> RecoverResponse {
    let wire = |parcel| match parcel {
        Parcel::Plain(shard) => RecoveredShard {
            index: shard.index(),
            recipient: None,
            ciphertext: None,
            shard: Some(shard.expose().to_vec().into()),
        },
        Parcel::For { index, recipient, ciphertext } => {
            let (recipient, ciphertext) = (Some(recipient), Some(ciphertext));
            RecoveredShard { index, recipient, ciphertext, shard: None }
        }
    };
    let shards = shards.into_iter().map(wire).collect();
    RecoverResponse { set, shares: quorum.shares(), threshold: quorum.threshold(), shards }
}

fn told(drilled: &Drilled) -> DrillResponse {
    let Drilled { set, quorum, restores, verdicts } = drilled;
    let wire = |(index, verdict): &(_, Result<(), WhyRefused>)| {
        let verdict = match verdict {
            Ok(()) => Verdict::Ok,
            Err(WhyRefused::Digest) => Verdict::Wrong,
            Err(WhyRefused::OutOfRange) => Verdict::Foreign,
            Err(WhyRefused::Duplicate) => Verdict::Twice,
        };
        DrilledShard { index: *index, verdict }
    };
    DrillResponse {
        set: *set,
        shares: quorum.shares(),
        threshold: quorum.threshold(),
        restores: *restores,
        shards: verdicts.iter().map(wire).collect(),
    }
}
