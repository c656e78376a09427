//! Deserializes a value by the calls that the derived or hand-written `Deserialize` of its type
//! makes.

use std::cell::Cell;
use std::fmt;
use std::num::NonZero;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use crate::bounds;
use crate::schema::{Int, Schema, Shape, Struct, Type};
use crate::value::Value;

thread_local! {
    static ROOT: Cell<Option<&'static Schema>> = const { Cell::new(None) };
}

/// The value that `decode` makes of a type that is known at compile time, `Root`, as the crates'
/// functions want it. The schema is handed to it behind their backs.
pub fn with_root<T>(schema: &'static Schema, decode: impl FnOnce() -> T) -> T {
    ROOT.set(Some(schema));
    bounds::begin();
    decode()
}

/// A value of the type that `with_root` was told.
pub struct Root(pub Value);

impl<'de> Deserialize<'de> for Root {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let schema = ROOT.get().ok_or_else(|| D::Error::custom("no schema"))?;
        TypeSeed { schema, ty: &schema.root, depth: 0 }.deserialize(input).map(Self)
    }
}

/// The type of the value to come; also its visitor, where it needs one.
#[derive(Clone, Copy)]
struct TypeSeed {
    schema: &'static Schema,
    ty: &'static Type,
    depth: u32,
}

impl TypeSeed {
    fn part(self, ty: &'static Type) -> Self {
        Self { ty, depth: self.depth + 1, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for TypeSeed {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        bounds::count_value(self.depth)?;
        match self.ty {
            Type::Unit => <()>::deserialize(input).map(|()| Value::Unit),
            Type::Bool => bool::deserialize(input).map(Value::Bool),
            Type::Int(int) => deserialize_int(*int, input),
            Type::NonZero(int) => deserialize_non_zero(*int, input),
            Type::F32 => {
                f32::deserialize(input).map(|number| Value::Float(number.to_bits().into()))
            }
            Type::F64 => f64::deserialize(input).map(|number| Value::Float(number.to_bits())),
            Type::Char => char::deserialize(input).map(Value::Char),
            Type::Text(rule) => rule.deserialize(input).map(Value::Text),
            Type::Bytes => Vec::deserialize(input).map(Value::Bytes),
            Type::Blob => input.deserialize_bytes(self),
            Type::Option(_) => input.deserialize_option(self),
            Type::Seq(_) => input.deserialize_seq(self),
            Type::Array(_, length) => input.deserialize_tuple(*length, self),
            Type::Tuple(items) => input.deserialize_tuple(items.len(), self),
            Type::BTreeMap(..) | Type::HashMap(..) => input.deserialize_map(self),
            Type::Enum(names) => input.deserialize_enum("", names.0, self),
            Type::Union(union) => input.deserialize_enum("", union.names.0, self),
            Type::Struct(name) => {
                let declared = self.schema.named(name);
                match declared.shape {
                    Shape::Unit => input.deserialize_unit_struct(name, self),
                    Shape::Newtype => input.deserialize_newtype_struct(name, self),
                    Shape::Tuple => {
                        input.deserialize_tuple_struct(name, declared.types.len(), self)
                    }
                    Shape::Struct => input.deserialize_struct(name, declared.names.0, self),
                }
            }
        }
    }
}

/// Where the visitor is called for a type that it is not made for.
fn unexpected<T, E: Error>() -> Result<T, E> {
    Err(E::custom("not what this type asked for"))
}

impl<'de> Visitor<'de> for TypeSeed {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value of the schema")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.to_vec()))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Items(vec![]))
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Option(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        let Type::Option(item) = self.ty else { return unexpected() };
        let value = self.part(item).deserialize(input)?;
        Ok(Value::Option(Some(Box::new(value))))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        let Type::Struct(name) = self.ty else { return unexpected() };
        let declared = self.schema.named(name);
        let field = self.part(&declared.types[0]).deserialize(input)?;
        made_of(declared, vec![field])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, input: A) -> Result<Value, A::Error> {
        match self.ty {
            Type::Seq(item) => self.all(item, input).map(Value::Items),
            Type::Array(item, length) => {
                self.each(std::iter::repeat_n(&**item, *length), input).map(Value::Items)
            }
            Type::Tuple(items) => self.each(items.iter(), input).map(Value::Items),
            Type::Struct(name) => {
                let declared = self.schema.named(name);
                made_of(declared, self.each(declared.types.iter(), input)?)
            }
            _ => unexpected(),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut input: A) -> Result<Value, A::Error> {
        let (Type::BTreeMap(key, item) | Type::HashMap(key, item)) = self.ty else {
            return unexpected();
        };
        let is_zero_sized = self.schema.is_zero_sized(key);
        let is_empty = [key, item].iter().all(|ty| self.schema.is_written_in_no_bytes(ty));
        let mut entries = vec![];
        loop {
            let seed = self.part(key);
            let mut slot = None;
            let next = if is_zero_sized {
                input.next_key_seed(IntoSlot(seed, &mut slot))?.and(slot)
            } else {
                input.next_key_seed(seed)?
            };
            let Some(key) = next else { break };
            entries.push((key, input.next_value_seed(self.part(item))?));
            if is_empty {
                bounds::check_empty_items(entries.len())?;
            }
        }
        Ok(match self.ty {
            Type::BTreeMap(..) => Value::ordered_map(entries),
            _ => Value::unordered_map(entries),
        })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, input: A) -> Result<Value, A::Error> {
        let (index, variant) = input.variant::<u32>()?;
        let payload = match self.ty {
            Type::Enum(names) if (index as usize) < names.0.len() => {
                variant.unit_variant().map(|()| Value::Unit)
            }
            Type::Union(union) if (index as usize) < union.payloads.len() => {
                self.payload(&union.payloads[index as usize], variant)
            }
            _ => Err(A::Error::custom(format!("there is no variant {index}"))),
        }?;
        Ok(Value::Variant(index, Box::new(payload)))
    }
}

impl TypeSeed {
    fn each<'de, A: SeqAccess<'de>>(
        self,
        types: impl Iterator<Item = &'static Type>,
        mut input: A,
    ) -> Result<Vec<Value>, A::Error> {
        let mut next = |(index, ty)| {
            let value = input.next_element_seed(self.part(ty))?;
            value.ok_or_else(|| A::Error::invalid_length(index, &self))
        };
        types.enumerate().map(&mut next).collect()
    }

    fn all<'de, A: SeqAccess<'de>>(
        self,
        item: &'static Type,
        mut input: A,
    ) -> Result<Vec<Value>, A::Error> {
        let is_zero_sized = self.schema.is_zero_sized(item);
        let is_empty = self.schema.is_written_in_no_bytes(item);
        let mut values = vec![];
        loop {
            let seed = self.part(item);
            let mut slot = None;
            let next = if is_zero_sized {
                input.next_element_seed(IntoSlot(seed, &mut slot))?.and(slot)
            } else {
                input.next_element_seed(seed)?
            };
            let Some(value) = next else { break };
            values.push(value);
            if is_empty {
                bounds::check_empty_items(values.len())?;
            }
        }
        Ok(values)
    }

    fn payload<'de, A: VariantAccess<'de>>(
        self,
        name: &'static str,
        variant: A,
    ) -> Result<Value, A::Error> {
        let declared = self.schema.named(name);
        match declared.shape {
            Shape::Unit => variant.unit_variant().map(|()| Value::Items(vec![])),
            Shape::Newtype => {
                let field = variant.newtype_variant_seed(self.part(&declared.types[0]))?;
                made_of(declared, vec![field])
            }
            Shape::Tuple => {
                let fields = PayloadVisitor { seed: self, declared };
                variant.tuple_variant(declared.types.len(), fields)
            }
            Shape::Struct => {
                let fields = PayloadVisitor { seed: self, declared };
                variant.struct_variant(declared.names.0, fields)
            }
        }
    }
}

fn made_of<E: Error>(declared: &Struct, fields: Vec<Value>) -> Result<Value, E> {
    if let Some(rule) = declared.rule {
        rule.check(&fields).map_err(E::custom)?;
    }
    Ok(Value::Items(fields))
}

/// The fields of a variant.
struct PayloadVisitor {
    seed: TypeSeed,
    declared: &'static Struct,
}

impl<'de> Visitor<'de> for PayloadVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the fields of a variant")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, input: A) -> Result<Value, A::Error> {
        made_of(self.declared, self.seed.each(self.declared.types.iter(), input)?)
    }
}

/// Gives `()` to the crate and the value to a variable: bitcode looks at the size of what a seed
/// gives, to bound sequences of items that have none.
struct IntoSlot<'a>(TypeSeed, &'a mut Option<Value>);

