//! Reasons explain a difference, and none at another place.

use super::*;
use crate::release::corpus::Corpus;
use crate::release::library::Library;
use crate::stream::{Section, load_bytes};
use crate::wire::{Feed, Map};

const RELEASE: Version = Version::new(7, 2, 0);

/// A load in which nothing was read but the head of this section, at byte 100.
fn modelled(idstr: &str, refused: Option<Error>) -> Loaded<'static> {
    let section = Section {
        record: 4,
        offset: 90,
        id: 0,
        idstr: idstr.as_bytes().to_vec(),
        instance_id: 0,
        version_id: 1,
        handler: 0,
        body: 100,
        end: 200,
    };
    Loaded {
        placed: Vec::new(),
        shown: crate::dialect::Capabilities::default(),
        map: Map::new(),
        refused: refused.map(Box::new),
        stopped: 0,
        taken: 0,
        gave_up: Vec::new(),
        absent: Vec::new(),
        steps: 0,
        sections: vec![section],
        blocks: Vec::new(),
        ignored: Vec::new(),
        notes: Vec::new(),
    }
}

fn real(verdict: ObservedVerdict, said: &str, consumed: u64) -> RealLoad {
    RealLoad {
        verdict,
        consumed: Some(consumed),
        ended: None,
        stderr: said.to_owned(),
        trace: String::new(),
        saved: None,
        unsaved: None,
    }
}

fn said(text: &str, device: &str) -> RealLoad {
    let stderr = format!("q: {text}\nq: error while loading state of device '{device}'\n");
    real(ObservedVerdict::Refused, &stderr, 300)
}

fn excused(release: Version, model: &Loaded<'_>, real: &RealLoad) -> Option<String> {
    excuse(&Disagreement { release, stream: &[], model, real, same_fields: true })
}

fn refusal(kind: Kind, offset: u64, path: &str) -> Error {
    Error { offset, path: path.to_owned(), ..*kind.at(offset) }
}

#[rstest::rstest]
#[case::features("Features 0x1010101 unsupported. Allowed features: 0x71000ed4", (7, 2), true)]
#[case::used("VQ 0 size 0x8 < last_avail_idx 0xffff - used_idx 0x0", (7, 2), true)]
#[case::guest_index("VQ 0 size 0x8 Guest index 0x1 inconsistent with Host index", (5, 2), true)]
#[case::only_a_warning("VQ 0 size 0x8 Guest index 0x1 inconsistent with Host index", (7, 2), false)]
// This one needs no ring.
#[case::address("VQ 0 address 0x0 inconsistent with Host index 0x9", (5, 2), false)]
#[case::nothing("load of migration failed: Invalid argument", (7, 2), false)]
fn a_check_is_known_by_its_text(
    #[case] text: &str,
    #[case] (major, minor): (u32, u32),
    #[case] expected: bool,
) {
    let release = Version::new(major, minor, 0);
    let model = modelled("virtio-net", None);
    assert_eq!(excused(release, &model, &said(text, "virtio-net")).is_some(), expected);
}

#[test]
fn a_check_excuses_nothing_that_was_before_it() {
    let said = said("Features 0x1 unsupported. Allowed features: 0x0", "virtio-net");
    let other = modelled("virtio-blk", None);
    assert_eq!(excused(RELEASE, &other, &said), None, "the model never came to that section");
    let before = modelled("virtio-net", Some(refusal(Kind::MustExist, 95, "")));
    assert_eq!(excused(RELEASE, &before, &said), None, "the model was refused before it");
    let behind = modelled("virtio-net", Some(refusal(Kind::MustExist, 150, "")));
    assert!(excused(RELEASE, &behind, &said).is_some());
    // The section that it was refused in is not among those that it read.
    let inside = |path| {
        let section = Some("virtio-net".to_owned());
        let error = Error { section, ..refusal(Kind::MustExist, 150, path) };
        Loaded { sections: Vec::new(), ..modelled("", Some(error)) }
    };
    assert!(excused(RELEASE, &inside("vq[0].num"), &said).is_some());
    assert_eq!(excused(RELEASE, &inside(""), &said), None, "it was refused at the head");
    let disagreement = Disagreement {
        release: RELEASE,
        stream: &[],
        model: &behind,
        real: &said,
        same_fields: false,
    };
    assert_eq!(excuse(&disagreement), None, "they read other fields before");
}

#[test]
fn a_space_that_is_cut_off_is_compared_and_one_that_is_whole_is_no_excuse() {
    let said = said("get_pci_config_device: Bad config data: i=0x0 read: 29 device: 86", "I440FX");
    let cut = || Kind::EndOfInput { missing: 9 };
    let config = modelled("I440FX", Some(refusal(cut(), 150, "parent_obj.config")));
    assert!(excused(RELEASE, &config, &said).unwrap().starts_with("get_pci_config_device"));
    assert_eq!(excused(RELEASE, &modelled("I440FX", None), &said), None);
    let elsewhere = modelled("I440FX", Some(refusal(cut(), 150, "smm_enabled")));
    assert_eq!(excused(RELEASE, &elsewhere, &said), None);
    let whole = refusal(Kind::BadMagic { found: 7 }, 150, "parent_obj.config");
    assert_eq!(excused(RELEASE, &modelled("I440FX", Some(whole)), &said), None);
}

#[test]
fn what_is_not_defined_is_explained_from_there_on_and_what_is_not_modelled_is_not() {
    let undefined = refusal(Kind::Undefined("past its array".into()), 150, "vq");
    let model = modelled("virtio-net", Some(undefined));
    let died = |consumed| real(ObservedVerdict::Refused, "", consumed);
    assert!(excused(RELEASE, &model, &died(160)).unwrap().ends_with("past its array"));
    assert_eq!(excused(RELEASE, &model, &died(149)), None, "it never came there");
    let undetermined = refusal(Kind::Undetermined("codec x".into()), 150, "vq");
    let model = modelled("virtio-net", Some(undetermined));
    assert_eq!(excused(RELEASE, &model, &died(160)), None);
}

#[test]
fn a_hang_is_explained_where_the_counter_meets_such_a_clock() {
    let library = Library::open(Corpus::embedded().unwrap()).unwrap();
    let fixture = library.fixture("7.2", "pc-i440fx-7.2", "nic").unwrap();
    let to = library.destination("7.2", "pc-i440fx-7.2", "nic").unwrap().unwrap();
    let mut stream = library.corpus().stream(fixture).unwrap();
    let sent = stream.clone();
    let at = {
        let loaded = load_bytes(&to, &sent, &Feed::Bulk);
        let field = |span: &&crate::wire::Span<'_>| span.name == "cpu_clock_offset";
        loaded.map.spans().iter().find(field).unwrap().offset as usize
    };
    let mut why = |clock: i64, device: &str| {
        stream[at..at + 8].copy_from_slice(&clock.to_be_bytes());
        let model = load_bytes(&to, &stream, &Feed::Bulk);
        let trace = format!("1@2.3:vmstate_subsection_load_good {device}\n1@2.3:other");
        let real = RealLoad { trace, ..real(ObservedVerdict::Hang, "", 300) };
        excuse(&Disagreement {
            release: RELEASE,
            stream: &stream,
            model: &model,
            real: &real,
            same_fields: true,
        })
    };
    assert!(why(-1, "rtl8139").unwrap().starts_with("rtl8139_post_load"));
    assert_eq!(why(-1, "e1000"), None);
    assert_eq!(why(0, "rtl8139"), None);
    assert_eq!(why(i64::MIN, "rtl8139"), None);
}
