//! The `spike` command: SPIKE Pilot's commands, administration and `spike dev`.
//!
//! One file per command: it reads its arguments, calls Nexus once and hands the answer to
//! `render`, which only makes text of it. A secret value never goes into an argument of another
//! process, an error or a log. Nothing is decided here that a server decides: the command doesn't
//! guess what its identity may do.
//!
//! `kubectl spike` runs the same commands ([`Remote`]) through a [`Door`] that it opens.

mod agent;
mod args;
mod audit;
mod cipher;
pub mod completion;
mod context;
mod dev;
mod error;
mod explain;
mod format;
mod input;
pub mod man;
mod operator;
pub mod output;
mod policy;
mod prompt;
mod remote;
mod render;
mod secret;
mod session;
mod status;
mod values;

pub use args::Args;
pub use context::{Context, Door, Opened, Patience};
pub use error::{CliError, Exit};
pub use remote::Remote;
