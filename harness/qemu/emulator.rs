//! A running emulator: command line, files, and the requests to it.
//!
//! Each runs in a temporary folder of its own with firmware and option ROMs of ours and empty
//! disks, under TCG, without network. Both sides of a migration are sockets of this process, so
//! that no shell and no file is between.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::QemuError;
use super::binary::Binary;
use super::connection::QmpError;
use super::connection::poll;
use super::groups::Scratch;
use super::guest::Guest;
use super::guest::steps::DONE;
use super::monitor::{Migration, Monitor, ended};
use super::process::{Deadline, POLL, Process, Task};
use super::tpm::Tpm;
use super::{platform, roms};
use crate::dialect::Version;
use crate::dialect::machine::{architecture, unqualified};

/// A machine: what is the same on both sides of a migration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setup {
    /// Machine type.
    pub machine: String,
    /// Guest program.
    pub guest: Guest,
    /// Arguments of the scenario.
    pub arguments: Vec<String>,
    /// Option ROMs that its devices ask for beside the usual ones, by file name.
    pub roms: BTreeSet<String>,
    /// The arguments are somebody's own and whole: no firmware, memory or defaults are added.
    pub own: bool,
}

/// What an emulator is started for.
#[derive(Debug)]
pub enum Role {
    /// To run its guest.
    Run,
    /// To load what comes from this end of a socket, and stay paused.
    Load {
        /// What becomes its standard input.
        from: OwnedFd,
        /// Whether it writes what it reads to a log.
        trace: bool,
    },
}

/// The first release whose `-trace` takes a pattern.
pub const TRACED: Version = Version::new(2, 6, 0);

/// Events of a load.
const EVENTS: [&str; 3] = ["vmstate_*", "savevm_*", "qemu_loadvm*"];

/// Name of the monitor's socket in the emulator's folder.
const SOCKET: &str = "monitor";

/// Name of the trace log in the emulator's folder.
const TRACE: &str = "load.trace";

/// Longest trace that is read, in bytes.
const TRACE_LIMIT: u64 = 256 << 20;

/// Longest stream that is taken from a binary, in bytes: its machines have 2 MiB.
const SAVE_LIMIT: usize = 256 << 20;

/// Option ROMs that the devices of a scenario ask for by name.
const ROMS: [&str; 25] = [
    "efi-e1000.rom",
    "efi-e1000e.rom",
    "efi-eepro100.rom",
    "efi-ne2k_pci.rom",
    "efi-pcnet.rom",
    "efi-rtl8139.rom",
    "efi-virtio.rom",
    "efi-vmxnet3.rom",
    "kvmvapic.bin",
    "linuxboot.bin",
    "linuxboot_dma.bin",
    "multiboot.bin",
    "pxe-e1000.bin",
    "pxe-eepro100.rom",
    "pxe-ne2k_pci.bin",
    "pxe-pcnet.bin",
    "pxe-rtl8139.bin",
    "pxe-virtio.bin",
    "pxe-e1000.rom",
    "vgabios.bin",
    "vgabios-cirrus.bin",
    "vgabios-stdvga.bin",
    "vgabios-virtio.bin",
    "vgabios-qxl.bin",
    "vgabios-bochs-display.bin",
];

/// Size of an option ROM of ours, in bytes.
const ROM_SIZE: usize = 512;

/// Disks and their sizes in bytes.
const DISKS: [(&str, u64); 2] = [("disk.img", 4 << 20), ("floppy.img", 1_474_560)];

/// A running emulator. Dropping it ends it.
#[derive(Debug)]
pub struct Emulator {
    /// Its process.
    pub process: Process,
    /// The way to talk to it.
    pub monitor: Monitor,
    _tpm: Option<Tpm>,
    folder: Scratch,
}

impl Emulator {
    /// Starts a binary and waits for it to answer.
    ///
    /// # Errors
    /// When it does not start, or dies over its arguments: the message has what it said.
    pub fn start(
        binary: &Binary,
        setup: &Setup,
        role: Role,
        deadline: Deadline,
    ) -> Result<Self, QemuError> {
        let folder = prepare(setup)?;
        let listener = UnixListener::bind(folder.path().join(SOCKET)).map_err(QemuError::files)?;
        let backed = setup.arguments.iter().any(|a| a == "-tpmdev");
        let tpm =
            backed.then(|| Tpm::listen(folder.path())).transpose().map_err(QemuError::files)?;
        let mut arguments = command_line(setup);
        arguments.extend(Monitor::option(binary.human, SOCKET));
        let mut stdin = None;
        if let Role::Load { from, trace } = role {
            arguments.extend(["-S", "-incoming", "fd:0"].map(str::to_owned));
            stdin = Some(from);
            if trace && binary.version >= TRACED {
                arguments
                    .extend(EVENTS.iter().flat_map(|e| ["-trace".to_owned(), (*e).to_owned()]));
                arguments.extend(["-D", TRACE].map(str::to_owned));
            }
        }
        let task = Task { program: &binary.path, arguments, folder: folder.path(), stdin };
        let mut process = Process::start(task)?;
        let monitor = Monitor::accept(binary.human, &listener, &mut process, deadline)?;
        Ok(Emulator { process, monitor, _tpm: tpm, folder })
    }

