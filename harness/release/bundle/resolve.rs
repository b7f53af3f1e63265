//! Questions about one field, answered from its partial description and other releases' tables: whether
//! it is present, how many elements it has, how large one is. `from` is set to the release that
//! an answer was taken from.

use super::inherit::{Inherited, known_hook};
use super::known;
use super::partial::{Partial, PartialField};
use crate::vmstate::schema::{Count, Field, Kind, Presence, Size};

/// What is known of a field from another release.
#[derive(Debug)]
pub struct Candidates<'a> {
    /// The same description there, and this field of it.
    pub same: Option<(Inherited<'a>, &'a Field)>,
    /// The similar field of the same description, or of one of this name and version.
    pub same_version: Option<(Inherited<'a>, &'a Field)>,
    /// Similar fields of descriptions of this name, of any version.
    pub similar: Vec<(Inherited<'a>, &'a Field)>,
}

impl<'a> Candidates<'a> {
    /// All of them, the same description's first.
    pub fn all(&self) -> impl Iterator<Item = (Inherited<'a>, &'a Field)> + '_ {
        self.same.iter().chain(&self.similar).copied()
    }
}

/// `version_id` and presence hook of a field.
pub fn presence(
    partial: &Partial,
    reported: &PartialField,
    candidates: &Candidates,
    from: &mut Option<String>,
) -> (u32, Option<Presence>) {
    let observed = || Some(Presence::Observed(partial.observation_key(reported)));
    if reported.hook == Some(true) {
        let found = candidates.all().find_map(|(found, field)| Some((found, known_hook(field)?)));
        let hook = found.map(|(found, hook)| {
            *from = Some(found.tables.release.clone());
            hook.clone()
        });
        return (reported.version_id.unwrap_or(0), hook.or_else(observed));
    }
    if let Some(version_id) = reported.version_id {
        return (version_id, None);
    }
    // Not in the dump: the version is open, and before 8.2 also whether there is a hook.
    let may_have_hook = reported.hook.is_none() && candidates.same.is_some();
    let usable =
        |field: &Field| field.exists.is_none() || (may_have_hook && known_hook(field).is_some());
    match candidates.same_version.filter(|(_, field)| usable(field)) {
        Some((found, field)) => {
            if field.version_id != 0 || field.exists.is_some() {
                *from = Some(found.tables.release.clone());
            }
            (field.version_id, field.exists.clone())
        }
        None => (0, if reported.ever_absent { observed() } else { None }),
    }
}

/// How many elements a field has; also why this cannot be told.
pub fn count(
    partial: &Partial,
    reported: &PartialField,
    candidates: &Candidates,
    confirmed: impl Fn(&(Inherited, &Field)) -> bool,
    from: &mut Option<String>,
) -> (Count, Option<&'static str>) {
    if let Some(Some(length)) = reported.length {
        return (Count::Fixed(length), None);
    }
    if let Some(name) = known::count_field(partial, &reported.name) {
        return (Count::Field { name: name.to_owned(), signed: false, multiply: 1 }, None);
    }
    let is_array = reported.length.is_none();
    let agrees = |field: &Field| match &field.count {
        Count::One => reported.counts.iter().all(|n| *n == 1),
        Count::Fixed(n) => is_array && reported.counts.iter().all(|seen| seen == n),
        Count::Field { name, .. } => {
            let first = name.split('.').next().unwrap_or(name);
            partial.fields.iter().any(|f| f.name == *name || f.name == first)
        }
        Count::Local { .. } => true,
    };
    // A field without a count of its own needs another reason to be taken for that one.
    let similar = candidates.similar.iter().copied();
    let similar = similar.filter(|found| !reported.counts.is_empty() || confirmed(found));
    let found = candidates.same.into_iter().chain(similar).find(|(_, field)| agrees(field));
    if let Some((found, field)) = found {
        let count = match &field.count {
            Count::Local { .. } => Count::Local { value: reported.only_count() },
            other => other.clone(),
        };
        let shown = match &count {
            Count::One => reported.counts.contains(&1),
            Count::Fixed(n) => reported.counts.contains(n),
            Count::Field { .. } | Count::Local { .. } => false,
        };
        if !shown {
            *from = Some(found.tables.release.clone());
        }
        return (count, None);
    }
    // No dump says which field counts the elements of an array of run-time length, of which alone
    // there can be none. Names do: `log` has `log_num` elements (`PCIE_AER_ERROR_LOG`).
    let counter = format!("{}_num", reported.name);
    let mut before = partial.fields.iter().take_while(|f| f.name != reported.name);
    if reported.only_count() == Some(0) && before.any(|f| f.name == counter) {
        return (Count::Field { name: counter, signed: false, multiply: 1 }, None);
    }
    match (reported.only_count(), reported.counts.len()) {
        (Some(1), _) => (Count::One, None),
        // One machine's count need not be another's.
        (Some(n), _) => (Count::Local { value: Some(n) }, None),
        (None, 0) if is_array => (Count::One, Some("its number of elements is not told")),
        (None, 0) => (Count::One, None),
        (None, _) => (Count::Local { value: None }, None),
    }
}

