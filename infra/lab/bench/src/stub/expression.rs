//! DynamoDB's condition and update expressions, over top-level attributes: what the contestants send, and no more.
//! Anything unknown is refused, never guessed.

use serde_json::{Map, Value, json};

/// An item as the wire has it: attribute → `{"S": …}`.
pub(super) type Item = Map<String, Value>;

type Parsed<T> = Result<T, String>;

/// An expression with its names and values.
pub(super) struct Expression<'a> {
    tokens: Vec<&'a str>,
    at: usize,
    names: Option<&'a Item>,
    values: Option<&'a Item>,
}

impl<'a> Expression<'a> {
    /// The expression of this text, with the names and values of its request.
    pub(super) fn new(text: &'a str, request: &'a Value) -> Self {
        let of = |name| request.get(name).and_then(Value::as_object);
        Self {
            tokens: tokens(text),
            at: 0,
            names: of("ExpressionAttributeNames"),
            values: of("ExpressionAttributeValues"),
        }
    }

    /// Whether the item meets this condition.
    pub(super) fn holds(mut self, item: &Item) -> Parsed<bool> {
        let holds = self.any(item)?;
        match self.peek() {
            "" => Ok(holds),
            rest => Err(format!("{rest:?} is one too many")),
        }
    }

    /// Applies this update to the item.
    pub(super) fn update(mut self, item: &mut Item) -> Parsed<()> {
        let before = item.clone();
        while !self.peek().is_empty() {
            let clause = self.next().to_ascii_uppercase();
            loop {
                match clause.as_str() {
                    "SET" => {
                        let name = self.name()?;
                        self.expect("=")?;
                        let value = self.sum(&before)?;
                        item.insert(name, value);
                    }
                    "REMOVE" => {
                        let name = self.name()?;
                        item.remove(&name);
                    }
                    other => return Err(format!("the clause {other:?} is not known here")),
                }
                if !self.skip(",") {
                    break;
                }
            }
        }
        Ok(())
    }

    fn peek(&self) -> &'a str {
        self.tokens.get(self.at).copied().unwrap_or_default()
    }

    fn next(&mut self) -> &'a str {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn skip(&mut self, word: &str) -> bool {
        let is_next = self.peek().eq_ignore_ascii_case(word);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, word: &str) -> Parsed<()> {
        match self.skip(word) {
            true => Ok(()),
            false => Err(format!("{word:?} is missing before {:?}", self.peek())),
        }
    }

    fn name(&mut self) -> Parsed<String> {
        let token = self.next();
        if matches!(self.peek(), "." | "[") {
            return Err("paths into an attribute are not known here".to_owned());
        }
        match token.starts_with('#') {
            false if token.starts_with(|first: char| first.is_ascii_alphabetic()) => {
                Ok(token.to_owned())
            }
            false => Err(format!("{token:?} is no name")),
            true => {
                let name = self.names.and_then(|names| names.get(token)?.as_str());
                name.map(str::to_owned)
                    .ok_or_else(|| format!("the name {token} is not defined"))
            }
        }
    }

    /// A value, or an attribute that the item may not have.
    fn operand(&mut self, item: &Item) -> Parsed<Option<Value>> {
        if !self.peek().starts_with(':') {
            return Ok(item.get(&self.name()?).cloned());
        }
        let token = self.next();
        let value = self.values.and_then(|values| values.get(token)).cloned();
        value
            .map(Some)
            .ok_or_else(|| format!("the value {token} is not defined"))
    }

    fn any(&mut self, item: &Item) -> Parsed<bool> {
        let mut holds = self.all(item)?;
        while self.skip("OR") {
            holds |= self.all(item)?;
        }
        Ok(holds)
    }

    fn all(&mut self, item: &Item) -> Parsed<bool> {
        let mut holds = self.one(item)?;
        while self.skip("AND") {
            holds &= self.one(item)?;
        }
        Ok(holds)
    }

    fn one(&mut self, item: &Item) -> Parsed<bool> {
        if self.skip("NOT") {
            return Ok(!self.one(item)?);
        }
        if self.skip("(") {
            let holds = self.any(item)?;
            self.expect(")")?;
            return Ok(holds);
        }
        if self.tokens.get(self.at + 1) == Some(&"(") {
            return self.function(item);
        }
        let left = self.operand(item)?;
        let operator = self.next();
        let right = self.operand(item)?;
        compare(left.as_ref(), operator, right.as_ref())
    }

    fn function(&mut self, item: &Item) -> Parsed<bool> {
        let function = self.next();
        self.expect("(")?;
        let holds = match function {
            "attribute_exists" => item.contains_key(&self.name()?),
            "attribute_not_exists" => !item.contains_key(&self.name()?),
            other => return Err(format!("the function {other} is not known here")),
        };
        self.expect(")")?;
        Ok(holds)
    }

    fn sum(&mut self, item: &Item) -> Parsed<Value> {
        let mut sum = self.term(item)?;
        while matches!(self.peek(), "+" | "-") {
            let sign = if self.next() == "-" { -1.0 } else { 1.0 };
            let term = self.term(item)?;
            match (number(&sum), number(&term)) {
                (Some(left), Some(right)) => {
                    sum = json!({ "N": (left + sign * right).to_string() })
                }
                _ => return Err("only numbers can be added".to_owned()),
            }
        }
        Ok(sum)
    }

    fn term(&mut self, item: &Item) -> Parsed<Value> {
        if !self.skip("if_not_exists") {
            let value = self.operand(item)?;
            return value.ok_or_else(|| "the item has no such attribute".to_owned());
        }
        self.expect("(")?;
        let name = self.name()?;
        self.expect(",")?;
        let otherwise = self.term(item)?;
        self.expect(")")?;
        Ok(item.get(&name).cloned().unwrap_or(otherwise))
    }
}

