//! Ports that nothing else gets.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

use anyhow::bail;

/// Below the range of the tests' other servers, which lies below that of outgoing connections.
const FIRST: u16 = 6_000;
const PORTS: u16 = 6_000;

/// Each process begins elsewhere, since its tests may run beside those of others.
const PER_PROCESS: u16 = 60;

/// A port that nobody listens on. Each is given out once.
pub(crate) fn free() -> anyhow::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % u32::from(PORTS / PER_PROCESS))? * PER_PROCESS;
    for _ in 0..PORTS {
        let port = FIRST + (own + NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port from {FIRST} on")
}
