//! Values as text, always the same text for the same value.
//!
//! It is JSON with the entries of maps and structs in the order of their keys. Where JSON has no
//! word, the notation is that of RFC 8949, section 8, or of Rust:
//!
//! | value | text |
//! | --- | --- |
//! | `None`; `Some(x)` | `null`; the text of `x`, or `some(null)` and `some(some(null))` when that is no longer unambiguous |
//! | `()` and unit structs | `()` |
//! | integers | decimal, up to 128 bits |
//! | floats | the shortest that reads as the same float; always with a point or an exponent, so `1.0` is not `1` |
//! | `-0.0`, NaN, infinities | `-0.0`, `NaN`, `Infinity`, `-Infinity` |
//! | bytes | `h'00ff'` |
//! | keys of maps that are no strings | their text, without quotes |
//! | `Enum::Unit`; `Enum::Of(x)` | `"Unit"`; `{"Of":x}` |
//!
//! `0.0` and `-0.0` are equal but not the same to a function, so they are told apart; NaNs are not.
//! Newtypes are what they contain.
//!
//! Nothing here is left to `serde_json`: the order of its maps is a feature that any crate of the
//! build can switch on.

use std::fmt::{self, Display, LowerExp, Write as _};
use std::ops::Range;

use serde::ser::{self, Serialize, Serializer};

/// Appends the canonical text of `value` to `out`.
pub(crate) fn write(out: &mut String, value: &(impl Serialize + ?Sized)) -> Result<(), Refused> {
    value.serialize(Writer(out))
}

/// Why a value has no canonical text: its `Serialize` said so.
#[derive(Debug)]
pub(crate) struct Refused(String);

impl Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl ser::Error for Refused {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

struct Writer<'a>(&'a mut String);

impl<'a> Writer<'a> {
    fn text(self, text: &str) -> Result<(), Refused> {
        self.0.push_str(text);
        Ok(())
    }

    fn display(self, value: impl Display) -> Result<(), Refused> {
        write!(self.0, "{value}").map_err(ser::Error::custom)
    }

    /// `wide` is `value` as well.
    fn float(self, value: impl Display + LowerExp, wide: f64) -> Result<(), Refused> {
        let magnitude = wide.abs();
        if wide.is_nan() {
            self.text("NaN")
        } else if wide.is_infinite() {
            self.text(if wide > 0.0 { "Infinity" } else { "-Infinity" })
        } else if magnitude != 0.0 && !(1e-5..1e16).contains(&magnitude) {
            self.display(format_args!("{value:e}"))
        } else if wide.fract() == 0.0 {
            self.display(format_args!("{value}.0"))
        } else {
            self.display(value)
        }
    }

    fn string(self, text: &str) -> Result<(), Refused> {
        self.0.push('"');
        for character in text.chars() {
            match character {
                '"' | '\\' => self.0.extend(['\\', character]),
                '\0'..='\x1f' => {
                    Writer(self.0).display(format_args!("\\u{:04x}", u32::from(character)))?;
                }
                _ => self.0.push(character),
            }
        }
        self.0.push('"');
        Ok(())
    }

