//! Serializes a value by the calls that the derived or hand-written `Serialize` of its type makes.

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use crate::schema::{Int, Schema, Shape, Struct, Type};
use crate::value::Value;

/// A value together with its type.
#[derive(Clone, Copy)]
pub struct Typed<'a> {
    pub schema: &'static Schema,
    pub ty: &'static Type,
    pub value: &'a Value,
}

impl<'a> Typed<'a> {
    fn part(self, ty: &'static Type, value: &'a Value) -> Self {
        Self { ty, value, ..self }
    }
}

impl Serialize for Typed<'_> {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        match (self.ty, self.value) {
            (Type::Unit, Value::Unit) => output.serialize_unit(),
            (Type::Bool, Value::Bool(flag)) => output.serialize_bool(*flag),
            (Type::Int(int) | Type::NonZero(int), Value::Unsigned(number)) => {
                serialize_unsigned(*int, *number, output)
            }
            (Type::Int(int), Value::Signed(number)) => serialize_signed(*int, *number, output),
            (Type::F32, Value::Float(bits)) => output.serialize_f32(f32::from_bits(*bits as u32)),
            (Type::F64, Value::Float(bits)) => output.serialize_f64(f64::from_bits(*bits)),
            (Type::Char, Value::Char(character)) => output.serialize_char(*character),
            (Type::Text(_), Value::Text(text)) => output.serialize_str(text),
            (Type::Bytes, Value::Bytes(bytes)) => bytes.serialize(output),
            (Type::Blob, Value::Bytes(bytes)) => output.serialize_bytes(bytes),
            (Type::Option(_), Value::Option(None)) => output.serialize_none(),
            (Type::Option(item), Value::Option(Some(value))) => {
                output.serialize_some(&self.part(item, value))
            }
            (Type::Seq(item), Value::Items(values)) => self.serialize_seq(item, values, output),
            (Type::Array(item, _), Value::Items(values)) => {
                self.serialize_tuple(std::iter::repeat(&**item), values, output)
            }
            (Type::Tuple(items), Value::Items(values)) => {
                self.serialize_tuple(items.iter(), values, output)
            }
            (Type::BTreeMap(key, item) | Type::HashMap(key, item), Value::Map(entries)) => {
                self.serialize_map(key, item, entries, output)
            }
            (Type::Struct(name), Value::Items(fields)) => {
                self.serialize_struct(name, fields, output)
            }
            (Type::Enum(names), Value::Variant(index, _)) => {
                output.serialize_unit_variant("", *index, names.0[*index as usize])
            }
            (Type::Union(union), Value::Variant(index, payload)) => {
                let name = &union.payloads[*index as usize];
                let variant = (*index, union.names.0[*index as usize]);
                self.serialize_variant(variant, self.schema.named(name), payload, output)
            }
            _ => Err(S::Error::custom("the value is not one of the type")),
        }
    }
}

impl Typed<'_> {
    fn serialize_seq<S: Serializer>(
        self,
        item: &'static Type,
        values: &[Value],
        output: S,
    ) -> Result<S::Ok, S::Error> {
        let mut seq = output.serialize_seq(Some(values.len()))?;
        for value in values {
            seq.serialize_element(&Typed { ty: item, value, ..self })?;
        }
        seq.end()
    }

    fn serialize_tuple<S: Serializer>(
        self,
        types: impl Iterator<Item = &'static Type>,
        values: &[Value],
        output: S,
    ) -> Result<S::Ok, S::Error> {
        let mut tuple = output.serialize_tuple(values.len())?;
        for (ty, value) in types.zip(values) {
            tuple.serialize_element(&Typed { ty, value, ..self })?;
        }
        tuple.end()
    }

    fn serialize_map<S: Serializer>(
        self,
        key_type: &'static Type,
        value_type: &'static Type,
        entries: &[(Value, Value)],
        output: S,
    ) -> Result<S::Ok, S::Error> {
        let mut map = output.serialize_map(Some(entries.len()))?;
        for (key, value) in entries {
            map.serialize_entry(
                &Typed { ty: key_type, value: key, ..self },
                &Typed { ty: value_type, value, ..self },
            )?;
        }
        map.end()
    }

    fn serialize_struct<S: Serializer>(
        self,
        name: &'static str,
        values: &[Value],
        output: S,
    ) -> Result<S::Ok, S::Error> {
        let declared = self.schema.named(name);
        let parts = declared.types.iter().zip(values);
        match declared.shape {
            Shape::Unit => output.serialize_unit_struct(name),
            Shape::Newtype => output.serialize_newtype_struct(
                name,
                &Typed { ty: &declared.types[0], value: &values[0], ..self },
            ),
            Shape::Tuple => {
                let mut fields = output.serialize_tuple_struct(name, values.len())?;
                for (ty, value) in parts {
                    fields.serialize_field(&Typed { ty, value, ..self })?;
                }
                fields.end()
            }
            Shape::Struct => {
                let mut fields = output.serialize_struct(name, values.len())?;
                for (field, (ty, value)) in declared.names.0.iter().zip(parts) {
                    fields.serialize_field(field, &Typed { ty, value, ..self })?;
                }
                fields.end()
            }
        }
    }

    fn serialize_variant<S: Serializer>(
        self,
        (index, name): (u32, &'static str),
        declared: &'static Struct,
        payload: &Value,
        output: S,
    ) -> Result<S::Ok, S::Error> {
        let Value::Items(values) = payload else {
            return Err(S::Error::custom("the payload has no fields"));
        };
        let parts = declared.types.iter().zip(values);
        match declared.shape {
            Shape::Unit => output.serialize_unit_variant("", index, name),
            Shape::Newtype => output.serialize_newtype_variant(
                "",
                index,
                name,
                &Typed { ty: &declared.types[0], value: &values[0], ..self },
            ),
            Shape::Tuple => {
                let mut fields = output.serialize_tuple_variant("", index, name, values.len())?;
                for (ty, value) in parts {
                    fields.serialize_field(&Typed { ty, value, ..self })?;
                }
                fields.end()
            }
            Shape::Struct => {
                let mut fields = output.serialize_struct_variant("", index, name, values.len())?;
                for (field, (ty, value)) in declared.names.0.iter().zip(parts) {
                    fields.serialize_field(field, &Typed { ty, value, ..self })?;
                }
                fields.end()
            }
        }
    }
}

// `JsonReader` and the decoder made sure that each number is in the range of its type.

fn serialize_unsigned<S: Serializer>(int: Int, number: u128, output: S) -> Result<S::Ok, S::Error> {
    match int {
        Int::U8 => output.serialize_u8(number as u8),
        Int::U16 => output.serialize_u16(number as u16),
        Int::U32 => output.serialize_u32(number as u32),
        Int::U64 => output.serialize_u64(number as u64),
        Int::U128 => output.serialize_u128(number),
        _ => Err(S::Error::custom("the type is signed")),
    }
}

fn serialize_signed<S: Serializer>(int: Int, number: i128, output: S) -> Result<S::Ok, S::Error> {
    match int {
        Int::I8 => output.serialize_i8(number as i8),
        Int::I16 => output.serialize_i16(number as i16),
        Int::I32 => output.serialize_i32(number as i32),
        Int::I64 => output.serialize_i64(number as i64),
        Int::I128 => output.serialize_i128(number),
        _ => Err(S::Error::custom("the type is unsigned")),
    }
}
