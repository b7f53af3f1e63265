//! What a destination has in memory, from what source and destination have by default and what was
//! sent.

use std::collections::BTreeMap;

use crate::vmstate::schema::Answers;

/// One value: the destination's own where the stream has the source's own; else what was sent, as
/// the machine is configured so on both sides.
#[must_use]
pub fn value<V: PartialEq + Copy>(sent: Option<V>, source: Option<V>, own: Option<V>) -> Option<V> {
    match (sent, source, own) {
        (None, _, own) => own,
        (Some(sent), Some(source), Some(own)) if sent == source => Some(own),
        (Some(sent), _, _) => Some(sent),
    }
}

/// The same for bytes, one by one where all have as many.
#[must_use]
pub fn bytes(sent: &[u8], source: Option<&[u8]>, own: &[u8]) -> Vec<u8> {
    match source {
        Some(source) if source.len() == sent.len() && own.len() == sent.len() => {
            (sent.iter().zip(source).zip(own))
                .map(|((sent, source), own)| if sent == source { *own } else { *sent })
                .collect()
        }
        Some(source) if source == sent => own.to_vec(),
        _ => sent.to_vec(),
    }
}

/// What a destination's layout is decided to be, and what of it is taken from the stream, in words.
#[must_use]
pub fn answers(sent: &Answers, source: Option<&Answers>, own: &Answers) -> (Answers, Vec<String>) {
    let mut taken = Vec::new();
    let empty = Answers::default();
    let source = source.unwrap_or(&empty);
    let all = Answers {
        present: each(&sent.present, &source.present, &own.present, "is there", &mut taken),
        count: each(&sent.count, &source.count, &own.count, "elements", &mut taken),
        size: each(&sent.size, &source.size, &own.size, "bytes", &mut taken),
    };
    (all, taken)
}

fn each<V: PartialEq + Copy + ToString>(
    sent: &BTreeMap<String, V>,
    source: &BTreeMap<String, V>,
    own: &BTreeMap<String, V>,
    what: &str,
    taken: &mut Vec<String>,
) -> BTreeMap<String, V> {
    let mut out = BTreeMap::new();
    for (path, default) in own {
        let value = value(sent.get(path).copied(), source.get(path).copied(), Some(*default));
        let value = value.unwrap_or(*default);
        if value != *default {
            taken.push(format!("{path}: {} {what}", value.to_string()));
        }
        out.insert(path.clone(), value);
    }
    // What was never recorded of the destination is as the source has it configured.
    for (path, sent) in sent.iter().filter(|(path, _)| !own.contains_key(*path)) {
        out.insert(path.clone(), *sent);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    // As configured by default: what the release has.
    #[case(Some(8), Some(8), Some(16), Some(16))]
    // Configured otherwise: the destination, too.
    #[case(Some(30), Some(8), Some(8), Some(30))]
    #[case(Some(30), Some(8), Some(16), Some(30))]
    // Not sent.
    #[case(None, Some(8), Some(16), Some(16))]
    fn a_default_is_the_release_s_and_a_configuration_the_machine_s(
        #[case] sent: Option<u32>,
        #[case] source: Option<u32>,
        #[case] own: Option<u32>,
        #[case] expected: Option<u32>,
    ) {
        assert_eq!(value(sent, source, own), expected);
    }

    #[test]
    fn bytes_go_one_by_one_where_they_can() {
        assert_eq!(bytes(&[1, 9, 3], Some(&[1, 2, 3]), &[7, 2, 4]), [7, 9, 4]);
        assert_eq!(bytes(&[1, 2], Some(&[1, 2]), &[5]), [5]);
        assert_eq!(bytes(&[1, 2], None, &[5, 6]), [1, 2]);
    }
}