/// Bytes of one element: on the wire for plain bytes, else in memory where that is known.
pub fn leaf_size<'d>(
    partial: &Partial,
    owner: impl Fn() -> Option<&'d Partial>,
    reported: &PartialField,
    info: &str,
    wire: u32,
    candidates: &Candidates,
    from: &mut Option<String>,
) -> Size {
    match info {
        "buffer" | "unused_buffer" => {}
        // Its size in memory is that of a pointer.
        "shpc" => return Size::Local { value: Some(wire) },
        // Sizes of bitmaps count bits (wire.md 4.2), of which whole words are written.
        "bitmap" => return Size::Local { value: Some(wire.saturating_mul(8)) },
        _ => return Size::Fixed(reported.memory.unwrap_or(wire)),
    }
    if let Some(name) = known::size_field(partial, &reported.name) {
        return Size::Field { name: name.to_owned(), multiply: 1 };
    }
    for (found, field) in candidates.all() {
        let Kind::Leaf { size, .. } = &field.kind else { continue };
        let size = match size {
            Size::Fixed(_) => continue,
            Size::Local { .. } => Size::Local { value: Some(wire) },
            Size::Field { .. } | Size::Owner { .. } => size.clone(),
        };
        *from = Some(found.tables.release.clone());
        return size;
    }
    // Of a description that is in no dump, nothing but its names tells: `blob.buffer` has as many bytes
    // as `blob.size` before it says (`TPMSizedBuffer` in `tpm-emulator`).
    if let (None, Some(blob)) = (reported.memory, reported.name.strip_suffix(".buffer")) {
        let name = format!("{blob}.size");
        if partial.fields.iter().take_while(|f| f.name != reported.name).any(|f| f.name == name) {
            return Size::Field { name, multiply: 1 };
        }
    }
    // `VMSTATE_VBUFFER`: the dump gives it no size, nor says which field does. Names do:
    // `mcast_list` has `mcast_list_buff_size` bytes (vmxnet3).
    if reported.memory == Some(0) {
        let sizes = |f: &&PartialField| {
            let rest = f.name.strip_prefix(reported.name.as_str());
            rest.is_some_and(|rest| rest.ends_with("size"))
        };
        let mut before = partial.fields.iter().take_while(|f| f.name != reported.name);
        if let Some(size) = before.find(sizes) {
            return Size::Field { name: size.name.clone(), multiply: 1 };
        }
        if let Some(size) = owner().and_then(|owner| owner.fields.iter().find(sizes)) {
            return Size::Owner { name: size.name.clone() };
        }
    }
    // Memory that is not an array of `wire` bytes is a buffer of run-time size.
    match reported.memory {
        Some(memory) if memory != wire => Size::Local { value: Some(wire) },
        _ => Size::Fixed(wire),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A description of these fields.
    fn partial(fields: &[(&str, Option<u32>)]) -> Partial {
        let field = |(name, memory): &(&str, Option<u32>)| PartialField {
            name: (*name).to_string(),
            memory: *memory,
            ..PartialField::default()
        };
        Partial { fields: fields.iter().map(field).collect(), ..Partial::default() }
    }

    /// The size of the last field, of which `wire` bytes were seen.
    fn size(of: &Partial, owner: Option<&Partial>, info: &str, wire: u32) -> Size {
        let none = Candidates { same: None, same_version: None, similar: Vec::new() };
        leaf_size(of, || owner, of.fields.last().unwrap(), info, wire, &none, &mut None)
    }

    fn by(name: &str) -> Size {
        Size::Field { name: name.to_string(), multiply: 1 }
    }

    #[test]
    fn a_blob_in_no_dump_is_as_long_as_its_size_says() {
        let blob = partial(&[("state.size", None), ("state.buffer", None)]);
        assert_eq!(size(&blob, None, "buffer", 7), by("state.size"));
        // The size comes first, it is that of the same blob, and a dump knows better.
        let late = partial(&[("state.buffer", None), ("state.size", None), ("state.buffer", None)]);
        assert_eq!(size(&late, None, "buffer", 7), Size::Fixed(7));
        let other = partial(&[("flags.size", None), ("state.buffer", None)]);
        assert_eq!(size(&other, None, "buffer", 7), Size::Fixed(7));
        let dumped = partial(&[("state.size", Some(4)), ("state.buffer", Some(7))]);
        assert_eq!(size(&dumped, None, "buffer", 7), Size::Fixed(7));
    }

    #[test]
    fn an_array_that_was_seen_empty_is_counted_by_the_field_named_after_it() {
        let field = |name: &str, counts: &[u32], length| PartialField {
            name: name.to_string(),
            counts: counts.iter().copied().collect(),
            length,
            ..PartialField::default()
        };
        let none = Candidates { same: None, same_version: None, similar: Vec::new() };
        let of = |log: PartialField, counter: &str| {
            let partial =
                Partial { fields: vec![field(counter, &[1], None), log], ..Partial::default() };
            count(&partial, &partial.fields[1], &none, |_| true, &mut None).0
        };
        let counted = Count::Field { name: "log_num".into(), signed: false, multiply: 1 };
        // A dump of 8.1 on says that it is no plain array; before, having no element does.
        assert_eq!(of(field("log", &[0], Some(None)), "log_num"), counted);
        assert_eq!(of(field("log", &[0], None), "log_num"), counted);
        assert_eq!(of(field("log", &[0], Some(None)), "log_max"), Count::Local { value: Some(0) });
        assert_eq!(of(field("log", &[8], None), "log_num"), Count::Local { value: Some(8) });
    }

    #[test]
    fn a_buffer_without_a_size_in_the_dump_has_that_of_a_field_named_after_it() {
        let owner = partial(&[("list_len", Some(4)), ("list_buff_size", Some(4))]);
        let list = partial(&[("list", Some(0))]);
        assert_eq!(
            size(&list, Some(&owner), "buffer", 0),
            Size::Owner { name: "list_buff_size".into() }
        );
        let own = partial(&[("list_size", Some(4)), ("list", Some(0))]);
        assert_eq!(size(&own, Some(&owner), "buffer", 0), by("list_size"));
        assert_eq!(size(&list, None, "buffer", 0), Size::Fixed(0));
        let sized = partial(&[("list", Some(6))]);
        assert_eq!(size(&sized, Some(&owner), "buffer", 6), Size::Fixed(6));
        assert_eq!(size(&sized, Some(&owner), "buffer", 5), Size::Local { value: Some(5) });
        assert_eq!(size(&list, Some(&owner), "bitmap", 2), Size::Local { value: Some(16) });
    }
}
