//! Description trees as a source has them: small, but with everything that matters to loading.

use super::{Feature, Features};
use crate::fuzzing::dice::Dice;
use crate::vmstate::schema::{Count, Field, Kind, Size, Subsection, Tables, Vmsd};

/// Deepest nesting below a section.
const DEPTH: usize = 3;
/// Most descriptions in one tree.
const DESCRIPTIONS: usize = 7;
/// Names, many of them prefixes of others.
const NAMES: [&str; 6] = ["a", "ab", "dev", "de", "dev/a", "b"];
/// What a name is made longer by.
const TAILS: [&str; 4] = ["/x", "x", "/xy", "b"];
/// Plain scalars with their widths.
pub(super) const SCALARS: [(&str, u32); 5] =
    [("uint8", 1), ("uint16", 2), ("uint32", 4), ("uint64", 8), ("bool", 1)];

/// The first byte that chooses one of the rarer kinds of fields.
const RARE: usize = 192;
/// A `gtree`, its keys numbers or described.
const TREE: usize = 12;
/// A `tmp`: a description in the place of a field, loaded with the field's version.
const TEMPORARY: usize = 13;
/// Pointers to structs, some of them NULL.
const POINTERS: usize = 14;
/// Pointers to scalars, some of them NULL.
const SCALAR_POINTERS: usize = 15;
/// A bitmap.
const BITMAP: usize = 16;

/// The first byte that makes a bitmap as long as a field before it says.
const COUNTED: u8 = 195;

/// A tree in the making.
#[derive(Debug)]
pub struct Tree<'t, 'a> {
    /// Where descriptions go.
    pub tables: &'t mut Tables,
    /// Where choices come from.
    pub dice: &'t mut Dice<'a>,
    /// What was made.
    pub features: &'t mut Features,
}

impl Tree<'_, '_> {
    /// Makes the description of a section and all that it reaches. Returns its key.
    pub fn section(&mut self, name: &str) -> String {
        let most = self.tables.vmsd.len() + DESCRIPTIONS;
        self.vmsd(name.to_string(), 0, most)
    }

    /// Makes a description of its own, as a field or subsection that a later release adds.
    pub fn extra(&mut self, name: String) -> String {
        self.vmsd(name, DEPTH, usize::MAX)
    }

    /// A name for a part of `parent`: often one that begins as it does.
    pub fn name(&mut self, parent: &str) -> String {
        if self.dice.one_in(3) {
            return self.dice.pick(&NAMES).copied().unwrap_or("a").to_string();
        }
        self.features.add(Feature::PrefixName);
        format!("{parent}{}", self.dice.pick(&TAILS).copied().unwrap_or("/x"))
    }

    fn vmsd(&mut self, name: String, depth: usize, most: usize) -> String {
        let key = format!("k{}", self.tables.vmsd.len());
        let version_id = 1 + self.dice.below(3) as u32;
        let mut vmsd = Vmsd {
            name,
            version_id,
            minimum_version_id: self.dice.below(version_id as usize + 1) as u32,
            ..Vmsd::default()
        };
        // Reserves the key: what is reached from here comes after it.
        self.tables.vmsd.insert(key.clone(), vmsd.clone());
        for i in 0..1 + self.dice.below(4) {
            self.field(&mut vmsd, i, depth, most);
        }
        while depth < DEPTH
            && self.tables.vmsd.len() < most
            && vmsd.subsections.len() < 3
            && self.dice.below(2) == 1
        {
            self.features.add(Feature::Subsection);
            let mut name = self.name(&vmsd.name);
            // No two subsections of one description have the same name.
            let known = |key: &str| self.tables.vmsd.get(key).map(|v| v.name.as_str());
            while vmsd.subsections.iter().any(|s| known(&s.vmsd) == Some(&name)) {
                name.push('b');
            }
            let inner = self.vmsd(name, depth + 1, most);
            let deeper = |v: &Vmsd| !v.subsections.is_empty();
            if self.tables.vmsd.get(&inner).is_some_and(deeper) {
                self.features.add(Feature::SubsectionOfSubsection);
            }
            vmsd.subsections.push(Subsection { vmsd: inner, needed: None });
        }
        self.tables.vmsd.insert(key.clone(), vmsd);
        key
    }

