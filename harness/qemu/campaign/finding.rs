//! What a campaign looks for: loads that crash or hang, that are accepted although they were misread, or
//! that the model judges differently. Each is kept once for each place.

use serde::{Deserialize, Serialize};

use super::features::without_numbers;
use super::input::Input;
use crate::qemu::events::{self, Event};
use crate::qemu::process::Ended;
use crate::qemu::verify::Verified;
use crate::release::files::sha256;
use crate::release::observed::ObservedVerdict;
use crate::stream::Destination;

/// What kind of finding it is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A signal ended the process: it did not refuse.
    Crash,
    /// It neither accepted nor refused until its time was up.
    Hang,
    /// It accepted, as the model did, and read something as what it is not, past a section footer.
    Misparse,
    /// It did otherwise than the model, and nothing explains it.
    Disagreement,
}

impl Class {
    /// The name, as in keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Class::Crash => "crash",
            Class::Hang => "hang",
            Class::Misparse => "misparse",
            Class::Disagreement => "disagreement",
        }
    }
}

/// One finding, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Its class.
    pub class: Class,
    /// Where in the stream: section and field that were read last, without indices.
    pub place: String,
    /// How the bytes arrived.
    pub feed: String,
    /// How the process ended, if it did so by itself.
    pub ended: Option<String>,
    /// What each side did.
    pub says: String,
    /// Bytes of the smallest stream that shows it.
    pub size: u64,
    /// Bytes of the stream that it was found with.
    pub found_with: u64,
    /// That stream, as changes of a fixture.
    pub input: Input,
}

impl Finding {
    /// Class, release and place as a name of a folder.
    #[must_use]
    pub fn key(&self) -> String {
        key(self.class, &self.input.destination, &self.place)
    }
}

/// See [`Finding::key`].
#[must_use]
pub fn key(class: Class, destination: &str, place: &str) -> String {
    let hash = sha256(place.as_bytes());
    format!("{}-{destination}-{}", class.name(), hash.get(..12).unwrap_or(&hash))
}

/// The class of a load, if it is a finding; `misparsed` is where reading parted from what was written, if
/// it did and the model accepted.
#[must_use]
pub fn class(verified: &Verified, misparsed: Option<&str>) -> Option<Class> {
    let real = &verified.real;
    match (real.verdict, &real.ended) {
        (_, Some(Ended::Signalled(_))) => Some(Class::Crash),
        // One that was never fed did not come up at all.
        (ObservedVerdict::Hang, _) if real.consumed.is_some() => Some(Class::Hang),
        (ObservedVerdict::Hang, _) => None,
        (ObservedVerdict::Accepted, _) if misparsed.is_some() => Some(Class::Misparse),
        _ => verified.compared.is_open().then_some(Class::Disagreement),
    }
}

/// Where a traced load was when it ended, without indices: the field that it read last, and its section.
#[must_use]
pub fn place(verified: &Verified, to: &Destination) -> String {
    let (mut section, mut inside) = (String::new(), String::new());
    for event in events::traced(&verified.real.trace, to) {
        match event {
            Event::Section { idstr, .. } => {
                section = idstr;
                inside.clear();
            }
            Event::Subsection(name) | Event::Field(name) => inside = name,
        }
    }
    without_numbers(&format!("{section}/{inside}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::agreement::Compared;
    use crate::qemu::incoming::RealLoad;
    use crate::wire::Feed;

    fn verified(verdict: ObservedVerdict, ended: Option<Ended>, open: bool) -> Verified {
        let compared = Compared {
            source: String::new(),
            destination: String::new(),
            machine: String::new(),
            scenario: String::new(),
            change: None,
            feed: Feed::Bulk,
            disagreement: open.then(String::new),
            stderr: String::new(),
            explained: None,
        };
        let real = RealLoad {
            verdict,
            consumed: Some(1),
            ended,
            stderr: String::new(),
            trace: String::new(),
            saved: None,
            unsaved: None,
        };
        let (changes, notes) = (Vec::new(), Vec::new());
        Verified { compared, real, size: 1, stream: None, shrunk_from: None, changes, notes }
    }

    #[rstest::rstest]
    #[case(ObservedVerdict::Refused, Some(Ended::Exited(1)), false, None, None)]
    #[case(ObservedVerdict::Refused, Some(Ended::Signalled(11)), false, None, Some(Class::Crash))]
    #[case(ObservedVerdict::Hang, None, true, None, Some(Class::Hang))]
    #[case(ObservedVerdict::Accepted, None, false, Some("x"), Some(Class::Misparse))]
    #[case(ObservedVerdict::Accepted, None, false, None, None)]
    #[case(ObservedVerdict::Accepted, None, true, None, Some(Class::Disagreement))]
    fn what_counts(
        #[case] verdict: ObservedVerdict,
        #[case] ended: Option<Ended>,
        #[case] open: bool,
        #[case] misparsed: Option<&str>,
        #[case] expected: Option<Class>,
    ) {
        assert_eq!(class(&verified(verdict, ended, open), misparsed), expected);
    }

    #[test]
    fn one_key_for_one_place() {
        assert_eq!(key(Class::Crash, "7.2", "a/b"), key(Class::Crash, "7.2", "a/b"));
        assert_ne!(key(Class::Crash, "7.2", "a/b"), key(Class::Crash, "7.2", "a/c"));
        assert_ne!(key(Class::Crash, "7.2", "a/b"), key(Class::Hang, "7.2", "a/b"));
    }
}
