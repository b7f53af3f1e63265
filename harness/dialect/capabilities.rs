//! Migration capabilities of a destination: part of how it was started. What is not said is off.
//!
//! | capability | without it | since |
//! | --- | --- | --- |
//! | `compress` | a compressed page is refused; up to 2.9 it is taken | 2.4, gone in 9.1 |
//! | `postcopy-ram` | advice of 16 bytes is refused, with it that of none; up to 2.11 nobody asks | 2.5 |
//! | `x-colo` | ENABLE_COLO is refused; up to 8.0 nobody asks | 2.8 |
//! | `x-ignore-shared`, `mapped-ram` | must be what the stream's configuration says | 4.0, 9.0 |
//!
//! Where the bounds come from: `ram_load` of 2.9.0 looks at no capability, that of the tree before
//! 2.10 (which has `load_setup`, and places postcopy pages by size) marks the flag invalid; the loader
//! of a tree between 2.11 and 3.0 (dirty bitmaps, no resuming yet) tells the two lengths of advice apart, for the bitmaps
//! that may do without RAM; that COLO wants its capability is a patch of April 2023, between 8.0 and 8.1.
//!
//! No release asks for `xbzrle`, `multifd`, `return-path`, `dirty-bitmaps` and the others when it
//! loads one stream: they are taken here, and change nothing.

/// Capabilities that a loader asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// `compress`.
    pub compress: bool,
    /// `postcopy-ram`.
    pub postcopy_ram: bool,
    /// `x-colo`.
    pub colo: bool,
    /// `x-ignore-shared`.
    pub ignore_shared: bool,
    /// `mapped-ram`.
    pub mapped_ram: bool,
}

/// Capabilities that change nothing for the loader of one stream.
const NOT_ASKED: [&str; 18] = [
    "auto-converge",
    "background-snapshot",
    "block",
    "dirty-bitmaps",
    "dirty-limit",
    "events",
    "late-block-activate",
    "multifd",
    "pause-before-switchover",
    "postcopy-blocktime",
    "postcopy-preempt",
    "rdma-pin-all",
    "release-ram",
    "return-path",
    "switchover-ack",
    "validate-uuid",
    "xbzrle",
    "zero-blocks",
];

impl Capabilities {
    /// Names of those that are on.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let all = [
            ("compress", self.compress),
            ("postcopy-ram", self.postcopy_ram),
            ("x-colo", self.colo),
            ("x-ignore-shared", self.ignore_shared),
            ("mapped-ram", self.mapped_ram),
        ];
        all.into_iter().filter_map(|(name, on)| on.then_some(name))
    }

    /// Turns one on.
    ///
    /// # Errors
    /// In words, a name that is no capability.
    pub fn turn_on(&mut self, name: &str) -> Result<(), String> {
        let place = match name {
            "compress" => &mut self.compress,
            "postcopy-ram" => &mut self.postcopy_ram,
            "x-colo" => &mut self.colo,
            "x-ignore-shared" => &mut self.ignore_shared,
            "mapped-ram" => &mut self.mapped_ram,
            _ if NOT_ASKED.contains(&name) => return Ok(()),
            _ => {
                let asked = "compress, postcopy-ram, x-colo, x-ignore-shared, mapped-ram";
                let others = NOT_ASKED.join(", ");
                return Err(format!("no capability '{name}': expected one of {asked}, {others}"));
            }
        };
        *place = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_turned_on_by_its_name() {
        let mut all = Capabilities::default();
        for name in
            ["compress", "postcopy-ram", "x-colo", "x-ignore-shared", "mapped-ram", "xbzrle"]
        {
            all.turn_on(name).unwrap();
        }
        let on = Capabilities {
            compress: true,
            postcopy_ram: true,
            colo: true,
            ignore_shared: true,
            mapped_ram: true,
        };
        assert_eq!(all, on);
        let names: Vec<_> = all.names().collect();
        assert_eq!(names, ["compress", "postcopy-ram", "x-colo", "x-ignore-shared", "mapped-ram"]);
        assert_eq!(Capabilities::default().names().count(), 0);
        assert!(all.turn_on("compres").unwrap_err().contains("no capability 'compres'"));
    }
}
