//! The built-in descriptions of a release, made of their [tables](super::tables).

use super::super::super::schema::{Count, Field, Kind, Size, Subsection, Tables, Vmsd};
use super::tables::ItemCount::{By, Fixed, One};
use super::tables::ItemKind::{Later, Leaf, Struct, Unknown};
use super::tables::{Item, LAYOUTS, Layout};
use crate::dialect::Version;

/// The built-in descriptions of a release, by keys that cannot clash with imported ones.
#[must_use]
pub fn descriptions(release: Version) -> Tables {
    let vmsd = LAYOUTS
        .iter()
        .filter(|layout| layout.since <= release)
        .map(|layout| (layout.key.to_string(), vmsd(layout, release)))
        .collect();
    Tables { release: release.to_string(), vmsd, ..Tables::default() }
}

fn vmsd(layout: &Layout, release: Version) -> Vmsd {
    let known = |key: &&str| LAYOUTS.iter().any(|l| l.key == *key && l.since <= release);
    let version_id = match layout.newer {
        Some((since, version_id)) if since <= release => version_id,
        _ => layout.version_id,
    };
    Vmsd {
        name: layout.key.split_once(':').map_or(layout.key, |(_, name)| name).to_string(),
        version_id,
        minimum_version_id: version_id.min(1),
        fields: layout
            .fields
            .iter()
            .filter(|item| !matches!(item.1, Later(version, _) if version > version_id))
            .map(|item| field(item, release))
            .collect(),
        subsections: layout
            .subsections
            .iter()
            .filter(|key| known(key))
            .map(|key| Subsection { vmsd: (*key).to_string(), needed: None })
            .collect(),
        ..Vmsd::default()
    }
}

fn field(Item(name, what, many): &Item, release: Version) -> Field {
    Field {
        name: (*name).to_string(),
        version_id: if let Later(version, _) = what { *version } else { 0 },
        exists: None,
        kind: match what {
            Leaf(info) | Later(_, info) => leaf(info, release),
            Struct(key) => Kind::Struct { vmsd: (*key).to_string() },
            Unknown(why) => Kind::Unknown { why: (*why).to_string() },
        },
        count: match many {
            One => Count::One,
            Fixed(n) => Count::Fixed(*n),
            By(name) => Count::Field { name: (*name).to_string(), signed: false, multiply: 1 },
        },
        array_of_pointer: false,
        auto_alloc: false,
        must_exist: false,
        inherited_from: None,
    }
}

fn leaf(info: &str, release: Version) -> Kind {
    let size = match info {
        "uint16" | "uint16 equal" => 2,
        "uint32" | "int32" | "int32 le" => 4,
        "uint64" => 8,
        // 256, or 4096 behind a port: see `codec::pci::config`.
        "pci config" => 0,
        "pci irq state" => 16,
        _ => 1,
    };
    // Up to 1.7.1 the codec has another's name, and that other test (codecs, trap 4).
    let early = info == "int32 le" && release < Version::new(1, 7, 2);
    let info = if early { "int32 equal" } else { info };
    Kind::Leaf { info: info.to_string(), size: Size::Fixed(size) }
}

#[cfg(test)]
mod tests {
    use super::super::tables::{VIRTIO, key};
    use super::*;

    /// For a person to compare with codecs 3.2 and 3.3.
    #[test]
    fn descriptions_are_as_reviewed() {
        let mut text = String::new();
        for release in ["1.7.1", "1.7.2", "11.1.3"] {
            let tables = descriptions(release.parse().unwrap());
            for (key, vmsd) in &tables.vmsd {
                text += &format!(
                    "{release} {key} {} from {}\n",
                    vmsd.version_id, vmsd.minimum_version_id
                );
                for Field { name, version_id, kind, count, .. } in &vmsd.fields {
                    text += &format!("  {name}, since {version_id}: {kind:?}, {count:?}\n");
                }
                for subsection in &vmsd.subsections {
                    text += &format!("  subsection {}\n", subsection.vmsd);
                }
            }
        }
        let _scope = crate::snapshots::snapshots("virtio");
        insta::assert_snapshot!("descriptions", text);
    }

    #[test]
    fn every_reference_is_there_in_every_release() {
        for layout in LAYOUTS {
            let tables = descriptions(layout.since);
            for (key, vmsd) in &tables.vmsd {
                let nested = vmsd.fields.iter().filter_map(|f| match &f.kind {
                    Kind::Struct { vmsd } => Some(vmsd),
                    _ => None,
                });
                for used in nested.chain(vmsd.subsections.iter().map(|s| &s.vmsd)) {
                    assert!(tables.vmsd.contains_key(used), "{key} of {}: {used}", tables.release);
                }
            }
        }
    }

    #[test]
    fn a_release_has_what_it_had() {
        let names = |release: Version, key: &str| -> Vec<String> {
            let tables = descriptions(release);
            let vmsd = tables.vmsd.get(key).expect("description");
            vmsd.subsections.iter().map(|s| s.vmsd.clone()).collect()
        };
        assert!(!descriptions(Version::new(2, 0, 2)).vmsd.contains_key(VIRTIO));
        assert_eq!(names(Version::new(2, 1, 0), VIRTIO), [key!("virtio/device_endian")]);
        assert_eq!(names(Version::new(11, 1, 0), VIRTIO).len(), 10);
        let rss = |release| descriptions(release).vmsd[key!("virtio-net-device/rss")].clone();
        assert_eq!(rss(Version::new(5, 2, 0)).version_id, 1);
        assert_eq!(
            rss(Version::new(11, 1, 0)).fields.len(),
            rss(Version::new(5, 2, 0)).fields.len() + 1
        );
    }
}
