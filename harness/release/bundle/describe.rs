//! Adds what VMDESCRIPTIONs say to partial descriptions: codecs, sizes on the wire, and, where there is
//! no trace, which fields were present and how many elements they had.

use super::partial::{Form, Id, PartialField, Partials};
use crate::release::notes::Note;
use crate::stream::vmdescription::{Body, DescField, run_lengths, starts_with_null};

/// Merges one body into partial description `id`. Without a trace (`traced` false) counts and presence
/// are taken from it too.
pub fn describe(partials: &mut Partials, id: Id, body: &Body, traced: bool) {
    if let Some(partial) = partials.get_mut(id)
        && partial.minimum.is_none()
    {
        // A codec's body is loaded with the field's version; here it says its own.
        partial.version = body.version.unwrap_or(partial.version);
    }
    for entries in body.fields.chunk_by(|a, b| a.name == b.name) {
        let Some(name) = entries.first().map(|entry| entry.name.as_str()) else { continue };
        let found = partials.get(id).and_then(|partial| {
            let index = partial.fields.iter().position(|field| field.described_as == name)?;
            Some((index, partial.fields.get(index)?.nested.clone()))
        });
        let Some((index, mut nested)) = found else {
            let vmsd = body.vmsd_name.as_deref().unwrap_or_default();
            let place = format!("{vmsd}/{name}");
            partials.conflicts.insert(Note::at(place, "described, but not in the trace"));
            continue;
        };
        for body in entries.iter().flat_map(|entry| entry.body.iter().chain(&entry.more)) {
            // A NULL struct before 10.0 has an empty body.
            if body.vmsd_name.is_some() {
                let id = nested_partial(partials, &mut nested, body);
                describe(partials, id, body, traced);
            }
        }
        let Some(partial) = partials.get_mut(id) else { continue };
        let vmsd = partial.name.clone();
        let Some(field) = partial.fields.get_mut(index) else { continue };
        field.nested = nested;
        if !traced {
            field.counts.insert(run_lengths(entries).iter().sum());
        }
        markers(field, entries, traced);
        let clash = entries.iter().filter_map(|entry| entry_form(field, entry)).last();
        if let Some(other) = clash {
            let what = format!("described as {:?} and {other:?}", field.form);
            partials.conflicts.insert(Note::at(format!("{vmsd}/{name}"), what));
        }
    }
    for subsection in &body.subsections {
        let mut known =
            partials.get(id).map(|partial| partial.subsections.clone()).unwrap_or_default();
        let found = nested_partial(partials, &mut known, subsection);
        partials.add_subsection(id, found);
        describe(partials, found, subsection, traced);
    }
}

/// The partial description of `body`: one of `known`, or another, which is then added to them.
fn nested_partial(partials: &mut Partials, known: &mut Vec<Id>, body: &Body) -> Id {
    let name = body.vmsd_name.as_deref().unwrap_or_default();
    let named = |id: &Id| partials.get(*id).is_some_and(|partial| partial.name == name);
    if let Some(id) = known.iter().copied().find(named) {
        return id;
    }
    let id = partial_of(partials, body);
    known.push(id);
    id
}

/// The partial description of a body that is in no trace. If nothing else knows its description, what
/// the body has is taken for all there is.
pub fn partial_of(partials: &mut Partials, body: &Body) -> Id {
    let name = body.vmsd_name.as_deref().unwrap_or_default();
    let mut names: Vec<&str> = body.fields.iter().map(|field| field.name.as_str()).collect();
    names.dedup();
    if let Some(id) = partials.find_around(name, &names) {
        return id;
    }
    if let Some(id) = partials.of_dump_around(name, &names) {
        return id;
    }
    partials.add(name, body.version.unwrap_or(0), names.into_iter().map(str::to_owned).collect())
}

/// What markers stand for: NULL elements, or, where each element has one, pointers that are allocated as
/// they come. Where some are not NULL, the number of elements in a trace tells.
fn markers(field: &mut PartialField, entries: &[DescField], traced: bool) {
    let lengths = || entries.iter().zip(run_lengths(entries));
    let of = |marker: bool| -> u32 {
        let same = lengths().filter(|(entry, _)| (entry.kind == "ptr-marker") == marker);
        same.map(|(_, len)| len).sum()
    };
    match (of(true), of(false)) {
        (0, _) => {}
        (markers, others) if traced && others > 0 && field.counts.contains(&(markers + others)) => {
            field.null_elements = true;
        }
        _ => field.marked_elements = true,
    }
}

