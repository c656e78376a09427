//! Types whose `Deserialize` is hand-written and refuses some values, by name. semver's is the
//! published one; the others do what Firecracker's do (v1.9 to v1.15, the same in all).

use std::num::ParseIntError;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use crate::value::Value;

/// Types that are written as their text.
///
/// The text is kept as it was spelt; Firecracker would print some values in another spelling (a
/// MAC address in small letters, for example).
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextRule {
    /// `String`.
    Plain,
    /// `semver::Version`.
    Semver,
    /// `MacAddr` of `utils::net::mac`.
    MacAddr,
    /// `KvmCapability` of `cpu_config::templates`.
    KvmCapability,
    /// `PciBdf` of the crate `pci` (v1.13 to v1.15).
    PciBdf,
}

impl TextRule {
    /// Read a text that the type accepts, by the call that the type makes.
    pub fn deserialize<'de, D: Deserializer<'de>>(self, input: D) -> Result<String, D::Error> {
        if let Self::Semver = self {
            return semver::Version::deserialize(input).map(|version| version.to_string());
        }
        let text = match self {
            Self::PciBdf => input.deserialize_str(TextVisitor)?,
            _ => String::deserialize(input)?,
        };
        self.check(&text).map_err(D::Error::custom)?;
        Ok(text)
    }

    /// Say why the type has no value of this text, if it has none.
    pub fn check(self, text: &str) -> Result<(), String> {
        match self {
            Self::Plain => Ok(()),
            Self::Semver => {
                semver::Version::parse(text).map(|_| ()).map_err(|error| error.to_string())
            }
            Self::MacAddr => check_mac_addr(text),
            Self::KvmCapability => check_kvm_capability(text).map_err(|error| error.to_string()),
            Self::PciBdf => check_pci_bdf(text),
        }
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = String;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}

/// Six groups of two characters with colons between them, each a number of base 16 to Rust.
fn check_mac_addr(text: &str) -> Result<(), String> {
    let groups: Vec<&str> = text.split(':').collect();
    let is_group = |group: &&str| group.len() == 2 && u8::from_str_radix(group, 16).is_ok();
    if groups.len() == 6 && groups.iter().all(is_group) {
        return Ok(());
    }
    Err("The provided MAC address is invalid.".to_owned())
}

/// A `u32`, perhaps after an exclamation mark.
fn check_kvm_capability(text: &str) -> Result<(), ParseIntError> {
    text.strip_prefix('!').unwrap_or(text).parse::<u32>().map(|_| ())
}

/// `segment:bus:device.function`, numbers of base 16 and of any length; high bits of the last two
/// numbers are dropped.
fn check_pci_bdf(text: &str) -> Result<(), String> {
    let (place, function) = only_pair(text.split('.')).ok_or("no single dot")?;
    let mut numbers = place.split(':');
    let (Some(segment), Some(bus), Some(device), None) =
        (numbers.next(), numbers.next(), numbers.next(), numbers.next())
    else {
        return Err("expected format: 0000:00:00.0".to_owned());
    };
    u16::from_str_radix(segment, 16).map_err(|error| error.to_string())?;
    for number in [bus, device, function] {
        u8::from_str_radix(number, 16).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn only_pair<'a>(mut parts: impl Iterator<Item = &'a str>) -> Option<(&'a str, &'a str)> {
    let pair = (parts.next()?, parts.next()?);
    parts.next().is_none().then_some(pair)
}

/// Structs that check what they are made of.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StructRule {
    /// `Aarch64RegisterVec` of `arch::aarch64::regs`: one_reg ids, and the registers' bytes.
    Aarch64Registers,
    /// No real type: a struct of which the last field is a number, less than 100.
    LastIsBelow100,
}

impl StructRule {
    /// Say why the type refuses to be made of these fields, if it does.
    pub fn check(self, fields: &[Value]) -> Result<(), String> {
        match (self, fields) {
            (Self::Aarch64Registers, [Value::Items(ids), Value::Bytes(data)]) => {
                check_aarch64_registers(ids, data)
            }
            (Self::LastIsBelow100, [.., Value::Unsigned(last)]) => {
                if *last < 100 {
                    Ok(())
                } else {
                    Err("the last field is too large".to_owned())
                }
            }
            _ => Err("the fields are not those of the rule".to_owned()),
        }
    }
}

/// Bits 52 to 55 of a one_reg id: log2 of the register's size in bytes.
const REGISTER_SIZE_SHIFT: u32 = 52;
const REGISTER_SIZE_MASK: u128 = 0xf;
const REGISTER_SIZE_BYTES_MAX: usize = 256;

fn check_aarch64_registers(ids: &[Value], data: &[u8]) -> Result<(), String> {
    let mut total_size_bytes = 0;
    for id in ids {
        let Value::Unsigned(id) = id else { return Err("an id is no number".to_owned()) };
        let size_bytes = 1_usize << ((id >> REGISTER_SIZE_SHIFT) & REGISTER_SIZE_MASK);
        if size_bytes > REGISTER_SIZE_BYTES_MAX {
            return Err("Registers bigger than 2048 bits are not supported".to_owned());
        }
        total_size_bytes += size_bytes;
    }
    if total_size_bytes != data.len() {
        return Err("Sum of register sizes is not equal to registers data length".to_owned());
    }
    Ok(())
}
