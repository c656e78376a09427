//! Requests and replies.
//!
//! A reply is an object of one entry: `ok`, `rejected` (by the crate, with its error), `panicked`
//! (the crate did), `exceeded` (a bound of the oracle: neither accepted nor refused) or `misused`
//! (the request makes no sense).

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::allocator::{AddressRun, IdRun};
use crate::codec::{Codec, Decoded, LIMIT_BYTES};
use crate::schema::Schema;
use crate::ser::Typed;
use crate::squib;
use crate::superio::{RtcRun, SerialRun};
use crate::value::{JsonReader, Value};
use crate::virtqueue::VirtqueueRun;

/// Bytes are hexadecimal text; `schema` is the number that `load` replied.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Request {
    /// Reply: the number of the schema.
    Load { definition: Schema },
    /// Reply: the bytes.
    Encode { schema: usize, codec: Codec, value: Json },
    /// Reply: `value`, and how many bytes were `consumed`.
    Decode {
        schema: usize,
        codec: Codec,
        #[serde(with = "hex")]
        data: Vec<u8>,
        #[serde(default = "default_limit_bytes")]
        limit_bytes: u64,
    },
    /// Reply: `decode_ns` and `encode_ns`, the medians of so many rounds.
    Time {
        schema: usize,
        codec: Codec,
        #[serde(with = "hex")]
        data: Vec<u8>,
        rounds: usize,
    },
    /// Reply: the checksum, in decimal digits.
    Crc64 {
        #[serde(with = "hex")]
        data: Vec<u8>,
    },
    /// Reply: what squib's loader says of a state file, and its `value`, null if it has none.
    SquibLoad {
        #[serde(with = "hex")]
        data: Vec<u8>,
    },
    /// Reply: the state file of a value that serde_json printed.
    SquibSave { value: Json },
    /// Reply: what came of each action.
    Serial(SerialRun),
    /// Reply: the values that were read, the state, and the host's time.
    Rtc(RtcRun),
    /// Reply: what came of each action, and the guest memory at the end.
    Virtqueue(VirtqueueRun),
    /// Reply: what came of each action, and the allocator at the end.
    Addresses(AddressRun),
    /// The same of numbers.
    Ids(IdRun),
}

fn default_limit_bytes() -> u64 {
    LIMIT_BYTES
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Ok(Json),
    Rejected(String),
    Panicked(String),
    Exceeded(()),
    Misused(String),
}

impl Reply {
    fn bytes(result: Result<Vec<u8>, String>) -> Self {
        result.map_or_else(Self::Rejected, |bytes| Self::Ok(json!(hex::encode(bytes))))
    }
}

/// The schemas that were loaded, for ever.
#[derive(Default)]
pub struct Server {
    schemas: Vec<&'static Schema>,
}

impl Server {
    /// The reply to a line.
    pub fn answer(&mut self, line: &str) -> Reply {
        let reply = panic::catch_unwind(AssertUnwindSafe(|| self.reply(line)));
        match reply {
            Ok(Ok(reply)) => reply,
            Ok(Err(reason)) => Reply::Misused(reason),
            Err(payload) => Reply::Panicked(panic_message(&*payload)),
        }
    }

    fn reply(&mut self, line: &str) -> Result<Reply, String> {
        Ok(match read(line)? {
            Request::Load { definition } => {
                self.schemas.push(Box::leak(Box::new(definition)));
                Reply::Ok(json!(self.schemas.len() - 1))
            }
            Request::Encode { schema, codec, value } => {
                let schema = self.schema(schema)?;
                let value = JsonReader(schema).read(&schema.root, &value)?;
                Reply::bytes(codec.encode(&Typed { schema, ty: &schema.root, value: &value }))
            }
            Request::Decode { schema, codec, data, limit_bytes } => {
                match codec.decode(self.schema(schema)?, &data, limit_bytes) {
                    Decoded::Value { value, consumed } => {
                        Reply::Ok(json!({"value": value.to_json(), "consumed": consumed}))
                    }
                    Decoded::Rejected(error) => Reply::Rejected(error),
                    Decoded::Exceeded => Reply::Exceeded(()),
                }
            }
            Request::Time { schema, codec, data, rounds } => {
                time(self.schema(schema)?, codec, &data, rounds)
            }
            Request::Crc64 { data } => Reply::Ok(json!(crc64::crc64(0, &data).to_string())),
            Request::SquibLoad { data } => Reply::Ok(json!({
                "verdict": squib::verdict(&data),
                "value": squib::value(&data).ok(),
            })),
            Request::SquibSave { value } => Reply::bytes(squib::save(&value)),
            Request::Serial(run) => run.run().map_or_else(Reply::Rejected, Reply::Ok),
            Request::Rtc(run) => Reply::Ok(run.run()),
            Request::Virtqueue(run) => run.run().map_or_else(Reply::Rejected, Reply::Ok),
            Request::Addresses(run) => run.run().map_or_else(Reply::Rejected, Reply::Ok),
            Request::Ids(run) => run.run().map_or_else(Reply::Rejected, Reply::Ok),
        })
    }

    fn schema(&self, number: usize) -> Result<&'static Schema, String> {
        self.schemas.get(number).copied().ok_or_else(|| format!("there is no schema {number}"))
    }
}

/// A request. Its nesting is not bounded: it comes from the tests, not from what they mutate.
fn read(line: &str) -> Result<Request, String> {
    let mut input = serde_json::Deserializer::from_str(line);
    input.disable_recursion_limit();
    Request::deserialize(&mut input).map_err(|error| error.to_string())
}

fn time(schema: &'static Schema, codec: Codec, data: &[u8], rounds: usize) -> Reply {
    let decode = || codec.decode(schema, data, LIMIT_BYTES);
    let value: Value = match decode() {
        Decoded::Value { value, .. } => value,
        Decoded::Rejected(error) => return Reply::Rejected(error),
        Decoded::Exceeded => return Reply::Exceeded(()),
    };
    let typed = Typed { schema, ty: &schema.root, value: &value };
    Reply::Ok(json!({
        "decode_ns": median_ns(rounds, || drop(decode())),
        "encode_ns": median_ns(rounds, || drop(codec.encode(&typed))),
    }))
}

fn median_ns(rounds: usize, mut run: impl FnMut()) -> u64 {
    let mut durations_ns: Vec<u64> = (0..rounds.max(1))
        .map(|_| {
            let begin = Instant::now();
            run();
            begin.elapsed().as_nanos() as u64
        })
        .collect();
    durations_ns.sort_unstable();
    durations_ns[durations_ns.len() / 2]
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}