/// Notes what an entry says the field is; returns it instead if the field was something else.
fn entry_form(field: &mut PartialField, entry: &DescField) -> Option<Form> {
    let form = match (entry.kind.as_str(), &entry.body) {
        ("nullptr", _) => {
            field.null_elements = true;
            return None;
        }
        _ if starts_with_null(entry) => {
            field.null_elements = true;
            return None;
        }
        // See `markers`.
        ("ptr-marker", _) => return None,
        ("struct", _) => Form::Struct,
        ("vstruct", _) => Form::Vstruct,
        (info, Some(_)) => Form::Codec(info.to_owned()),
        (info, None) => Form::Leaf { info: info.to_owned(), size: entry.size },
    };
    if field.form == Form::Unknown {
        field.form = form;
        return None;
    }
    // Codecs of variable length (virtio, run-time buffers) differ in size from stream to stream.
    let same = match (&field.form, &form) {
        (Form::Leaf { info: a, .. }, Form::Leaf { info: b, .. }) => a == b,
        (a, b) => a == b,
    };
    (!same).then_some(form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::vmdescription::parse;

    fn body(fields: &str) -> Body {
        let json = format!(
            r#"{{"page_size": 1, "devices": [{{"name": "d", "instance_id": 0, "vmsd_name": "d",
            "version": 3, "fields": [{fields}]}}]}}"#
        );
        parse(json.as_bytes()).unwrap().devices.remove(0).body
    }

    #[test]
    fn forms_go_to_the_field_of_that_occurrence() {
        let mut partials = Partials::default();
        let id = partials.add("d", 3, vec!["a".to_owned(), "a".to_owned(), "n".to_owned()]);
        let text = r#"{"name": "a[1]", "type": "uint16", "size": 2, "array_len": 3},
            {"name": "n", "type": "nullptr", "size": 1},
            {"name": "n", "type": "struct", "size": 1, "struct": {}},
            {"name": "n", "type": "struct", "size": 1, "struct":
                {"vmsd_name": "in", "version": 1, "fields": []}}"#;
        describe(&mut partials, id, &body(text), false);
        let partial = partials.get(id).unwrap();
        assert_eq!(partial.fields[0].form, Form::Unknown);
        assert_eq!(partial.fields[1].form, Form::Leaf { info: "uint16".to_owned(), size: 2 });
        assert_eq!(partial.fields[1].only_count(), Some(3));
        assert!(partial.fields[2].null_elements && partial.fields[2].form == Form::Struct);
        assert_eq!(partials.get(partial.fields[2].nested[0]).unwrap().name, "in");
    }

    /// 11.1: three elements, of which one is there; or one, with a marker before it.
    #[test]
    fn markers_are_null_elements_where_they_make_up_the_count() {
        let text = r#"{"name": "n", "type": "ptr-marker", "size": 1},
            {"name": "n", "type": "struct", "size": 1, "struct":
                {"vmsd_name": "in", "version": 1, "fields": []}},
            {"name": "n", "type": "ptr-marker", "size": 1}"#;
        for (count, null) in [(3, true), (2, false)] {
            let mut partials = Partials::default();
            let id = partials.add("d", 3, vec!["n".to_owned()]);
            partials.get_mut(id).unwrap().fields[0].counts.insert(count);
            describe(&mut partials, id, &body(text), true);
            let field = &partials.get(id).unwrap().fields[0];
            assert_eq!((field.null_elements, field.marked_elements), (null, !null), "{count}");
        }
    }

    #[test]
    fn contradictions_are_noted() {
        let mut partials = Partials::default();
        let id = partials.add("d", 3, vec!["a".to_owned()]);
        let text = r#"{"name": "a", "type": "uint16", "size": 2},
            {"name": "b", "type": "uint16", "size": 2}"#;
        describe(&mut partials, id, &body(text), true);
        describe(&mut partials, id, &body(&text.replace("uint16", "int16")), true);
        assert_eq!(partials.conflicts.len(), 2);
    }
}
