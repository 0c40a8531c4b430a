//! `spike operator reshare`.

use std::time::Duration;

use spike_client::ClientError;
use spike_core::{
    Quorum, Role,
    wire::v2::keys::{EnsureRequest, KeySet, KeysResponse},
};
use tokio::time::{Instant, sleep};

use crate::{
    context::Context,
    error::{CliError, Exit},
    explain::Doing,
    format::FormatFlag,
    output, prompt,
    render::keys::under_way,
    session::Session,
};

/// Between two looks at a re-share.
const LOOK: Duration = Duration::from_millis(500);

/// Share the root key among more or fewer Keepers, or with another threshold.
///
/// Nothing stops meanwhile. The old shards are in force until every Keeper has a new one, and what
/// is cut short goes on by itself. A target that isn't committed yet is replaced by another one, and
/// withdrawn by asking for the split that is in force. New Keepers have to run, and every Nexus to
/// know them, before. Whoever has collected a threshold of old shards still has the root key. Needs
/// the role superuser or operator.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How many Keepers get a shard.
    #[arg(long, value_name = "N")]
    shares: u64,
    /// How many of them rebuild the root key.
    #[arg(long, value_name = "N")]
    threshold: u64,
    /// Counts the wishes, as `spec.shamir.generation` does [default: one more, if it is a new wish].
    #[arg(long, value_name = "N")]
    generation: Option<u64>,
    /// Wait until it has settled, 5 minutes or as long as this says.
    #[arg(
        long,
        value_name = "DURATION",
        num_args = 0..=1,
        default_missing_value = "5m",
        value_parser = spike_runtime::env::parse_duration
    )]
    wait: Option<Duration>,
    /// Don't ask about a threshold of 1, or of all shares.
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    format: FormatFlag,
}

const EXAMPLES: &str = "\
Examples:
  spike operator reshare --shares 5 --threshold 3
  spike operator reshare --shares 5 --threshold 3 --wait 10m";

const ALONE: &str = "With a threshold of 1 every Keeper alone holds the whole root key. Go on?";

const ALL: &str = "With as many shares as the threshold, one lost Keeper is one too many while no \
                   Nexus has the key. Go on?";

impl Args {
    /// Re-shares it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let quorum = Quorum::new(self.shares, self.threshold).map_err(|invalid| {
            CliError::usage(invalid.to_string(), "Give --shares and --threshold such numbers.")
        })?;
        let doubt = match (quorum.threshold(), quorum.shares()) {
            (1, _) => Some(ALONE),
            (threshold, shares) => (threshold == shares).then_some(ALL),
        };
        if let Some(doubt) = doubt.filter(|_| !self.yes) {
            prompt::confirm(doubt)?;
        }
        let session = context.nexus().await?;
        let until = self.wait.map(|patience| Instant::now() + patience);
        let now = session.nexus.keys().await.map_err(session.explain(&doing()))?;
        let generation = self.generation.unwrap_or_else(|| generation(&now, quorum));
        let (shares, threshold) = (self.shares, self.threshold);
        let wanted = EnsureRequest { generation, shares, threshold, expect: None };
        let keys = match until {
            None => session.nexus.ensure_keys(&wanted).await.map_err(session.explain(&doing()))?,
            Some(until) => Waiting { session: &session, until }.settled(&wanted).await?,
        };
        self.format.format.print(&keys)
    }
}

/// The generation of a set that is as wanted, or else a new one.
fn generation(keys: &KeysResponse, quorum: Quorum) -> u64 {
    let wanted = (quorum.shares(), quorum.threshold());
    let as_wanted = |set: &&KeySet| (set.shares, set.threshold) == wanted;
    let sets = || keys.pending.iter().chain([&keys.current]);
    let newest = || sets().map(|set| set.generation).max().unwrap_or_default();
    sets().find(as_wanted).map_or_else(|| newest().saturating_add(1), |set| set.generation)
}

fn doing() -> Doing {
    Doing::as_role(&[Role::Superuser, Role::Operator], "re-share", "the root key")
        .conflict(
            "the re-share before it has not settled yet",
            "`spike operator keys` shows which Keepers it waits for; --wait waits for them.",
        )
        .mend("Check the numbers, and that each Nexus lists the new Keepers.")
}

/// Someone who has the time.
struct Waiting<'a> {
    session: &'a Session,
    until: Instant,
}

