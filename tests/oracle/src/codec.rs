//! The serializers, called as Firecracker calls them (`src/vmm/src/snapshot/mod.rs`).

use bincode1::Options;
use bincode2::config::{Configuration, Fixint, Limit, LittleEndian};
use serde::Deserialize;

use crate::bounds;
use crate::de::{self, Root};
use crate::schema::Schema;
use crate::ser::Typed;
use crate::value::Value;

/// What Firecracker lets a value take, in bytes.
pub const LIMIT_BYTES: u64 = 10_485_760;

/// A way to read and write.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Codec {
    /// v1.15 and later, and squib.
    Bitcode,
    /// v1.7 to v1.11.
    Bincode1Reader,
    /// v1.12 and v1.13.
    Bincode2Reader,
    /// v1.14.
    Bincode2Slice,
}

/// What became of an input.
pub enum Decoded {
    Value {
        value: Value,
        consumed: usize,
    },
    /// The crate's error.
    Rejected(String),
    /// The oracle stopped the crate.
    Exceeded,
}

impl Codec {
    /// The bytes of a value, or the crate's error.
    pub fn encode(self, typed: &Typed<'_>) -> Result<Vec<u8>, String> {
        let mut bytes = vec![];
        match self {
            Self::Bitcode => return bitcode::serialize(typed).map_err(|error| error.to_string()),
            Self::Bincode1Reader => {
                bincode1::serialize_into(&mut bytes, typed).map_err(|error| error.to_string())?;
            }
            Self::Bincode2Reader | Self::Bincode2Slice => {
                let config = bincode2_config::<{ LIMIT_BYTES as usize }>();
                bincode2::serde::encode_into_std_write(typed, &mut bytes, config)
                    .map_err(|error| error.to_string())?;
            }
        }
        Ok(bytes)
    }

    /// What the crate makes of the begin of `data`, or for bitcode of all of it.
    pub fn decode(self, schema: &'static Schema, data: &[u8], limit_bytes: u64) -> Decoded {
        match de::with_root(schema, || self.decode_root(data, limit_bytes)) {
            Ok((Root(value), consumed)) => Decoded::Value { value, consumed },
            Err(_) if bounds::is_exceeded() => Decoded::Exceeded,
            Err(error) => Decoded::Rejected(error),
        }
    }

    fn decode_root(self, data: &[u8], limit_bytes: u64) -> Result<(Root, usize), String> {
        match (self, limit_bytes) {
            (Self::Bitcode, _) => bitcode::deserialize(data)
                .map(|root| (root, data.len()))
                .map_err(|error| error.to_string()),
            (Self::Bincode1Reader, _) => {
                let mut reader = data;
                bincode1::DefaultOptions::new()
                    .with_limit(limit_bytes)
                    .with_fixint_encoding()
                    .allow_trailing_bytes()
                    .deserialize_from(&mut reader)
                    .map(|root| (root, data.len() - reader.len()))
                    .map_err(|error| error.to_string())
            }
            // In bincode 2 the limit is part of a type.
            (_, LIMIT_BYTES) => self.decode_bincode2::<{ LIMIT_BYTES as usize }>(data),
            (_, 16) => self.decode_bincode2::<16>(data),
            (_, 32) => self.decode_bincode2::<32>(data),
            (_, 64) => self.decode_bincode2::<64>(data),
            (_, 128) => self.decode_bincode2::<128>(data),
            (_, 256) => self.decode_bincode2::<256>(data),
            _ => panic!("there is no limit of {limit_bytes} bytes"),
        }
    }

    fn decode_bincode2<const LIMIT: usize>(self, data: &[u8]) -> Result<(Root, usize), String> {
        let config = bincode2_config::<LIMIT>();
        let decoded = if let Self::Bincode2Slice = self {
            bincode2::serde::decode_from_slice(data, config)
        } else {
            let mut reader = data;
            bincode2::serde::decode_from_std_read(&mut reader, config)
                .map(|root| (root, data.len() - reader.len()))
        };
        decoded.map_err(|error| error.to_string())
    }
}

fn bincode2_config<const LIMIT: usize>() -> Configuration<LittleEndian, Fixint, Limit<LIMIT>> {
    bincode2::config::standard()
        .with_fixed_int_encoding()
        .with_limit::<LIMIT>()
        .with_little_endian()
}
