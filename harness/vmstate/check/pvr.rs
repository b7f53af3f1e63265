//! Which PowerPC processor a stream is of (`cpu_post_load` and `pvr_match`, target/ppc/machine.c).
//!
//! A processor that runs as an older one (`cpu/compat`) wants a loader that can do so, too. Any other must
//! be the loader's own model, by its version register, or one that counts as the same.

use crate::dialect::Version;
use crate::wire::Kind;

/// The version register among the special purpose registers.
pub const PVR: usize = 287;
/// The upper half: the family.
const FAMILY: u64 = 0xffff_0000;
/// POWER9.
const POWER9: u64 = 0x004e_0000;
/// POWER10 and POWER11: 7.2.22 refuses 1.0 where it has 2.0 itself, and 10.0.13 takes the 2.0 of 7.2, which it
/// numbers otherwise (0x801200, 0x800200).
const POWER10: u64 = 0x0080_0000;
const POWER11: u64 = 0x0082_0000;

/// What came of one processor.
#[derive(Debug, Clone, Copy, Default)]
pub struct Model {
    /// Its version, and that of the loader's own.
    pub versions: Option<(u64, u64)>,
    /// The older one that it runs as; 0: as itself.
    pub compat: u64,
}

impl Model {
    /// What comes of it once the whole processor is loaded.
    ///
    /// # Errors
    /// Another model; [`Kind::Undetermined`] for two of a family of which it is not known which count
    /// as the same.
    pub fn check(self, release: Version) -> Result<(), Kind> {
        let Some((came, own)) = self.versions.filter(|(came, own)| came != own) else {
            return Ok(());
        };
        let models = format!("the processor has version {came:#x}, the loader's {own:#x}");
        if self.compat != 0 {
            let what = format!("{models}, and runs as {:#x}", self.compat);
            return Err(Kind::Undetermined(what));
        }
        let same = match own & FAMILY {
            family if came & FAMILY != family => false,
            POWER9 if release >= Version::new(8, 1, 0) => power9(came) == power9(own),
            POWER9 | POWER10 | POWER11 if release >= Version::new(7, 0, 0) => {
                came & 0xf00 == own & 0xf00
            }
            _ => return Err(Kind::Undetermined(models)),
        };
        if same { Ok(()) } else { Err(Kind::Check(models)) }
    }
}

/// What of the revision counts (`ppc_pvr_match_power9`, 8.1 on): of 2.x whether it is 2.2 or later.
fn power9(version: u64) -> (u64, bool) {
    let (major, minor) = (version & 0xf00, version & 0xf);
    (major, major == 0x200 && minor >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("10.0.13", 0x4e1202, 0x4e1202, true)]
    #[case("10.0.13", 0x4e1203, 0x4e1202, true)]
    #[case("10.0.13", 0x4e1200, 0x4e1202, false)]
    #[case("7.2.22", 0x4e1202, 0x4e1200, true)]
    #[case("7.2.22", 0x4e1100, 0x4e1200, false)]
    #[case("7.2.22", 0x801200, 0x4e1200, false)]
    #[case("10.0.13", 0x800200, 0x801200, true)]
    #[case("7.2.22", 0x800100, 0x800200, false)]
    fn models_that_count_as_the_same(
        #[case] release: &str,
        #[case] came: u64,
        #[case] own: u64,
        #[case] same: bool,
    ) {
        let model = Model { versions: Some((came, own)), compat: 0 };
        let checked = model.check(release.parse().unwrap());
        assert_eq!(checked.is_ok(), same);
        assert!(matches!(checked, Ok(()) | Err(Kind::Check(_))));
    }

    #[test]
    fn what_is_not_known() {
        let check = |model: Model| model.check(Version::new(10, 0, 13));
        assert!(check(Model::default()).is_ok());
        let other = Some((0x4d0201, 0x4d0200));
        let power8 = Model { versions: other, compat: 0 };
        assert!(matches!(check(power8), Err(Kind::Undetermined(_))));
        let compat = Model { versions: Some((0x4e1200, 0x4e1202)), compat: 0x0f00_0004 };
        assert!(matches!(check(compat), Err(Kind::Undetermined(_))));
    }
}
