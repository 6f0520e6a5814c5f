//! Who changes something, and why: what every record of a change says.

use serde::Serialize;

use crate::problem::Problem;
use crate::stack::Stack;

/// The longest reason, in characters. It keeps an item of the outcomes' table small, and a line of the status readable.
pub const WHY_MAX: usize = 500;

/// Who changes something, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// As [`who`] says.
    pub who: String,
    /// In the operator's words.
    pub why: String,
}

/// Who acts. In AWS it is the ARN that AWS's security token service has for these credentials, which can't be forged.
/// The local stack's credentials identify no person, so there it is the user of this machine.
///
/// # Errors
/// When AWS can't be asked.
pub async fn who(stack: &Stack) -> Result<String, Problem> {
    if stack.aws.is_real() {
        let (arn, _) = stack.aws.caller().await?;
        return Ok(arn);
    }
    let user = ["USER", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    Ok(user
        .filter(|user| !user.is_empty())
        .unwrap_or_else(|| "unknown".to_owned()))
}

/// The reason that was given, or this one if none was asked for.
///
/// # Errors
/// `Usage` for a reason that is empty or too long; otherwise as [`who`].
pub async fn reason(stack: &Stack, why: Option<&str>, otherwise: &str) -> Result<Reason, Problem> {
    let why = checked(why.unwrap_or(otherwise))?;
    let who = who(stack).await?;
    Ok(Reason { who, why })
}

/// Checks a reason and takes the white space around it off. It may be neither empty nor longer than [`WHY_MAX`].
///
/// # Errors
/// `Usage`, which says what is wrong.
pub fn checked(why: &str) -> Result<String, Problem> {
    let why = why.trim();
    if why.is_empty() {
        return Err(Problem::Usage(
            "--yes wants a --why, for the record".to_owned(),
        ));
    }
    if why.chars().count() > WHY_MAX {
        return Err(Problem::Usage(format!(
            "--why has more than {WHY_MAX} characters"
        )));
    }
    Ok(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_neither_empty_nor_a_novel() {
        assert_eq!(
            checked(" it rejects refunds\n").expect("a reason"),
            "it rejects refunds"
        );
        for why in ["", "  \n", &"x".repeat(WHY_MAX + 1)] {
            assert_eq!(checked(why).expect_err("refused").exit_code(), 2);
        }
        assert!(checked(&"é".repeat(WHY_MAX)).is_ok());
    }
}
