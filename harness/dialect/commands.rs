//! Migration commands by release (wire reference 2.6).

use super::{Capabilities, Generation, Version};

/// The number and the name of the command that a source always sends where the guest stops: 10.0 on
/// do, but for machine types of older releases (`send-switchover-start` is off in `hw_compat_9_2`).
#[must_use]
pub fn always_sent(source: Version, machine: Option<Generation>) -> Option<(u16, &'static str)> {
    let first = Generation::new(10, 0);
    let sends = source >= Version::new(10, 0, 0) && machine.is_none_or(|g| g >= first);
    sends.then_some((11, "SWITCHOVER_START"))
}

/// What a command is, once its number has been looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Opens the return path.
    OpenReturnPath,
    /// Asks for an echo; be32.
    Ping,
    /// Postcopy may follow; 16 bytes, or none with dirty bitmaps.
    PostcopyAdvise,
    /// The destination listens for pages.
    PostcopyListen,
    /// The destination runs.
    PostcopyRun,
    /// Pages to drop before postcopy.
    PostcopyRamDiscard,
    /// A nested section stream of the given length follows.
    Packaged,
    /// COLO is on (3.1 to 10.2).
    EnableColo,
    /// Postcopy goes on after a break.
    PostcopyResume,
    /// The received bitmap of a block is wanted.
    RecvBitmap,
    /// The switchover begins (10.0).
    SwitchoverStart,
}

/// The commands that a release knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandRules {
    version: Version,
}

impl CommandRules {
    /// The rules of the newest release.
    pub const NEWEST: Self = CommandRules { version: Version::new(u32::MAX, 0, 0) };

    /// The rules of a release, or `None` before 2.5.
    #[must_use]
    pub fn of(version: Version) -> Option<Self> {
        (version >= Version::new(2, 5, 0)).then_some(CommandRules { version })
    }

    /// The command of this number.
    #[must_use]
    pub fn command(self, number: u16) -> Option<Command> {
        let from = |major, minor| self.version >= Version::new(major, minor, 0);
        Some(match number {
            1 => Command::OpenReturnPath,
            2 => Command::Ping,
            3 => Command::PostcopyAdvise,
            4 => Command::PostcopyListen,
            5 => Command::PostcopyRun,
            6 => Command::PostcopyRamDiscard,
            7 => Command::Packaged,
            // 3.0 numbered the two resume commands without a gap for COLO.
            8 if from(3, 1) && !from(11, 0) => Command::EnableColo,
            8 if from(3, 0) && !from(3, 1) => Command::PostcopyResume,
            9 if from(3, 1) => Command::PostcopyResume,
            9 if from(3, 0) => Command::RecvBitmap,
            10 if from(3, 1) => Command::RecvBitmap,
            11 if from(10, 0) => Command::SwitchoverStart,
            _ => return None,
        })
    }

    /// What a destination with these capabilities refuses the command for, in words.
    #[must_use]
    pub fn refuses(self, command: Command, len: u16, on: Capabilities) -> Option<&'static str> {
        let from = |major, minor| self.version >= Version::new(major, minor, 0);
        match command {
            Command::PostcopyAdvise if from(2, 12) && len != 0 && !on.postcopy_ram => {
                Some("advice for postcopy of RAM, but postcopy-ram is off")
            }
            Command::PostcopyAdvise if from(2, 12) && len == 0 && on.postcopy_ram => {
                Some("advice without RAM, but postcopy-ram is on")
            }
            Command::EnableColo if from(8, 1) && !on.colo => Some("COLO, but x-colo is off"),
            _ => None,
        }
    }

    /// Whether this length is acceptable for the command.
    #[must_use]
    pub fn accepts(self, command: Command, len: u16) -> bool {
        match command {
            Command::Ping | Command::Packaged => len == 4,
            // None at all, with dirty bitmaps only, since 2.12.
            Command::PostcopyAdvise => {
                len == 16 || (len == 0 && self.version >= Version::new(2, 12, 0))
            }
            // Variable; at least version, name length, terminator and so on are checked later.
            Command::PostcopyRamDiscard | Command::RecvBitmap => true,
            _ => len == 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("10.0.0", "pc-i440fx-10.0", true)]
    #[case("10.0.0", "microvm", true)]
    #[case("10.0.0", "pc-i440fx-9.2", false)]
    #[case("9.2.0", "microvm", false)]
    fn the_switchover_is_announced_by_new_releases(
        #[case] source: &str,
        #[case] machine: &str,
        #[case] sent: bool,
    ) {
        let source = source.parse().expect("a release");
        assert_eq!(always_sent(source, Generation::of(machine)).is_some(), sent);
    }
}