    /// Waits until the guest has halted its processor.
    ///
    /// # Errors
    /// When it does not, or the emulator dies.
    pub fn wait_for_halt(&mut self, deadline: Deadline) -> Result<(), QemuError> {
        let done = format!("{DONE:08x}");
        loop {
            // Every release prints the halted state of a PC there; the machine-readable form has come
            // and gone. Of others it prints the register that says that all is done.
            let registers = self.monitor.human("info registers", deadline);
            let registers =
                registers.map_err(|e| ended(e, &mut self.process, "before its guest halted"))?;
            if registers.contains("HLT=1") {
                return Ok(());
            }
            if registers.contains(&done) {
                // What follows are two instructions at most, then it waits.
                thread::sleep(POLL);
                return Ok(());
            }
            if deadline.past() {
                return Err(QemuError::NoHalt { limit: deadline.limit });
            }
            thread::sleep(POLL);
        }
    }

    /// Migrates out, and returns the stream.
    ///
    /// # Errors
    /// When the migration fails or does not end.
    pub fn save(&mut self, deadline: Deadline) -> Result<Vec<u8>, QemuError> {
        let path = self.folder.path().join("out");
        // A second save needs the name again.
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path).map_err(QemuError::files)?;
        let limit = deadline;
        let reader = thread::spawn(move || receive(&listener, limit));
        let migrate = self.monitor.migrate("unix:out", deadline);
        if migrate.is_err() {
            // Nobody will come: an empty visit ends the waiting.
            drop(UnixStream::connect(&path));
        }
        let stream = match reader.join() {
            Ok(stream) => stream,
            Err(_) => return Err(QemuError::files(std::io::Error::other("the receiver failed"))),
        };
        migrate?;
        let stream = match stream {
            Ok(stream) => stream,
            // It said that it would, and did not.
            Err(e) if matches!(e.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => {
                let why = format!("no whole stream came within {:?}", deadline.limit);
                return Err(match self.process.ended() {
                    Ok(Some(ended)) => {
                        let stderr = self.process.stderr();
                        QmpError::Died { doing: "while it was saving".to_owned(), ended, stderr }
                            .into()
                    }
                    _ => QemuError::Save { why },
                });
            }
            Err(e) => return Err(QemuError::files(e)),
        };
        loop {
            match self.monitor.migration(deadline)? {
                Migration::Completed => return Ok(stream),
                Migration::Failed(why) => return Err(QemuError::Save { why }),
                Migration::Active if deadline.past() => {
                    let why = format!("not completed after {:?}", deadline.limit);
                    return Err(QemuError::Save { why });
                }
                Migration::Active => thread::sleep(POLL),
            }
        }
    }

    /// The trace of the load so far; empty if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn trace(&self) -> Result<String, QemuError> {
        let file = match File::open(self.folder.path().join(TRACE)) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(String::new()),
            Err(e) => return Err(QemuError::files(e)),
        };
        let mut bytes = Vec::new();
        file.take(TRACE_LIMIT).read_to_end(&mut bytes).map_err(QemuError::files)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Everything up to the end of the first connection.
fn receive(listener: &UnixListener, deadline: Deadline) -> std::io::Result<Vec<u8>> {
    listener.set_nonblocking(true)?;
    let mut stream: UnixStream = loop {
        match poll(listener)? {
            Some(stream) => break stream,
            None if deadline.past() => return Err(ErrorKind::TimedOut.into()),
            None => thread::sleep(POLL),
        }
    };
    let mut bytes = Vec::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        stream.set_read_timeout(Some(deadline.left().max(Duration::from_millis(1))))?;
        match stream.read(&mut piece)? {
            0 => return Ok(bytes),
            n if bytes.len() + n > SAVE_LIMIT => {
                return Err(std::io::Error::other("the stream saved has no end"));
            }
            _ if deadline.past() => return Err(ErrorKind::TimedOut.into()),
            n => bytes.extend(piece.iter().take(n)),
        }
    }
}

/// What the command line of every machine like one has, whatever its scenario.
#[must_use]
pub fn common_arguments(machine: &str) -> Vec<String> {
    let common = platform::common(architecture(machine)).unwrap_or(platform::COMMON.to_vec());
    common.into_iter().map(str::to_owned).collect()
}

/// The whole command line but for migration and control.
#[must_use]
pub fn command_line(setup: &Setup) -> Vec<String> {
    let machine = ["-M".to_owned(), unqualified(&setup.machine).to_owned()];
    if setup.own {
        return machine.into_iter().chain(setup.arguments.iter().cloned()).collect();
    }
    let mut line = common_arguments(&setup.machine);
    line.extend(machine);
    for (option, none) in [("-vga", "none"), ("-serial", "none"), ("-parallel", "none")] {
        if !setup.arguments.iter().any(|a| a == option) {
            line.extend([option.to_owned(), none.to_owned()]);
        }
    }
    line.extend(setup.arguments.iter().cloned());
    line
}

/// A folder with everything that a machine needs.
fn prepare(setup: &Setup) -> Result<Scratch, QemuError> {
    let firmware = setup.guest.firmware(architecture(&setup.machine))?;
    let folder = Scratch::new().map_err(QemuError::files)?;
    let fill = |folder: &Path| -> std::io::Result<()> {
        fs::write(folder.join("guest.bin"), &firmware)?;
        for (disk, size) in DISKS {
            File::create(folder.join(disk))?.set_len(size)?;
        }
        let folder = folder.join("roms");
        fs::create_dir(&folder)?;
        let learnt = roms::learnt();
        let asked = setup.roms.iter().chain(&learnt).map(String::as_str);
        for name in ROMS.into_iter().chain(asked) {
            fs::write(folder.join(name), option_rom())?;
        }
        Ok(())
    };
    fill(folder.path()).map_err(QemuError::files)?;
    Ok(folder)
}

/// An option ROM that returns at once: signature, length in 512 byte units, a far return.
fn option_rom() -> Vec<u8> {
    let mut rom = vec![0x55, 0xaa, 0x01, 0xcb];
    rom.resize(ROM_SIZE, 0);
    rom
}
