//! Holds a pod's namespaces: reaps the orphans that it inherits and ends on SIGTERM or SIGINT.

use std::io;

use rustix::process::{WaitOptions, wait};
use tokio::{
    select,
    signal::unix::{SignalKind, signal},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let mut orphans = signal(SignalKind::child())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        select! {
            _ = orphans.recv() => while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {},
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        }
    }
}
