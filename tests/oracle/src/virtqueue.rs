//! A split virtqueue of virtio-queue, in guest memory that is given, taken through some actions.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use virtio_queue::{Queue, QueueOwnedT, QueueState, QueueT};
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

#[derive(Deserialize)]
#[serde(remote = "QueueState")]
struct QueueFields {
    max_size: u16,
    next_avail: u16,
    next_used: u16,
    event_idx_enabled: bool,
    size: u16,
    ready: bool,
    desc_table: u64,
    avail_ring: u64,
    used_ring: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Pop,
    UndoPop,
    Arm,
    NeedsNotification,
    /// Head of the chain, and how many bytes were written to it.
    AddUsed(u16, u32),
}

/// A queue, the memory that it is in, and what its device does.
#[derive(Deserialize)]
pub struct VirtqueueRun {
    ram_base: u64,
    #[serde(with = "hex")]
    ram: Vec<u8>,
    #[serde(with = "QueueFields")]
    queue: QueueState,
    actions: Vec<Action>,
}

/// `results` has for each action what it gives, or `{"error": text}`.
#[derive(Serialize)]
struct VirtqueueRan {
    results: Vec<Json>,
    next_avail: u16,
    next_used: u16,
    #[serde(with = "hex")]
    ram: Vec<u8>,
}

/// A chain: each descriptor is address, length and flags.
#[derive(Serialize)]
struct PoppedChain {
    head: u16,
    descriptors: Vec<(u64, u32, u16)>,
}

type Memory = GuestMemoryMmap<()>;

impl VirtqueueRun {
    /// What came of it; or the crate's error, if it does not take the queue.
    pub fn run(mut self) -> Result<Json, String> {
        let base = GuestAddress(self.ram_base);
        let memory = Memory::from_ranges(&[(base, self.ram.len())]).map_err(|e| e.to_string())?;
        memory.write_slice(&self.ram, base).map_err(|e| e.to_string())?;
        let mut queue = Queue::try_from(self.queue).map_err(|e| e.to_string())?;
        if !queue.is_valid(&memory) {
            return Err("the queue is not valid".to_owned());
        }
        let results = self.actions.iter().map(|action| act(&mut queue, &memory, action)).collect();
        memory.read_slice(&mut self.ram, base).map_err(|e| e.to_string())?;
        let (next_avail, next_used) = (queue.next_avail(), queue.next_used());
        Ok(json!(VirtqueueRan { results, next_avail, next_used, ram: self.ram }))
    }
}

fn act(queue: &mut Queue, memory: &Memory, action: &Action) -> Json {
    match action {
        Action::Pop => pop(queue, memory),
        Action::UndoPop => {
            queue.go_to_previous_position();
            Json::Null
        }
        Action::Arm => reply(queue.enable_notification(memory)),
        Action::NeedsNotification => reply(queue.needs_notification(memory)),
        Action::AddUsed(head, written) => reply(queue.add_used(memory, *head, *written)),
    }
}

fn pop(queue: &mut Queue, memory: &Memory) -> Json {
    let chain = match queue.iter(memory) {
        Ok(mut chains) => chains.next(),
        Err(error) => return json!({"error": error.to_string()}),
    };
    json!(chain.map(|chain| PoppedChain {
        head: chain.head_index(),
        descriptors: chain.map(|d| (d.addr().0, d.len(), d.flags())).collect(),
    }))
}

fn reply<T: Serialize>(result: Result<T, virtio_queue::Error>) -> Json {
    match result {
        Ok(value) => json!(value),
        Err(error) => json!({"error": error.to_string()}),
    }
}
