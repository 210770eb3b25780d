//! Turns the YAML between the fences into fields, bounded and with values as they are written. Fences, warnings and
//! rules are left to the rooms around it.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::{
    DefaultMessageFormatter, DuplicateKeyPolicy, Error as YamlError, MergeKeyPolicy, MessageFormatter as _,
    NonFiniteFloatPolicy, Options,
};

use super::Error;

/// Fields whose value is text by the specification or by convention, however it looks to YAML.
const TEXT_FIELDS: [&str; 6] =
    ["name", "description", "license", "compatibility", "allowed-tools", "version"];
/// A mapping of texts by the specification.
const METADATA: &str = "metadata";

/// Far above what a frontmatter of 64 KiB needs, far below what costs a second or a gibibyte.
fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 20_000,
            max_nodes: 10_000,
            max_aliases: 32,
            max_anchors: 32,
            max_recorded_anchor_events: 4_000,
            max_recorded_anchor_bytes: 256 * 1024,
            max_depth: 16,
            max_documents: 1,
            max_merge_keys: 0,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 1_000,
            max_replay_stack_depth: 4,
            max_alias_expansions_per_anchor: 32,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    }
}

/// Reads `yaml`. Gives the fields, and the values that had to be quoted first.
pub(super) fn read(yaml: &str) -> Result<(Map<String, Value>, Vec<Unquoted>), Error> {
    match read_strictly(yaml) {
        Err(Error::Yaml { line, problem }) => {
            let (quoted, values) = quote_values(yaml);
            match read_strictly(&quoted) {
                Ok(fields) if !values.is_empty() => Ok((fields, values)),
                // The first error speaks of what the author wrote.
                _ => Err(Error::Yaml { line, problem }),
            }
        }
        result => Ok((result?, Vec::new())),
    }
}

/// A value that is not valid YAML without quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unquoted {
    /// Its field.
    pub(super) field: String,
    /// Where it begins in the file, from 1.
    pub(super) line: usize,
}

fn read_strictly(yaml: &str) -> Result<Map<String, Value>, Error> {
    let value: Value = serde_saphyr::from_str_with_options(yaml, options()).map_err(|e| error(&e, yaml))?;
    let fields = match value {
        Value::Object(fields) => fields,
        Value::Null => return Ok(Map::new()),
        _ => return Err(Error::NotMapping),
    };
    // A second reading, now that the shape is known, takes the text of scalars that YAML reads as numbers.
    let value = serde_saphyr::with_deserializer_from_str_with_options(yaml, options(), |deserializer| {
        deserializer.deserialize_map(Fields(&fields))
    });
    value.map_err(|e| error(&e, yaml))
}

fn error(error: &YamlError, yaml: &str) -> Error {
    let mut inner = error;
    while let YamlError::WithSnippet { error, .. } | YamlError::AliasError { error, .. } = inner {
        inner = error;
    }
    // The opening fence is line 1 of the file. What is not closed is noticed behind the last line.
    let last = yaml.lines().count();
    let line = inner.location().and_then(|at| usize::try_from(at.line()).ok()).map(|line| line.min(last) + 1);
    match inner {
        YamlError::DuplicateMappingKey { key, .. } => {
            Error::DuplicateKey { key: shown(key.as_deref().unwrap_or("?")), line }
        }
        YamlError::Budget { .. }
        | YamlError::AliasReplayCounterOverflow { .. }
        | YamlError::AliasReplayLimitExceeded { .. }
        | YamlError::AliasExpansionLimitExceeded { .. }
        | YamlError::AliasReplayStackDepthExceeded { .. } => {
            Error::TooComplex { line, problem: message(inner) }
        }
        _ => Error::Yaml { line, problem: message(inner) },
    }
}

fn message(error: &YamlError) -> String {
    shown(&DefaultMessageFormatter.format_message(error))
}

/// Text out of the file must not flood or garble the terminal.
fn shown(text: &str) -> String {
    let visible = |c: char| matches!(c, '\'' | '"' | '\\') || c.escape_debug().len() == 1;
    let short: String = text.chars().take(160).map(|c| if visible(c) { c } else { '\u{fffd}' }).collect();
    if text.chars().count() > 160 { format!("{short}...") } else { short }
}

