//! What real binaries did with the fixtures, and with changed copies of them: the ground truth.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// All observations of one machine type and scenario. `corpus/observed/<machine>.<scenario>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// Machine type, never an alias.
    pub machine: String,
    /// Scenario.
    pub scenario: String,
    /// One for each pair of releases that was tried.
    pub cells: Vec<ObservedCell>,
}

/// What one destination did with the stream of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObservedCell {
    /// Release that wrote the stream.
    pub source: String,
    /// Release that was given it.
    pub destination: String,
    /// Length of the stream in bytes.
    pub size: u64,
    /// As fast as the reader takes it, in pieces of 64 KiB.
    pub bulk: Outcome,
    /// Eight bytes, then the next eight only when the reader has taken them.
    pub trickle8: Outcome,
    /// Length in bytes of the state that the destination then saved, where that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_again: Option<u64>,
}

/// How a load ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Accepted, refused, or neither.
    pub verdict: ObservedVerdict,
    /// Bytes that the reader took before it ended: exact to within eight (trickle feed).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumed: Option<u64>,
    /// Bytes that had left the socket by then (bulk feed): a lower bound, as the last piece may
    /// have been under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumed_at_least: Option<u64>,
    /// Standard error. Complaints about missing network peers, ACPI tables and the like are noise.
    pub stderr: String,
}

/// How a real load ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObservedVerdict {
    /// The destination went on to run.
    Accepted,
    /// It gave the stream up.
    Refused,
    /// It did neither until its time was up.
    Hang,
}

/// What a destination did with a changed copy of a fixture. A line of
/// `corpus/observed/mutations.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutation {
    /// Release that wrote the fixture.
    pub source: String,
    /// Its machine type.
    pub machine: String,
    /// Its scenario.
    pub scenario: String,
    /// Release that was given the changed stream.
    pub destination: String,
    /// The change.
    pub op: Op,
    /// Length of the changed stream in bytes.
    pub size: u64,
    /// Outcome of the bulk feed.
    pub bulk: Outcome,
    /// Outcome of the trickle feed.
    pub trickle8: Outcome,
}

/// A change of a stream. `at` is a byte offset in the unchanged stream, `what` says the change in
/// words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "fields are as said above and in each variant")]
pub enum Op {
    /// `bytes` come in before `at`.
    Insert { at: u64, bytes: Hex, what: String },
    /// `n` bytes at `at` go.
    Delete { at: u64, n: u64, what: String },
    /// `bytes` overwrite what is at `at`.
    Set { at: u64, bytes: Hex, what: String },
    /// Only the first `at` bytes stay.
    Truncate { at: u64, what: String },
    /// The `n` bytes at `at` come twice.
    Dup { at: u64, n: u64, what: String },
    /// The `n` bytes at `at` and the `m` bytes that follow change places.
    Move { at: u64, n: u64, m: u64, what: String },
}

impl Op {
    /// The changed stream, or `None` where the change does not fit into `stream`.
    #[must_use]
    pub fn apply(&self, stream: &[u8]) -> Option<Vec<u8>> {
        let cut = |at: u64| stream.split_at_checked(usize::try_from(at).ok()?);
        let (head, parts): (&[u8], Vec<&[u8]>) = match self {
            Op::Truncate { at, .. } => (cut(*at)?.0, vec![]),
            Op::Insert { at, bytes, .. } => (cut(*at)?.0, vec![&bytes.0, cut(*at)?.1]),
            Op::Set { at, bytes, .. } => {
                let rest = cut(*at)?.1.get(bytes.0.len()..)?;
                (cut(*at)?.0, vec![&bytes.0, rest])
            }
            Op::Delete { at, n, .. } => (cut(*at)?.0, vec![cut(at.checked_add(*n)?)?.1]),
            Op::Dup { at, n, .. } => (cut(at.checked_add(*n)?)?.0, vec![cut(*at)?.1]),
            Op::Move { at, n, m, .. } => {
                let (head, rest) = cut(*at)?;
                let (first, rest) = rest.split_at_checked(usize::try_from(*n).ok()?)?;
                let (second, rest) = rest.split_at_checked(usize::try_from(*m).ok()?)?;
                (head, vec![second, first, rest])
            }
        };
        Some([&[head], &parts[..]].concat().concat())
    }