impl<'de> DeserializeSeed<'de> for IntoSlot<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        *self.1 = Some(self.0.deserialize(input)?);
        Ok(())
    }
}

fn unsigned<'de, T, D>(input: D) -> Result<Value, D::Error>
where
    T: Deserialize<'de> + Into<u128>,
    D: Deserializer<'de>,
{
    T::deserialize(input).map(|number| Value::Unsigned(number.into()))
}

fn signed<'de, T, D>(input: D) -> Result<Value, D::Error>
where
    T: Deserialize<'de> + Into<i128>,
    D: Deserializer<'de>,
{
    T::deserialize(input).map(|number| Value::Signed(number.into()))
}

fn deserialize_int<'de, D: Deserializer<'de>>(int: Int, input: D) -> Result<Value, D::Error> {
    match int {
        Int::U8 => unsigned::<u8, D>(input),
        Int::U16 => unsigned::<u16, D>(input),
        Int::U32 => unsigned::<u32, D>(input),
        Int::U64 => unsigned::<u64, D>(input),
        Int::U128 => unsigned::<u128, D>(input),
        Int::I8 => signed::<i8, D>(input),
        Int::I16 => signed::<i16, D>(input),
        Int::I32 => signed::<i32, D>(input),
        Int::I64 => signed::<i64, D>(input),
        Int::I128 => signed::<i128, D>(input),
    }
}

fn deserialize_non_zero<'de, D: Deserializer<'de>>(int: Int, input: D) -> Result<Value, D::Error> {
    let number = match int {
        Int::U8 => NonZero::<u8>::deserialize(input)?.get().into(),
        Int::U16 => NonZero::<u16>::deserialize(input)?.get().into(),
        Int::U32 => NonZero::<u32>::deserialize(input)?.get().into(),
        Int::U64 => NonZero::<u64>::deserialize(input)?.get().into(),
        Int::U128 => NonZero::<u128>::deserialize(input)?.get(),
        _ => return Err(D::Error::custom("only unsigned integers can be nonzero")),
    };
    Ok(Value::Unsigned(number))
}
