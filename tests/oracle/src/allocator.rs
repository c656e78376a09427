//! The allocators of vm-allocator, which Firecracker saves, taken through some actions.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use vm_allocator::{AddressAllocator, AllocPolicy, IdAllocator, RangeInclusive};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum AddressAction {
    /// Size and alignment.
    First(u64, u64),
    /// Size and alignment.
    Last(u64, u64),
    /// First and last address.
    Free(u64, u64),
}

/// An address space, and what is taken of it and given back.
#[derive(Deserialize)]
pub struct AddressRun {
    base: u64,
    size: u64,
    actions: Vec<AddressAction>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum IdAction {
    Take,
    Give(u32),
}

/// Numbers from `base` to `end`, and what is taken of them and given back.
#[derive(Deserialize)]
pub struct IdRun {
    base: u32,
    end: u32,
    actions: Vec<IdAction>,
}

/// What each action gave, null for a refusal, and the allocator at the end.
#[derive(Serialize)]
struct Ran<R, A> {
    results: Vec<Option<R>>,
    allocator: A,
}

fn reply<R: Serialize, A: Serialize>(ran: &Ran<R, A>) -> Result<Json, String> {
    serde_json::to_value(ran).map_err(|error| error.to_string())
}

impl AddressRun {
    /// The reply, or the crate's refusal of the address space.
    pub fn run(&self) -> Result<Json, String> {
        let mut allocator =
            AddressAllocator::new(self.base, self.size).map_err(|error| error.to_string())?;
        let results = self.actions.iter().map(|action| perform(&mut allocator, action)).collect();
        reply(&Ran { results, allocator })
    }
}

fn perform(allocator: &mut AddressAllocator, action: &AddressAction) -> Option<u64> {
    match *action {
        AddressAction::First(size, alignment) => {
            allocator.allocate(size, alignment, AllocPolicy::FirstMatch).ok().map(|r| r.start())
        }
        AddressAction::Last(size, alignment) => {
            allocator.allocate(size, alignment, AllocPolicy::LastMatch).ok().map(|r| r.start())
        }
        AddressAction::Free(first, last) => {
            allocator.free(&RangeInclusive::new(first, last).ok()?).ok().map(|()| first)
        }
    }
}

impl IdRun {
    /// The reply, or the crate's refusal of the numbers.
    pub fn run(&self) -> Result<Json, String> {
        let mut allocator =
            IdAllocator::new(self.base, self.end).map_err(|error| error.to_string())?;
        let results = self
            .actions
            .iter()
            .map(|action| match *action {
                IdAction::Take => allocator.allocate_id().ok(),
                IdAction::Give(id) => allocator.free_id(id).ok(),
            })
            .collect();
        reply(&Ran { results, allocator })
    }
}
