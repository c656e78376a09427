//! Types that are known at run time only, in the terms of the serde data model.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer};

use crate::rules::{StructRule, TextRule};

/// A type, and the structs that it and they refer to by name.
#[derive(Deserialize)]
pub struct Schema {
    pub root: Type,
    structs: HashMap<String, Struct>,
}

impl Schema {
    /// The struct of that name; panics if the schema does not have it.
    pub fn named(&self, name: &str) -> &Struct {
        &self.structs[name]
    }

    /// Whether `size_of` the Rust type is 0.
    pub fn is_zero_sized(&self, ty: &Type) -> bool {
        match ty {
            Type::Enum(names) => names.0.len() == 1,
            Type::Union(union) => match &union.payloads[..] {
                [only] => self.parts_are(&self.named(only).types, Self::is_zero_sized),
                _ => false,
            },
            _ => self.is_of_units(ty, Self::is_zero_sized),
        }
    }

    /// Whether values of the type are written in no bytes; the tag of an enum is written always.
    pub fn is_written_in_no_bytes(&self, ty: &Type) -> bool {
        self.is_of_units(ty, Self::is_written_in_no_bytes)
    }

    fn is_of_units(&self, ty: &Type, is_so: fn(&Self, &Type) -> bool) -> bool {
        match ty {
            Type::Unit => true,
            Type::Tuple(items) => self.parts_are(items, is_so),
            Type::Array(item, length) => *length == 0 || is_so(self, item),
            Type::Struct(name) => self.parts_are(&self.named(name).types, is_so),
            _ => false,
        }
    }

    fn parts_are(&self, types: &[Type], is_so: fn(&Self, &Type) -> bool) -> bool {
        types.iter().all(|part| is_so(self, part))
    }
}

/// A Rust type.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    Unit,
    Bool,
    Int(Int),
    /// The `NonZero` type of an unsigned integer.
    NonZero(Int),
    F32,
    F64,
    Char,
    Text(TextRule),
    /// `Vec<u8>`: to serde a sequence of numbers.
    Bytes,
    /// What calls `serialize_bytes`, as the types of kvm-bindings do; of any length here.
    Blob,
    Option(Box<Type>),
    Seq(Box<Type>),
    /// A `BTreeMap`: entries come in the order of their keys.
    BTreeMap(Box<Type>, Box<Type>),
    /// A `HashMap`: entries come in the order in which they are given.
    HashMap(Box<Type>, Box<Type>),
    Tuple(Vec<Type>),
    Array(Box<Type>, usize),
    /// The name of a struct.
    Struct(String),
    /// The names of unit variants.
    Enum(Names),
    /// Variants with payloads.
    Union(Union),
}

/// Integer types.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Int {
    U8,
    U16,
    U32,
    U64,
    U128,
    I8,
    I16,
    I32,
    I64,
    I128,
}

/// An enum whose variants have payloads.
#[derive(Deserialize)]
pub struct Union {
    pub names: Names,
    /// For each variant, the name of the struct that has the same fields.
    pub payloads: Vec<String>,
}

/// A struct, or the payload of a variant.
#[derive(Deserialize)]
pub struct Struct {
    pub shape: Shape,
    pub names: Names,
    pub types: Vec<Type>,
    pub rule: Option<StructRule>,
}

/// How a struct or a variant is declared.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    Unit,
    Newtype,
    Tuple,
    Struct,
}

/// Names of fields or variants. serde wants them for ever, and so do schemas live.
pub struct Names(pub &'static [&'static str]);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(input)?;
        let leaked = names.into_iter().map(|name| &*name.leak()).collect::<Vec<&'static str>>();
        Ok(Self(leaked.leak()))
    }
}
