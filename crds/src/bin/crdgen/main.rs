//! `crdgen`: writes what is made of the types for others to read: the definition that
//! `kubectl apply` takes, and its reference page. With `--check` it only says what is out of date.
//!
//! It is a program of this crate and not a task of `xtask`, which checks every crate and so must
//! build without any of them.

mod files;
mod reference;

fn main() -> std::io::Result<std::process::ExitCode> {
    files::run(&std::env::args().skip(1).collect::<Vec<_>>())
}
