//! What a real binary printed on standard error, as a class of refusal and a section (wire reference 9).

/// What the standard error of a refused load says, as far as its release says anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Classes of refusal ([`crate::wire::Kind::class`]) that fit the text. Empty: it says none.
    pub classes: Vec<&'static str>,
    /// The section that failed, by its idstr.
    pub section: Option<String>,
}

/// A fragment of a message, and the classes that it means.
const TEXTS: [(&str, &[&str]); 25] = [
    ("stream error: -5", &["end of stream"]),
    ("section type", &["section type"]),
    ("section or instance", &["unknown section"]),
    ("Unable to read ID string", &["unknown section"]),
    ("unsupported version", &["section version"]),
    ("Missing section footer", &["footer missing"]),
    ("Mismatched section id in footer", &["footer mismatch"]),
    ("' does not exist", &["unknown subsection"]),
    ("Machine type received", &["configuration"]),
    ("Configuration section missing", &["configuration"]),
    ("TARGET_PAGE_BITS", &["configuration"]),
    ("Not a migration stream", &["header"]),
    ("obsolete", &["header"]),
    ("Unsupported migration stream version", &["header"]),
    ("ramblock", &["ram"]),
    ("RAM offset", &["ram"]),
    ("zero page", &["ram"]),
    ("migration flags", &["ram"]),
    ("bad migration stream", &["ram"]),
    ("expecting positive value", &["value"]),
    ("Bad config data", &["value"]),
    ("Input validation failed", &["value"]),
    ("inconsistent state", &["value"]),
    ("exceeds allocated", &["value"]),
    ("incoming version_id", &["vmsd version"]),
];

/// Final texts of the error number, weakest of all.
const ERRNOS: [(&str, &[&str]); 3] = [
    ("No such file or directory", &["unknown subsection"]),
    ("Input/output error", &["end of stream"]),
    ("Operation not permitted", &["value"]),
];

/// Reads the standard error of a load.
#[must_use]
pub fn parse(stderr: &str) -> Message {
    let mut message = Message::default();
    for line in stderr.lines() {
        if message.section.is_none()
            && let Some((_, rest)) = line.split_once("of device '")
        {
            message.section = rest.split('\'').next().map(str::to_string);
        }
        if message.classes.is_empty() {
            message.classes = classes(line);
        }
    }
    if message.classes.is_empty() {
        let errno = ERRNOS.iter().find(|(text, _)| stderr.contains(text));
        message.classes = errno.map_or(Vec::new(), |(_, classes)| classes.to_vec());
    }
    message
}

fn classes(line: &str) -> Vec<&'static str> {
    if let Some((_, found)) = TEXTS.iter().find(|(text, _)| line.contains(text)) {
        return found.to_vec();
    }
    // `4 != 6c`: two numbers in hex, and nothing else but the program's name.
    let last = line.rsplit(": ").next().unwrap_or(line);
    if let Some((local, received)) = last.split_once(" != ")
        && [local, received]
            .iter()
            .all(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_hexdigit()))
    {
        return vec!["value"];
    }
    // `Unknown savevm section 174289013`: a number, not a name.
    for text in ["Unknown savevm section ", "Unknown section "] {
        if let Some((_, rest)) = line.split_once(text)
            && rest.starts_with(|c: char| c.is_ascii_digit())
        {
            return vec!["unknown section id"];
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("Unknown savevm section type 48\nload of migration failed", &["section type"], None)]
    #[case("savevm: unsupported version 2 for 'i8259' v1", &["section version"], None)]
    #[case("q: 4 != 6c\nq: Failed to load PCIBUS:nirq", &["value"], None)]
    #[case("Unknown savevm section 174289013", &["unknown section id"], None)]
    #[case(
        "q: error while loading state for instance 0x0 of device 'cpu'\n\
         q: load of migration failed: No such file or directory",
        &["unknown subsection"],
        Some("cpu")
    )]
    #[case("load of migration failed", &[], None)]
    fn texts_have_classes(
        #[case] stderr: &str,
        #[case] classes: &[&str],
        #[case] section: Option<&str>,
    ) {
        let message = parse(stderr);
        assert_eq!(message.classes, classes);
        assert_eq!(message.section.as_deref(), section);
    }
}
