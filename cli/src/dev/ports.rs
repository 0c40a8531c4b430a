//! Whether a port is free, and who has it if not.

use std::{fs, io, net::TcpListener, path::Path};

/// Who listens on a port of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// The process.
    pub(super) pid: u32,
    /// Its name.
    pub(super) name: String,
}

/// An error if something listens on `127.0.0.1:port`.
pub(super) fn free(port: u16) -> io::Result<()> {
    TcpListener::bind(("127.0.0.1", port)).map(drop)
}

/// Who listens on the port; `None` if that can't be seen, as for other users' processes.
pub(super) fn owner(port: u16) -> Option<Owner> {
    let sockets = ["/proc/net/tcp", "/proc/net/tcp6"];
    let mut tables = sockets.iter().filter_map(|table| fs::read_to_string(table).ok());
    let inode = tables.find_map(|table| listener(&table, port))?;
    let link = format!("socket:[{inode}]");
    let mut processes = fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path());
    processes.find_map(|process| {
        let pid = process.file_name()?.to_str()?.parse().ok()?;
        let holds = holds(&process, &link);
        let name = || fs::read_to_string(process.join("comm")).unwrap_or_default();
        holds.then(|| Owner { pid, name: name().trim().to_owned() })
    })
}

/// The inode of the socket that listens on the port, in a table of proc(5)'s `net/tcp`.
fn listener(table: &str, port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        let at = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
        (at == port && *state == LISTEN).then(|| (*inode).to_owned())
    })
}

fn holds(process: &Path, link: &str) -> bool {
    let Ok(files) = fs::read_dir(process.join("fd")) else { return false };
    files.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_found_with_its_process() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        assert!(free(port).is_err());
        assert_eq!(owner(port).map(|owner| owner.pid), Some(std::process::id()));
        drop(listener);
        assert!(free(port).is_ok());
        assert_eq!(owner(port), None);
    }
}