    /// The change with its place: `insert at 31864 (in vmmouse)`.
    #[must_use]
    pub fn describe(&self) -> String {
        let op = match self {
            Op::Insert { .. } => "insert",
            Op::Delete { .. } => "delete",
            Op::Set { .. } => "set",
            Op::Truncate { .. } => "truncate",
            Op::Dup { .. } => "dup",
            Op::Move { .. } => "move",
        };
        format!("{op} at {} ({})", self.at(), self.what())
    }

    /// Where the change is: byte offset in the unchanged stream.
    #[must_use]
    pub fn at(&self) -> u64 {
        match self {
            Op::Insert { at, .. }
            | Op::Delete { at, .. }
            | Op::Set { at, .. }
            | Op::Truncate { at, .. }
            | Op::Dup { at, .. }
            | Op::Move { at, .. } => *at,
        }
    }

    /// The change in words.
    #[must_use]
    pub fn what(&self) -> &str {
        match self {
            Op::Insert { what, .. }
            | Op::Delete { what, .. }
            | Op::Set { what, .. }
            | Op::Truncate { what, .. }
            | Op::Dup { what, .. }
            | Op::Move { what, .. } => what,
        }
    }
}

/// Bytes that are written as lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.iter().map(|b| format!("{b:02x}")).collect::<String>())
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digit = |c: &u8| char::from(*c).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let pair = |pair: &[u8]| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
        bytes.map(Hex).ok_or_else(|| de::Error::custom(format!("expected hex pairs, got {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(op: &str) -> Option<String> {
        let op: Op = serde_json::from_str(op).unwrap();
        op.apply(b"0123456789").map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[rstest::rstest]
    #[case(r#"{"op":"insert","at":10,"bytes":"4142","what":""}"#, "0123456789AB")]
    #[case(r#"{"op":"delete","at":2,"n":3,"what":""}"#, "0156789")]
    #[case(r#"{"op":"set","at":8,"bytes":"4142","what":""}"#, "01234567AB")]
    #[case(r#"{"op":"truncate","at":4,"what":""}"#, "0123")]
    #[case(r#"{"op":"dup","at":2,"n":2,"what":""}"#, "012323456789")]
    #[case(r#"{"op":"move","at":1,"n":2,"m":3,"what":""}"#, "0345126789")]
    fn a_change_is_applied(#[case] op: &str, #[case] result: &str) {
        assert_eq!(changed(op).as_deref(), Some(result));
    }

    #[rstest::rstest]
    #[case(r#"{"op":"insert","at":11,"bytes":"41","what":""}"#)]
    #[case(r#"{"op":"delete","at":9,"n":2,"what":""}"#)]
    #[case(r#"{"op":"set","at":9,"bytes":"4142","what":""}"#)]
    #[case(r#"{"op":"dup","at":18446744073709551615,"n":2,"what":""}"#)]
    #[case(r#"{"op":"move","at":1,"n":5,"m":5,"what":""}"#)]
    fn a_change_outside_the_stream_is_none(#[case] op: &str) {
        assert_eq!(changed(op), None);
    }

    #[rstest::rstest]
    #[case(r#"{"op":"set","at":0,"bytes":"4","what":""}"#, "hex pairs")]
    #[case(r#"{"op":"set","at":0,"bytes":"+4","what":""}"#, "hex pairs")]
    #[case(r#"{"op":"truncate","at":0,"what":"","n":1}"#, "unknown field `n`")]
    #[case(r#"{"op":"melt","at":0,"what":""}"#, "unknown variant `melt`")]
    fn a_bad_change_is_refused(#[case] op: &str, #[case] says: &str) {
        let e = serde_json::from_str::<Op>(op).unwrap_err().to_string();
        assert!(e.contains(says), "{e}");
    }
}
