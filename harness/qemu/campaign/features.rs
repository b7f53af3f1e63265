//! What a load by the model shows, as numbers: which fields were read, with what kind of value, and how it
//! ended. A stream that shows something new is worth a load by the binary.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::stream::Loaded;

/// Kinds of values that are distinguished.
fn kind(bytes: &[u8]) -> u8 {
    let same = |value: u8| bytes.iter().all(|byte| *byte == value);
    match bytes.first() {
        _ if same(0) => 0,
        _ if same(0xff) => 1,
        Some(first) if *first >= 0x80 => 2,
        Some(0) => 3,
        _ => 4,
    }
}

/// The features of a load of `stream` into the release `destination`.
#[must_use]
pub fn features(destination: &str, stream: &[u8], loaded: &Loaded<'_>) -> Vec<u64> {
    let hash = |what: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        destination.hash(&mut hasher);
        what(&mut hasher);
        hasher.finish()
    };
    let mut all = Vec::with_capacity(loaded.map.spans().len() + 1);
    all.push(hash(&|hasher| match &loaded.refused {
        Some(error) => {
            error.kind.class().hash(hasher);
            error.section.hash(hasher);
            without_numbers(&error.path).hash(hasher);
        }
        None => "accepted".hash(hasher),
    }));
    for span in loaded.map.spans() {
        let value = usize::try_from(span.offset).ok().zip(usize::try_from(span.len).ok());
        let value = value.and_then(|(at, len)| stream.get(at..at.checked_add(len)?));
        // Long items are memory and buffers, of which one is as good as another.
        let value = value.filter(|value| value.len() <= 8).map_or(5, kind);
        let length = 64 - span.len.leading_zeros();
        all.push(hash(&|hasher| (span.identity, length, value).hash(hasher)));
    }
    all
}

/// A path with its indices left out: all elements of an array are one place.
#[must_use]
pub fn without_numbers(path: &str) -> String {
    path.chars().filter(|c| !c.is_ascii_digit()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::corpus::Corpus;
    use crate::release::library::Library;
    use crate::stream::load_bytes;
    use crate::stream::vmdescription::locate;
    use crate::wire::Feed;

    #[test]
    fn another_ending_is_new_and_the_same_stream_is_not() {
        let library = Library::open(Corpus::embedded().unwrap()).unwrap();
        let fixture = library.fixture("7.2", "pc-i440fx-7.2", "idle").unwrap();
        let stream = library.corpus().stream(fixture).unwrap();
        let to = library.destination("7.2", "pc-i440fx-7.2", "idle").unwrap().unwrap();
        let of = |stream: &[u8]| features("7.2", stream, &load_bytes(&to, stream, &Feed::Bulk));
        let whole = of(&stream);
        assert_eq!(whole, of(&stream));
        // In the middle of the state: its description is longer.
        let state = locate(&stream).unwrap().0;
        let cut = of(&stream[..state / 2]);
        assert!(!whole.contains(&cut[0]));
        assert!(cut.len() > 1 && cut.len() < whole.len());
        assert_eq!(without_numbers("vq[12].num"), "vq[].num");
    }
}
