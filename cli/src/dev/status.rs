//! `spike dev status`: what runs.

use zeroize::Zeroizing;

use super::{
    Place, caution,
    control::{self, ProgramStatus, Status},
    home::Home,
};
use crate::{
    error::{CliError, Exit},
    format::{FormatFlag, View},
    output::Paint,
};

/// Of the command's help.
pub(super) const EXAMPLES: &str = "\
Examples:
  spike dev status
  spike dev status -f json | jq '.programs[].pid'";

/// Arguments of `spike dev status`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    format: FormatFlag,
}

impl Args {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let home = Home::at(&self.place.dir)?;
        let status = control::status(&home).await?;
        self.format.format.print(&status)?;
        if status.sealed {
            return Err(caution::sealed(&home));
        }
        let is_well = |program: &ProgramStatus| program.ready || program.spare;
        let well = status.started && status.programs.iter().all(is_well);
        if well { Ok(()) } else { Err(CliError::Verdict(Exit::Unavailable)) }
    }
}

impl View for Status {
    fn human(&self, paint: Paint) -> Zeroizing<String> {
        render(self, paint).into()
    }
}

fn render(status: &Status, paint: Paint) -> String {
    let Status { name, dir, pid, programs, identities, .. } = status;
    let programs: Vec<_> = programs.iter().map(|program| line(program, paint)).collect();
    let served = identities.iter().map(|served| format!("  {:<12} {}\n", served.name, served.id));
    format!(
        "{} in {dir} (process {pid})\n\n{}\nidentities\n{}",
        paint.bold(name),
        programs.concat(),
        served.collect::<Vec<_>>().concat()
    )
}

fn line(program: &ProgramStatus, paint: Paint) -> String {
    let state = match program {
        ProgramStatus { ready: true, .. } => paint.good("ready"),
        ProgramStatus { spare: true, .. } => "holds nothing, as it should".to_owned(),
        ProgramStatus { reason, .. } => paint.bad(reason),
    };
    let pid = program.pid.map_or("-".to_owned(), |pid| pid.to_string());
    let restarts = match program.restarts {
        0 => String::new(),
        1 => ", restarted once".to_owned(),
        n => format!(", restarted {n} times"),
    };
    let shard = program.shard.map_or(String::new(), |shard| format!("shard {shard}"));
    let ProgramStatus { name, url, .. } = program;
    format!("  {name:<12} {shard:<9} {url:<24} pid {pid:<8} {state}{restarts}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::control::Served;

    #[test]
    fn a_status_is_one_line_per_program_and_identity() {
        let program = |name: &str, shard, pid, restarts, reason: &str| ProgramStatus {
            name: name.to_owned(),
            shard,
            pid,
            restarts,
            ready: reason.is_empty(),
            spare: name == "keeper-1",
            reason: reason.to_owned(),
            url: "https://127.0.0.1:8553".to_owned(),
            log: String::new(),
            audit: String::new(),
        };
        let status = Status {
            name: "quickstart".to_owned(),
            pid: 7,
            dir: "/x/.spike".to_owned(),
            trust_domain: "spike.ist".to_owned(),
            started: true,
            sealed: false,
            programs: vec![
                program("keeper-0", Some(1), Some(12), 1, ""),
                program("keeper-1", Some(2), Some(13), 0, "no shard is committed yet"),
                program("nexus-0", None, None, 3, "it doesn't answer"),
            ],
            identities: vec![Served {
                name: "superuser".to_owned(),
                id: "spiffe://spike.ist/x".to_owned(),
                socket: String::new(),
            }],
            environment: Vec::new(),
        };
        let text = "quickstart in /x/.spike (process 7)\n\n  \
            keeper-0     shard 1   https://127.0.0.1:8553   pid 12       ready, restarted once\n  \
            keeper-1     shard 2   https://127.0.0.1:8553   pid 13       holds nothing, as it should\n  \
            nexus-0                https://127.0.0.1:8553   pid -        it doesn't answer, restarted 3 times\n\
            \nidentities\n  superuser    spiffe://spike.ist/x\n";
        assert_eq!(render(&status, Paint::PLAIN), text);
    }
}
