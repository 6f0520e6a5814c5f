//! Conditions on a body: `PATH OPERATOR VALUE`, several joined by `and`.
//!
//! | | |
//! |---|---|
//! | path | names and indexes from the event down: `data.object.lines.data[0].price`, `[*]` for any element, a name in quotes as JSON has it (`metadata."my key"`) |
//! | `=` `!=` | the value there is this one; another one. Numbers are compared by their value |
//! | `~` | the text there contains this text |
//! | `<` `>` | the number there is less; more |
//! | `exists` | there is a value, `null` too |
//!
//! A value without quotes is one word. It stands for what JSON reads in it and for the text too: `1234` is the number and
//! `"1234"`, because metadata has texts only. In quotes it is the text alone. With `[*]` one element that fits is enough.
//! Where there is nothing, no condition holds, `!=` neither.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::number::Decimal;

/// The longest text of conditions, in bytes.
pub const CONDITIONS_BYTES_MAX: usize = 2_000;

/// The most conditions of a search.
pub const CONDITIONS_MAX: usize = 8;

/// The most names and indexes of a path.
pub const PATH_DEPTH_MAX: usize = 32;

/// The longest path, in bytes as it is written.
pub const PATH_BYTES_MAX: usize = 500;

/// Characters that end a name without quotes.
const SPECIAL: &str = ".[]\"=!~<>";

/// Conditions that all have to hold. As text, and in JSON, they are what a person types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Conditions(Vec<Condition>);

/// A condition on what is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub(super) path: Vec<Segment>,
    pub(super) test: Test,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Name(String),
    Index(usize),
    Any,
}

/// What has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    Equal(Value),
    Differs(Value),
    Contains(Value),
    Less(Number),
    More(Number),
    Exists,
}

/// A value as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A word without quotes: a number, `true`, `false`, `null`, and a text too.
    Word {
        text: String,
        number: Option<Decimal>,
    },
    /// A text in quotes.
    Text(String),
}

/// A number as it was typed, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) text: String,
    pub(super) decimal: Decimal,
}

impl Value {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Word { text, .. } | Self::Text(text) => text,
        }
    }
}

impl Conditions {
    /// The conditions.
    pub(super) fn all(&self) -> &[Condition] {
        &self.0
    }

    /// Those of several texts, which all have to hold.
    ///
    /// # Errors
    /// A sentence that says what is wrong, and where.
    pub fn of(texts: &[String]) -> Result<Self, String> {
        Self::from_str(&texts.join(" and "))
    }
}

