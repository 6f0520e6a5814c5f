//! W3C trace context: validates one, and makes one from the ids that AWS gave an invocation, without random numbers.

/// The trace context of an invocation: made from X-Ray's trace id, or else from the request id.
pub fn of_invocation(xray: Option<&str>, request_id: &str) -> String {
    xray.and_then(from_xray)
        .unwrap_or_else(|| from_request_id(request_id))
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, lower case, ids not all zero.
pub fn is_sound(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    let [version, trace, span, flags] = parts[..] else {
        return false;
    };
    let is_id = |id: &str, digits| is_hex(id, digits) && id.bytes().any(|digit| digit != b'0');
    version == "00" && is_id(trace, 32) && is_id(span, 16) && is_hex(flags, 2)
}

fn is_hex(value: &str, digits: usize) -> bool {
    value.len() == digits
        && value
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// `Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;Sampled=1`.
fn from_xray(header: &str) -> Option<String> {
    let field = |name: &str| {
        header
            .split(';')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let trace = field("Root")?.strip_prefix("1-")?.replacen('-', "", 1);
    let span = field("Parent").map_or_else(
        || trace.get(..16).unwrap_or_default().to_owned(),
        str::to_owned,
    );
    let sampled = if field("Sampled") == Some("1") {
        "01"
    } else {
        "00"
    };
    Some(format!("00-{trace}-{span}-{sampled}")).filter(|made| is_sound(made))
}

/// The trace's id in a trace context, by which log lines are found: it is the same at each hop, unlike the span's. Text
/// of another form is returned as it is.
pub fn id(traceparent: &str) -> &str {
    match is_sound(traceparent) {
        true => traceparent.split('-').nth(1).unwrap_or(traceparent),
        false => traceparent,
    }
}

/// A sound trace context in the form of X-Ray's header, which AWS's services pass on; `None` for any other.
pub fn to_xray(traceparent: &str) -> Option<String> {
    let sound = is_sound(traceparent).then_some(traceparent)?;
    let mut parts = sound.split('-').skip(1);
    let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
    let (time, rest) = trace.split_at_checked(8)?;
    let is_sampled = u8::from_str_radix(flags, 16).ok()? & 1;
    Some(format!(
        "Root=1-{time}-{rest};Parent={span};Sampled={is_sampled}"
    ))
}

fn from_request_id(request_id: &str) -> String {
    let digits: String = request_id.chars().filter(char::is_ascii_hexdigit).collect();
    let trace = format!("{:0>32}", digits.to_ascii_lowercase())
        .chars()
        .take(32)
        .collect::<String>();
    let span: String = trace.chars().rev().take(16).collect();
    let made = format!("00-{trace}-{span}-00");
    if is_sound(&made) {
        made
    } else {
        "00-00000000000000000000000000000001-0000000000000001-00".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sound_traceparent_is_taken_from_a_request() {
        assert!(is_sound(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        ));
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(!is_sound(bad), "{bad}");
        }
    }

    #[test]
    fn a_trace_s_id_is_the_same_whatever_its_span() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        for rest in ["00f067aa0ba902b7-01", "00f067aa0ba902b8-00"] {
            assert_eq!(super::id(&format!("00-{id}-{rest}")), id);
        }
        assert_eq!(super::id("no trace"), "no trace");
    }

    #[test]
    fn x_rays_trace_id_carries_over() {
        let header = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1";
        assert_eq!(
            from_xray(header).as_deref(),
            Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        );
        assert_eq!(from_xray("Root=junk"), None);
    }

    #[test]
    fn a_trace_context_says_the_same_in_x_rays_words() {
        let header = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1";
        let traceparent = from_xray(header).expect("sound");
        assert_eq!(to_xray(&traceparent).as_deref(), Some(header));
        let unsampled = traceparent.replace("-01", "-00");
        assert!(to_xray(&unsampled).is_some_and(|header| header.ends_with("Sampled=0")));
        assert_eq!(to_xray(""), None);
        assert_eq!(to_xray("00-é"), None);
    }

    #[test]
    fn a_request_id_always_makes_a_sound_one() {
        for id in [
            "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "",
            "zz",
            "00000000-0000-0000-0000-000000000000",
        ] {
            assert!(is_sound(&from_request_id(id)), "{id}");
        }
    }
}