impl Waiting<'_> {
    /// Asks for it once, and looks until it has settled.
    ///
    /// Asking at every look would take back what somebody else has asked for since.
    async fn settled(&self, wanted: &EnsureRequest) -> Result<KeysResponse, CliError> {
        let nexus = &self.session.nexus;
        let mut told = String::new();
        let mut asked = false;
        loop {
            let seen = if asked { nexus.keys().await } else { nexus.ensure_keys(wanted).await };
            asked |= seen.is_ok();
            let waits = match seen {
                Ok(keys) => match Standing::of(&keys, wanted) {
                    Standing::Settled => return Ok(keys),
                    Standing::Waits(waits) => waits,
                    Standing::Replaced(by) => return Err(replaced(&by)),
                },
                Err(ClientError::Conflict { .. }) => "waits for the one before it".to_owned(),
                Err(error) if passes(&error) => format!("goes on unseen: {error}"),
                Err(error) => return Err(self.session.explain(&doing())(error)),
            };
            if Instant::now() >= self.until {
                return Err(CliError::new(
                    Exit::Unavailable,
                    format!("the re-share {waits}"),
                    "It goes on by itself; `spike operator keys` shows how far it is.",
                ));
            }
            if told != waits {
                output::note(&format!("the re-share {waits}"));
                told = waits;
            }
            sleep(LOOK).await;
        }
    }
}

/// What has become of a wish that was the target once.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Settled,
    Waits(String),
    /// By that target.
    Replaced(String),
}

impl Standing {
    fn of(keys: &KeysResponse, wanted: &EnsureRequest) -> Self {
        let EnsureRequest { generation, shares, threshold, expect: _ } = *wanted;
        let is_ours = |set: &KeySet| {
            let split = (u64::from(set.shares), u64::from(set.threshold));
            (set.generation, split) == (generation, (shares, threshold))
        };
        if keys.pending.as_ref().is_some_and(is_ours) {
            return under_way(keys).map_or(Self::Settled, Self::Waits);
        }
        if !is_ours(&keys.current) {
            let KeySet { shares, threshold, generation, .. } =
                keys.pending.as_ref().unwrap_or(&keys.current);
            let by = format!("{threshold} of {shares} (generation {generation})");
            return Self::Replaced(by);
        }
        // The next one is only claimed when ours has settled.
        match under_way(keys).filter(|_| keys.pending.is_none()) {
            None => Self::Settled,
            Some(waits) => Self::Waits(waits),
        }
    }
}

fn replaced(by: &str) -> CliError {
    CliError::new(
        Exit::Conflict,
        format!("the re-share was replaced by {by}"),
        "Somebody asked for that since; agree, then ask again for what you want.",
    )
}

/// A Nexus that restarts is back in a moment.
fn passes(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::NotReady { .. }
            | ClientError::Unreachable { .. }
            | ClientError::TimedOut { .. }
    )
}

#[cfg(test)]
mod tests {
    use spike_core::{ClusterId, SetId};

    use super::*;

    fn set(generation: u64, shares: u8, threshold: u8) -> KeySet {
        let (epoch, attempt, set_id) = (1, 1, SetId([0; 16]));
        KeySet { epoch, attempt, generation, set_id, shares, threshold, keepers: Vec::new() }
    }

    fn keys(current: KeySet, pending: Option<KeySet>) -> KeysResponse {
        KeysResponse {
            cluster_id: ClusterId([0; 16]),
            revision: 3,
            root_epoch: 1,
            current,
            pending,
            previous: None,
            audit_keys: Vec::new(),
        }
    }

    #[test]
    fn whoever_waits_sees_that_somebody_else_asked_for_something_else() {
        let wanted = EnsureRequest { generation: 9, shares: 5, threshold: 3, expect: None };
        let of = |keys: &KeysResponse| Standing::of(keys, &wanted);
        let (before, ours, other) = (set(4, 3, 2), set(9, 5, 3), set(10, 4, 2));
        let under_way = keys(before.clone(), Some(ours.clone()));
        assert_eq!(of(&under_way), Standing::Waits("goes on".to_owned()));
        let committed = KeysResponse { previous: Some(before.clone()), ..keys(ours.clone(), None) };
        assert_eq!(of(&committed), Standing::Waits("goes on".to_owned()));
        assert_eq!(of(&keys(ours.clone(), None)), Standing::Settled);
        assert_eq!(of(&keys(ours, Some(other.clone()))), Standing::Settled, "before the next");

        let by = |text: &str| Standing::Replaced(text.to_owned());
        assert_eq!(of(&keys(before, Some(other.clone()))), by("2 of 4 (generation 10)"));
        assert_eq!(of(&keys(other, None)), by("2 of 4 (generation 10)"));
        assert_eq!(of(&keys(set(11, 3, 2), None)), by("2 of 3 (generation 11)"), "withdrawn");
    }

    #[test]
    fn only_a_new_wish_gets_a_new_generation() {
        let keys = keys(set(4, 3, 2), Some(set(9, 5, 3)));
        let chosen =
            |shares, threshold| generation(&keys, Quorum::new(shares, threshold).expect("valid"));
        assert_eq!(chosen(5, 3), 9, "it is under way");
        assert_eq!(chosen(3, 2), 4, "it withdraws what is");
        assert_eq!(chosen(5, 4), 10);
    }
}
