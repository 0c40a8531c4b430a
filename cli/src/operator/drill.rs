//! `spike operator drill`.

use spike_core::{
    Role,
    wire::v2::escrow::{DrillRequest, DrillResponse, Verdict},
};

use super::hand::{AtHand, wire};
use crate::{
    context::Context,
    error::{CliError, Exit},
    explain::Doing,
    output,
};

/// Prove that recovery shards would restore SPIKE Nexus, without restoring it.
///
/// Takes shards as `spike operator restore` does and sends them to a healthy Nexus, which goes as far
/// as a restore does and then wipes them. Ends with 0 if exactly these shards would bring the root
/// key back, else with 1. Needs the role restore or recover, and is audited.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    at_hand: AtHand,
    /// Only ask whether each shard is good, however few there are: for a custodian alone.
    #[arg(long)]
    each: bool,
}

const EXAMPLES: &str = "\
Examples:
  spike operator drill spike.recovery.1.txt spike.recovery.3.txt
  spike operator drill --identity bob.key --each spike.recovery.2.age";

impl Args {
    /// Tries them.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let shards = wire(self.at_hand.read()?);
        let session = context.nexus().await?;
        let doing = Doing::as_role(&[Role::Restore, Role::Recover], "try", "recovery shards")
            .missing(
                "no recovery shards were ever given out",
                "Take them out first: `spike operator recover`, as the role recover.",
            );
        let drilled = session.nexus.drill(&DrillRequest { shards }).await;
        let drilled = drilled.map_err(session.explain(&doing))?;
        output::print(&told(&drilled))?;
        let enough = if self.each { drilled.shards.iter().all(is_good) } else { drilled.restores };
        if enough { Ok(()) } else { Err(CliError::Verdict(Exit::Other)) }
    }
}

fn is_good(shard: &spike_core::wire::v2::escrow::DrilledShard) -> bool {
    shard.verdict == Verdict::Ok
}

fn told(drilled: &DrillResponse) -> String {
    let DrillResponse { set, shares, threshold, restores, shards } = drilled;
    let first = format!("Set {set}, any {threshold} of {shares} shards restore.");
    let each =
        shards.iter().map(|shard| format!("Shard {}: {}", shard.index, meaning(shard.verdict)));
    let good = shards.iter().filter(|shard| is_good(shard)).count();
    let last = match (restores, usize::from(*threshold).saturating_sub(good)) {
        (true, _) => "These shards would restore the root key.".to_owned(),
        (false, 0) => {
            "A restore would refuse these shards: leave out those that are not ok.".to_owned()
        }
        (false, 1) => "One more good shard is needed to restore.".to_owned(),
        (false, more) => format!("{more} more good shards are needed to restore."),
    };
    std::iter::once(first).chain(each).chain([last]).collect::<Vec<_>>().join("\n")
}

const fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Wrong => "wrong: of an older set or of another cluster, or damaged",
        Verdict::Foreign => "foreign: the set has no shard of this number",
        Verdict::Twice => "given twice",
    }
}

#[cfg(test)]
mod tests {
    use spike_core::{ShareIndex, wire::v2::escrow::DrilledShard};

    use super::*;

    fn drilled(verdicts: &[Verdict], restores: bool) -> String {
        let shards = verdicts.iter().zip(1..).map(|(&verdict, index)| DrilledShard {
            index: ShareIndex::new(index).expect("from 1"),
            verdict,
        });
        told(&DrillResponse { set: 4, shares: 5, threshold: 3, restores, shards: shards.collect() })
    }

    #[test]
    fn each_shard_has_its_verdict_and_the_end_says_what_they_are_worth() {
        let text = drilled(&[Verdict::Ok, Verdict::Wrong, Verdict::Foreign, Verdict::Twice], false);
        assert_eq!(
            text,
            "Set 4, any 3 of 5 shards restore.\n\
             Shard 1: ok\n\
             Shard 2: wrong: of an older set or of another cluster, or damaged\n\
             Shard 3: foreign: the set has no shard of this number\n\
             Shard 4: given twice\n\
             2 more good shards are needed to restore."
        );
        let (ok, wrong) = (Verdict::Ok, Verdict::Wrong);
        assert!(drilled(&[ok, ok], false).ends_with("\nOne more good shard is needed to restore."));
        assert!(
            drilled(&[ok, ok, ok], true).ends_with("\nThese shards would restore the root key.")
        );
        assert!(drilled(&[ok, ok, ok, wrong], false).ends_with("leave out those that are not ok."));
    }
}
