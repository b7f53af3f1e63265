//! Lines of real traces, and the events that they are.

use super::*;
use crate::release::corpus::Corpus;
use crate::release::library::Library;
use crate::stream::load_bytes;
use crate::wire::Feed;

/// The trace of a hand-written section: a field of its own, and a subsection with a field.
const TRACE: &str = "\
1@2.3:qemu_loadvm_state_section_startfull 26(0000:00:05.0/virtio-serial) 0 3
vmstate_load_state virtio-console v3
vmstate_n_elems virtio: 1
vmstate_load_state_field virtio-console:virtio exists=1
vmstate_load_state virtio v1
vmstate_subsection_load virtio
vmstate_load_state virtio/64bit_features v1
vmstate_n_elems guest_features: 1
vmstate_load_state_field virtio/64bit_features:guest_features exists=1
vmstate_load_state_end virtio/64bit_features end/0
vmstate_load_state_end virtio end/0
vmstate_load_state_end virtio-console end/0
";

#[test]
fn of_a_hand_written_section_what_is_in_subsections_is_compared() {
    let library = Library::open(Corpus::embedded().unwrap()).unwrap();
    let to = library.destination("7.2", "pc-i440fx-7.2", "virtio").unwrap().unwrap();
    let reported: Vec<String> = traced(TRACE, &to).iter().map(Event::to_string).collect();
    let section = "section 0000:00:05.0/virtio-serial 0 version 3";
    let (head, field) = ("subsection virtio/64bit_features", "field guest_features");
    assert_eq!(reported, [section, head, field]);

    let fixture = library.fixture("7.2", "pc-i440fx-7.2", "virtqueue").unwrap();
    let to = library.destination("7.2", "pc-i440fx-7.2", "virtqueue").unwrap().unwrap();
    let stream = library.corpus().stream(fixture).unwrap();
    let model = modelled(&to, &load_bytes(&to, &stream, &Feed::Bulk), &stream);
    let reported: Vec<String> = model.iter().map(Event::to_string).collect();
    let begin = reported.iter().position(|line| line.contains("/virtio-net 0")).unwrap();
    let section: Vec<&String> =
        reported[begin + 1..].iter().take_while(|line| !line.starts_with("section")).collect();
    assert!(section[0].starts_with("subsection virtio"), "{section:?}");
    assert!(section[1].starts_with("field "), "{section:?}");
}

#[test]
fn what_comes_before_the_first_section_is_passed_over() {
    let configuration = "\
vmstate_load_state configuration v0
vmstate_subsection_load configuration
vmstate_load_state configuration/target-page-bits v1
vmstate_n_elems target_page_bits: 1
vmstate_load_state_field configuration/target-page-bits:target_page_bits exists=1
";
    let library = Library::open(Corpus::embedded().unwrap()).unwrap();
    let to = library.destination("7.2", "pc-i440fx-7.2", "virtio").unwrap().unwrap();
    assert_eq!(traced(&format!("{configuration}{TRACE}"), &to), traced(TRACE, &to));
}

/// What the model reads in the channel subsystem of a stream of 7.2, with bytes put before the end of its
/// list of reports; and the destination.
fn css(reports: &[u8]) -> (Vec<String>, Destination) {
    let library = Library::open(Corpus::embedded().unwrap()).unwrap();
    let (machine, scenario) = ("s390x/s390-ccw-virtio-7.2", "bare");
    let fixture = library.fixture("7.2", machine, scenario).unwrap();
    let to = library.destination("7.2", machine, scenario).unwrap().unwrap();
    let mut stream = library.corpus().stream(fixture).unwrap();
    let own = load_bytes(&to, &stream, &Feed::Bulk);
    let list = own.map.spans().iter().find(|span| span.name == "pending_crws").unwrap();
    let at = list.offset as usize;
    stream.splice(at..at, reports.iter().copied());
    let model = modelled(&to, &load_bytes(&to, &stream, &Feed::Bulk), &stream);
    let is_section = |event: &Event| matches!(event, Event::Section { .. });
    let css = |event: &Event| event.to_string().starts_with("section s390_css ");
    let begin = model.iter().position(css).unwrap() + 1;
    let len = model[begin..].iter().position(is_section).unwrap();
    (model[begin..begin + len].iter().map(Event::to_string).collect(), to)
}

/// 10.0 and 7.2 tell of the fields of each report, and of the list itself where there is none.
#[rstest::rstest]
#[case(&[], &["pending_crws", "sei_pending"])]
#[case(&[1, 0x84, 0, 0, 7], &["flags", "rsid", "sei_pending"])]
#[case(&[1, 0x84, 0, 0, 7, 1, 0x84, 0, 0, 8], &["flags", "rsid", "flags", "rsid", "sei_pending"])]
fn a_list_with_elements_has_no_event_of_its_own(#[case] reports: &[u8], #[case] expected: &[&str]) {
    let fields = css(reports).0.into_iter().take(expected.len());
    let expected: Vec<_> = expected.iter().map(|name| format!("field {name}")).collect();
    assert_eq!(fields.collect::<Vec<_>>(), expected);
}

/// Of 256 images of the channel subsystem all but one are NULL, of which no trace tells.
#[test]
fn markers_of_pointers_are_passed_over() {
    let (fields, to) = css(&[]);
    assert_eq!(fields[7..9], ["field chnmon_area", "field in_use"]);
    assert_eq!(fields.last().unwrap(), "field default_cssid");
    assert!(fields.iter().all(|field| field != "field pointer"));
    // Were all of them NULL, a trace would have the name of the field, and the model nothing.
    let field = |name: &str| Event::Field(name.to_owned());
    let real = [field("chnmon_area"), field("css"), field("default_cssid")];
    let model = [field("chnmon_area"), field("default_cssid")];
    assert_eq!(difference(&to, &real, &model, true), None);
}