fn tokens(text: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '#' || c == ':';
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            first if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            '<' | '>' if rest[1..].starts_with(['=', '>']) => 2,
            other => other.len_utf8(),
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

fn number(value: &Value) -> Option<f64> {
    value.get("N")?.as_str()?.parse().ok()
}

/// A comparison with a missing attribute is true for `<>` only.
fn compare(left: Option<&Value>, operator: &str, right: Option<&Value>) -> Parsed<bool> {
    if !["=", "<>", "<", "<=", ">", ">="].contains(&operator) {
        return Err(format!("{operator:?} is no comparison"));
    }
    let (Some(left), Some(right)) = (left, right) else {
        return Ok(operator == "<>");
    };
    let text = |value: &Value| value.get("S").and_then(Value::as_str).map(str::to_owned);
    let order = match (number(left), number(right)) {
        (Some(left), Some(right)) => left.partial_cmp(&right),
        _ => match (text(left), text(right)) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => None,
        },
    };
    Ok(match operator {
        "=" => left == right || order.is_some_and(|order| order.is_eq()),
        "<>" => left != right && order.is_none_or(|order| order.is_ne()),
        "<" => order.is_some_and(|order| order.is_lt()),
        "<=" => order.is_some_and(|order| order.is_le()),
        ">" => order.is_some_and(|order| order.is_gt()),
        _ => order.is_some_and(|order| order.is_ge()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(value: Value) -> Item {
        value.as_object().cloned().expect("an object")
    }

    fn holds(condition: &str, of: &Value) -> Parsed<bool> {
        let request = json!({
            "ExpressionAttributeNames": { "#status": "status" },
            "ExpressionAttributeValues": { ":now": { "N": "100" }, ":mine": { "S": "a" } },
        });
        Expression::new(condition, &request).holds(&item(of.clone()))
    }

    #[test]
    fn conditions_hold_as_dynamodb_has_them() {
        let there = json!({ "pk": { "S": "1" }, "at": { "N": "9" }, "status": { "S": "a" } });
        for (condition, expected) in [
            ("attribute_not_exists(pk)", false),
            (
                "attribute_not_exists(pk) OR (at <= :now AND attribute_not_exists(due))",
                true,
            ),
            ("attribute_exists(pk) AND NOT #status = :mine", false),
            // Compared as numbers, not as texts.
            ("at < :now", true),
            ("#status <> :mine", false),
            // A missing attribute is unequal to all, and neither before nor after any.
            ("missing <> :mine", true),
            (
                "missing = :mine OR missing < :now OR missing >= :now",
                false,
            ),
        ] {
            assert_eq!(holds(condition, &there), Ok(expected), "{condition}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for condition in [
            "size(pk) > :now",
            "a.b = :now",
            "pk = :other",
            "#no = :now",
            "pk ~ :now",
            "pk = :now pk",
        ] {
            assert!(holds(condition, &json!({})).is_err(), "{condition}");
        }
    }

    #[test]
    fn updates_read_the_item_as_it_was_before() {
        let request =
            json!({ "ExpressionAttributeValues": { ":one": { "N": "1" }, ":now": { "N": "7" } } });
        let mut it = item(json!({ "n": { "N": "1" }, "gone": { "S": "x" } }));
        let update = "SET n = n + :one, m = n, at = if_not_exists(at, :now), n2 = if_not_exists(n, :now) REMOVE gone, never";
        Expression::new(update, &request)
            .update(&mut it)
            .expect("known");
        let expected =
            json!({ "n": { "N": "2" }, "m": { "N": "1" }, "at": { "N": "7" }, "n2": { "N": "1" } });
        assert_eq!(it, item(expected));
    }
}