impl TryFrom<String> for Conditions {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Conditions> for String {
    fn from(conditions: Conditions) -> Self {
        conditions.to_string()
    }
}

impl FromStr for Conditions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > CONDITIONS_BYTES_MAX {
            return Err(format!(
                "the condition has {} bytes, and may have {CONDITIONS_BYTES_MAX}",
                text.len()
            ));
        }
        let mut reader = Reader { text, at: 0 };
        let mut conditions = Vec::new();
        loop {
            if conditions.len() == CONDITIONS_MAX {
                return Err(format!("there are more than {CONDITIONS_MAX} conditions"));
            }
            conditions.push(reader.condition()?);
            reader.blanks();
            if reader.rest().is_empty() {
                return Ok(Self(conditions));
            }
            let at = reader.at;
            if reader.word() != "and" {
                reader.at = at;
                return Err(reader.wrong(
                    "expected `and` with another condition, or the end; put a value with blanks in quotes",
                ));
            }
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    /// In bytes.
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// A fault at this place. Places are counted in characters from 1, as people count.
    fn wrong(&self, what: &str) -> String {
        let place = self.text[..self.at].chars().count() + 1;
        match self.rest().is_empty() {
            true => format!("the condition ends at character {place}: {what}"),
            false => format!("the condition is wrong at character {place}: {what}"),
        }
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn takes(&mut self, token: &str) -> bool {
        let is_there = self.rest().starts_with(token);
        if is_there {
            self.at += token.len();
        }
        is_there
    }

    /// Up to the next blank.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let word = &rest[..rest.find(char::is_whitespace).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn condition(&mut self) -> Result<Condition, String> {
        self.blanks();
        let begin = self.at;
        let mut path = Vec::new();
        self.segment(&mut path, true)?;
        while self.rest().starts_with(['.', '[']) {
            if path.len() == PATH_DEPTH_MAX {
                return Err(self.wrong(&format!(
                    "a path has at most {PATH_DEPTH_MAX} names and indexes"
                )));
            }
            self.segment(&mut path, false)?;
        }
        if self.at - begin > PATH_BYTES_MAX {
            let length = self.at - begin;
            self.at = begin;
            return Err(self.wrong(&format!(
                "the path has {length} bytes, and may have {PATH_BYTES_MAX}"
            )));
        }
        self.blanks();
        let test = self.test()?;
        Ok(Condition { path, test })
    }

    fn segment(&mut self, path: &mut Vec<Segment>, is_first: bool) -> Result<(), String> {
        if self.takes("[") {
            let index = match self.rest().find(']') {
                Some(end) => &self.rest()[..end],
                None => return Err(self.wrong("expected an index and `]`")),
            };
            let segment = match index {
                "*" => Segment::Any,
                _ if index.bytes().all(|byte| byte.is_ascii_digit()) => match index.parse() {
                    Ok(index) => Segment::Index(index),
                    Err(_) => return Err(self.wrong("expected a number or `*` in brackets")),
                },
                _ => return Err(self.wrong("expected a number or `*` in brackets")),
            };
            self.at += index.len() + 1;
            path.push(segment);
            return Ok(());
        }
        if !is_first {
            self.takes(".");
        }
        let name = match self.rest().starts_with('"') {
            true => self.quoted()?,
            false => {
                let rest = self.rest();
                let is_end = |c: char| c.is_whitespace() || SPECIAL.contains(c);
                let name = &rest[..rest.find(is_end).unwrap_or(rest.len())];
                if name.is_empty() {
                    return Err(self.wrong("expected a name, as in data.object.id"));
                }
                self.at += name.len();
                name.to_owned()
            }
        };
        path.push(Segment::Name(name));
        Ok(())
    }

    /// A text in quotes, as JSON writes it.
    fn quoted(&mut self) -> Result<String, String> {
        let rest = self.rest();
        let mut is_escaped = false;
        let end = rest.char_indices().skip(1).find(|(_, c)| match c {
            _ if is_escaped => {
                is_escaped = false;
                false
            }
            '\\' => {
                is_escaped = true;
                false
            }
            c => *c == '"',
        });
        let Some((end, _)) = end else {
            return Err(self.wrong("the quotes aren't closed"));
        };
        let text = serde_json::from_str(&rest[..=end]).map_err(|_| {
            self.wrong("this isn't a text as JSON writes it: a backslash is `\\\\`")
        })?;
        self.at += end + 1;
        Ok(text)
    }

    fn test(&mut self) -> Result<Test, String> {
        let at = self.at;
        if self.word() == "exists" {
            return Ok(Test::Exists);
        }
        self.at = at;
        if self.takes("!=") {
            return Ok(Test::Differs(self.value()?));
        }
        if self.takes("=") {
            return Ok(Test::Equal(self.value()?));
        }
        if self.takes("~") {
            return Ok(Test::Contains(self.value()?));
        }
        if self.takes("<") {
            return Ok(Test::Less(self.number()?));
        }
        if self.takes(">") {
            return Ok(Test::More(self.number()?));
        }
        Err(self.wrong("expected one of = != ~ < > exists"))
    }

    fn value(&mut self) -> Result<Value, String> {
        self.blanks();
        if self.rest().starts_with('"') {
            return Ok(Value::Text(self.quoted()?));
        }
        if self.rest().starts_with('=') {
            return Err(self.wrong(
                "`=` doesn't follow an operator; a value that begins with it goes in quotes",
            ));
        }
        let begin = self.at;
        let text = self.word();
        if text.is_empty() {
            self.at = begin;
            return Err(self.wrong("expected a value"));
        }
        Ok(Value::Word {
            number: Decimal::read(text),
            text: text.to_owned(),
        })
    }

    fn number(&mut self) -> Result<Number, String> {
        self.blanks();
        let begin = self.at;
        let text = self.word();
        match Decimal::read(text) {
            Some(decimal) => Ok(Number {
                text: text.to_owned(),
                decimal,
            }),
            None => {
                self.at = begin;
                Err(self.wrong("expected a number as JSON writes it: < and > compare numbers"))
            }
        }
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, condition) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" and ")?;
            }
            condition.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.path.iter().enumerate() {
            match segment {
                Segment::Any => f.write_str("[*]")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Name(name) => {
                    if index > 0 {
                        f.write_str(".")?;
                    }
                    let is_special = |c: char| c.is_whitespace() || SPECIAL.contains(c);
                    match name.is_empty() || name.contains(is_special) {
                        true => quote(f, name)?,
                        false => f.write_str(name)?,
                    }
                }
            }
        }
        match &self.test {
            Test::Exists => f.write_str(" exists"),
            Test::Less(number) => write!(f, " < {}", number.text),
            Test::More(number) => write!(f, " > {}", number.text),
            Test::Equal(value) => write!(f, " = {value}"),
            Test::Differs(value) => write!(f, " != {value}"),
            Test::Contains(value) => write!(f, " ~ {value}"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word { text, .. } => f.write_str(text),
            Self::Text(text) => quote(f, text),
        }
    }
}

fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

#[cfg(test)]
mod tests;
