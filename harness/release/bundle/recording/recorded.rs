//! What a stock binary is recorded as: machines with their devices, and what it says of all its device types.

use std::collections::BTreeMap;

use crate::release::bundle::TraceLog;

/// A machine that was recorded.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// Machine type.
    pub machine: String,
    /// The kind of place of its PCI devices; see [`Entry::place`](crate::release::catalogue::Entry::place).
    pub place: String,
    /// Options that differ from the plain machine's.
    pub varied: String,
    /// The devices that are asked about; none: it is about the board.
    pub devices: Vec<RecordedDevice>,
    /// Its stream.
    pub stream: Vec<u8>,
    /// What the trace of its load by the same binary says.
    pub trace: TraceLog,
}

/// The place of a device that is alone in its machine, with no bridge or controller for it, or with
/// nothing but a second of its type.
pub const ALONE: &str = "alone";

/// The path before the name of a section, and that name, if the section is behind a path. Of one that
/// begins with `@` what stands before that is not known: `@71000001` is `l-lan@71000001`.
#[must_use]
pub fn split_path<'s>(path: &str, idstr: &'s str) -> Option<(&'s str, &'s str)> {
    let end = match path.strip_prefix('@') {
        Some(_) => {
            idstr.find('/').filter(|end| idstr.get(..*end).is_some_and(|p| p.ends_with(path)))?
        }
        None => path.len(),
    };
    let (before, rest) = idstr.split_at_checked(end)?;
    (path.starts_with('@') || before == path).then_some((before, rest.strip_prefix('/')?))
}

/// A device of a recorded machine.
#[derive(Debug, Clone, Default)]
pub struct RecordedDevice {
    /// Its type.
    pub device: String,
    /// The path that idstrs of its sections begin with, where its bus gives one.
    pub path: Option<String>,
    /// Values of properties that differ from the defaults.
    pub varied: String,
}

/// What a binary says about all its devices.
#[derive(Debug, Clone, Default)]
pub struct BinaryReport {
    /// The binary, in words.
    pub about: String,
    /// All machine types that it has.
    pub all_machines: Vec<String>,
    /// Every device type: empty, or why it was not recorded.
    pub types: BTreeMap<String, String>,
    /// Sections of which it starts with one at most; see [`Catalogue::alike`](crate::release::catalogue::Catalogue::alike).
    pub alike: BTreeMap<String, String>,
    /// `-dump-vmstate`, as JSON text.
    pub dump: String,
    /// The machines.
    pub recordings: Vec<Recording>,
}

#[cfg(test)]
mod tests {
    use super::split_path;

    #[rstest::rstest]
    #[case("0000:00:03.0", "0000:00:03.0/nic", Some(("0000:00:03.0", "nic")))]
    #[case("0000:00:03.0", "0000:00:03.0:01.0/nic", None)]
    #[case("/fe.0.0001", "/fe.0.0001/nic", Some(("/fe.0.0001", "nic")))]
    // What stands before the register is the device's.
    #[case("@71000100", "l-lan@71000100/nic", Some(("l-lan@71000100", "nic")))]
    #[case("@71000100", "l-lan@71000200/nic", None)]
    #[case("@71000100", "vty@71000100", None)]
    fn a_section_is_behind_a_path(
        #[case] path: &str,
        #[case] idstr: &str,
        #[case] expected: Option<(&str, &str)>,
    ) {
        assert_eq!(split_path(path, idstr), expected);
    }
}
