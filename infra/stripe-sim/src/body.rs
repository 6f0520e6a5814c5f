//! Bodies as Stripe writes its webhooks.

use serde_json::Value;

/// The value as text: indented by two, with `id` and `object` first in each object.
#[must_use]
pub fn written(value: &Value) -> Vec<u8> {
    let mut text = String::new();
    write(value, 0, &mut text);
    text.into_bytes()
}

fn write(value: &Value, depth: usize, text: &mut String) {
    let break_line = |depth: usize, text: &mut String| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    };
    match value {
        Value::Object(members) if !members.is_empty() => {
            let is_first = |key: &str| matches!(key, "id" | "object");
            let (first, rest): (Vec<_>, Vec<_>) =
                members.iter().partition(|(key, _)| is_first(key));
            text.push('{');
            for (index, (key, value)) in first.into_iter().chain(rest).enumerate() {
                if index > 0 {
                    text.push(',');
                }
                break_line(depth + 1, text);
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push_str(": ");
                write(value, depth + 1, text);
            }
            break_line(depth, text);
            text.push('}');
        }
        Value::Array(values) if !values.is_empty() => {
            text.push('[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                break_line(depth + 1, text);
                write(value, depth + 1, text);
            }
            break_line(depth, text);
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_written_as_stripe_writes_it() {
        let event =
            serde_json::json!({"b": [], "a": {"y": [1, "x\n"]}, "object": "event", "id": "evt_1"});
        let expected = "{\n  \"id\": \"evt_1\",\n  \"object\": \"event\",\n  \"a\": {\n    \"y\": [\n      1,\n      \"x\\n\"\n    ]\n  },\n  \"b\": []\n}";
        assert_eq!(written(&event), expected.as_bytes());
    }
}