    /// Adds a field, with the counting field that it may need before it.
    fn field(&mut self, vmsd: &mut Vmsd, i: usize, depth: usize, most: usize) {
        let room = depth < DEPTH && self.tables.vmsd.len() < most;
        let mut field = scalar(format!("f{i}"), self.dice);
        match self.kind() {
            0 | 1 => {}
            2 => {
                self.features.add(Feature::ScalarArray);
                field.count = Count::Fixed(1 + self.dice.below(4) as u32);
            }
            3 => {
                self.features.add(Feature::VariableArray);
                field.count = self.counter(vmsd, i);
            }
            4 => {
                self.features.add(Feature::Buffer);
                let size = Size::Fixed(1 + self.dice.below(16) as u32);
                field.kind = Kind::Leaf { info: "buffer".to_string(), size };
            }
            5 => {
                self.features.add(Feature::VariableBuffer);
                let name = format!("s{i}");
                vmsd.fields.push(Field { name: name.clone(), ..scalar(String::new(), self.dice) });
                let size = Size::Field { name, multiply: 1 + self.dice.below(2) as u32 };
                field.kind = Kind::Leaf { info: "buffer".to_string(), size };
            }
            6 => {
                self.features.add(Feature::Unused);
                let size = Size::Fixed(1 + self.dice.below(8) as u32);
                field.kind = Kind::Leaf { info: "unused_buffer".to_string(), size };
            }
            kind @ (7..=11 | TREE | TEMPORARY | POINTERS) if room => {
                self.nested(vmsd, &mut field, i, depth, most, kind);
            }
            BITMAP => {
                self.features.add(Feature::Bitmap);
                let size = match self.dice.byte() {
                    bits @ 0..COUNTED => Size::Fixed(1 + u32::from(bits) % 130),
                    counted => {
                        self.features.add(Feature::CountedBitmap);
                        let name = format!("s{i}");
                        let by = Field { name: name.clone(), ..scalar(String::new(), self.dice) };
                        vmsd.fields.push(by);
                        Size::Field { name, multiply: 1 + u32::from(counted - COUNTED) * 2 }
                    }
                };
                field.kind = Kind::Leaf { info: "bitmap".to_string(), size };
            }
            SCALAR_POINTERS => {
                self.features.add(Feature::NullPointers);
                field.count = Count::Fixed(1 + self.dice.below(3) as u32);
                field.array_of_pointer = true;
            }
            _ => {}
        }
        if self.dice.one_in(6) {
            self.features.add(Feature::VersionedField);
            field.version_id = self.dice.below(vmsd.version_id as usize + 1) as u32;
        }
        vmsd.fields.push(field);
    }

    /// What kind of field comes next: the first twelve are the common ones.
    fn kind(&mut self) -> usize {
        match usize::from(self.dice.byte()) {
            common @ 0..RARE => common % TREE,
            rare => TREE + (rare - RARE) % 5,
        }
    }

    fn nested(
        &mut self,
        vmsd: &mut Vmsd,
        field: &mut Field,
        i: usize,
        depth: usize,
        most: usize,
        kind: usize,
    ) {
        let name = self.name(&vmsd.name);
        let inner = self.vmsd(name, depth + 1, most);
        self.features.add(Feature::NestedStruct);
        let (version, sends) = self
            .tables
            .vmsd
            .get(&inner)
            .map_or((0, false), |v| (v.version_id, !v.subsections.is_empty()));
        if sends {
            self.features.add(Feature::SubsectionOfNested);
        }
        field.kind = Kind::Struct { vmsd: inner.clone() };
        match kind {
            8 => {
                self.features.add(Feature::StructArray);
                let choice = self.dice.below(8);
                if choice == 7
                    && let Some(inner) = self.tables.vmsd.get_mut(&inner)
                {
                    self.features.add(Feature::HollowElements);
                    hollow(inner);
                }
                field.count = if choice.is_multiple_of(2) {
                    Count::Fixed(1 + self.dice.below(3) as u32)
                } else {
                    self.counter(vmsd, i)
                };
            }
            9 => {
                self.features.add(Feature::VersionedStruct);
                field.kind = Kind::Vstruct { vmsd: inner, version_id: version };
            }
            10 => {
                self.features.add(Feature::List);
                let info = "qtailq".to_string();
                field.kind = Kind::Nested { info, vmsd: inner, key: None };
                field.version_id = version.min(vmsd.version_id);
            }
            11 => {
                self.features.add(Feature::MarkedPointers);
                field.count = Count::Fixed(1 + self.dice.below(3) as u32);
                field.array_of_pointer = true;
                field.auto_alloc = true;
            }
            TREE => {
                self.features.add(Feature::Tree);
                // A key with subsections of its own is a case that nobody has.
                let key = (self.dice.below(2) == 1).then(|| {
                    let name = self.name(&vmsd.name);
                    self.extra(name)
                });
                field.version_id = version.min(vmsd.version_id);
                field.kind = Kind::Nested { info: "gtree".to_string(), vmsd: inner, key };
            }
            TEMPORARY => {
                self.features.add(Feature::Temporary);
                field.version_id = version.min(vmsd.version_id);
                field.kind = Kind::Nested { info: "tmp".to_string(), vmsd: inner, key: None };
            }
            POINTERS => {
                self.features.add(Feature::NullPointers);
                field.count = Count::Fixed(1 + self.dice.below(3) as u32);
                field.array_of_pointer = true;
            }
            _ => {}
        }
    }

    /// Adds a counting field to `vmsd` and counts by it.
    fn counter(&mut self, vmsd: &mut Vmsd, i: usize) -> Count {
        let name = format!("c{i}");
        vmsd.fields.push(Field { name: name.clone(), ..scalar(String::new(), self.dice) });
        Count::Field { name, signed: false, multiply: 1 + self.dice.below(2) as u32 }
    }
}

/// Leaves no byte of a description: all its fields are of a later version.
fn hollow(vmsd: &mut Vmsd) {
    vmsd.subsections.clear();
    for field in &mut vmsd.fields {
        field.version_id = vmsd.version_id + 1;
    }
}

/// A plain scalar field.
pub(super) fn scalar(name: String, dice: &mut Dice<'_>) -> Field {
    let (info, width) = dice.pick(&SCALARS).copied().unwrap_or(("uint8", 1));
    Field {
        name,
        version_id: 0,
        exists: None,
        kind: Kind::Leaf { info: info.to_string(), size: Size::Fixed(width) },
        count: Count::One,
        array_of_pointer: false,
        auto_alloc: false,
        must_exist: false,
        inherited_from: None,
    }
}