/// The top-level fields, read again with the shapes of the first reading.
struct Fields<'a>(&'a Map<String, Value>);

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let shape = self.0.get(&key).unwrap_or(&Value::Null);
            let value = if TEXT_FIELDS.contains(&key.as_str()) && is_scalar(shape) {
                map.next_value::<String>().map(Value::String)?
            } else if key == METADATA {
                map.next_value_seed(Written(shape))?
            } else {
                map.next_value::<IgnoredAny>()?;
                shape.clone()
            };
            fields.insert(key, value);
        }
        Ok(fields)
    }
}

fn is_scalar(shape: &Value) -> bool {
    matches!(shape, Value::Number(_) | Value::Bool(_) | Value::String(_))
}

/// A value of the given shape whose numbers are read as the text that stands there.
struct Written<'a>(&'a Value);

impl<'de> DeserializeSeed<'de> for Written<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.0 {
            Value::Number(_) => serde::Deserialize::deserialize(deserializer).map(Value::String),
            Value::Object(_) => deserializer.deserialize_map(self),
            Value::Array(_) => deserializer.deserialize_seq(self),
            shape => deserializer.deserialize_ignored_any(IgnoredAny).map(|_| shape.clone()),
        }
    }
}

impl<'de> Visitor<'de> for Written<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the same shape as before")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(Written(self.0.get(&key).unwrap_or(&Value::Null)))?;
            fields.insert(key, value);
        }
        Ok(Value::Object(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) =
            seq.next_element_seed(Written(self.0.get(items.len()).unwrap_or(&Value::Null)))?
        {
            items.push(item);
        }
        Ok(Value::Array(items))
    }
}

/// Puts single quotes around top-level values that cannot be plain YAML, as agents do after a failure (client
/// guidance of the specification). Gives the text with its lines in place, and the values that were quoted.
fn quote_values(yaml: &str) -> (Cow<'_, str>, Vec<Unquoted>) {
    let mut out = String::with_capacity(yaml.len() + 16);
    let mut quoted = Vec::new();
    let mut lines = yaml.split_inclusive('\n').enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let Some(value_at) = top_level_value(line) else {
            out.push_str(line);
            continue;
        };
        let mut value = line[value_at..].to_owned();
        // Indented lines go on with the value.
        while let Some((_, next)) = lines.next_if(|(_, next)| next.starts_with([' ', '\t'])) {
            value.push_str(next);
        }
        out.push_str(&line[..value_at]);
        let text = value.trim_end();
        if must_be_quoted(text) {
            out.push_str(&format!("'{}'", text.replace('\'', "''")));
            out.push_str(&value[text.len()..]);
            let field = line.split(':').next().unwrap_or_default().to_owned();
            // The opening fence is line 1 of the file.
            quoted.push(Unquoted { field, line: index + 2 });
        } else {
            out.push_str(&value);
        }
    }
    if quoted.is_empty() { (Cow::Borrowed(yaml), quoted) } else { (Cow::Owned(out), quoted) }
}

/// Where the value begins in a line `field: value` that is not indented.
fn top_level_value(line: &str) -> Option<usize> {
    let key = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))?;
    let rest = line[key..].strip_prefix(':')?;
    let value = rest.trim_start_matches([' ', '\t']);
    let is_value = key > 0 && value.len() < rest.len() && !value.trim().is_empty();
    is_value.then(|| line.len() - value.len())
}

/// Whether `value` cannot be what its author meant unless it is quoted. One that merely lacks its closing quote or
/// bracket is a mistake that only its author can mend.
fn must_be_quoted(value: &str) -> bool {
    let goes_on_after = |close: char| value.rfind(close).is_some_and(|at| at > 0 && at + 1 < value.len());
    let plain = value.split(" #").next().unwrap_or(value);
    match value.chars().next() {
        Some('"') => goes_on_after('"'),
        Some('\'') => goes_on_after('\''),
        Some('[') => goes_on_after(']'),
        Some('{') => goes_on_after('}'),
        Some('|' | '>' | '#') => false,
        Some('@' | '`' | '%' | '*' | '&' | '!') => true,
        _ => plain.ends_with(':') || [": ", ":\t", ":\n", ":\r"].iter().any(|colon| plain.contains(colon)),
    }
}
