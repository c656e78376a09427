//! What a decoder may spend on one input. The crates themselves have no such bounds: hostile
//! bytes would make some types recurse until the stack ends, or loop for years over items that
//! take no bytes. A decoder that is stopped here has neither accepted nor refused its input.

use std::cell::Cell;

use serde::de::Error;

/// Most types inside types.
const DEPTH_MAX: u32 = 2048;

/// Most values; the contents of a byte vector or a text do not count.
const VALUES_MAX: u32 = 1 << 22;

/// Most items of a sequence or map that take no bytes. bitcode has this bound, bincode has none.
const EMPTY_ITEMS_MAX: usize = 1 << 16;

thread_local! {
    static VALUES_LEFT: Cell<u32> = const { Cell::new(0) };
    static IS_EXCEEDED: Cell<bool> = const { Cell::new(false) };
}

/// Begin to count for one input.
pub fn begin() {
    VALUES_LEFT.set(VALUES_MAX);
    IS_EXCEEDED.set(false);
}

/// Count one more value, `depth` levels down.
pub fn count_value<E: Error>(depth: u32) -> Result<(), E> {
    let left = VALUES_LEFT.get();
    if left == 0 || depth > DEPTH_MAX {
        return exceed();
    }
    VALUES_LEFT.set(left - 1);
    Ok(())
}

/// Look at how many items that take no bytes there are so far.
pub fn check_empty_items<E: Error>(count: usize) -> Result<(), E> {
    if count > EMPTY_ITEMS_MAX { exceed() } else { Ok(()) }
}

fn exceed<E: Error>() -> Result<(), E> {
    IS_EXCEEDED.set(true);
    Err(E::custom("a bound of the oracle"))
}

/// Whether a bound was met since `begin`.
pub fn is_exceeded() -> bool {
    IS_EXCEEDED.get()
}
