//! Deliberate faults in engine and dialect, for the tests that show that the oracles find them.
//!
//! Outside of tests (and of the feature `planted-faults`) [`planted`] is the constant false, so
//! that no fault and no test for one is in the program. In tests it is a switch of the thread:
//! `plant` a fault, run an oracle on the same thread, drop the guard.

/// A rule that the engine is made to get wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// From 1.0 on, one byte 05 is taken for a subsection, as 0.13 does.
    OneByteRule,
    /// Section footers are passed over unread.
    FooterUnchecked,
    /// A nested struct is loaded with the version of the description around it.
    NestedVersionFromWire,
    /// From 2.1 on, look-ahead gives up after one refill, as before.
    LookAheadOnce,
    /// From 1.0 on, look-ahead refills until there is enough.
    LookAheadFull,
    /// PCI configuration space is one byte short.
    PciConfigShort,
    /// The end of the stream is accepted inside a section.
    EndInsideSection,
    /// A section of any version is taken.
    SectionVersionUnchecked,
    /// Alias ids and compat entries are ignored in section lookup.
    AliasesIgnored,
    /// A subsection of any version is taken.
    SubsectionVersionUnchecked,
    /// Arrays with a counter have one element more.
    CountOffByOne,
    /// A field that depends on a value is there when it should not be.
    PresenceInverted,
    /// No description is read after the end of the stream.
    DescriptionUnread,
    /// A RAM page always names its block.
    ContinueIgnored,
    /// Names go on after a NUL.
    NulNotEnd,
    /// Anything but a description behind the end of the state fails the load.
    DescriptionWanted,
    /// A field of a later version than was sent is read all the same.
    LaterFieldsRead,
    /// The key of a tree's node without a description has four bytes.
    TreeKeyShort,
    /// The marker of a NULL element is left for what follows.
    NullMarkerKept,
    /// The last bits of a bitmap, which fill no word, are left.
    BitmapFloor,
    /// What has its version of a field is loaded with its own.
    FieldVersionIgnored,
    /// What a number counts is as many as it says, and no multiple.
    FactorIgnored,
    /// An old version is loaded as the first one.
    OldLayoutFirst,
    /// The data of a command are left for the next record.
    CommandUnread,
    /// Four times as many elements without a byte are walked as may be.
    WorkUnbounded,
    /// The writer puts another section's id into footers.
    FooterWrittenWrong,
    /// The writer gives subsections the version of their owner.
    SubsectionWrittenAsOwner,
    /// The second opinion knows of no reason why a nested description is read otherwise.
    NestedUnexplained,
    /// What is unpacked may be of any size.
    BoundIgnored,
    /// What is behind the head of a save image is taken to be as long as the whole image.
    HeadCounted,
    /// Inside a cluster of a disk its first bytes are read, wherever in it is asked for.
    InsideIgnored,
    /// In an outline, arrays of structs of other fields are the same.
    LayoutUnseen,
    /// In an outline, nothing is looked for behind an element.
    SubsectionPassed,
}

impl Fault {
    /// Faults of what generates cases and of the second opinion on them, not of the engine.
    pub const GENERATOR: [Fault; 3] =
        [Fault::FooterWrittenWrong, Fault::SubsectionWrittenAsOwner, Fault::NestedUnexplained];

    /// Faults of the engine that no stream of the corpus shows, and generated ones do.
    pub const UNSEEN: [Fault; 9] = [
        Fault::DescriptionWanted,
        Fault::CommandUnread,
        Fault::WorkUnbounded,
        Fault::TreeKeyShort,
        Fault::NullMarkerKept,
        Fault::BitmapFloor,
        Fault::FieldVersionIgnored,
        Fault::FactorIgnored,
        Fault::OldLayoutFirst,
    ];

    /// Faults of reading files: one for each way of getting at the bytes in a container.
    pub const INPUT: [Fault; 3] = [Fault::BoundIgnored, Fault::HeadCounted, Fault::InsideIgnored];

    /// Faults of loads in outline.
    pub const OUTLINE: [Fault; 2] = [Fault::LayoutUnseen, Fault::SubsectionPassed];

    /// All other faults of engine and dialect that streams show.
    pub const ALL: [Fault; 16] = [
        Fault::OneByteRule,
        Fault::FooterUnchecked,
        Fault::NestedVersionFromWire,
        Fault::LookAheadOnce,
        Fault::LookAheadFull,
        Fault::PciConfigShort,
        Fault::EndInsideSection,
        Fault::SectionVersionUnchecked,
        Fault::AliasesIgnored,
        Fault::SubsectionVersionUnchecked,
        Fault::CountOffByOne,
        Fault::PresenceInverted,
        Fault::DescriptionUnread,
        Fault::ContinueIgnored,
        Fault::NulNotEnd,
        Fault::LaterFieldsRead,
    ];
}

#[cfg(any(test, feature = "planted-faults"))]
mod switch {
    use std::cell::Cell;

    use super::Fault;

    thread_local! {
        static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
    }

    /// Whether this fault is planted in this thread.
    #[must_use]
    pub fn planted(fault: Fault) -> bool {
        PLANTED.get() == Some(fault)
    }

    /// Runs something without any fault: what others are compared with.
    pub fn without_faults<T>(run: impl FnOnce() -> T) -> T {
        let _planted = Planted(PLANTED.replace(None));
        run()
    }

    /// Plants a fault in this thread until the guard is dropped.
    #[must_use]
    pub fn plant(fault: Fault) -> Planted {
        Planted(PLANTED.replace(Some(fault)))
    }

    /// A planted fault; holds what was planted before.
    #[derive(Debug)]
    pub struct Planted(Option<Fault>);

    impl Drop for Planted {
        fn drop(&mut self) {
            PLANTED.set(self.0);
        }
    }
}

#[cfg(any(test, feature = "planted-faults"))]
pub use switch::{Planted, plant, planted, without_faults};

/// Runs something without any fault: there is none, outside of tests.
#[cfg(not(any(test, feature = "planted-faults")))]
pub fn without_faults<T>(run: impl FnOnce() -> T) -> T {
    run()
}

/// Whether this fault is planted: never, outside of tests.
#[cfg(not(any(test, feature = "planted-faults")))]
#[must_use]
pub const fn planted(_: Fault) -> bool {
    false
}
