//! Where keys live: locked, guarded pages that no dump shows and that are wiped when dropped.
//!
//! The one place of the workspace with `unsafe` code. It refuses to be an allocator: a [`Guarded`]
//! is a fixed number of bytes on pages of its own, between two that can't be touched.
#![expect(unsafe_code, reason = "memsec hands out raw pages; this module is the safe wrapper")]

use std::{
    fmt,
    ptr::NonNull,
    sync::atomic::{AtomicBool, Ordering},
};

static UNLOCKED: AtomicBool = AtomicBool::new(false);

/// True while every [`Guarded`] of this process could be locked into memory.
///
/// `mlock` fails when `RLIMIT_MEMLOCK` is too low; the key still works, but may reach a swap device.
pub fn all_locked() -> bool {
    !UNLOCKED.load(Ordering::Relaxed)
}

/// Tries whether memory can be locked, before there is a key to lock.
pub fn can_lock() -> bool {
    drop(Guarded::<32>::filled(|_| {}));
    all_locked()
}

/// `N` secret bytes: locked into memory, left out of core dumps, between guard pages, wiped on drop.
pub struct Guarded<const N: usize> {
    bytes: NonNull<[u8; N]>,
}

// SAFETY: a `Guarded` owns its pages alone, like a `Box`.
unsafe impl<const N: usize> Send for Guarded<N> {}
// SAFETY: `&Guarded` only gives `&[u8; N]`.
unsafe impl<const N: usize> Sync for Guarded<N> {}

impl<const N: usize> Guarded<N> {
    /// Zeroes, to be filled by `fill`, so that the secret never lies anywhere else.
    pub fn filled(fill: impl FnOnce(&mut [u8; N])) -> Self {
        // SAFETY: any bytes are a valid `[u8; N]`; memsec initialises them.
        let bytes = unsafe { memsec::malloc::<[u8; N]>() }.expect("memory for one page");
        // SAFETY: the pages were just allocated and hold `N` bytes. `malloc` has tried this before
        // and dropped the answer; locking twice is locking once.
        if !unsafe { memsec::mlock(bytes.as_ptr().cast(), N) } {
            UNLOCKED.store(true, Ordering::Relaxed);
        }
        let mut guarded = Self { bytes };
        // SAFETY: `guarded` is the only owner and lives longer than the borrow.
        let inside = unsafe { guarded.bytes.as_mut() };
        inside.fill(0);
        fill(inside);
        guarded
    }

    /// The secret.
    pub fn expose(&self) -> &[u8; N] {
        // SAFETY: the pages are ours until drop, and are only written to before `filled` returns.
        unsafe { self.bytes.as_ref() }
    }
}

impl<const N: usize> From<&[u8; N]> for Guarded<N> {
    /// A copy; wiping the original is the caller's.
    fn from(bytes: &[u8; N]) -> Self {
        Self::filled(|inside| inside.copy_from_slice(bytes))
    }
}

impl<const N: usize> Drop for Guarded<N> {
    fn drop(&mut self) {
        // SAFETY: allocated by `memsec::malloc` and freed once; memsec wipes before it unmaps.
        unsafe { memsec::free(self.bytes) }
    }
}

impl<const N: usize> fmt::Debug for Guarded<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
