//! A libFuzzer dictionary: record types, and the names of the corpus as they are on the wire.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::pool::pool;
use crate::vmstate::flow::SUBSECTION;

/// Bytes of framing that every dialect has.
const FRAMING: [(&str, &[u8]); 8] = [
    ("header", &[0x51, 0x45, 0x56, 0x4d, 0, 0, 0, 3]),
    ("full", &[0x04, 0, 0, 0]),
    ("part", &[0x02, 0, 0, 0]),
    ("end", &[0x03, 0, 0, 0]),
    ("footer", &[0x7e, 0, 0, 0]),
    ("command", &[0x08, 0, 2, 0, 4]),
    ("description", &[0x00, 0x06, 0, 0, 0, 2, b'{', b'}']),
    ("end_of_ram", &[0, 0, 0, 0, 0, 0, 0, 0x10]),
];
/// Longest name that is of use to a fuzzer.
const LONGEST: usize = 40;

/// The dictionary, or `None` if the embedded corpus cannot be used.
#[must_use]
pub fn dictionary() -> Option<String> {
    let pool = pool()?;
    let mut names = BTreeSet::new();
    for (_, own, _) in pool.originals() {
        let to = pool.destination(own)?;
        for handler in &to.handlers {
            names.insert((false, handler.idstr.clone()));
        }
        for vmsd in &to.set.vmsds {
            names.extend(vmsd.subsections.iter().map(|s| (true, s.0.clone())));
        }
    }
    let mut text = String::from("# Made by `crossload seed dictionary` from the corpus.\n");
    // Writing to a string does not fail.
    for (name, bytes) in FRAMING {
        let _ = writeln!(text, "{name}=\"{}\"", escaped(bytes));
    }
    for (subsection, name) in names.iter().filter(|(_, name)| name.len() <= LONGEST) {
        let mut bytes = if *subsection { vec![SUBSECTION] } else { Vec::new() };
        bytes.push(name.len() as u8);
        bytes.extend(name.as_bytes());
        let _ = writeln!(text, "\"{}\"", escaped(&bytes));
    }
    Some(text)
}

/// Bytes as a dictionary has them.
fn escaped(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            b'"' | b'\\' | 0..0x20 | 0x7f.. => format!("\\x{byte:02x}"),
            plain => char::from(*plain).to_string(),
        })
        .collect()
}
