//! What each fuzz target that reads a peer's bytes is held to: memory and time, within bounds.
#![cfg(feature = "targets")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How much may be allocated at a time by one input.
pub const MAX_MEMORY: usize = 16 * 1024 * 1024;

/// How long one poll may take, by the CPU time of the thread: others wait for so long.
pub const MAX_POLL: Duration = Duration::from_millis(10);

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counted.
pub struct Counting;

#[expect(unsafe_code, reason = "an allocator is; it only counts, and hands all on to the system's")]
// SAFETY: each call goes to the system's allocator with what came in.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(live, Relaxed);
        // SAFETY: as for this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as for this function.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `work`, which says how long its longest poll took; fails if that was too long, or if it took too much memory.
///
/// A poll is too long if it is so twice: the first may have been this machine's.
pub fn bounded(work: impl Fn() -> Duration) {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let longest = work();
    let most = PEAK.load(Relaxed) - before;
    assert!(most <= MAX_MEMORY, "{most} bytes at a time");
    if longest > MAX_POLL {
        let again = work();
        assert!(again <= MAX_POLL, "polls of {longest:?} and {again:?}");
    }
}

/// How long `work` takes.
pub fn timed(work: impl FnOnce()) -> Duration {
    let before = cpu();
    work();
    cpu().saturating_sub(before)
}

/// Runs `work` to its end. How long its longest poll took.
pub async fn longest_poll(work: impl Future) -> Duration {
    let mut work = pin!(work);
    let mut longest = Duration::ZERO;
    poll_fn(|cx| {
        let before = cpu();
        let polled = work.as_mut().poll(cx).map(|_| ());
        longest = longest.max(cpu().saturating_sub(before));
        polled
    })
    .await;
    longest
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
