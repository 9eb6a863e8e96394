//! Keys that no path can stand for.

/// Why a part of a key cannot be a name of a path; none for one that can.
///
/// A file system is nowhere in between, so that length and most characters are free; `a` and `a/b` may stand side by
/// side. What is refused could be asked for by no client that tidies its URLs, or would lead elsewhere once it is
/// written below a destination.
pub fn refusal(part: &str) -> Option<&'static str> {
    match part {
        "" => Some("its key starts with a slash or has two slashes in a row, so it is not a valid path"),
        "." | ".." => Some("its key contains . or .. as a part, so it is not a valid path"),
        part if part.chars().any(|character| character.is_ascii_control()) => {
            Some("its key has a control character, so it cannot be requested")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::refusal;

    #[test]
    fn what_leads_elsewhere_is_refused_and_what_is_only_odd_is_not() {
        for part in ["", ".", "..", "a\nb", "\0", "\x7f"] {
            assert!(refusal(part).is_some(), "{part:?}");
        }
        for part in ["...", " ", "a b", "%2e", "\\", "ü", "\u{85}", &"x".repeat(1000)] {
            assert_eq!(refusal(part), None, "{part:?}");
        }
    }
}
