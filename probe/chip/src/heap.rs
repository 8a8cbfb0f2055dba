//! A heap for the peer, that remembers how much of it was in use at once.

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicU32, Ordering};
use embedded_alloc::LlffHeap;

const SIZE: usize = 8192;

struct Counted {
    heap: LlffHeap,
    in_use: AtomicU32,
    most: AtomicU32,
}

#[global_allocator]
static HEAP: Counted = Counted { heap: LlffHeap::empty(), in_use: AtomicU32::new(0), most: AtomicU32::new(0) };

// SAFETY: every call is passed on; one core and no interrupts, so counting by load and store is exact.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let in_use = self.in_use.load(Ordering::Relaxed) + layout.size() as u32;
        self.in_use.store(in_use, Ordering::Relaxed);
        self.most.store(self.most.load(Ordering::Relaxed).max(in_use), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { self.heap.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        self.in_use.store(self.in_use.load(Ordering::Relaxed) - layout.size() as u32, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { self.heap.dealloc(place, layout) }
    }
}

/// Gives the heap its memory.
pub fn start() {
    static mut MEMORY: [u8; SIZE] = [0; SIZE];
    // SAFETY: called once, at the start of each program.
    unsafe { HEAP.heap.init((&raw mut MEMORY) as usize, SIZE) }
}

/// Bytes that were in use at once, at most.
pub fn peak() -> u32 {
    HEAP.most.load(Ordering::Relaxed)
}
