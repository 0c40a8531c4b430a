//! Keys are where they should be, and gone when they should be: read from this process's own memory.
#![allow(clippy::indexing_slicing, reason = "a test may")]

mod support;

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    sync::{Mutex, PoisonError},
};

use spike_core::ClusterId;
use spike_seal::{Claim, HashPurpose, RootKey, Shard, memory};
use support::{Fixed, quorum, rng};

/// A secret as it is looked for: never in one piece, so that the search doesn't find itself.
struct Needle {
    masked: [u8; 32],
}

const MASK: u8 = 0xA5;

impl Needle {
    fn new(secret: &[u8; 32]) -> Self {
        Self { masked: secret.map(|byte| byte ^ MASK) }
    }

    fn is_at(&self, window: &[u8]) -> bool {
        window.iter().zip(self.masked).all(|(byte, masked)| byte ^ MASK == masked)
    }
}

/// How often the secret lies in writable memory of this process.
fn copies(needle: &Needle) -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux");
    let mut memory = File::open("/proc/self/mem").expect("our own");
    let mut chunk = vec![0u8; 1 << 16];
    let own = chunk.as_ptr_range();
    let own = own.start.addr() as u64..own.end.addr() as u64;

    let mut found = 0;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (start, end) = line.split(' ').next().and_then(|r| r.split_once('-')).expect("a range");
        let [start, end] = [start, end].map(|at| u64::from_str_radix(at, 16).expect("hex"));
        // Overlapping by 31 bytes, so that nothing hides across two reads.
        for at in (start..end).step_by(chunk.len() - 31) {
            let length = chunk.len().min(usize::try_from(end - at).expect("64 bit"));
            let part = &mut chunk[..length];
            if memory.seek(SeekFrom::Start(at)).is_err() || memory.read_exact(part).is_err() {
                continue;
            }
            found += part
                .windows(32)
                .zip(at..)
                .filter(|(window, at)| !own.contains(at) && needle.is_at(window))
                .count();
        }
        // What was read last must not be found as memory of ours in the next search.
        chunk.fill(0);
    }
    found
}

/// Searches take turns: what one has just read would be found by another.
static SEARCH: Mutex<()> = Mutex::new(());

/// Thirty-two bytes that nobody else has.
fn new_secret(seed: u8) -> (Vec<u8>, Needle) {
    let secret: Vec<u8> = (0..32u8).map(|i| i.wrapping_mul(37) ^ seed).collect();
    let needle = Needle::new(secret.as_slice().try_into().expect("32 bytes"));
    (secret, needle)
}

/// A key that nobody else has: made in place, seen only through its mask.
fn new_root(seed: u8) -> (RootKey, Needle) {
    let (secret, needle) = new_secret(seed);
    let mut random = Fixed::new(secret);
    let root = RootKey::generate(&mut random);
    random.wipe();
    (root, needle)
}

/// The positive control is the first assertion: the search finds a key that is there.
#[test]
fn keys_leave_no_trace_in_memory_when_they_are_dropped() {
    let _alone = SEARCH.lock().unwrap_or_else(PoisonError::into_inner);
    let (root, needle) = new_root(0x5C);
    assert_eq!(copies(&needle), 1, "the key lies once, on its own page");

    let claim = Claim::first(ClusterId([7; 16]), None, quorum(2, 3), 1);
    let ring = claim.activate(&root, &mut rng(7));
    let keys = ring.open(&root).expect("its own root");
    let shards = ring.deal(&root).expect("its own root");
    let shard = Needle::new(shards[0].expose());
    let opened = ring.rebuild(&shards).expect("all shards");
    assert_eq!(copies(&needle), 2, "and once more where it was rebuilt");
    assert!(copies(&shard) >= 1);

    let seed = Needle::new(keys.audit_key().1);
    assert!(copies(&seed) >= 2, "the ring was opened twice");

    drop((root, keys, shards, opened));
    assert_eq!(copies(&needle), 0, "the root key");
    assert_eq!(copies(&shard), 0, "a shard");
    assert_eq!(copies(&seed), 0, "a ring key");
}

#[test]
fn a_plaintext_leaves_no_copy_when_it_was_hashed() {
    /// So long that the search's own buffer can't have come to lie over all of a copy.
    const TIMES: usize = 3600;
    let _alone = SEARCH.lock().unwrap_or_else(PoisonError::into_inner);
    let (root, _) = new_root(0x33);
    let claim = Claim::first(ClusterId([8; 16]), None, quorum(2, 3), 1);
    let keys = claim.activate(&root, &mut rng(8)).open(&root).expect("its own root");

    let (mut secret, needle) = new_secret(0xE1);
    let plaintext = secret.repeat(TIMES);
    secret.fill(0);
    assert_eq!(copies(&needle), TIMES, "it lies where it was put");
    keys.keyed_hash(HashPurpose::WriteDigest, &[b"put", &plaintext]);
    assert_eq!(copies(&needle), TIMES);
}

/// `VmLck` of this process in KiB.
fn locked() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn a_key_lies_on_pages_that_are_locked_and_left_out_of_dumps() {
    let index = spike_core::ShareIndex::new(1).expect("not 0");
    let many: Vec<Shard> = (0..8).map(|i| Shard::received(index, &[i; 32])).collect();
    if memory::all_locked() {
        assert!(locked() >= 8 * 4, "one page each");
    }
    let address = many[0].expose().as_ptr().addr();
    let smaps = std::fs::read_to_string("/proc/self/smaps").expect("Linux");
    let mut flags = None;
    let mut inside = false;
    for line in smaps.lines() {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        let range = range.map(|(start, end)| [start, end].map(|at| usize::from_str_radix(at, 16)));
        if let Some([Ok(start), Ok(end)]) = range {
            inside = (start..end).contains(&address);
        } else if inside && line.starts_with("VmFlags:") {
            flags = Some(line.to_owned());
        }
    }
    let flags = flags.expect("the page is mapped");
    assert!(flags.contains(" dd"), "left out of core dumps: {flags}");
    if memory::all_locked() {
        assert!(flags.contains(" lo"), "locked: {flags}");
    }
}
