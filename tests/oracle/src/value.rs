//! Values of types that are known at run time only, and their JSON.
//!
//! | type | JSON |
//! |---|---|
//! | unit, `bool` | `null`, `true` or `false` |
//! | integer | its digits, as text |
//! | `f32`, `f64` | the number that has the same bits |
//! | `char`, text | text |
//! | byte vector | hexadecimal text |
//! | option | `null`, or an array of one |
//! | sequence, tuple, array, struct | an array |
//! | map | an array of pairs |
//! | enum | an array of the variant's index and its payload, which is `null` or an array |

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::schema::{Int, Schema, Type};

/// A value. The order is that of the Rust types, for values of one type.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Unit,
    Bool(bool),
    Unsigned(u128),
    Signed(i128),
    /// The bits of an `f32` or `f64`; neither has an order in Rust.
    Float(u64),
    Char(char),
    Text(String),
    Bytes(Vec<u8>),
    Option(Option<Box<Value>>),
    Items(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Variant(u32, Box<Value>),
}

impl Value {
    /// What a `BTreeMap` makes of entries: of those with equal keys, the last.
    pub fn ordered_map(entries: Vec<(Value, Value)>) -> Self {
        Self::Map(entries.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect())
    }

    /// What a `HashMap` makes of entries. Its order is a matter of chance; here it is that of the
    /// first entry with each key.
    pub fn unordered_map(entries: Vec<(Value, Value)>) -> Self {
        let mut places = BTreeMap::new();
        let mut map: Vec<(Value, Value)> = vec![];
        for (key, value) in entries {
            match places.get(&key) {
                Some(&place) => map[place] = (key, value),
                None => {
                    places.insert(key.clone(), map.len());
                    map.push((key, value));
                }
            }
        }
        Self::Map(map)
    }

    /// The JSON of the value.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Unit => Json::Null,
            Self::Bool(flag) => json!(flag),
            Self::Unsigned(number) => json!(number.to_string()),
            Self::Signed(number) => json!(number.to_string()),
            Self::Float(bits) => json!(bits),
            Self::Char(character) => json!(character),
            Self::Text(text) => json!(text),
            Self::Bytes(bytes) => json!(hex::encode(bytes)),
            Self::Option(None) => Json::Null,
            Self::Option(Some(value)) => json!([value.to_json()]),
            Self::Items(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(entries) => {
                entries.iter().map(|(key, value)| json!([key.to_json(), value.to_json()])).collect()
            }
            Self::Variant(index, payload) => json!([index, payload.to_json()]),
        }
    }
}

/// Reads the JSON of values of one schema.
pub struct JsonReader<'a>(pub &'a Schema);

impl JsonReader<'_> {
    /// The value of type `ty` that `json` stands for.
    pub fn read(&self, ty: &Type, json: &Json) -> Result<Value, String> {
        Ok(match ty {
            Type::Unit => parse::<()>(json).map(|()| Value::Unit)?,
            Type::Bool => Value::Bool(parse(json)?),
            Type::Int(int) => read_int(*int, json)?,
            Type::NonZero(int) => match read_int(*int, json)? {
                Value::Unsigned(0) => return Err("0 is not nonzero".to_owned()),
                number => number,
            },
            Type::F32 => Value::Float(parse::<u32>(json)?.into()),
            Type::F64 => Value::Float(parse(json)?),
            Type::Char => Value::Char(parse(json)?),
            Type::Text(rule) => {
                let text = parse::<String>(json)?;
                rule.check(&text)?;
                Value::Text(text)
            }
            Type::Bytes | Type::Blob => {
                let digits = parse::<String>(json)?;
                Value::Bytes(hex::decode(digits).map_err(|error| error.to_string())?)
            }
            Type::Option(item) => Value::Option(match json {
                Json::Null => None,
                some => Some(Box::new(self.read(item, &array(some)?[0])?)),
            }),
            Type::Seq(item) => self.read_all(item, json)?,
            Type::Array(item, length) => {
                expect(array(json)?.len() == *length, "an array of another length")?;
                self.read_all(item, json)?
            }
            Type::Tuple(items) => self.read_each(items, json)?,
            Type::Struct(name) => self.read_each(&self.0.named(name).types, json)?,
            Type::BTreeMap(key, item) => Value::ordered_map(self.read_entries(key, item, json)?),
            Type::HashMap(key, item) => Value::unordered_map(self.read_entries(key, item, json)?),
            Type::Enum(names) => {
                let index = read_index(json, names.0.len())?;
                Value::Variant(index, Box::new(Value::Unit))
            }
            Type::Union(union) => {
                let index = read_index(json, union.payloads.len())?;
                let payload = &self.0.named(&union.payloads[index as usize]).types;
                Value::Variant(index, Box::new(self.read_each(payload, &json[1])?))
            }
        })
    }

    fn read_all(&self, item: &Type, json: &Json) -> Result<Value, String> {
        let items = array(json)?.iter().map(|part| self.read(item, part));
        items.collect::<Result<_, _>>().map(Value::Items)
    }

    fn read_each(&self, types: &[Type], json: &Json) -> Result<Value, String> {
        let parts = array(json)?;
        expect(parts.len() == types.len(), "another number of parts")?;
        let items = types.iter().zip(parts).map(|(ty, part)| self.read(ty, part));
        items.collect::<Result<_, _>>().map(Value::Items)
    }

    fn read_entries(
        &self,
        key: &Type,
        item: &Type,
        json: &Json,
    ) -> Result<Vec<(Value, Value)>, String> {
        let pairs = array(json)?.iter();
        pairs.map(|pair| Ok((self.read(key, &pair[0])?, self.read(item, &pair[1])?))).collect()
    }
}

fn read_index(json: &Json, end: usize) -> Result<u32, String> {
    let index = parse::<u32>(&json[0])?;
    expect((index as usize) < end, "an index without a variant")?;
    Ok(index)
}

fn read_int(int: Int, json: &Json) -> Result<Value, String> {
    let digits = parse::<String>(json)?;
    match int {
        Int::U8 => number::<u8>(&digits).map(|number| Value::Unsigned(number.into())),
        Int::U16 => number::<u16>(&digits).map(|number| Value::Unsigned(number.into())),
        Int::U32 => number::<u32>(&digits).map(|number| Value::Unsigned(number.into())),
        Int::U64 => number::<u64>(&digits).map(|number| Value::Unsigned(number.into())),
        Int::U128 => number::<u128>(&digits).map(Value::Unsigned),
        Int::I8 => number::<i8>(&digits).map(|number| Value::Signed(number.into())),
        Int::I16 => number::<i16>(&digits).map(|number| Value::Signed(number.into())),
        Int::I32 => number::<i32>(&digits).map(|number| Value::Signed(number.into())),
        Int::I64 => number::<i64>(&digits).map(|number| Value::Signed(number.into())),
        Int::I128 => number::<i128>(&digits).map(Value::Signed),
    }
}

fn number<T: FromStr<Err: Display>>(digits: &str) -> Result<T, String> {
    digits.parse().map_err(|error: T::Err| format!("{digits}: {error}"))
}

fn parse<'de, T: Deserialize<'de>>(json: &'de Json) -> Result<T, String> {
    T::deserialize(json).map_err(|error| error.to_string())
}

fn array(json: &Json) -> Result<&Vec<Json>, String> {
    json.as_array().ok_or_else(|| format!("{json:.60} is no array"))
}

fn expect(is_so: bool, otherwise: &str) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(otherwise.to_owned()) }
}