    fn items(self, close: &'static str) -> Items<'a> {
        self.0.push('[');
        Items {
            out: self.0,
            first: true,
            close,
        }
    }

    fn entries(self, close: &'static str) -> Entries<'a> {
        Entries {
            start: self.0.len(),
            out: self.0,
            entries: Vec::new(),
            close,
        }
    }

    /// What precedes the content of an enum's variant.
    fn variant(&mut self, name: &str) -> Result<(), Refused> {
        self.0.push('{');
        Writer(self.0).string(name)?;
        self.0.push(':');
        Ok(())
    }
}

macro_rules! as_displayed {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), Refused> {
            self.display(value)
        })*
    };
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = Items<'a>;
    type SerializeMap = Entries<'a>;
    type SerializeStruct = Entries<'a>;
    type SerializeStructVariant = Entries<'a>;

    as_displayed! {
        serialize_bool: bool,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    }

    fn serialize_f32(self, value: f32) -> Result<(), Refused> {
        self.float(value, f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<(), Refused> {
        self.float(value, value)
    }

    fn serialize_char(self, value: char) -> Result<(), Refused> {
        self.string(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Refused> {
        self.string(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Refused> {
        self.0.push_str("h'");
        super::push_hexadecimal(self.0, value);
        self.text("'")
    }

    fn serialize_none(self) -> Result<(), Refused> {
        self.text("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refused> {
        let start = self.0.len();
        value.serialize(Writer(self.0))?;
        let text = self.0.get(start..).unwrap_or_default();
        if text == "null" || text.starts_with("some(") {
            self.0.insert_str(start, "some(");
            self.0.push(')');
        }
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Refused> {
        self.text("()")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Refused> {
        self.text("()")
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Refused> {
        self.string(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        self.variant(variant)?;
        value.serialize(Writer(self.0))?;
        self.text("}")
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>, Refused> {
        Ok(self.items("]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'a>, Refused> {
        Ok(self.items("]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'a>, Refused> {
        Ok(self.items("]"))
    }

    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'a>, Refused> {
        self.variant(variant)?;
        Ok(self.items("]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries<'a>, Refused> {
        Ok(self.entries("}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries<'a>, Refused> {
        Ok(self.entries("}"))
    }

    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries<'a>, Refused> {
        self.variant(variant)?;
        Ok(self.entries("}}"))
    }
}

/// The items of a sequence.
struct Items<'a> {
    out: &'a mut String,
    first: bool,
    close: &'static str,
}

impl Items<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
        value.serialize(Writer(self.out))
    }

    fn close(self) -> Result<(), Refused> {
        Writer(self.out).text(self.close)
    }
}

/// The items of a sequence go by four names in serde.
macro_rules! impl_items {
    ($($trait:ident: $method:ident),*) => {
        $(impl ser::$trait for Items<'_> {
            type Ok = ();
            type Error = Refused;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
                self.item(value)
            }

            fn end(self) -> Result<(), Refused> {
                self.close()
            }
        })*
    };
}

impl_items! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
}

/// The entries of a map, written as they come and put in order at the end.
struct Entries<'a> {
    out: &'a mut String,
    start: usize,
    entries: Vec<Entry>,
    close: &'static str,
}

/// Where an entry is in the output.
struct Entry {
    key: Range<usize>,
    end: usize,
}

impl Entries<'_> {
    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        let start = self.out.len();
        key.serialize(Writer(self.out))?;
        let end = self.out.len();
        self.entries.push(Entry {
            key: start..end,
            end,
        });
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.out.push(':');
        value.serialize(Writer(self.out))?;
        let Some(entry) = self.entries.last_mut() else {
            return Err(ser::Error::custom("a map has a value before its first key"));
        };
        entry.end = self.out.len();
        Ok(())
    }

    fn close(mut self) -> Result<(), Refused> {
        let written = self.out.split_off(self.start);
        let text = |from: usize, to: usize| {
            written
                .get(from - self.start..to - self.start)
                .unwrap_or_default()
        };
        // Stable: if a key comes twice, the order of its values may mean something.
        self.entries
            .sort_by_key(|entry| text(entry.key.start, entry.key.end));
        self.out.push('{');
        for (index, entry) in self.entries.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.out.push_str(text(entry.key.start, entry.end));
        }
        Writer(self.out).text(self.close)
    }
}

impl ser::SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.value(value)
    }

    fn end(self) -> Result<(), Refused> {
        self.close()
    }
}

macro_rules! impl_fields {
    ($($trait:ident),*) => {
        $(impl ser::$trait for Entries<'_> {
            type Ok = ();
            type Error = Refused;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Refused> {
                self.key(name)?;
                self.value(value)
            }

            fn end(self) -> Result<(), Refused> {
                self.close()
            }
        })*
    };
}

impl_fields! { SerializeStruct, SerializeStructVariant }
